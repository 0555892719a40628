/* SPDX-License-Identifier: ISC */
/* Sizes and times as people write them; times in their time zone. */
#ifndef CLI_HUMAN_H
#define CLI_HUMAN_H

#include <stdint.h>

#define HUMAN_SIZE 48

/* "9 B", "12.3 MiB" */
void human_bytes(char out[static HUMAN_SIZE], uint64_t bytes);

/* "12:03", and on another day than now's "2026-11-20 12:03"; ms. */
void human_clock(char out[static HUMAN_SIZE], uint64_t at, uint64_t now);

/*
 * "just now", "5 min ago", "3 h ago"; when old "2 days ago (2026-11-20 12:03)";
 * from a clock that is ahead, the date alone.
 */
void human_ago(char out[static HUMAN_SIZE], uint64_t at, uint64_t now);

#endif
