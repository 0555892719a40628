/* SPDX-License-Identifier: ISC */
/*
 * The yardsticks of the relay's figures: what this machine does at best, right
 * now, of one thing and nothing else.  And the directory it all happens in.
 */
#ifndef BENCH_RAW_H
#define BENCH_RAW_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

#define RAW_CONTENT_LEN 256
#define RAW_MAILBOXES   64
#define RAW_NS          1000000000ULL /* how long one figure is taken */

#define MUST(cond)                                                             \
	do {                                                                   \
		if (!(cond)) {                                                 \
			fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, \
			    #cond, err_last()->message);                       \
			exit(1);                                               \
		}                                                              \
	} while (0)

uint64_t raw_now_ns(void);

/* Calls of fn a second, made for as long as ns. */
double raw_rate(void (*fn)(void *arg), void *arg, uint64_t ns);

/* In BENCH_DIR, else /var/tmp: a disk, where /tmp may be memory. */
void raw_make_dir(char out[static 256]);

/* With all that is in it. */
void raw_remove_dir(const char *dir);

/*
 * Rows a second at so many rows a commit, to as many mailboxes in turn, at
 * most RAW_MAILBOXES: the relay's own statements, its settings and its
 * checkpoints, in a database that is removed again.
 */
double raw_inserts(const char *dir, unsigned rows_a_commit, unsigned mailboxes,
    uint64_t ns);

/* Rows a second that are read, or read and then deleted, in pages. */
double raw_reads(const char *dir, unsigned rows_a_page);
double raw_drains(const char *dir, unsigned rows_a_page);

/* Appends of one page to a file, each with an fdatasync. */
double raw_syncs(const char *dir, uint64_t ns);

/* Appends of len bytes, an fdatasync after so many of them. */
double raw_appends(const char *dir, size_t len, unsigned a_sync, uint64_t ns);

/*
 * Questions and answers of the length of one send over so many connections,
 * which another process does nothing but answer.
 */
double raw_echoes(unsigned connections, uint64_t ns);

/*
 * On one core: X25519; the relay's side of a handshake; records of len bytes,
 * sealed and opened.
 */
double raw_agreements(uint64_t ns);
double raw_handshakes(uint64_t ns);
double raw_records(size_t len, uint64_t ns);

#endif
