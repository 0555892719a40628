/* SPDX-License-Identifier: ISC */
/*
 * One line of a batch, an object in JSON:
 *
 *	{"to": PEER or [PEER, ...], "body": TEXT or "body_base64": BYTES,
 *	 "id": UUID, "in_reply_to": UUID, "ref": TEXT or NUMBER}
 *
 * of which the last three may be missing.  Anything else in it is refused, so
 * are keys that come twice; what it says about peers and ids is not judged.
 */
#ifndef CLI_ORDER_H
#define CLI_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

#define ORDER_REF_MAX 1024 /* bytes of a text */

/* What the sender wants to see again in the records. */
struct order_ref {
	char *text; /* NULL: none, or a number */
	bool is_number;
	uint64_t number;
};

struct order {
	char *to; /* names, one after the other, each with its terminator */
	size_t to_n;
	uint8_t *text;
	size_t len;
	char *id, *reply_to; /* NULL: none */
	struct order_ref ref;
};

/*
 * ERR_USAGE: no such object; nothing of the line stands in the error.
 * ERR_NOMEM.  Takes a few times the memory of the line, at most
 * ORDER_MEMORY_MAX.
 */
#define ORDER_MEMORY_MAX (24U << 20)
int order_parse(struct order *out, const uint8_t *line, size_t len) MUST_USE;
void order_wipe(struct order *o);

#endif
