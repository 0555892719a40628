/* SPDX-License-Identifier: ISC */
#include "cli/opt.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"

#define COLUMN 30 /* of the help texts */

/* A command line on its way through the loop. */
struct line {
	const struct opt_set *sets;
	size_t sets_n;
	int argc;
	char **argv;
	int next;   /* the argument not yet looked at */
	bool ended; /* "--" was seen */
};

/* A row, and its set; NULL = no such option. */
struct match {
	const struct opt *opt;
	const struct opt_set *set;
};

static int
bad_value(const struct opt *o, const char *what, const char *value)
{
	return err_set(ERR_USAGE, "--%s: %s: %s", o->name, what, value);
}

static int
store_flag(const struct opt *o, void *slot, const char *value)
{
	(void)o;
	(void)value;
	*(bool *)slot = true;
	return 0;
}

static int
store_str(const struct opt *o, void *slot, const char *value)
{
	(void)o;
	*(const char **)slot = value;
	return 0;
}

static int
store_list(const struct opt *o, void *slot, const char *value)
{
	struct opt_list *list = slot;

	if (list->n == OPT_LIST_MAX)
		return bad_value(o, "one too many", value);
	list->values[list->n++] = value;
	return 0;
}

static int
store_choice(const struct opt *o, void *slot, const char *value)
{
	const size_t len = strlen(value);
	const char *word = o->arg;

	for (;;) {
		size_t n = strcspn(word, "|");

		if (n == len && memcmp(word, value, n) == 0)
			return store_str(o, slot, value);
		if (word[n] == '\0')
			break;
		word += n + 1;
	}
	return err_set(ERR_USAGE, "--%s: not one of %s: %s", o->name, o->arg,
	    value);
}

static int
store_number(const struct opt *o, void *slot, uint64_t n, const char *value)
{
	static const char *const units[] = {
		[OPT_KIND_DUR] = " ms",
		[OPT_KIND_SIZE] = " bytes",
	};
	const char *unit = o->kind == OPT_KIND_UINT ? "" : units[o->kind];

	if (o->most > 0 && (n < o->least || n > o->most))
		return err_set(ERR_USAGE, "--%s: not from %llu to %llu%s: %s",
		    o->name, (unsigned long long)o->least,
		    (unsigned long long)o->most, unit, value);
	*(uint64_t *)slot = n;
	return 0;
}

static int
store_uint(const struct opt *o, void *slot, const char *value)
{
	const size_t digits = strspn(value, "0123456789");
	unsigned long long n;

	errno = 0;
	n = strtoull(value, NULL, 10);
	if (digits == 0 || value[digits] || errno)
		return bad_value(o, "not a number", value);
	return store_number(o, slot, n, value);
}

static int
store_dur(const struct opt *o, void *slot, const char *value)
{
	uint64_t ms;

	if (text_duration(&ms, value) < 0)
		return bad_value(o, "not a duration", value);
	return store_number(o, slot, ms, value);
}

static int
store_size(const struct opt *o, void *slot, const char *value)
{
	uint64_t bytes;

	if (text_size(&bytes, value) < 0)
		return bad_value(o, "not a size", value);
	return store_number(o, slot, bytes, value);
}

int
opt_store(const struct opt *o, void *args, const char *value)
{
	static int (*const kinds[])(const struct opt *, void *,
	    const char *) = {
		[OPT_KIND_FLAG] = store_flag,
		[OPT_KIND_STR] = store_str,
		[OPT_KIND_LIST] = store_list,
		[OPT_KIND_CHOICE] = store_choice,
		[OPT_KIND_UINT] = store_uint,
		[OPT_KIND_DUR] = store_dur,
		[OPT_KIND_SIZE] = store_size,
	};

	return kinds[o->kind](o, (char *)args + o->offset, value);
}

static int
store(const struct match *m, const char *value)
{
	if (m->set->given)
		m->set->given[m->opt - m->set->opts] = true;
	return opt_store(m->opt, m->set->args, value);
}

static bool
is_row(const struct opt *o)
{
	return o && o->kind != OPT_KIND_END;
}

static bool
is_called(const struct opt *o, int letter, const char *name, size_t len)
{
	if (letter)
		return o->letter == letter;
	return strlen(o->name) == len && memcmp(o->name, name, len) == 0;
}

/* By letter when there is one, else by the len bytes of name. */
static struct match
find(const struct line *l, int letter, const char *name, size_t len)
{
	for (size_t i = 0; i < l->sets_n; i++) {
		for (const struct opt *o = l->sets[i].opts; is_row(o); o++) {
			if (is_called(o, letter, name, len))
				return (struct match){ o, &l->sets[i] };
		}
	}
	return (struct match){ NULL, NULL };
}

const struct opt *
opt_find(const struct opt *opts, const char *name, size_t len)
{
	for (; is_row(opts); opts++) {
		if (is_called(opts, 0, name, len))
			return opts;
	}
	return NULL;
}

