/* SPDX-License-Identifier: ISC */
/* The steps of the schema, and what their functions have in common. */
#ifndef SERVER_PG_SCHEMA_SQL_H
#define SERVER_PG_SCHEMA_SQL_H

/* What a function takes out, by kind. */
#define GONE                                                                  \
	" OUT answer int, OUT n int, OUT n_texts bigint, OUT t_bytes bigint," \
	" OUT n_pieces bigint, OUT p_bytes bigint"

/* pg_schema_days.c: version 2. */
extern const char *const pg_schema_days[];

#endif
