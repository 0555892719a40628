/* SPDX-License-Identifier: ISC */
/* What a test leaves on the disk goes when it ends. */
#ifndef UNIT_TIDY_H
#define UNIT_TIDY_H

/* Remove a directory with all that is in it; one that is missing is fine. */
void tidy_dir(const char *path);

#endif