/* The argument after an option is its value, whatever it looks like. */
static int
store_next(struct line *l, const struct match *m)
{
	if (l->next == l->argc)
		return err_set(ERR_USAGE, "--%s: %s missing", m->opt->name,
		    m->opt->arg);
	return store(m, l->argv[l->next++]);
}

/* --name, --name value, --name=value; text is what follows the dashes. */
static int
parse_long(struct line *l, const char *text)
{
	const size_t len = strcspn(text, "=");
	const struct match m = find(l, 0, text, len);

	if (!m.opt)
		return err_set(ERR_USAGE, "no such option: --%.*s", (int)len,
		    text);
	if (m.opt->kind == OPT_KIND_FLAG && text[len])
		return err_set(ERR_USAGE, "--%s takes no value", m.opt->name);
	if (m.opt->kind == OPT_KIND_FLAG)
		return store(&m, NULL);
	if (text[len])
		return store(&m, text + len + 1);
	return store_next(l, &m);
}

/* Flags, and at most one option with a value, which ends the group. */
static int
parse_group(struct line *l, const char *letters)
{
	int r = 0;

	for (; r == 0 && *letters; letters++) {
		const struct match m = find(l, (unsigned char)*letters, "", 0);

		if (!m.opt)
			return err_set(ERR_USAGE, "no such option: -%c",
			    *letters);
		if (m.opt->kind == OPT_KIND_FLAG)
			r = store(&m, NULL);
		else if (letters[1])
			return store(&m, letters + 1);
		else
			r = store_next(l, &m);
	}
	return r;
}

/* Parse up to the next operand, which is then argv[next]. */
static int
parse_options(struct line *l)
{
	int r = 0;

	while (r == 0 && l->next < l->argc) {
		const char *arg = l->argv[l->next];

		if (arg[0] == '\0')
			return err_set(ERR_USAGE, "an operand is empty");
		if (l->ended || arg[0] != '-' || arg[1] == '\0')
			return 0;
		l->next++;
		if (strcmp(arg, "--") == 0)
			l->ended = true;
		else if (arg[1] == '-')
			r = parse_long(l, arg + 2);
		else
			r = parse_group(l, arg + 1);
	}
	return r;
}

int
opt_parse(const struct opt_set *sets, size_t sets_n, bool stop_at_operand,
    int argc, char **argv, int *operands)
{
	struct line l = { sets, sets_n, argc, argv, 0, false };
	int n = 0, r;

	for (;;) {
		r = parse_options(&l);
		if (r < 0)
			return r;
		if (l.next == argc || stop_at_operand)
			break;
		argv[n++] = argv[l.next++];
	}
	if (!stop_at_operand && n < argc)
		argv[n] = NULL;
	*operands = stop_at_operand ? l.next : n;
	return 0;
}

void
opt_copy_given(const struct opt_set *set, void *args)
{
	static const size_t sizes[] = {
		[OPT_KIND_FLAG] = sizeof(bool),
		[OPT_KIND_STR] = sizeof(char *),
		[OPT_KIND_LIST] = sizeof(struct opt_list),
		[OPT_KIND_CHOICE] = sizeof(char *),
		[OPT_KIND_UINT] = sizeof(uint64_t),
		[OPT_KIND_DUR] = sizeof(uint64_t),
		[OPT_KIND_SIZE] = sizeof(uint64_t),
	};

	for (const struct opt *o = set->opts; is_row(o); o++) {
		if (set->given[o - set->opts])
			memcpy((char *)args + o->offset,
			    (const char *)set->args + o->offset,
			    sizes[o->kind]);
	}
}

void
opt_help(const struct opt *opts, FILE *to)
{
	for (; is_row(opts); opts++) {
		const char letter[] = { '-', (char)opts->letter, ',', '\0' };
		int n = fprintf(to, "  %-3s --%s%s%s",
		    opts->letter ? letter : "", opts->name,
		    opts->arg ? " " : "", opts->arg ? opts->arg : "");

		if (n > COLUMN - 2)
			n = fprintf(to, "\n") - 1;
		fprintf(to, "%*s%s\n", COLUMN - n, "", opts->help);
	}
}

static void
check_row(const struct line *l, const struct opt *o)
{
	struct match m;

	assert(o->letter == 0 || isalnum(o->letter));
	assert(o->name[0] && o->name[0] != '-' && !strpbrk(o->name, "= "));
	assert((o->arg == NULL) == (o->kind == OPT_KIND_FLAG));
	assert(o->help);
	assert(o->least <= o->most);
	/* whoever is not the first of its name or letter is one too many */
	m = find(l, 0, o->name, strlen(o->name));
	assert(m.opt == o);
	m = o->letter ? find(l, o->letter, "", 0) : m;
	assert(m.opt == o);
}

void
opt_check(const struct opt_set *sets, size_t sets_n)
{
	const struct line l = { sets, sets_n, 0, NULL, 0, false };

	for (size_t i = 0; i < sets_n; i++) {
		const struct opt *o = sets[i].opts;

		for (; is_row(o); o++)
			check_row(&l, o);
		assert(!sets[i].given || o - sets[i].opts < OPT_ROWS_MAX);
	}
}
