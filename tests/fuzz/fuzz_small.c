/* SPDX-License-Identifier: ISC */
/*
 * Small parsers of what people type and files hold, one a selector byte; what
 * follows is the text, or the file.  Each says whether it is good, and what it
 * says is held against the same in other words.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backstage.h"
#include "base/err.h"
#include "base/le.h"
#include "cli/field.h"
#include "client/book.h"
#include "client/enroll.h"
#include "client/trust.h"
#include "crypto/ident.h"
#include "must.h"
#include "small.h"
#include "state/mark.h"

#define TEXT_LEN 4096

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

static struct stage stage;
static struct peer bob;
static char file[128];
static json_t *tree;

static void
prepare(void)
{
	static const char json[] =
	    "{\"a\":{\"b\":[1,{\"c\":[[],[2]]}]},\"id\":\"x\",\"\":3}";

	backstage_make(&stage);
	puppet_make(&stage.bob, 1, "bob");
	stage_pin(&stage, &stage.bob);
	bob = stage_peer(&stage, &stage.bob);
	backstage_path(file, sizeof(file), "file");
	tree = json_loads(json, 0, NULL);
	must(tree != NULL);
}

/* --- files --- */

static void
mark_of_a_file(const char *path, const char *in, size_t len)
{
	const uint8_t *bytes = (const uint8_t *)in;
	const bool is_whole = len >= ID_LEN + 8 &&
	    (le_get32(bytes + ID_LEN) ^ le_get32(bytes + ID_LEN + 4)) ==
		UINT32_MAX;
	struct mark m;

	if (!mark_read(&m, path)) {
		must(!is_whole);
		return;
	}
	must(is_whole && memcmp(m.file, bytes, ID_LEN) == 0);
	must(m.count == le_get32(bytes + ID_LEN));
}

static void
invite(const char *path, const char *in, size_t len)
{
	char out[INVITE_LEN + 1];
	int r;

	r = enroll_read_invite(out, path);
	must(r == 0 || r == ERR_USAGE);
	if (r < 0)
		return;
	must(strlen(out) == INVITE_LEN && len >= INVITE_LEN);
	must(memcmp(out, in, INVITE_LEN) == 0);
	for (size_t i = INVITE_LEN; i < len; i++)
		must(strchr(" \t\r\n", in[i]) && in[i]);
}

/* --- text --- */

/* In the text # stands for the number as it is. */
static void
safety_number(const char *path, const char *text, size_t len)
{
	char number[IDENT_SAFETY_LEN + 1], given[2 * TEXT_LEN] = "";
	char digits[2 * TEXT_LEN] = "";
	size_t n = 0, d = 0;
	int r;

	(void)path;
	(void)len;
	book_safety(stage.client, &bob, number);
	for (; *text && n + IDENT_SAFETY_LEN + 1 < TEXT_LEN; text++) {
		if (*text != '#') {
			given[n++] = *text;
			continue;
		}
		memcpy(given + n, number, IDENT_SAFETY_LEN);
		n += IDENT_SAFETY_LEN;
	}
	for (size_t i = 0; i < n; i++) {
		if (given[i] != ' ')
			digits[d++] = given[i];
	}
	r = book_verify(stage.client, &bob, given);
	must(r == 0 || r == ERR_USAGE || r == ERR_NOT_VERIFIED);
	must((r == 0) == (strcmp(digits, number) == 0));
	must((r == ERR_USAGE) ==
	    (d != IDENT_SAFETY_LEN || strspn(digits, "0123456789") != d));
}

static void
fingerprint(const char *path, const char *text, size_t len)
{
	const bool good =
	    len == 64 && strspn(text, "0123456789abcdefABCDEF") == len;
	struct peer out;
	int r = trust_peer(stage.client, "nobody", text, &out);

	(void)path;
	must(r < 0 && (r != ERR_USAGE) == good);
}

static void
field(const char *path, const char *text, size_t len)
{
	bool whole = *text != '\0';
	size_t n;

	(void)path;
	for (const char *at = text; len > 0; at += n) {
		n = strcspn(at, ".,");
		whole = whole && n > 0;
		if (!at[n])
			break;
		n++;
	}
	must(field_is_list(text) == whole);
	for (const char *at = text; *at; at += n + (at[n] == ',')) {
		n = strcspn(at, ",");
		(void)field_find(tree, at, n);
	}
	must(field_find(tree, "a.b.1.c.1.0", strlen("a.b.1.c.1.0")) != NULL);
}

/* What follows the name of its file is missing where it reads a text. */
static const struct {
	void (*fn)(const char *file, const char *in, size_t len);
	const char *ending;
} parsers[] = {
	{ small_relay_key, "" },
	{ mark_of_a_file, ".mark" },
	{ invite, "" },
	{ safety_number, NULL },
	{ fingerprint, NULL },
	{ field, NULL },
	{ small_relay_timeline, "" },
	{ small_relay_servers, NULL },
	{ small_relay_notice, NULL },
};

static void
put_file(const char *ending, const char *in, size_t len)
{
	char path[160];
	int fd, n = snprintf(path, sizeof(path), "%s%s", file, ending);

	must(n > 0 && (size_t)n < sizeof(path));
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	must(fd >= 0 && write(fd, in, len) == (ssize_t)len);
	close(fd);
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	static char text[TEXT_LEN + 1];
	size_t n = len > TEXT_LEN ? TEXT_LEN : len;
	const char *ending;

	if (!tree)
		prepare();
	if (n == 0 || in[0] >= ARRAY_LEN(parsers))
		return 0;
	memcpy(text, in + 1, --n);
	text[n] = '\0';
	ending = parsers[in[0]].ending;
	if (ending)
		put_file(ending, text, n);
	parsers[in[0]].fn(file, text, ending ? n : strlen(text));
	return 0;
}
