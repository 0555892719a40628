/* SPDX-License-Identifier: ISC */
/* Files of which all has come, or nothing will come any more. */
#ifndef CLIENT_COMPLETE_H
#define CLIENT_COMPLETE_H

#include "client/arriving.h"

/*
 * After arriving_commit: files that are whole get their names; those that
 * have come to an end otherwise are given up, also when nothing of them came
 * for 30 days.  *any: there was one of either kind.
 */
int complete_files(struct arriving *a, bool *any) MUST_USE;

#endif
