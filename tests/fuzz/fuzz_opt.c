/* SPDX-License-Identifier: ISC */
/* Command lines: the words of the input, which NULs separate. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cli/opt.h"

struct args {
	bool flag, stop;
	const char *text, *choice;
	struct opt_list list;
	uint64_t number, ms, size;
};

static const struct opt opts[] = {
	OPT_FLAG('f', "flag", "", struct args, flag),
	OPT_FLAG('0', "stop", "", struct args, stop),
	OPT_STR('s', "text", "TEXT", "", struct args, text),
	OPT_CHOICE('c', "choice", "json|text", "", struct args, choice),
	OPT_LIST('l', "list", "X", "", struct args, list),
	OPT_UINT('n', "number", "N", "", struct args, number),
	OPT_DUR('w', "wait", "DUR", "", struct args, ms),
	OPT_SIZE('z', "size", "SIZE", "", struct args, size),
	OPT_END,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct args args = { 0 };
	const struct opt_set set = { opts, &args, NULL };
	char *words = malloc(len + 1), *argv[128];
	const bool stop = len > 0 && data[0] == '!';
	int argc = 0, n = -1, r;

	assert(words);
	if (len > 0)
		memcpy(words, data, len);
	words[len] = '\0';
	for (size_t at = 0; at < len && argc < 128;
	     at += strlen(words + at) + 1)
		argv[argc++] = words + at;
	r = opt_parse(&set, 1, stop, argc, argv, &n);
	assert(r == 0 || (r == ERR_USAGE && n == -1 && err_last()->message[0]));
	assert(r < 0 || (n >= 0 && n <= argc));
	for (int i = 0; r == 0 && i < n && !stop; i++)
		assert(argv[i][0]);
	assert(!args.choice || strcmp(args.choice, "json") == 0 ||
	    strcmp(args.choice, "text") == 0);
	free(words);
	return 0;
}
