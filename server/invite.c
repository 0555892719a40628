/* SPDX-License-Identifier: ISC */
#include "server/invite.h"

#include <string.h>

#include "base/err.h"
#include "base/le.h"
#include "base/secret.h"
#include "base/text.h"
#include "crypto/hkdf.h"
#include "crypto/mac.h"

#define TAG_LEN    16
#define SIGNED_LEN (INVITE_NONCE_LEN + 8)
#define RAW_LEN    (SIGNED_LEN + TAG_LEN)

_Static_assert(TEXT_BASE64URL_SIZE(RAW_LEN) == INVITE_LEN + 1,
    "as the protocol says");

void
invite_key(uint8_t key[static KEY_LEN], const uint8_t relay_sk[static KEY_LEN])
{
	static const uint8_t info[] = "sentinel-invite-v3";
	static const uint8_t salt[1];

	hkdf(key, KEY_LEN, salt, 0, relay_sk, KEY_LEN, info, sizeof(info));
}

static void
make_tag(uint8_t tag[static MAC_LEN], const uint8_t raw[static SIGNED_LEN],
    const uint8_t key[static KEY_LEN])
{
	mac(tag, key, raw, SIGNED_LEN);
}

void
invite_pack(char out[static INVITE_LEN + 1], const struct invite *invite,
    const uint8_t key[static KEY_LEN])
{
	uint8_t raw[RAW_LEN], tag[MAC_LEN];

	memcpy(raw, invite->nonce, INVITE_NONCE_LEN);
	le_put64(raw + INVITE_NONCE_LEN, invite->expires);
	make_tag(tag, raw, key);
	memcpy(raw + SIGNED_LEN, tag, TAG_LEN);
	text_base64url(out, raw, sizeof(raw));
	secret_wipe(raw, sizeof(raw));
	secret_wipe(tag, sizeof(tag));
}

int
invite_unpack(struct invite *invite, const char *text,
    const uint8_t key[static KEY_LEN])
{
	uint8_t raw[RAW_LEN], tag[MAC_LEN];
	int r;

	if (text_unbase64url(raw, sizeof(raw), text, strlen(text)) < 0)
		return err_set(ERR_DENIED, "not an invite");
	make_tag(tag, raw, key);
	r = secret_equal(tag, raw + SIGNED_LEN, TAG_LEN)
	    ? 0
	    : err_set(ERR_DENIED, "not an invite of this relay");
	if (r == 0) {
		memcpy(invite->nonce, raw, INVITE_NONCE_LEN);
		invite->expires = le_get64(raw + INVITE_NONCE_LEN);
	}
	secret_wipe(raw, sizeof(raw));
	secret_wipe(tag, sizeof(tag));
	return r;
}
