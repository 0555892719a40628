/* SPDX-License-Identifier: ISC */
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/le.h"
#include "server/pg.h"
#include "wire/codes.h"

#define SEEN_EVERY_MS (60ULL * 60 * 1000)

static int
damaged(void)
{
	return err_set(ERR_BUSY, "PostgreSQL: not a row of ours");
}

static bool
get_name(const PGresult *rows, int row, int column, char out[static NAME_SIZE])
{
	const int len = PQgetlength(rows, row, column);

	if (len < 0 || len > NAME_MAX_LEN)
		return false;
	memset(out, 0, NAME_SIZE);
	memcpy(out, PQgetvalue(rows, row, column), (size_t)len);
	return true;
}

int
pg_clients_find(struct store *st, struct body_key *out, const uint8_t *id)
{
	uint8_t bundle[BUNDLE_LEN];
	struct store_call *call;
	struct body_key k;
	struct pg_op *op;
	int r = pg_call_begin(pg_of(st), &call, &op, PG_FIND);

	if (op) {
		pg_query_id(op, id);
		r = pg_call_submit(pg_of(st), call, op);
	}
	if (r != 0)
		return r;
	if (PQntuples(call->held) == 0)
		return REASON_UNKNOWN_CLIENT;
	if (!get_name(call->held, 0, 0, k.name) ||
	    !pg_query_copy(call->held, 0, 1, bundle, sizeof(bundle)))
		return damaged();
	memcpy(k.id, id, ID_LEN);
	bundle_unpack(&k.bundle, bundle);
	k.issued_at = (uint64_t)pg_query_get(call->held, 0, 2);
	*out = k;
	return 0;
}

static void
ask_list(struct pg_op *op, const struct body_list *q)
{
	pg_query_id(op, q->after);
	if (q->name[0])
		pg_query_bytes(op, q->name, strlen(q->name));
	else /* and who asks, who is left out */
		pg_query_int(op, q->limit + 1U);
}

int
pg_clients_list(struct store *st, const struct body_list *q, store_client_fn fn,
    void *arg)
{
	struct store_call *call;
	struct pg_op *op;
	int r = pg_call_begin(pg_of(st), &call, &op,
	    q->name[0] ? PG_LIST_NAME : PG_LIST);

	if (op) {
		ask_list(op, q);
		r = pg_call_submit(pg_of(st), call, op);
	}
	for (int i = 0; r == 0 && i < PQntuples(call->held); i++) {
		struct body_client c;

		if (!pg_query_copy(call->held, i, 0, c.id, ID_LEN) ||
		    !get_name(call->held, i, 1, c.name))
			return damaged();
		if (!fn(arg, &c))
			break;
	}
	return r;
}

int
pg_clients_enrol(struct store *st, const struct body_key *c,
    const struct invite *invite, uint64_t now)
{
	uint8_t bundle[BUNDLE_LEN];
	struct store_call *call;
	struct pg_op *op;
	int r = pg_call_begin(pg_of(st), &call, &op, PG_ENROL);

	if (op && pg_store_is_full(pg_of(st))) {
		pg_query_free(op);
		return REASON_BUSY;
	}
	if (!op)
		return r;
	bundle_pack(bundle, &c->bundle);
	pg_query_id(op, c->id);
	pg_query_bytes(op, c->name, strlen(c->name));
	pg_query_bytes(op, bundle, sizeof(bundle));
	pg_query_int(op, c->issued_at);
	pg_query_int(op, now);
	if (invite)
		pg_query_bytes(op, invite->nonce, INVITE_NONCE_LEN);
	else
		pg_query_null(op);
	pg_query_int(op, invite ? invite->expires : 0);
	return pg_call_submit(pg_of(st), call, op);
}

int
pg_clients_unregister(struct store *st, const uint8_t *id)
{
	struct store_call *call;
	struct pg_op *op;
	int r = pg_call_begin(pg_of(st), &call, &op, PG_UNREGISTER);

	if (!op)
		return r;
	pg_query_id(op, id);
	pg_mail_before(op, UINT64_MAX, UINT64_MAX);
	pg_query_int(op, STORE_ACK_MAX);
	pg_mail_limits(op, &pg_of(st)->limits);
	return pg_call_submit(pg_of(st), call, op);
}

int
pg_clients_block(struct store *st, const uint8_t *id,
    const struct body_block *ops, size_t n)
{
	struct store_call *call;
	struct pg_op *op;
	int r;

	if (n == 0)
		return 0;
	r = pg_call_begin(pg_of(st), &call, &op, PG_BLOCK);
	if (!op)
		return r;
	pg_query_id(op, id);
	pg_query_array(op, PG_BOOL, n);
	for (size_t i = 0; i < n; i++)
		pg_query_element(op, &(uint8_t){ ops[i].block }, 1);
	pg_query_array(op, PG_UUID, n);
	for (size_t i = 0; i < n; i++)
		pg_query_element(op, ops[i].id, ID_LEN);
	pg_query_int(op, STORE_BLOCKS_MAX);
	return pg_call_submit(pg_of(st), call, op);
}

/* Where nobody waits for the answer, it is known that the client is one. */
int
pg_clients_seen(struct store *st, const uint8_t *id, uint64_t now)
{
	struct pg *pg = pg_of(st);
	struct pg_seen *s = &pg->seen[le_get64(id) % PG_SEEN_MAX];
	struct store_asker *asker = st->asker;
	struct store_call *call;
	struct body_key k;
	struct pg_op *op;
	int r = 0;

	if (!pg->loop)
		return pg_clients_find(st, &k, id);
	if (memcmp(s->id, id, ID_LEN) == 0 && now < s->at + SEEN_EVERY_MS)
		return 0;
	memcpy(s->id, id, ID_LEN);
	s->at = now;
	st->asker = NULL;
	r = pg_call_begin(pg, &call, &op, PG_SEEN);
	if (op) {
		pg_query_id(op, id);
		pg_query_int(op, now);
		r = pg_call_submit(pg, call, op);
	}
	st->asker = asker;
	return r < 0 ? r : 0;
}
