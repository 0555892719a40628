/* SPDX-License-Identifier: ISC */
/* What a backup holds: what is accepted packs to itself. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "state/snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

/* Not the address, which has more than one form. */
static void
check_relay(const struct addr *relay)
{
	char text[ADDR_TEXT_SIZE];
	struct addr again;

	addr_text(text, relay);
	if (addr_parse(&again, text) != 0)
		abort();
}

static void
check_peers(struct snapshot *s)
{
	const uint8_t *in = s->rest;
	const size_t len = s->rest_len;
	struct buf *out = buf_new(len + 1);
	struct peer p;

	if (!out)
		return;
	for (uint32_t i = 0; i < s->peers_n; i++) {
		if (snapshot_get_peer(s, &p) != 0 ||
		    snapshot_put_peer(out, &p) != 0)
			abort();
	}
	if (s->rest_len != 0 || buf_len(out) != len ||
	    (len > 0 && memcmp(buf_peek(out), in, len) != 0))
		abort();
	buf_free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	struct snapshot s;

	if (snapshot_get(&s, in, len) != 0)
		return 0;
	check_relay(&s.relay);
	check_peers(&s);
	return 0;
}
