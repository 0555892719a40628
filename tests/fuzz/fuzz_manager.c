/* SPDX-License-Identifier: ISC */
/*
 * What a service manager says in the environment: LISTEN_PID, LISTEN_FDS and
 * NOTIFY_SOCKET, a line each.  There are no sockets here, so that none may be
 * found, whatever is claimed; and all but a bad address is taken out.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "server/manager.h"

#define LINE_MAX_LEN 200

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

/* The next line into the variable; "PID" is this process. */
static void
set(const char *name, const uint8_t **in, size_t *len)
{
	const uint8_t *end = memchr(*in, '\n', *len);
	size_t n = end ? (size_t)(end - *in) : *len;
	char value[LINE_MAX_LEN + 1];

	snprintf(value, sizeof(value), "%.*s", (int)n, (const char *)*in);
	n += end != NULL;
	*in += n;
	*len -= n;
	if (strcmp(value, "PID") == 0)
		snprintf(value, sizeof(value), "%ld", (long)getpid());
	assert(setenv(name, value, 1) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	struct manager m;
	int first, r;
	size_t n;

	set("LISTEN_PID", &in, &len);
	set("LISTEN_FDS", &in, &len);
	set("NOTIFY_SOCKET", &in, &len);
	r = manager_sockets(&first, &n);
	assert(r == ERR_USAGE || (r == 0 && n == 0));
	assert(!getenv("LISTEN_PID") && !getenv("LISTEN_FDS"));
	r = manager_connect(&m);
	assert(r == 0 || r == ERR_USAGE || r == ERR_IO);
	assert((r == 0) == (m.fd >= 0));
	assert((r == 0) == !getenv("NOTIFY_SOCKET"));
	manager_close(&m);
	return 0;
}
