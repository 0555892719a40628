/* SPDX-License-Identifier: ISC */
#include "server/reach.h"

#include "base/err.h"

#define LISTEN_USUAL "127.0.0.1:9876"

int
reach_parse(struct addr *out, const char *const *listen, size_t n, bool needed)
{
	*out = (struct addr){ .has_key = true };
	if (n == 0 && needed) {
		out->hosts_n = 1;
		return addr_parse_host(&out->hosts[0], LISTEN_USUAL);
	}
	if (n > ADDR_HOSTS_MAX)
		return err_set(ERR_USAGE, "more than %d addresses to listen on",
		    ADDR_HOSTS_MAX);
	for (size_t i = 0; i < n; i++) {
		int code = addr_parse_host(&out->hosts[i], listen[i]);

		if (code < 0)
			return code;
	}
	out->hosts_n = n;
	return 0;
}

static int
take(struct listener_set *ls, struct addr *out, int fd)
{
	int code = listener_take(ls, fd);

	return code == 0 ? listener_where(&out->hosts[out->hosts_n++],
			       &ls->listeners[ls->n - 1])
			 : code;
}

int
reach_open(struct reach *r, struct addr *out, const char *const *listen,
    size_t n)
{
	struct listener_set *ls = &r->listeners;
	size_t handed = 0;
	int first = -1, code = manager_sockets(&first, &handed);

	if (code == 0)
		code = reach_parse(out, listen, n, handed == 0);
	for (size_t i = 0; code == 0 && i < out->hosts_n; i++)
		code = listener_add(ls, &out->hosts[i]);
	for (int i = 0; code == 0 && i < (int)handed; i++)
		code = take(ls, out, first + i);
	return code == 0 ? manager_connect(&r->manager) : code;
}

void
reach_close(struct reach *r)
{
	listener_stop(&r->listeners);
	manager_close(&r->manager);
}
