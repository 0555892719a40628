/* SPDX-License-Identifier: ISC */
/*
 * How full a mailbox may be, which is the same in every store.  A message is
 * of one of two kinds, which are counted apart so that a file under way does
 * not keep texts out: texts are types 1 to 3, and pieces (of files) type 4.
 * One sender may fill half of a mailbox.
 */
#ifndef SERVER_QUOTA_H
#define SERVER_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#include "server/store.h"

enum quota_kind { QUOTA_TEXTS, QUOTA_PIECES };

/* So many messages of one kind, and the bytes of their contents. */
struct quota {
	uint64_t n, bytes;
};

/*
 * A piece counts so many bytes more than it has, for what it takes of the disk
 * beside them: else tiny ones would have no bound.
 */
#define QUOTA_PIECE 4096

enum quota_kind quota_kind(uint8_t type);

/*
 * Whether, where that much is held, one more content of len bytes fits in the
 * limit of a mailbox divided by part.
 */
bool quota_fits(const struct store_limits *limits, enum quota_kind kind,
    struct quota held, uint32_t len, unsigned part);

#endif
