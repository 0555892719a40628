/* SPDX-License-Identifier: ISC */
/*
 * Invites.  The first byte of an input says where a good one is bent, each bit
 * in turn; what follows is a text.  No text but the one that was made is an
 * invite, not even one that decodes to the same bytes.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "must.h"
#include "server/invite.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

static const uint8_t key[KEY_LEN] = { 1, 2, 3 };

static void
try_text(const uint8_t *in, size_t len)
{
	char *text = malloc(len + 1), again[INVITE_LEN + 1];
	struct invite invite;

	must(text);
	memcpy(text, in, len);
	text[len] = '\0';
	if (invite_unpack(&invite, text, key) == 0) {
		invite_pack(again, &invite, key);
		must(strcmp(again, text) == 0);
	}
	free(text);
}

static void
try_bent(uint8_t where)
{
	struct invite invite = { { where }, 1 + where }, out;
	char text[INVITE_LEN + 1], *at = &text[where % INVITE_LEN];

	invite_pack(text, &invite, key);
	for (unsigned bit = 1; bit < 0x80; bit <<= 1) {
		*at = (char)((unsigned char)*at ^ bit);
		must(invite_unpack(&out, text, key) != 0);
		*at = (char)((unsigned char)*at ^ bit);
	}
	must(invite_unpack(&out, text, key) == 0);
	must(memcmp(out.nonce, invite.nonce, INVITE_NONCE_LEN) == 0 &&
	    out.expires == invite.expires);
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	if (len == 0)
		return 0;
	try_bent(in[0]);
	try_text(in + 1, len - 1);
	return 0;
}
