/* SPDX-License-Identifier: ISC */
/* Lines of a batch. */
#include <assert.h>
#include <string.h>

#include "base/err.h"
#include "cli/order.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct order o;
	size_t at = 0;
	int r = order_parse(&o, data, len);

	assert(r == 0 || (r == ERR_USAGE && err_last()->message[0]));
	if (r < 0)
		return 0;
	assert(o.to_n > 0 && o.text && o.len <= len);
	for (size_t i = 0; i < o.to_n; i++) {
		assert(o.to[at]);
		at += strlen(o.to + at) + 1;
	}
	assert(at <= len);
	assert(!o.ref.text || !o.ref.is_number);
	assert(o.ref.number < 1ULL << 53);
	order_wipe(&o);
	return 0;
}
