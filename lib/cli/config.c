/* SPDX-License-Identifier: ISC */
#include "cli/config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"

static const char blanks[] = " \t\r";

/* Where the reading stands, and which rows it has met. */
struct place {
	const struct opt_set *set;
	const char *self;
	const char *path;
	unsigned line;
	bool met[OPT_ROWS_MAX];
};

static int
fault(const struct place *p, const char *what, const char *word)
{
	return err_set(ERR_USAGE, "%s:%u: %s%s", p->path, p->line, what, word);
}

/* A value that the command line overrules must be one all the same. */
static int
store(const struct place *p, const struct opt *o, const char *value)
{
	union {
		struct opt_list list;
		const char *text;
		uint64_t number;
	} aside = { .list = { 0 } };
	struct opt apart = *o;
	struct err_info why;
	int r;

	apart.offset = 0;
	if (p->set->given[o - p->set->opts])
		r = opt_store(&apart, &aside, value);
	else
		r = opt_store(o, p->set->args, value);
	if (r == 0)
		return 0;
	why = *err_last();
	return fault(p, why.message, "");
}

static int
take(struct place *p, const char *name, const char *value)
{
	const struct opt *o = opt_find(p->set->opts, name, strlen(name));
	size_t row;

	if (!o)
		return fault(p, "no such option: ", name);
	if (o->kind == OPT_KIND_FLAG || strcmp(name, p->self) == 0)
		return fault(p, "only on the command line: ", name);
	if (*value == '\0')
		return fault(p, "no value: ", name);
	row = (size_t)(o - p->set->opts);
	if (p->met[row] && o->kind != OPT_KIND_LIST)
		return fault(p, "given before: ", name);
	p->met[row] = true;
	return store(p, o, value);
}

/* Without the blanks at either end. */
static char *
trim(char *text)
{
	size_t len;

	text += strspn(text, blanks);
	len = strlen(text);
	while (len > 0 && strchr(blanks, text[len - 1]))
		len--;
	text[len] = '\0';
	return text;
}

static int
parse_line(struct place *p, char *line)
{
	char *name = trim(line), *value;

	if (*name == '\0' || *name == '#')
		return 0;
	value = strchr(name, '=');
	if (!value)
		return fault(p, "no \"=\" after an option: ", name);
	*value++ = '\0';
	return take(p, trim(name), trim(value));
}

int
config_parse(const struct opt_set *set, const char *self, const char *path,
    char *text, size_t len)
{
	struct place p = { .set = set, .self = self, .path = path };
	char *end = text + len;
	int r = 0;

	while (r == 0 && text < end) {
		char *next = memchr(text, '\n', (size_t)(end - text));

		p.line++;
		if (!next)
			next = end;
		*next = '\0';
		r = strlen(text) == (size_t)(next - text)
		    ? parse_line(&p, text)
		    : fault(&p, "a NUL byte", "");
		text = next + 1;
	}
	return r;
}

/* All of path, with a NUL behind it. */
static int
load(char **text, size_t *len, const char *path)
{
	struct buf *b = buf_new(CONFIG_MAX);
	int fd = open(path, O_RDONLY | O_CLOEXEC), r;

	if (!b)
		r = err_set(ERR_NOMEM, "%s", path);
	else if (fd < 0)
		r = err_sys(ERR_IO, "%s", path);
	else
		r = file_slurp(b, fd, path);
	if (r == 0) {
		*len = buf_len(b);
		*text = calloc(1, *len + 1);
		if (*text)
			memcpy(*text, buf_peek(b), *len);
		else
			r = err_set(ERR_NOMEM, "%s", path);
	}
	if (fd >= 0)
		close(fd);
	buf_free(b);
	return r;
}

int
config_read(char **text, const struct opt_set *set, const char *self,
    const char *path)
{
	char *bytes = NULL;
	size_t len = 0;
	int r = load(&bytes, &len, path);

	if (r < 0) {
		err_path(path);
		return r;
	}
	r = config_parse(set, self, path, bytes, len);
	if (r < 0)
		free(bytes);
	else
		*text = bytes;
	return r;
}
