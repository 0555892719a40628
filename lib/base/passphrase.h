/* SPDX-License-Identifier: ISC */
/*
 * A passphrase on its way from whoever asked the user to the key file: bytes,
 * NUL among them allowed, in secret_new memory only.
 */
#ifndef BASE_PASSPHRASE_H
#define BASE_PASSPHRASE_H

#include <stddef.h>

#define PASSPHRASE_MAX 4096

struct passphrase {
	size_t len; /* 1..PASSPHRASE_MAX */
	char bytes[PASSPHRASE_MAX];
};

#endif
