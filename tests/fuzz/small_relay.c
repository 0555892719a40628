/* SPDX-License-Identifier: ISC */
#include "small.h"

#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "must.h"
#include "server/relaykey.h"
#ifdef WITH_LIBPQ
#include "server/pg.h"
#include "server/pg_fence.h"
#include "server/pg_hosts.h"
#include "server/pg_lib.h"
#include "server/pg_reach.h"
#endif

void
small_relay_key(const char *file, const char *in, size_t len)
{
	static const char prefix[] = "sentinel-relay-secret:";
	char line[128];
	uint8_t sk[KEY_LEN];
	int r;

	r = relaykey_load(sk, file);
	must(r == 0 || r == ERR_CORRUPT);
	if (r < 0)
		return;
	memcpy(line, prefix, strlen(prefix));
	text_key(line + strlen(prefix), sk);
	must(len == strlen(line) + 1 && in[len - 1] == '\n');
	must(memcmp(in, line, len - 1) == 0);
}

#ifdef WITH_LIBPQ

void
small_relay_timeline(const char *file, const char *in, size_t len)
{
	struct pg_fence f = { .path = file };
	int r;

	r = pg_fence_look(file);
	must(r == 0 || r == ERR_CORRUPT);
	if (r < 0)
		return;
	must(memchr(in, '\n', len) == in + len - 1);
	r = pg_fence_check(&f, "FFFFFFFF", "1");
	must(r == 0 && f.timeline == UINT32_MAX && f.cluster == 1);
}

/* Whether one is the nth of a list, counted round. */
static bool
is_nth(const char *one, const char *list, unsigned nth)
{
	unsigned n = 1;
	size_t len;

	for (const char *at = list; *at; at++)
		n += *at == ',';
	for (nth %= n; nth > 0; list++)
		nth -= *list == ',';
	len = strcspn(list, ",");
	return strlen(one) == len && memcmp(one, list, len) == 0;
}

static bool
is_picked(const PQconninfoOption *one, const PQconninfoOption *all, unsigned n)
{
	static const char *const lists[] = { "host", "hostaddr", "port" };

	if (!all->val)
		return !one->val;
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		if (strcmp(one->keyword, lists[i]) == 0)
			return is_nth(one->val, all->val, n);
	}
	return strcmp(one->val, all->val) == 0;
}

void
small_relay_servers(const char *file, const char *text, size_t len)
{
	struct sandbox_outside out = { 0 };
	PQconninfoOption *all;
	unsigned n;

	(void)file;
	(void)len;
	if (pg_lib_open() < 0)
		return;
	n = pg_hosts_count(text);
	must(n >= 1);
	all = PQconninfoParse(text, NULL);
	for (unsigned i = 0; all && i <= n && i < 4; i++) {
		PQconninfoOption *one = pg_hosts_pick(text, i);

		must(one != NULL);
		for (size_t j = 0; all[j].keyword; j++)
			must(is_picked(&one[j], &all[j], i));
		PQconninfoFree(one);
	}
	PQconninfoFree(all);
	must(pg_reach_find(&out, text) <= 0);
	must(out.ports_n <= SANDBOX_PORTS && out.dirs_n <= SANDBOX_DIRS);
}

struct notice {
	const char *text;
	unsigned n;
};

static void
on_mail(void *arg, const uint8_t *id)
{
	struct notice *seen = arg;
	const char *at = seen->text + 2 * ID_LEN * seen->n++;

	for (size_t i = 0; i < ID_LEN; i++) {
		const char digits[] = { at[2 * i], at[2 * i + 1], '\0' };

		must(strtoul(digits, NULL, 16) == id[i]);
	}
}

void
small_relay_notice(const char *file, const char *text, size_t len)
{
	static struct pg pg;
	struct pg_hint h = { .link.pg = &pg };
	struct notice seen = { .text = text };

	(void)file;
	(void)len;
	pg.store.mail = on_mail;
	pg.store.told_arg = &seen;
	pg_hint_take(&h, text);
	must(seen.n == strspn(text, "0123456789abcdefABCDEF") / (2 * ID_LEN));
}

#else

void
small_relay_timeline(const char *file, const char *in, size_t len)
{
	(void)file;
	(void)in;
	(void)len;
}

void
small_relay_servers(const char *file, const char *text, size_t len)
{
	(void)file;
	(void)text;
	(void)len;
}

void
small_relay_notice(const char *file, const char *text, size_t len)
{
	(void)file;
	(void)text;
	(void)len;
}

#endif
