/* SPDX-License-Identifier: ISC */
#include "client/unseal.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/secret.h"
#include "e2e/ratchet.h"
#include "state/session.h"

struct secrets {
	struct ratchet session;
	struct ratchet_skips skips;
	uint8_t stored[KEY_LEN];
	uint8_t fresh[KEY_LEN];
};

struct unseal {
	struct client *client;
	struct secrets *secrets;
	struct buf *plain;
};

int
unseal_new(struct unseal **out, struct client *c)
{
	struct unseal *u = calloc(1, sizeof(*u));

	if (u) {
		u->client = c;
		u->secrets = secret_new(sizeof(*u->secrets));
		u->plain = buf_new(CONTENT_MAX);
	}
	if (!u || !u->secrets || !u->plain) {
		unseal_free(u);
		return err_set(ERR_NOMEM, "no memory for a session");
	}
	*out = u;
	return 0;
}

void
unseal_free(struct unseal *u)
{
	if (!u)
		return;
	secret_free(u->secrets);
	buf_free(u->plain);
	free(u);
}

/* Keep what the step has changed. */
static int
save(struct unseal *u, const struct body_message *m,
    const struct ratchet_header *head, bool was_stored)
{
	struct keyfile *kf = client_keyfile(u->client);
	struct secrets *s = u->secrets;
	int r;

	if (was_stored)
		return session_drop_skipped(kf, head->sid, head->dh, head->n);
	r = session_save(kf, m->from, &s->session);
	return r < 0
	    ? r
	    : session_add_skipped(kf, head->sid, &s->skips, clock_wall_ms());
}

/* Decrypt under the session in u->secrets. */
static int
open_under(struct unseal *u, const struct body_message *m,
    const struct ratchet_header *head, enum ratchet_verdict *verdict)
{
	struct secrets *s = u->secrets;
	size_t len = m->content_len - RATCHET_OVERHEAD;
	uint8_t *out = NULL;
	bool stored = false;
	int r = session_get_skipped(client_keyfile(u->client), head->sid,
	    head->dh, head->n, s->stored, &stored);

	buf_clear(u->plain);
	if (r == 0)
		r = buf_reserve(u->plain, &out, len);
	if (r < 0)
		return r;
	secret_random(s->fresh, sizeof(s->fresh));
	*verdict = ratchet_open(&s->session, &s->skips, out, m->from,
	    client_self(u->client)->id, m->content, m->content_len,
	    stored ? s->stored : NULL, s->fresh);
	if (*verdict != RATCHET_OK)
		return 0;
	buf_commit(u->plain, len);
	return save(u, m, head, stored);
}

static int
is_first(const struct unseal *u, const struct body_message *m, bool *first)
{
	const struct ratchet *session = &u->secrets->session;
	struct ratchet active;
	bool found = false;
	int r = 0;

	if (session->nr == 0 && session->former_n == 0)
		r = session_get_active(client_keyfile(u->client), m->from,
		    &active, &found);
	*first =
	    found && memcmp(active.sid, session->sid, RATCHET_SID_LEN) == 0;
	secret_wipe(&active, sizeof(active));
	return r;
}

int
unseal_message(struct unseal *u, const struct body_message *m,
    enum unseal_result *result, bool *first)
{
	static const enum unseal_result results[] = {
		[RATCHET_OK] = UNSEAL_OK,
		[RATCHET_DUPLICATE] = UNSEAL_DUPLICATE,
		[RATCHET_UNDECRYPTABLE] = UNSEAL_UNDECRYPTABLE,
		[RATCHET_TOO_FAR] = UNSEAL_TOO_FAR,
	};
	enum ratchet_verdict verdict;
	struct ratchet_header head;
	bool found;
	int r;

	*result = UNSEAL_MALFORMED;
	if (ratchet_peek(&head, m->content, m->content_len) < 0)
		return 0;
	r = session_get(client_keyfile(u->client), m->from, head.sid,
	    &u->secrets->session, &found);
	*result = UNSEAL_NO_SESSION;
	if (r < 0 || !found)
		return r;
	r = is_first(u, m, first);
	if (r == 0)
		r = open_under(u, m, &head, &verdict);
	if (r == 0)
		*result = results[verdict];
	return r;
}

const struct buf *
unseal_plain(const struct unseal *u)
{
	return u->plain;
}
