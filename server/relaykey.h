/* SPDX-License-Identifier: ISC */
/*
 * The file with the relay's secret key: one line,
 *
 *	sentinel-relay-secret:KEY
 *
 * KEY being the 32 bytes in base64url without padding, 43 characters.  It is
 * text so that it can be copied and kept on paper.
 */
#ifndef SERVER_RELAYKEY_H
#define SERVER_RELAYKEY_H

#include <stdint.h>

#include "base/attr.h"
#include "wire/limits.h"

/*
 * Read the key in path; where there is no file, make one, 0600, with a new
 * key.  ERR_INSECURE: others may read it or own it; root takes that of another
 * user where it stands in a directory of that user's.  ERR_CORRUPT, ERR_IO.
 */
int relaykey_load(uint8_t sk[static KEY_LEN], const char *path) MUST_USE;

#endif
