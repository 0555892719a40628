/* SPDX-License-Identifier: ISC */
#include "server/pg_query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES_MAX (4 * FRAME_MAX)

/* The mailboxes of an array, locked in the order of all who lock many. */
#define LOCKED                                                  \
	"WITH k AS (SELECT id FROM clients WHERE id = ANY ($1)" \
	" ORDER BY id FOR NO KEY UPDATE), u AS (UPDATE clients AS c SET "

/* Lost in a crash, it does no harm. */
#define CARELESS                                 \
	" RETURNING 1) SELECT 0 FROM unnest($1)" \
	" WHERE set_config('synchronous_commit', 'off', true) IS NOT NULL"

const struct pg_statement pg_query_table[PG_QUERIES] = {
	[PG_FIND] = { "SELECT user_name, public_key, issued_at FROM clients"
		      " WHERE id = $1 AND user_name IS NOT NULL",
	    true, false, false, { PG_UUID } },
	[PG_LIST] = { "SELECT id, user_name FROM clients WHERE id > $1"
		      " AND user_name IS NOT NULL ORDER BY id LIMIT $2",
	    true, false, false, { PG_UUID, PG_INT8 } },
	[PG_LIST_NAME] = { "SELECT id, user_name FROM clients"
			   " WHERE user_name = $2 AND id > $1",
	    true, false, false, { PG_UUID, PG_TEXT } },
	[PG_PULL] = { "SELECT * FROM sentinel_pull($1, $2, $3, $4)", true,
	    false, false, { PG_UUID, PG_INT8, PG_INT8, PG_BOOL } },
	[PG_ENROL] = { "SELECT * FROM"
		       " sentinel_enrol($1, $2, $3, $4, $5, $6, $7)",
	    false, true, false,
	    { PG_UUID, PG_TEXT, PG_BYTEA, PG_INT8, PG_INT8, PG_UUID,
		PG_INT8 } },
	[PG_UNREGISTER] = { "SELECT * FROM"
			    " sentinel_unregister($1, $2, $3, $4)",
	    false, true, false, { PG_UUID, PG_INT8S, PG_INT4, PG_INT8S } },
	[PG_BLOCK] = { "SELECT * FROM sentinel_block($1, $2, $3, $4)", false,
	    true, false, { PG_UUID, PG_BOOLS, PG_UUIDS, PG_INT4 } },
	[PG_SEEN] = { LOCKED "last_seen = s.at"
			     " FROM unnest($1, $2) AS s(id, at), k"
			     " WHERE c.id = s.id AND k.id = s.id" CARELESS,
	    false, true, true, { PG_UUID, PG_INT8 } },
	[PG_PUT] = { "SELECT * FROM sentinel_put($1, $2, $3, $4, $5, $6)",
	    false, true, true,
	    { PG_UUID, PG_UUID, PG_INT2, PG_INT8, PG_BYTEA, PG_INT8S } },
	[PG_ACK] = { "SELECT * FROM sentinel_ack($1, $2, $3, $4, $5, $6)",
	    false, true, false,
	    { PG_UUID, PG_INT8S, PG_INT8S, PG_INT8S, PG_INT4, PG_INT8S } },
	[PG_WAIT] = { LOCKED "at_relay = w.relay, at_until = w.until"
			     " FROM unnest($1, $2, $3) AS w(id, relay, until),"
			     " k WHERE c.id = w.id AND k.id = w.id" CARELESS,
	    false, true, true, { PG_UUID, PG_INT4, PG_INT8 } },
	[PG_SWEEP] = { "SELECT * FROM sentinel_sweep($1, $2, $3, $4, $5)",
	    false, true, false,
	    { PG_UUID, PG_INT8S, PG_INT4, PG_INT4, PG_INT8S } },
	[PG_CENSUS] = { "SELECT count(user_name), sum(texts)::bigint,"
			" sum(text_bytes)::bigint, sum(pieces)::bigint,"
			" sum(piece_bytes)::bigint,"
			" pg_database_size(current_database())"
			" FROM clients",
	    true, false, false, { 0 } },
};

static const struct {
	Oid one, many;
} arrays[] = {
	{ PG_UUID, PG_UUIDS },
	{ PG_INT2, 1005 },
	{ PG_INT4, 1007 },
	{ PG_INT8, PG_INT8S },
	{ PG_BYTEA, 1001 },
};

void
pg_query_name(char out[static PG_NAME_SIZE], enum pg_query query)
{
	snprintf(out, PG_NAME_SIZE, "q%u", (unsigned)query);
}

int
pg_query_args(enum pg_query query)
{
	int n = 0;

	while (n < PG_ARGS_MAX && pg_query_table[query].types[n] != 0)
		n++;
	return n;
}

/* Of a merged statement: what is an array by itself is the same for all. */
Oid
pg_query_type(enum pg_query query, int i)
{
	Oid type = pg_query_table[query].types[i];

	if (!pg_query_table[query].merged)
		return type;
	for (size_t k = 0; k < ARRAY_LEN(arrays); k++) {
		if (arrays[k].one == type)
			return arrays[k].many;
	}
	return type;
}

struct pg_op *
pg_query_new(enum pg_query query)
{
	struct pg_op *op = calloc(1, sizeof(*op));

	if (!op)
		return NULL;
	op->query = query;
	op->bytes = buf_new(BYTES_MAX);
	if (op->bytes)
		return op;
	free(op);
	return NULL;
}

void
pg_query_free(struct pg_op *op)
{
	if (op)
		buf_free(op->bytes);
	free(op);
}

static void
add(struct pg_op *op, const void *bytes, size_t len)
{
	if (len > 0 && buf_put(op->bytes, bytes, len) < 0)
		op->short_of_memory = true;
}

