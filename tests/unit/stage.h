/* SPDX-License-Identifier: ISC */
/*
 * A client on a key file of its own, and peers made by hand, for the tests of
 * the client floor: what a peer says is made with the floors e2e and wire
 * alone and handed over as if it came out of the mailbox.  Nothing talks to a
 * relay.  "We" is the client, whose name is alice.
 */
#ifndef UNIT_STAGE_H
#define UNIT_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/settings.h"
#include "caller.h"
#include "client/client.h"
#include "client/exchange_take.h"
#include "client/intake.h"
#include "e2e/ratchet.h"
#include "e2e/shake.h"
#include "scratch.h"
#include "wire/codes.h"
#include "wire/plain.h"

/* A peer: keys, and how far it is with us. */
struct puppet {
	struct caller who;
	struct shake_pending pending; /* as initiator */
	struct shake_open open;       /* as responder */
	uint8_t answer[SHAKE_ANSWER_LEN];
	struct ratchet session;
	uint64_t seq; /* of its next message */
};

struct stage {
	struct scratch *scratch;
	struct settings settings;
	struct client *client;
	struct keyfile *kf;    /* the client's */
	struct intake *intake; /* one pull */
	struct own own;        /* current */
	struct puppet bob;     /* pinned under that name */
};

/* Setup: *state is a struct stage, registered, with bob pinned. */
int stage_setup(void **state);
int stage_teardown(void **state);

/* End the pull, and the client, and begin anew. */
void stage_reopen(struct stage *st);

/*
 * The one number a query on the key file gives; a digest of what one gives; a
 * digest of the file's bytes, the same as long as nothing was written.  They
 * end the pull.
 */
int64_t stage_sql(struct stage *st, const char *sql);
struct stage_sum {
	uint8_t hash[32];
};
struct stage_sum stage_sum(struct stage *st, const char *sql);
struct stage_sum stage_file(struct stage *st);
void stage_same(const struct stage_sum *a, const struct stage_sum *b);

/* A commit around what fn does. */
void stage_begin(struct stage *st);
void stage_commit(struct stage *st);

/* What is in the key file; they fail when there is none. */
struct peer stage_peer(struct stage *st, const struct puppet *p);
void stage_put_peer(struct stage *st, const struct peer *p);
bool stage_has(struct stage *st, const struct puppet *p,
    enum handshake_role role);
struct handshake stage_handshake(struct stage *st, const struct puppet *p,
    enum handshake_role role);
void stage_put(struct stage *st, const struct handshake *h);
bool stage_has_request(struct stage *st, const struct puppet *p);

/* The n-th peer, always the same; with another static key; pinned. */
void puppet_make(struct puppet *p, unsigned n, const char *name);
void stage_pin(struct stage *st, const struct puppet *p);
/* One whose id is on that side of ours. */
void stage_make_beside(struct stage *st, struct puppet *p, bool smaller);

/* The two parties of a prologue. */
struct shake_party puppet_party(const struct puppet *p);
struct shake_party stage_party(struct stage *st, const struct own *own);

/* Steps of the peer: 4, 7, 9 and 10. */
void puppet_request(struct stage *st, struct puppet *p, uint64_t ts,
    uint8_t out[static SHAKE_REQUEST_LEN]);
void puppet_answer(struct stage *st, struct puppet *p,
    const uint8_t in[static SHAKE_REQUEST_LEN],
    uint8_t out[static SHAKE_ANSWER_LEN]);
void puppet_finish(struct stage *st, struct puppet *p,
    const uint8_t in[static SHAKE_ANSWER_LEN],
    uint8_t out[static SHAKE_FINISH_LEN]);
void puppet_accept(struct puppet *p, const uint8_t in[static SHAKE_FINISH_LEN]);

/* Steps of ours, as the commands keep them: 4, 7 and 9. */
void stage_request(struct stage *st, const struct puppet *p,
    uint8_t out[static SHAKE_REQUEST_LEN]);
void stage_answer(struct stage *st, const struct puppet *p,
    uint8_t out[static SHAKE_ANSWER_LEN]);
void stage_finish(struct stage *st, const struct puppet *p,
    uint8_t out[static SHAKE_FINISH_LEN]);

/* A whole handshake, and the pull ends; asks: the peer is the initiator. */
void stage_shake(struct stage *st, struct puppet *p, bool asks);

/* A message as the relay hands it over. */
struct stage_message {
	uint8_t from[ID_LEN];
	uint8_t type;
	uint8_t *bytes;
	size_t len;
};
void stage_message(struct stage_message *m, const struct puppet *p,
    uint8_t type, const void *content, size_t len);
void stage_message_free(struct stage_message *m);

/* The peer says something: raw plaintext, a body of a kind, a text. */
void puppet_seal(struct stage *st, struct puppet *p, struct stage_message *m,
    const uint8_t *plain, size_t len);
void puppet_say(struct stage *st, struct puppet *p, struct stage_message *m,
    uint8_t kind, const uint8_t *body, size_t len);
void puppet_text(struct stage *st, struct puppet *p, struct stage_message *m,
    const char *text);

/* We say a text to the peer, who must be able to read it. */
void stage_tell(struct stage *st, struct puppet *p, const char *text);

/*
 * Take a page in, in one transaction; how many of it are left at the relay.
 * The second is one message of that content.
 */
size_t stage_take(struct stage *st, const struct stage_message *m, size_t n);
size_t stage_take_one(struct stage *st, const struct puppet *p, uint8_t type,
    const void *content, size_t len);

/*
 * What is new in the inbox, in a line: "message hello|gap 0 2|key_request
 * 1|undecryptable too_far"; it is marked as done.  Borrowed until the next.
 */
const char *stage_inbox(struct stage *st);

#endif
