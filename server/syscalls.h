/* SPDX-License-Identifier: ISC */
/*
 * Seccomp: which system calls this process may still make.  Any other ends
 * it; those that libraries only try out answer ENOSYS.
 */
#ifndef SERVER_SYSCALLS_H
#define SERVER_SYSCALLS_H

#include <stdbool.h>

#include "base/attr.h"

/*
 * connects: those of a store that is elsewhere, too.  ERR_IO: the kernel has
 * none, or refuses it; ERR_NOMEM.
 */
int syscalls_restrict(bool connects) MUST_USE;

#endif
