/* SPDX-License-Identifier: ISC */
#include "cli/order.h"

#include <assert.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/secret.h"
#include "base/text.h"

#define NUMBER_MAX ((json_int_t)((1ULL << 53) - 1))

/* --- memory: a line can ask for many times its length ------------------------
 */

/* What may still be taken, and why there was none: ERR_USAGE, ERR_NOMEM. */
static size_t allowance = SIZE_MAX;
static int refused;

static void *
take_some(size_t n)
{
	void *p;

	if (n > allowance) {
		refused = ERR_USAGE;
		allowance = 0;
		return NULL;
	}
	p = malloc(n);
	if (!p)
		refused = ERR_NOMEM;
	else if (allowance != SIZE_MAX)
		allowance -= n;
	return p;
}

static json_t *
load(const uint8_t *line, size_t len, json_error_t *e)
{
	json_t *tree;

	json_set_alloc_funcs(take_some, free);
	allowance = ORDER_MEMORY_MAX;
	refused = 0;
	tree = json_loadb((const char *)line, len, JSON_REJECT_DUPLICATES, e);
	allowance = SIZE_MAX;
	return tree;
}

/* --- fields
 * ------------------------------------------------------------------- */

static int
refuse(const char *why)
{
	return err_set(ERR_USAGE, "%s", why);
}

static int
copy(char **out, const json_t *value)
{
	*out = strdup(json_string_value(value));
	return *out ? 0 : err_set(ERR_NOMEM, "no memory for a line");
}

/* The n-th name of one or an array of them; NULL: it is none. */
static const char *
name_at(const json_t *value, size_t n)
{
	const char *name = json_string_value(
	    json_is_array(value) ? json_array_get(value, n) : value);

	return name && name[0] ? name : NULL;
}

static int
take_to(struct order *o, const json_t *value)
{
	const size_t n = json_is_array(value) ? json_array_size(value) : 1;
	size_t len = 0;

	assert(!o->to); /* no key comes twice */
	for (size_t i = 0; i < n; i++) {
		const char *name = name_at(value, i);

		if (!name)
			return refuse("to: neither a peer nor some");
		len += strlen(name) + 1;
	}
	if (n == 0)
		return refuse("to: nobody");
	o->to = malloc(len);
	if (!o->to)
		return err_set(ERR_NOMEM, "no memory for a line");
	len = 0;
	for (; o->to_n < n; o->to_n++) {
		const char *name = name_at(value, o->to_n);

		assert(name); /* it was there above */
		memcpy(o->to + len, name, strlen(name) + 1);
		len += strlen(name) + 1;
	}
	return 0;
}

static int
take_body(struct order *o, const json_t *value)
{
	char *text;
	int r;

	if (!json_is_string(value))
		return refuse("body: no string");
	if (o->text)
		return refuse("body and body_base64");
	r = copy(&text, value);
	if (r < 0)
		return r;
	o->text = (uint8_t *)text;
	o->len = json_string_length(value);
	return 0;
}

static int
take_base64(struct order *o, const json_t *value)
{
	const size_t cap = json_string_length(value) / 4 * 3;

	if (!json_is_string(value))
		return refuse("body_base64: no string");
	if (o->text)
		return refuse("body and body_base64");
	o->text = malloc(cap + 1);
	if (!o->text)
		return err_set(ERR_NOMEM, "no memory for a line");
	return text_unbase64(o->text, cap, &o->len, json_string_value(value));
}

static int
take_id(struct order *o, const json_t *value)
{
	return json_is_string(value) ? copy(&o->id, value)
				     : refuse("id: no string");
}

static int
take_reply_to(struct order *o, const json_t *value)
{
	return json_is_string(value) ? copy(&o->reply_to, value)
				     : refuse("in_reply_to: no string");
}

static int
take_ref(struct order *o, const json_t *value)
{
	const json_int_t n = json_integer_value(value);

	if (json_is_string(value) && json_string_length(value) <= ORDER_REF_MAX)
		return copy(&o->ref.text, value);
	if (!json_is_integer(value) || n < 0 || n > NUMBER_MAX)
		return refuse("ref: neither a short string nor a whole number "
			      "below 2^53");
	o->ref.is_number = true;
	o->ref.number = (uint64_t)n;
	return 0;
}

static int
take(struct order *o, const char *key, const json_t *value)
{
	static const struct {
		const char *key;
		int (*take)(struct order *o, const json_t *value);
	} fields[] = {
		{ "to", take_to },
		{ "body", take_body },
		{ "body_base64", take_base64 },
		{ "id", take_id },
		{ "in_reply_to", take_reply_to },
		{ "ref", take_ref },
	};

	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		if (strcmp(fields[i].key, key) == 0)
			return fields[i].take(o, value);
	}
	return refuse("a field that is none of a batch");
}

/* --- the line
 * ------------------------------------------------------------------ */

static int
judge(const json_error_t *e)
{
	static const struct {
		enum json_error_code code;
		const char *why;
	} faults[] = {
		{ json_error_duplicate_key, "a field twice" },
		{ json_error_stack_overflow, "nested too deep" },
		{ json_error_invalid_utf8, "not UTF-8" },
		{ json_error_null_character, "NUL in a string" },
		{ json_error_numeric_overflow, "a number too large" },
	};
	const char *why = "not JSON";

	if (refused == ERR_USAGE)
		return refuse("too much in one line");
	if (refused == ERR_NOMEM)
		return err_set(ERR_NOMEM, "no memory for a line");
	for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
		if (faults[i].code == json_error_code(e))
			why = faults[i].why;
	}
	return err_set(ERR_USAGE, "%s, at byte %d", why, e->position);
}

static int
fill(struct order *o, json_t *tree)
{
	const char *key;
	json_t *value;
	int r = 0;

	if (!json_is_object(tree))
		return refuse("not an object");
	json_object_foreach(tree, key, value)
	{
		r = take(o, key, value);
		if (r < 0)
			return r;
	}
	if (!o->to)
		return refuse("to: missing");
	return o->text ? 0 : refuse("body: missing");
}

int
order_parse(struct order *out, const uint8_t *line, size_t len)
{
	struct order o = { .to = NULL };
	json_error_t e;
	json_t *tree = load(line, len, &e);
	int r = tree ? fill(&o, tree) : judge(&e);

	json_decref(tree);
	if (r < 0)
		order_wipe(&o);
	else
		*out = o;
	return r;
}

void
order_wipe(struct order *o)
{
	if (o->text)
		secret_wipe(o->text, o->len);
	free(o->text);
	free(o->to);
	free(o->id);
	free(o->reply_to);
	free(o->ref.text);
	*o = (struct order){ .to = NULL };
}
