/* SPDX-License-Identifier: ISC */
/* Configuration files: the first byte says which rows are given already. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cli/config.h"

struct args {
	bool flag;
	const char *text, *choice;
	struct opt_list list;
	uint64_t number, ms, size;
};

static const struct opt opts[] = {
	OPT_FLAG('f', "flag", "", struct args, flag),
	OPT_STR('s', "text", "TEXT", "", struct args, text),
	OPT_CHOICE('c', "choice", "json|text", "", struct args, choice),
	OPT_LIST('l', "list", "X", "", struct args, list),
	OPT_IN(UINT, "number", "N", "", struct args, number, 3, 9),
	OPT_DUR('w', "wait", "DUR", "", struct args, ms),
	OPT_SIZE('z', "size", "SIZE", "", struct args, size),
	OPT_END,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct args args = { .number = 3 };
	bool given[OPT_ROWS_MAX] = { false };
	const struct opt_set set = { opts, &args, given };
	char *text = malloc(len + 1);
	int r;

	assert(text);
	if (len > 0)
		memcpy(text, data, len);
	text[len] = '\0';
	for (size_t i = 0; len > 0 && i < 8; i++)
		given[i] = data[0] >> i & 1;
	r = config_parse(&set, "text", "f", text, len);
	assert(r == 0 || (r == ERR_USAGE && err_last()->message[0]));
	assert(!args.text && !args.flag);
	assert(args.number >= 3 && args.number <= 9);
	assert(!args.choice || strcmp(args.choice, "json") == 0 ||
	    strcmp(args.choice, "text") == 0);
	for (size_t i = 0; i < args.list.n; i++)
		assert(args.list.values[i][0]);
	free(text);
	return 0;
}
