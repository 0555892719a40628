/* SPDX-License-Identifier: ISC */
/* What a process settles before it does anything else. */
#ifndef BASE_PROC_H
#define BASE_PROC_H

#include "base/attr.h"

/*
 * Descriptors 0 to 2 open (on /dev/null where they were closed), no core
 * dump, not dumpable, umask 077.  ERR_IO.
 */
int proc_harden(void) MUST_USE;

#endif
