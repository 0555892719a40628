/* SPDX-License-Identifier: ISC */
#include "server/relaykey.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "base/secret.h"
#include "base/text.h"

#define PREFIX       "sentinel-relay-secret:"
#define LINE_LEN     (strlen(PREFIX) + TEXT_KEY_SIZE) /* with the newline */
#define LINE_MAX_LEN 128

static int
fault(int code, const char *path, const char *what)
{
	code = err_set(code, "%s: %s", path, what);
	err_path(path);
	return code;
}

static int
make(const char *path)
{
	char line[LINE_MAX_LEN] = PREFIX;
	uint8_t sk[KEY_LEN];
	int r;

	secret_random(sk, sizeof(sk));
	text_key(line + strlen(PREFIX), sk);
	line[LINE_LEN - 1] = '\n';
	r = file_create(path, line, LINE_LEN);
	secret_wipe(sk, sizeof(sk));
	secret_wipe(line, sizeof(line));
	return r;
}

/* the directory of path is the user's own, too */
static bool
is_at_home(uid_t user, const char *path)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];
	struct stat st;
	int n;

	n = snprintf(dir, sizeof(dir), "%.*s.",
	    slash ? (int)(slash - path) + 1 : 0, path);
	return n < (int)sizeof(dir) && stat(dir, &st) == 0 && st.st_uid == user;
}

/* root can make invites for a relay that runs as somebody else */
static bool
is_owner(uid_t user, const char *path)
{
	return user == geteuid() || user == 0 ||
	    (geteuid() == 0 && is_at_home(user, path));
}

static int
check_owner(int fd, const char *path)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(ERR_IO, "%s", path);
	if (!S_ISREG(st.st_mode))
		return fault(ERR_INSECURE, path, "not a regular file");
	if (!is_owner(st.st_uid, path))
		return fault(ERR_INSECURE, path, "belongs to another user");
	if (st.st_mode & (S_IRWXG | S_IRWXO)) {
		fault(ERR_INSECURE, path, "others have access to it");
		err_hint("chmod 600 %s", path);
		return ERR_INSECURE;
	}
	return 0;
}

static int
parse(uint8_t sk[static KEY_LEN], const struct buf *b, const char *path)
{
	const char *line = (const char *)buf_peek(b);

	if (buf_len(b) != LINE_LEN || line[LINE_LEN - 1] != '\n' ||
	    memcmp(line, PREFIX, strlen(PREFIX)) != 0 ||
	    text_unkey(sk, line + strlen(PREFIX), TEXT_KEY_SIZE - 1) < 0)
		return fault(ERR_CORRUPT, path, "not a relay's key");
	return 0;
}

static int
read_key(uint8_t sk[static KEY_LEN], int fd, const char *path)
{
	struct buf *b = buf_new(LINE_MAX_LEN);
	int r;

	if (!b)
		return err_set(ERR_NOMEM, "%s", path);
	r = check_owner(fd, path);
	if (r == 0)
		r = file_slurp(b, fd, path);
	if (r == ERR_USAGE) /* too long */
		r = fault(ERR_CORRUPT, path, "not a relay's key");
	if (r == 0)
		r = parse(sk, b, path);
	buf_free(b);
	return r;
}

int
relaykey_load(uint8_t sk[static KEY_LEN], const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	int r;

	if (fd < 0 && errno == ENOENT) {
		r = make(path);
		/* another that starts at the same time may have been first */
		if (r < 0 && r != ERR_EXISTS)
			return r;
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (fd < 0) {
		r = err_sys(ERR_IO, "%s", path);
		err_path(path);
		return r;
	}
	r = read_key(sk, fd, path);
	close(fd);
	return r;
}
