/* SPDX-License-Identifier: ISC */
/* A request in any parts: what is said of it once is said of more of it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "server/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	enum http_status whole, part = HTTP_MORE;

	if (len > HTTP_REQUEST_MAX)
		len = HTTP_REQUEST_MAX;
	whole = http_judge((const char *)in, len, "/metrics");
	for (size_t n = 0; n <= len && part == HTTP_MORE; n++) {
		char *copy =
		    malloc(n > 0 ? n : 1); /* so that reading beyond shows */

		if (!copy)
			return 0;
		if (n > 0)
			memcpy(copy, in, n);
		part = http_judge(copy, n, "/metrics");
		free(copy);
	}
	if (part != whole || strlen(http_line(whole)) < 6)
		abort();
	return 0;
}
