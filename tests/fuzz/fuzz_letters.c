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

struct tally {
	uint64_t lines, refused;
};

/* What a stream of lines holds; what follows the last end is one, too. */
static struct tally
count(const uint8_t *in, size_t len, const struct letters_source *src)
{
	const bool nul = src->form == LETTERS_NUL;
	const size_t max = src->text_max + (nul && src->chomp);
	struct tally t = { 0 };

	while (len > 0) {
		const uint8_t *end = memchr(in, nul ? '\0' : '\n', len);
		size_t n = end ? (size_t)(end - in) : len;

		t.lines++;
		t.refused += n > max;
		n += end != NULL;
		in += n;
		len -= n;
	}
	return t;
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
	/* one more may have been a newline, for chomp to take */
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
	struct tally t, told = { 0 };
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
			assert(group[i].line == told.lines ||
			    group[i].line == told.lines + 1);
			told.lines = group[i].line;
			told.refused += group[i].failed != 0;
		}
	} while (n > 0);
	letters_close(l);
	t = count(in + 2, len - 2, &src);
	assert(src.form == LETTERS_WHOLE || told.lines == t.lines);
	if (src.form == LETTERS_LINES || src.form == LETTERS_NUL)
		assert(told.refused == t.refused); /* once, for all peers */
	return 0;
}