void
pg_query_bytes(struct pg_op *op, const void *bytes, size_t len)
{
	op->args[op->n].at = buf_len(op->bytes);
	op->args[op->n++].len = (int)len;
	add(op, bytes, len);
}

void
pg_query_id(struct pg_op *op, const uint8_t id[static ID_LEN])
{
	pg_query_bytes(op, id, ID_LEN);
}

static void
put_number(uint8_t out[static 8], uint64_t value, size_t width)
{
	for (size_t i = 0; i < width; i++)
		out[i] = (uint8_t)(value >> 8 * (width - 1 - i));
}

void
pg_query_int(struct pg_op *op, uint64_t value)
{
	const Oid type = pg_query_table[op->query].types[op->n];
	const size_t width = type == PG_BOOL ? 1
	    : type == PG_INT2                ? 2
	    : type == PG_INT4                ? 4
					     : 8;
	uint8_t bytes[8];

	put_number(bytes, value, width);
	pg_query_bytes(op, bytes, width);
}

void
pg_query_null(struct pg_op *op)
{
	op->args[op->n++].len = -1;
}

/* A header of five numbers: dimensions, nulls, type, length, first index. */
static int
put_header(struct buf *b, Oid type, size_t n)
{
	const uint64_t words[] = { n > 0, 0, type, n, 1 };
	const size_t count = n > 0 ? 5 : 3;
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++) {
		uint8_t bytes[8];

		put_number(bytes, words[i], 4);
		r = buf_put(b, bytes, 4);
	}
	return r;
}

static int
put_element(struct buf *b, const void *bytes, size_t len)
{
	uint8_t head[8];
	int r;

	put_number(head, len, 4);
	r = buf_put(b, head, 4);
	return r == 0 && len > 0 ? buf_put(b, bytes, len) : r;
}

void
pg_query_array(struct pg_op *op, Oid type, size_t n)
{
	const size_t before = buf_len(op->bytes);

	op->args[op->n].at = before;
	if (put_header(op->bytes, type, n) < 0)
		op->short_of_memory = true;
	op->args[op->n++].len = (int)(buf_len(op->bytes) - before);
}

void
pg_query_element(struct pg_op *op, const void *bytes, size_t len)
{
	if (put_element(op->bytes, bytes, len) < 0)
		op->short_of_memory = true;
	op->args[op->n - 1].len += (int)(len + 4);
}

void
pg_query_element_int(struct pg_op *op, uint64_t value)
{
	uint8_t bytes[8];

	put_number(bytes, value, 8);
	pg_query_element(op, bytes, 8);
}

/* --- out --- */

struct sending {
	const char *values[PG_ARGS_MAX];
	int lengths[PG_ARGS_MAX];
	int formats[PG_ARGS_MAX];
	struct buf *arrays[PG_ARGS_MAX];
};

static const uint8_t *
value_of(const struct pg_op *op, int i)
{
	return op->args[i].len < 0 ? NULL
				   : buf_peek(op->bytes) + op->args[i].at;
}

/* The ith argument of all of them. */
static struct buf *
merge(const struct pg_ops *ops, int i, size_t n)
{
	struct buf *b = buf_new((size_t)INT32_MAX);
	const struct pg_op *op = TAILQ_FIRST(ops);
	int r = b ? put_header(b, pg_query_table[op->query].types[i], n) : -1;

	TAILQ_FOREACH(op, ops, link) {
		if (r == 0)
			r = put_element(b, value_of(op, i),
			    (size_t)op->args[i].len);
	}
	if (r == 0)
		return b;
	buf_free(b);
	return NULL;
}

static size_t
count(const struct pg_ops *ops)
{
	const struct pg_op *op;
	size_t n = 0;

	TAILQ_FOREACH(op, ops, link)
		n++;
	return n;
}

/* False: no memory. */
static bool
prepare(struct sending *s, const struct pg_ops *ops)
{
	const struct pg_op *op = TAILQ_FIRST(ops);
	const struct pg_statement *st = &pg_query_table[op->query];

	for (int i = 0; i < op->n; i++) {
		s->formats[i] = 1;
		s->values[i] = (const char *)value_of(op, i);
		s->lengths[i] = op->args[i].len;
		if (pg_query_type(op->query, i) == st->types[i])
			continue;
		s->arrays[i] = merge(ops, i, count(ops));
		if (!s->arrays[i])
			return false;
		s->values[i] = (const char *)buf_peek(s->arrays[i]);
		s->lengths[i] = (int)buf_len(s->arrays[i]);
	}
	return true;
}

bool
pg_query_send(PGconn *c, const struct pg_ops *ops)
{
	const struct pg_op *op = TAILQ_FIRST(ops);
	struct sending s = { .values = { NULL } };
	char name[PG_NAME_SIZE];
	bool sent = prepare(&s, ops);

	pg_query_name(name, op->query);
	if (sent)
		sent = PQsendQueryPrepared(c, name, op->n, s.values, s.lengths,
			   s.formats, 1) == 1;
	for (int i = 0; i < op->n; i++)
		buf_free(s.arrays[i]);
	return sent;
}

/* --- back --- */

int64_t
pg_query_get(const PGresult *rows, int row, int column)
{
	const uint8_t *bytes = (const uint8_t *)PQgetvalue(rows, row, column);
	const int len = PQgetlength(rows, row, column);
	uint64_t value = len > 0 && bytes[0] >= 128 ? UINT64_MAX : 0;

	for (int i = 0; i < len && i < 8; i++)
		value = value << 8 | bytes[i];
	return (int64_t)value;
}

bool
pg_query_copy(const PGresult *rows, int row, int column, void *out, size_t len)
{
	if ((size_t)PQgetlength(rows, row, column) != len)
		return false;
	memcpy(out, PQgetvalue(rows, row, column), len);
	return true;
}
