/* SPDX-License-Identifier: ISC */
/* What a process settles about itself. */
#ifndef BASE_PROC_H
#define BASE_PROC_H

#include "base/attr.h"

/*
 * Before anything else: descriptors 0 to 2 open (on /dev/null where they were
 * closed), no core dump, not dumpable, umask 077.  ERR_IO.
 */
int proc_harden(void) MUST_USE;

/*
 * For who moves files: let whoever has just woken go first, and keep the
 * processor for longer then (SCHED_BATCH, slices of 100 ms where sched(7) has
 * them), and add nicer to the nice value.  Who was told another policy
 * before stays as he is.
 */
void proc_step_back(int nicer);

#endif
