/* SPDX-License-Identifier: ISC */
/* Addresses: what is accepted prints to an address of the same meaning. */
#include <stdlib.h>
#include <string.h>

#include "wire/addr.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

static void
try_addr(const char *text)
{
	char out[ADDR_TEXT_SIZE], twice[ADDR_TEXT_SIZE];
	struct addr a, again;

	if (addr_parse(&a, text) != 0)
		return;
	addr_text(out, &a);
	if (addr_parse(&again, out) != 0)
		abort();
	addr_text(twice, &again);
	if (strcmp(out, twice) != 0 || a.hosts_n != again.hosts_n)
		abort();
}

static void
try_host(const char *text)
{
	struct addr_host h;
	struct addr a;

	/* but for port 0 and a port left out, both parsers agree */
	if (addr_parse_host(&h, text) != 0 || h.port == 0)
		return;
	if (addr_parse(&a, text) != 0 || a.hosts_n != 1 || a.has_key ||
	    a.hosts[0].port != h.port || strcmp(a.hosts[0].name, h.name) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	char *text = malloc(len + 1);

	if (!text)
		return 0;
	if (len > 0)
		memcpy(text, in, len);
	text[len] = '\0';
	try_addr(text);
	try_host(text);
	free(text);
	return 0;
}
