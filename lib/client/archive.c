/* SPDX-License-Identifier: ISC */
#include "client/archive.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/secret.h"

static int
no_memory(void)
{
	return err_set(ERR_NOMEM, "no memory for a backup");
}

int
archive_backup(struct client *c, const char *file,
    const struct passphrase *pass, struct backup_info *out)
{
	struct buf *b = buf_new(BACKUP_MAX);
	int r = b
	    ? backup_make(client_keyfile(c), pass, clock_wall_ms(), b, out)
	    : no_memory();

	if (r == 0)
		r = file_create(file, buf_peek(b), buf_len(b));
	if (r == ERR_EXISTS)
		err_hint("into another file: sentinel-keys backup %s.new",
		    file);
	buf_free(b);
	return r;
}

/* Not even a passphrase is asked for where there is a key file. */
static int
check_free(const char *keyfile, const char *file)
{
	struct stat st;
	int r;

	if (lstat(keyfile, &st) < 0)
		return 0;
	r = err_set(ERR_EXISTS, "%s is there already", keyfile);
	err_path(keyfile);
	err_hint("into another one: sentinel-keys restore --keyfile %s.new %s",
	    keyfile, file);
	return r;
}

static int
read_backup(struct buf *b, const char *file)
{
	int fd = open(file, O_RDONLY | O_NOCTTY | O_CLOEXEC), r;

	if (fd < 0)
		r = err_sys(ERR_IO, "%s", file);
	else
		r = file_slurp(b, fd, file);
	if (fd >= 0)
		close(fd);
	if (r == ERR_USAGE)
		r = err_set(ERR_CORRUPT, "too large for a backup");
	if (r == 0)
		r = backup_check(buf_peek(b), buf_len(b));
	if (r < 0)
		err_path(file);
	return r;
}

static int
restore(const struct settings *s, const struct buf *b, const char *file,
    const char *keyfile, struct backup_info *out)
{
	struct passphrase *pass = secret_new(sizeof(*pass));
	int r = pass ? s->ask_passphrase(s, pass) : no_memory();

	if (r == 0)
		r = backup_restore(keyfile, buf_peek(b), buf_len(b), pass, out);
	if (r == ERR_CORRUPT || r == ERR_PASSPHRASE)
		err_path(file);
	secret_free(pass);
	return r;
}

int
archive_restore(const struct settings *s, const char *file,
    char keyfile[static KEYFILE_PATH_SIZE], struct backup_info *out)
{
	struct buf *b = NULL;
	int r = keyfile_path(keyfile, s->keyfile, s->identity);

	if (r == 0)
		r = check_free(keyfile, file);
	if (r < 0)
		return r;
	b = buf_new(BACKUP_MAX);
	r = b ? read_backup(b, file) : no_memory();
	if (r == 0)
		r = restore(s, b, file, keyfile, out);
	buf_free(b);
	return r;
}
