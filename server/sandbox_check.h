/* SPDX-License-Identifier: ISC */
/* The proof of the sandbox: tries what it must not allow. */
#ifndef SERVER_SANDBOX_CHECK_H
#define SERVER_SANDBOX_CHECK_H

#include <stdbool.h>

#include "base/attr.h"
#include "server/sandbox.h"

/* Called with each; how: "error", "killed", or NULL when it worked. */
typedef int (
    *sandbox_check_fn)(const char *attempt, const char *how, bool must_work);

/*
 * Each attempt is made by a child of its own, which has entered the sandbox.
 * *sound: all went as it must.  A negative code of fn ends it; ERR_IO.
 */
int sandbox_check(bool *sound, const struct sandbox *s, const char *dir,
    sandbox_check_fn fn) MUST_USE;

#endif
