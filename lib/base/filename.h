/* SPDX-License-Identifier: ISC */
/*
 * Names of files that somebody else has chosen: what of them may stand in a
 * directory of ours (protocol: Files).  Pure.
 */
#ifndef BASE_FILENAME_H
#define BASE_FILENAME_H

#include <stddef.h>
#include <stdint.h>

#define FILENAME_SIZE   256 /* the longest, and a terminator */
#define FILENAME_ID_LEN 16

/*
 * The last component of name, any bytes, where it is harmless; otherwise, and
 * when it is longer than 255 bytes, "file-" and the hex digits of the file's
 * id.  Harmless is what is not empty, does not begin with a dot or a dash, is
 * UTF-8 and holds nothing that text_is_control names.
 */
void filename_make_safe(char out[static FILENAME_SIZE], const uint8_t *name,
    size_t len, const uint8_t id[static FILENAME_ID_LEN]);

/*
 * A safe name's n-th stand-in: "-n" before the last dot, the part before it
 * cut between two characters where the whole would be too long; n 0 is the
 * name itself.
 */
void filename_number(char out[static FILENAME_SIZE], const char *name,
    unsigned n);

#endif
