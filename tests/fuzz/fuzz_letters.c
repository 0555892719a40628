/* SPDX-License-Identifier: ISC */
/*
 * Standard input as letters: the first byte chooses the form, the second how
 * much a text may have.  Each line is told once and in order, and what is no
 * letter says why.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cli/letters.h"

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

static const char *const peers[] = { "bob", "carol" };

/* In a file without a name, which stays standard input. */
static void
put_stdin(const uint8_t *in, size_t len)
{
	static int fd = -1;

	if (fd < 0) {
		fd = memfd_create("stdin", 0);
		assert(fd >= 0 && dup2(fd, STDIN_FILENO) == STDIN_FILENO);
	}
	assert(ftruncate(fd, 0) == 0);
	assert(pwrite(fd, in, len, 0) == (ssize_t)len);
	assert(lseek(fd, 0, SEEK_SET) == 0);
}

/* Lines of a stream; what follows the last end is one, too. */
static uint64_t
count_lines(const uint8_t *in, size_t len, uint8_t end)
{
	uint64_t n = len > 0 && in[len - 1] != end;

	for (size_t i = 0; i < len; i++)
		n += in[i] == end;
	return n;
}

static void
check_letter(const struct letters_source *src, const struct letter *m)
{
	if (m->failed) {
		assert(m->failed == ERR_USAGE && m->why.code == ERR_USAGE);
		assert(m->why.message[0] && !m->text);
		return;
	}
	assert(m->to && m->text && m->len <= (src->text_max + 1) * 6 + 65536);
	if (src->form == LETTERS_LINES)
		assert(!memchr(m->text, '\n', m->len));
	/* one more may have been a newline, which chomp takes; batch.c judges
	 */
	if (src->form != LETTERS_BATCH)
		assert(m->len <= src->text_max + 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	static const enum letters_form forms[] = { LETTERS_WHOLE, LETTERS_LINES,
		LETTERS_NUL, LETTERS_BATCH };
	struct letters_source src = { .peers = peers,
		.peers_n = ARRAY_LEN(peers) };
	const struct letter *group;
	struct letters *l;
	uint64_t line = 0;
	size_t n;

	if (len < 2)
		return 0;
	src.form = forms[in[0] % 4];
	src.chomp = in[0] & 4;
	src.text_max = in[1];
	if (src.form == LETTERS_BATCH)
		src.peers_n = 0;
	put_stdin(in + 2, len - 2);
	if (letters_open(&l, &src) != 0) {
		assert(src.form == LETTERS_WHOLE && len - 3 > src.text_max);
		return 0;
	}
	do {
		assert(letters_take(l, &group, &n) == 0 && n <= LETTERS_MAX);
		for (size_t i = 0; i < n; i++) {
			check_letter(&src, &group[i]);
			assert(
			    group[i].line == line || group[i].line == line + 1);
			line = group[i].line;
		}
	} while (n > 0);
	letters_close(l);
	if (src.form != LETTERS_WHOLE)
		assert(line ==
		    count_lines(in + 2, len - 2,
			src.form == LETTERS_NUL ? '\0' : '\n'));
	return 0;
}
