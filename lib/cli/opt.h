/* SPDX-License-Identifier: ISC */
/*
 * Option tables.  One row gives the letter, the long name, the argument's
 * name and the help line; parsing, --help and the option dump that feeds the
 * completions are all read from it.  A value lands in the struct the table
 * was written for.
 *
 * GNU syntax: options and operands in any order (also under POSIXLY_CORRECT),
 * --name=value and --name value, -xVALUE and -x VALUE, grouped flags, "--"
 * ends the options; long names are never abbreviated.
 */
#ifndef CLI_OPT_H
#define CLI_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/attr.h"

enum opt_kind {
	OPT_KIND_END,
	OPT_KIND_FLAG,   /* bool */
	OPT_KIND_STR,    /* const char * */
	OPT_KIND_LIST,   /* struct opt_list: may be given again */
	OPT_KIND_CHOICE, /* const char *, one of arg's words: "json|text" */
	OPT_KIND_UINT,   /* uint64_t */
	OPT_KIND_DUR,    /* uint64_t, ms; text_duration */
	OPT_KIND_SIZE,   /* uint64_t, bytes; text_size */
};

struct opt {
	enum opt_kind kind;
	int letter; /* 0 = none */
	const char *name;
	const char *arg; /* NULL for a flag; FILE and DIR complete as such */
	const char *help;
	size_t offset;        /* of the member in the struct */
	uint64_t least, most; /* of a number, when most > 0 */
};

/* clang-format off */
#define OPT_FLAG(c, n, h, type, member) \
	{ OPT_KIND_FLAG, c, n, NULL, h, offsetof(type, member), 0, 0 }
#define OPT_STR(c, n, a, h, type, member) \
	{ OPT_KIND_STR, c, n, a, h, offsetof(type, member), 0, 0 }
#define OPT_LIST(c, n, a, h, type, member) \
	{ OPT_KIND_LIST, c, n, a, h, offsetof(type, member), 0, 0 }
#define OPT_CHOICE(c, n, a, h, type, member) \
	{ OPT_KIND_CHOICE, c, n, a, h, offsetof(type, member), 0, 0 }
#define OPT_UINT(c, n, a, h, type, member) \
	{ OPT_KIND_UINT, c, n, a, h, offsetof(type, member), 0, 0 }
#define OPT_DUR(c, n, a, h, type, member) \
	{ OPT_KIND_DUR, c, n, a, h, offsetof(type, member), 0, 0 }
#define OPT_SIZE(c, n, a, h, type, member) \
	{ OPT_KIND_SIZE, c, n, a, h, offsetof(type, member), 0, 0 }
/* UINT, DUR or SIZE, within bounds; a duration's are in ms */
#define OPT_IN(kind, n, a, h, type, member, least, most) \
	{ OPT_KIND_##kind, 0, n, a, h, offsetof(type, member), least, most }
#define OPT_END { OPT_KIND_END, 0, NULL, NULL, NULL, 0, 0, 0 }
/* clang-format on */

#define OPT_LIST_MAX 64

struct opt_list {
	size_t n;
	const char *values[OPT_LIST_MAX];
};

/* A table and the struct its values go to. */
struct opt_set {
	const struct opt *opts; /* NULL = none */
	void *args;
	bool *given; /* NULL, or for each row whether it was met */
};
#define OPT_ROWS_MAX 64 /* where given is not NULL */

/*
 * Parse argv[0..argc) (no program name) against all sets.  Operands are
 * moved, in their order, to the front of argv; *operands is their number.
 * What follows "--" is always operands.  After the last one comes a NULL,
 * where argv[0..argc) has room for it.
 * stop_at_operand: stop at the first operand instead (a subcommand's name),
 * leave argv as it is and set *operands to that operand's index (argc: none).
 * ERR_USAGE: unknown option, missing or bad value, a value for a flag; an
 * empty-string operand.
 */
int opt_parse(const struct opt_set *sets, size_t sets_n, bool stop_at_operand,
    int argc, char **argv, int *operands) MUST_USE;

/* What was given, in set->args, also to a second struct of that kind. */
void opt_copy_given(const struct opt_set *set, void *args);

/* The row of that name, or NULL. */
const struct opt *opt_find(const struct opt *opts, const char *name,
    size_t len);

/*
 * Put a value where the row says; args is the struct of its table.  Text is
 * borrowed.  ERR_USAGE.
 */
int opt_store(const struct opt *o, void *args, const char *value) MUST_USE;

/* The rows of a table as lines of --help. */
void opt_help(const struct opt *opts, FILE *to);

/*
 * No two rows of the sets share a letter or a name; asserts.  Called by
 * every command at start: a slip in a table must not reach a user.
 */
void opt_check(const struct opt_set *sets, size_t sets_n);

#endif
