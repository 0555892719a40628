/* SPDX-License-Identifier: ISC */
/* What holds for every input; where it does not, the input is a finding. */
#ifndef FUZZ_MUST_H
#define FUZZ_MUST_H

#include <stdio.h>
#include <stdlib.h>

#define must(good) ((good) ? (void)0 : must_fail(__FILE__, __LINE__, #good))

static inline _Noreturn void
must_fail(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}

#endif
