/* SPDX-License-Identifier: ISC */
#include "cli/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/secret.h"
#include "cli/app.h"
#include "cli/tty.h"

#define CREDENTIAL "sentinel-passphrase"
#define GROUP      5 /* digits of a safety number that stand together */
#define LINE       4 /* groups on a line */

/* What a source gave: a passphrase, its newline, and one byte too many. */
struct raw {
	size_t len;
	char bytes[PASSPHRASE_MAX + 2];
};

/* Reads a source into raw. */
typedef int (*read_fn)(struct raw *raw, const void *source);

static void
warn(const char *text)
{
	app_warn("%s", text);
}

int
ask_setup(struct settings *s)
{
	const uint64_t fd = s->passphrase_fd;

	s->ask_passphrase = ask_passphrase;
	s->ask_yes = ask_yes;
	s->warn = warn;
	if (fd == SETTINGS_NO_FD)
		return 0;
	if (fd > INT_MAX || fcntl((int)fd, F_GETFD) < 0)
		return err_set(ERR_USAGE, "--passphrase-fd: %llu is not open",
		    (unsigned long long)fd);
	if (fd > STDERR_FILENO && fcntl((int)fd, F_SETFD, FD_CLOEXEC) < 0)
		return err_sys(ERR_IO, "--passphrase-fd");
	return 0;
}

static int
read_fd(struct raw *raw, const void *source)
{
	const int *fd = source;

	return file_read(*fd, raw->bytes, sizeof(raw->bytes), FILE_HERE,
	    &raw->len, "passphrase");
}

/* Whoever may read it may open the key file, should that leak. */
static void
warn_open(const char *path, int fd)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    (st.st_mode & (S_IRWXG | S_IRWXO)))
		app_warn("others may read the passphrase in %s", path);
}

static int
read_path(struct raw *raw, const char *path, bool warn)
{
	int fd = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC), r;

	if (fd < 0) {
		r = err_sys(ERR_IO, "passphrase file %s", path);
		err_path(path);
		return r;
	}
	if (warn)
		warn_open(path, fd);
	r = read_fd(raw, &fd);
	close(fd);
	return r;
}

static int
read_file(struct raw *raw, const void *path)
{
	return read_path(raw, path, true);
}

/* The service manager shows its access lists as a group's: no warning. */
static int
read_credential(struct raw *raw, const void *path)
{
	return read_path(raw, path, false);
}

static int
read_tty(struct raw *raw, const void *prompt)
{
	return tty_ask(raw->bytes, sizeof(raw->bytes), &raw->len, prompt, true);
}

static int
settle(struct passphrase *out, const struct raw *raw)
{
	size_t len = raw->len;

	if (len > 0 && raw->bytes[len - 1] == '\n')
		len--;
	if (len == 0)
		return err_set(ERR_PASSPHRASE, "the passphrase is empty");
	if (len > PASSPHRASE_MAX)
		return err_set(ERR_PASSPHRASE,
		    "the passphrase has more than %d bytes", PASSPHRASE_MAX);
	memcpy(out->bytes, raw->bytes, len);
	out->len = len;
	return 0;
}

static int
take(struct passphrase *out, read_fn from, const void *source)
{
	struct raw *raw = secret_new(sizeof(*raw));
	int r;

	if (!raw)
		return err_set(ERR_NOMEM, "no memory for a passphrase");
	r = from(raw, source);
	if (r == 0)
		r = settle(out, raw);
	secret_free(raw);
	return r;
}

/* The path of the credential, if there is one. */
static bool
find_credential(char path[static PATH_MAX])
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");
	int n;

	if (!dir || dir[0] == '\0')
		return false;
	n = snprintf(path, PATH_MAX, "%s/" CREDENTIAL, dir);
	return n > 0 && n < PATH_MAX &&
	    (access(path, F_OK) == 0 || errno != ENOENT);
}

int
ask_passphrase(const struct settings *s, struct passphrase *out)
{
	const int fd = (int)s->passphrase_fd;
	char path[PATH_MAX];
	int r;

	if (s->passphrase_fd != SETTINGS_NO_FD)
		return take(out, read_fd, &fd);
	if (s->passphrase_file)
		return take(out, read_file, s->passphrase_file);
	if (find_credential(path))
		return take(out, read_credential, path);
	if (tty_is_there())
		return take(out, read_tty, "Passphrase: ");
	r = err_set(ERR_PASSPHRASE, "the key file has a passphrase");
	err_hint("--passphrase-file FILE, --passphrase-fd N or "
		 "SENTINEL_PASSPHRASE_FILE give it");
	return r;
}

static int
take_twice(struct passphrase *out)
{
	struct passphrase *again = secret_new(sizeof(*again));
	int r;

	if (!again)
		return err_set(ERR_NOMEM, "no memory for a passphrase");
	r = take(out, read_tty, "New passphrase: ");
	if (r == 0)
		r = take(again, read_tty, "The same again: ");
	if (r == 0 &&
	    (again->len != out->len ||
		!secret_equal(again->bytes, out->bytes, out->len)))
		r = err_set(ERR_PASSPHRASE, "the two passphrases differ");
	secret_free(again);
	return r;
}

int
ask_new_passphrase(const char *file, struct passphrase *out)
{
	int r;

	if (file)
		return take(out, read_file, file);
	if (tty_is_there())
		return take_twice(out);
	r = err_set(ERR_PASSPHRASE, "no new passphrase");
	err_hint("--new-passphrase-file FILE gives it");
	return r;
}

/* A safety number as it is read out. */
static void
write_groups(FILE *to, const char *number)
{
	for (size_t i = 0; number[i]; i += GROUP)
		fprintf(to, "%s%.*s",
		    i % (LINE * (size_t)GROUP) == 0 ? "\n    " : " ", GROUP,
		    number + i);
}

int
ask_number(char *out, size_t size, const char *safety, const char *who)
{
	char prompt[512];
	size_t len;
	int r;

	if (!tty_is_there())
		return err_set(ERR_USAGE, "give PEER and NUMBER");
	fprintf(stderr, "The safety number here:\n");
	write_groups(stderr, safety);
	snprintf(prompt, sizeof(prompt),
	    "\n\nThe number that %s reads out: ", who);
	r = tty_ask(out, size - 1, &len, prompt, false);
	if (r == 0)
		out[len] = '\0';
	return r;
}

int
ask_yes(const struct settings *s, const char *question, bool *yes)
{
	char prompt[512], answer[8];
	size_t len;
	int r;

	(void)s;
	*yes = false;
	if (!tty_is_there())
		return 0;
	snprintf(prompt, sizeof(prompt), "%s [y/N] ", question);
	r = tty_ask(answer, sizeof(answer), &len, prompt, false);
	if (r == 0)
		*yes = (len == 1 && answer[0] == 'y') ||
		    (len == 3 && memcmp(answer, "yes", 3) == 0);
	return r;
}
