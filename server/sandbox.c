/* SPDX-License-Identifier: ISC */
#include "server/sandbox.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/err.h"
#include "server/landlock.h"
#include "server/syscalls.h"

int
sandbox_prepare(void)
{
	const struct rlimit none = { 0, 0 };

	if (setrlimit(RLIMIT_CORE, &none) < 0)
		return err_sys(ERR_IO, "limit of core files");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_sys(ERR_IO, "not dumpable");
	return 0;
}

/* For good: root cannot be had again. */
int
sandbox_become(const struct sandbox *s)
{
	const char *user = s->user;
	const struct passwd *pw;

	if (!user)
		return 0;
	errno = 0;
	pw = getpwnam(user);
	if (!pw && errno == 0)
		return err_set(ERR_USAGE, "there is no user %s", user);
	if (!pw)
		return err_sys(ERR_IO, "user %s", user);
	if (geteuid() == pw->pw_uid)
		return 0;
	if (geteuid() != 0)
		return err_set(ERR_USAGE, "only root can become %s", user);
	if (setgroups(0, NULL) < 0 ||
	    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) < 0 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) < 0)
		return err_sys(ERR_IO, "becoming %s", user);
	if (setuid(0) == 0)
		return err_set(ERR_INTERNAL, "root can be had again");
	return 0;
}

static int
drop_capabilities(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	const struct __user_cap_data_struct none[2] = { { 0 }, { 0 } };

	if (syscall(SYS_capset, &head, none) < 0)
		return err_sys(ERR_IO, "capabilities");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(ERR_IO, "no_new_privs");
	/* lost with a change of user */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_sys(ERR_IO, "not dumpable");
	return 0;
}

static int
confine_files(const struct sandbox *s, const char *dir)
{
	const struct sandbox_outside *o = s->outside;
	struct landlock_rule rules[2 + SANDBOX_DIRS + SANDBOX_PORTS];
	size_t n = 0;

	if (dir)
		rules[n++] = (struct landlock_rule){ .dir = dir };
	if (s->readable)
		rules[n++] = (struct landlock_rule){ .dir = s->readable,
			.read_only = true };
	for (size_t i = 0; o && i < o->dirs_n; i++)
		rules[n++] = (struct landlock_rule){ .dir = o->dirs[i],
			.read_only = true };
	for (size_t i = 0; o && i < o->ports_n; i++)
		rules[n++] = (struct landlock_rule){
			.port = o->any_port ? LANDLOCK_ANY_PORT : o->ports[i]
		};
	return landlock_enter(rules, n, s->landlock_max);
}

int
sandbox_enter(struct sandbox_level *out, const struct sandbox *s,
    const char *dir)
{
	int r = drop_capabilities();

	*out = (struct sandbox_level){ 0 };
	if (r < 0 || s->off)
		return r;
	r = confine_files(s, dir);
	if (r < 0)
		return r;
	out->landlock = r;
	r = syscalls_restrict(s->outside && s->outside->needed);
	out->seccomp = r == 0;
	return r;
}
