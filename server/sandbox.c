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

int
sandbox_enter(struct sandbox_level *out, const struct sandbox *s,
    const char *dir)
{
	const struct landlock_rule rules[] = { { dir, false },
		{ s->readable, true } };
	int r = drop_capabilities();

	*out = (struct sandbox_level){ 0 };
	if (r < 0 || s->off)
		return r;
	r = landlock_enter(rules, s->readable ? 2 : 1, s->landlock_max);
	if (r < 0)
		return r;
	out->landlock = r;
	r = syscalls_restrict();
	out->seccomp = r == 0;
	return r;
}
