/* SPDX-License-Identifier: ISC */
/*
 * Statements, the arguments of one execution, and what comes back; all values
 * in PostgreSQL's binary formats.
 */
#ifndef SERVER_PG_QUERY_H
#define SERVER_PG_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/attr.h"
#include "base/buf.h"
#include "server/pg_lib.h"
#include "server/store_later.h"
#include "wire/limits.h"

#define PG_ARGS_MAX  8
#define PG_NAME_SIZE 16

enum pg_query {
	PG_NONE,
	PG_FIND,
	PG_LIST,
	PG_LIST_NAME,
	PG_PULL,
	PG_ENROL,
	PG_UNREGISTER,
	PG_BLOCK,
	PG_SEEN,
	PG_PUT,
	PG_ACK,
	PG_WAIT,
	PG_SWEEP,
	PG_CENSUS,
	PG_QUERIES,
};

struct pg_statement {
	const char *sql;
	bool reads;
	bool answers; /* the first column is an answer of the store */
	bool merged;  /* many at once, each of its arguments as an array */
	Oid types[PG_ARGS_MAX]; /* of the arguments, as one call has them */
};

extern const struct pg_statement pg_query_table[PG_QUERIES];

/* How it is called once it is prepared. */
void pg_query_name(char out[static PG_NAME_SIZE], enum pg_query query);

/* Its number of arguments, and the type that the ith has when prepared. */
int pg_query_args(enum pg_query query);
Oid pg_query_type(enum pg_query query, int i);

/* One call of the store. */
struct pg_op {
	TAILQ_ENTRY(pg_op) link;
	enum pg_query query;
	struct store_asker *asker; /* NULL: nobody waits for it */
	struct store_call *call;
	uint64_t expires; /* monotonic ms */
	unsigned tries;
	bool alone; /* not to be merged with others */
	bool short_of_memory;
	struct buf *bytes; /* the arguments, one after the other */
	int n;
	struct {
		size_t at;
		int len; /* -1: null */
	} args[PG_ARGS_MAX];
	uint8_t type; /* of a message that is put */
	uint32_t len; /* of its content */
};

TAILQ_HEAD(pg_ops, pg_op);

struct pg_op *pg_query_new(enum pg_query query); /* NULL: no memory */
void pg_query_free(struct pg_op *op);            /* NULL is fine */

/* The next argument. */
void pg_query_bytes(struct pg_op *op, const void *bytes, size_t len);
void pg_query_id(struct pg_op *op, const uint8_t id[static ID_LEN]);
void pg_query_int(struct pg_op *op, uint64_t value); /* as wide as its type */
void pg_query_null(struct pg_op *op);

/* An array whose elements follow, n times pg_query_element. */
void pg_query_array(struct pg_op *op, Oid type, size_t n);
void pg_query_element(struct pg_op *op, const void *bytes, size_t len);
void pg_query_element_int(struct pg_op *op, uint64_t value);

/*
 * Send its statement with the arguments of the first op, or of all of them
 * where they are merged.  False: the connection is of no use any more.
 */
bool pg_query_send(PGconn *c, const struct pg_ops *ops) MUST_USE;

/* What stands there: a number of any width, bytes of exactly len. */
int64_t pg_query_get(const PGresult *rows, int row, int column);
bool pg_query_copy(const PGresult *rows, int row, int column, void *out,
    size_t len);

#define PG_BOOL  16
#define PG_BYTEA 17
#define PG_INT8  20
#define PG_INT2  21
#define PG_INT4  23
#define PG_TEXT  25
#define PG_UUID  2950
#define PG_INT8S 1016
#define PG_UUIDS 2951
#define PG_BOOLS 1000

#endif
