/* SPDX-License-Identifier: ISC */
#include "server/landlock.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"

/* The same on every architecture; older headers lack them. */
enum { CREATE_RULESET = 444, ADD_RULE = 445, RESTRICT_SELF = 446 };
enum { ASK_VERSION = 1, RULE_PATH_BENEATH = 1, RULE_NET_PORT = 2 };

enum {
	FS_EXECUTE = 1 << 0,
	FS_WRITE_FILE = 1 << 1,
	FS_READ_FILE = 1 << 2,
	FS_READ_DIR = 1 << 3,
	FS_REMOVE_DIR = 1 << 4,
	FS_REMOVE_FILE = 1 << 5,
	FS_MAKE_DIR = 1 << 7,
	FS_MAKE_REG = 1 << 8,
	FS_VERSION_1 = (1 << 13) - 1, /* all of them */
	FS_REFER = 1 << 13,
	FS_TRUNCATE = 1 << 14,
	FS_IOCTL_DEV = 1 << 15,
};
enum { NET_BIND_TCP = 1 << 0, NET_CONNECT_TCP = 1 << 1 };
enum { SCOPE_ABSTRACT_SOCKET = 1 << 0, SCOPE_SIGNAL = 1 << 1 };

struct ruleset {
	uint64_t fs;
	uint64_t net;
	uint64_t scoped;
};

/* Bytes of it that a version knows. */
static size_t
known(int version)
{
	if (version >= 6)
		return sizeof(struct ruleset);
	return version >= 4 ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
}

struct beneath {
	uint64_t allowed;
	int32_t dir;
} __attribute__((packed));

struct net_port {
	uint64_t allowed;
	uint64_t port;
};

/* What was added in each version is refused from there on. */
static struct ruleset
everything(int version)
{
	struct ruleset r = { .fs = FS_VERSION_1 };

	if (version >= 2)
		r.fs |= FS_REFER;
	if (version >= 3)
		r.fs |= FS_TRUNCATE;
	if (version >= 4)
		r.net = NET_BIND_TCP | NET_CONNECT_TCP;
	if (version >= 5)
		r.fs |= FS_IOCTL_DEV;
	if (version >= 6)
		r.scoped = SCOPE_ABSTRACT_SOCKET | SCOPE_SIGNAL;
	return r;
}

static int
allow(int ruleset, uint64_t handled, const struct landlock_rule *rule)
{
	struct beneath beneath = { .allowed = FS_READ_FILE };
	long rc = -1;

	if (!rule->read_only)
		beneath.allowed |= FS_WRITE_FILE | FS_READ_DIR |
		    FS_REMOVE_FILE | FS_REMOVE_DIR | FS_MAKE_DIR | FS_MAKE_REG |
		    FS_TRUNCATE;
	beneath.allowed &= handled;
	beneath.dir = open(rule->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (beneath.dir >= 0) {
		rc = syscall(ADD_RULE, ruleset, RULE_PATH_BENEATH, &beneath, 0);
		close(beneath.dir);
	}
	return rc < 0 ? err_sys(ERR_IO, "Landlock, %s", rule->dir) : 0;
}

static int
allow_port(int ruleset, const struct ruleset *handled, uint16_t port)
{
	const struct net_port rule = { NET_CONNECT_TCP, port };

	if (!(handled->net & NET_CONNECT_TCP))
		return 0;
	return syscall(ADD_RULE, ruleset, RULE_NET_PORT, &rule, 0) < 0
	    ? err_sys(ERR_IO, "Landlock, port %u", (unsigned)port)
	    : 0;
}

static int
restrict_to(int ruleset, const struct ruleset *handled,
    const struct landlock_rule *rules, size_t n)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = rules[i].dir ? allow(ruleset, handled->fs, &rules[i])
				 : allow_port(ruleset, handled, rules[i].port);
	if (r == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		r = err_sys(ERR_IO, "no_new_privs");
	if (r == 0 && syscall(RESTRICT_SELF, ruleset, 0) < 0)
		r = err_sys(ERR_IO, "Landlock");
	return r;
}

int
landlock_enter(const struct landlock_rule *rules, size_t n, int max)
{
	long version = syscall(CREATE_RULESET, NULL, 0, ASK_VERSION);
	struct ruleset handled;
	int ruleset, r;

	if (version > max)
		version = max;
	if (version <= 0)
		return 0;
	handled = everything((int)version);
	for (size_t i = 0; i < n; i++) {
		if (!rules[i].dir && rules[i].port == LANDLOCK_ANY_PORT)
			handled.net &= ~(uint64_t)NET_CONNECT_TCP;
	}
	ruleset =
	    (int)syscall(CREATE_RULESET, &handled, known((int)version), 0);
	if (ruleset < 0)
		return err_sys(ERR_IO, "Landlock");
	r = restrict_to(ruleset, &handled, rules, n);
	close(ruleset);
	return r < 0 ? r : (int)version;
}
