/* SPDX-License-Identifier: ISC */
#include "server/reload.h"

#include <string.h>

static bool
is_same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool
listens_alike(const struct relay_config *a, const struct relay_config *b)
{
	bool same = a->listen_n == b->listen_n;

	for (size_t i = 0; same && i < a->listen_n; i++)
		same = is_same(a->listen[i], b->listen[i]);
	return same;
}

void
reload_log_option(const char *option)
{
	log_event(LOG_WARN, "needs_restart",
	    &(struct log_field){ "option", option }, 1);
}

void
reload_log_fixed(const struct relay_config *a, const struct relay_config *b)
{
	const struct sandbox *as = &a->sandbox, *bs = &b->sandbox;
	const struct {
		const char *option;
		bool same;
	} fixed[] = {
		{ "listen", listens_alike(a, b) },
		{ "store", is_same(a->store, b->store) },
		{ "key", is_same(a->key, b->key) },
		{ "user", is_same(as->user, bs->user) },
		{ "sandbox", as->off == bs->off },
		{ "landlock", as->landlock_max == bs->landlock_max },
		{ "metrics", is_same(a->metrics, b->metrics) },
	};

	for (size_t i = 0; i < ARRAY_LEN(fixed); i++) {
		if (!fixed[i].same)
			reload_log_option(fixed[i].option);
	}
}
