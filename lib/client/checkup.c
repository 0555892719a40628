/* SPDX-License-Identifier: ISC */
#include "client/checkup.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/secret.h"
#include "client/book.h"
#include "client/overview.h"
#include "wire/body.h"

#define MEGABYTE     (1024 * 1024ULL)
#define MINUTE       (60 * 1000ULL)
#define ROOM_LEAST   (4 * MEGABYTE) /* a transaction and its journal */
#define ROOM_WARN    (64 * MEGABYTE)
#define SKEW_WARN    MINUTE
#define KEYS_WARN    (30 * CLOCK_DAY)
#define OUTBOX_WARN  (10 * MINUTE)
#define INBOX_WARN   (7 * CLOCK_DAY)
#define BACKLOG_WARN 1000

/* What the questions have in common; c NULL: the key file does not open. */
struct exam {
	const struct settings *s;
	struct client *c;
	struct overview o;
	uint64_t now;
	uint64_t relay_time; /* 0: not met */
};

static void say(struct checkup *f, const char *fmt, ...) PRINTFLIKE(2, 3);
static void warn(struct checkup *f, const char *hint, const char *fmt, ...)
    PRINTFLIKE(3, 4);

static void
say(struct checkup *f, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->detail, sizeof(f->detail), fmt, ap);
	va_end(ap);
}

static void
warn(struct checkup *f, const char *hint, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->detail, sizeof(f->detail), fmt, ap);
	va_end(ap);
	snprintf(f->hint, sizeof(f->hint), "%s", hint);
	f->status = CHECKUP_WARN;
}

static unsigned long long
ago(const struct exam *x, uint64_t then)
{
	return x->now > then ? x->now - then : 0;
}

/* Mode, owner, kind, format, passphrase: all that opening it asks for. */
static int
look_keyfile(struct exam *x, struct checkup *f)
{
	int r = client_open(&x->c, x->s);

	if (r == 0)
		r = overview_take(x->c, &x->o);
	if (r == 0)
		say(f, "%s", keyfile_name(client_keyfile(x->c)));
	if (r < 0) {
		client_close(x->c);
		x->c = NULL;
	}
	return r;
}

static int
look_integrity(struct exam *x, struct checkup *f)
{
	say(f, "every page and every value");
	return keyfile_verify(client_keyfile(x->c));
}

static int
look_passphrase(struct exam *x, struct checkup *f)
{
	bool has = false;
	int r = client_has_passphrase(x->c, &has);

	if (has)
		say(f, "the key file has one");
	else
		warn(f, "sentinel-keys passphrase",
		    "the key file has none: its permissions alone protect it");
	return r;
}

static int
look_disk(struct exam *x, struct checkup *f)
{
	char dir[PATH_MAX], *slash;
	struct statvfs v;
	uint64_t room;

	snprintf(dir, sizeof(dir), "%s", keyfile_name(client_keyfile(x->c)));
	slash = strrchr(dir, '/');
	if (slash)
		slash[1] = '\0';
	if (statvfs(slash ? dir : ".", &v) < 0)
		return err_sys(ERR_IO, "%s", dir);
	room = v.f_bavail * (uint64_t)v.f_frsize;
	if (room < ROOM_LEAST)
		return err_set(ERR_IO, "%llu KiB are left for the key file",
		    (unsigned long long)room / 1024);
	if (room < ROOM_WARN)
		warn(f, "make room beside the key file", "%llu MiB are left",
		    (unsigned long long)(room / MEGABYTE));
	else
		say(f, "%llu MiB are left",
		    (unsigned long long)(room / MEGABYTE));
	return 0;
}

static int
look_pins(struct exam *x, struct checkup *f)
{
	const unsigned long long all = x->o.peers, good = x->o.verified;

	if (good == all)
		say(f, "%llu peers, all verified", all);
	else
		warn(f,
		    "compare sentinel-keys fingerprint PEER with the peer, "
		    "then sentinel-keys verify PEER",
		    "%llu of %llu peers are not verified", all - good, all);
	return 0;
}

static int
look_sessions(struct exam *x, struct checkup *f)
{
	const unsigned long long lost = x->o.census.reset_needed;

	if (lost == 0)
		say(f, "%llu established",
		    (unsigned long long)x->o.census.active);
	else
		warn(f, "sentinel-keys connect PEER",
		    "%llu peers need a new session", lost);
	return 0;
}

static int
look_keys(struct exam *x, struct checkup *f)
{
	uint64_t issued_at = 0, age;
	struct bundle own;
	bool found = false;
	int r = book_own_bundle(x->c, &own, &issued_at, &found);

	age = ago(x, issued_at);
	if (!found)
		say(f, "none yet");
	else if (age < KEYS_WARN)
		say(f, "%llu days old", (unsigned long long)(age / CLOCK_DAY));
	else
		warn(f, "sentinel-keys rotate", "the prekey is %llu days old",
		    (unsigned long long)(age / CLOCK_DAY));
	return r;
}

static int
look_outbox(struct exam *x, struct checkup *f)
{
	const struct census *n = &x->o.census;
	const unsigned long long left = n->outbox_sealed + n->outbox_in_doubt;

	if (left > 0 &&
	    (n->outbox_in_doubt > 0 || ago(x, n->outbox_oldest) > OUTBOX_WARN))
		warn(f, "the next sentinel-send or sentinel-pull delivers them",
		    "%llu messages are not delivered, the oldest for %llu min",
		    left, ago(x, n->outbox_oldest) / MINUTE);
	else
		say(f, "%llu under way", left);
	return 0;
}

static int
look_dead_letters(struct exam *x, struct checkup *f)
{
	const unsigned long long n = x->o.census.inbox_dead;

	if (n == 0)
		say(f, "none");
	else
		warn(f, "sentinel-pull --dead lists them",
		    "%llu entries were given up", n);
	return 0;
}

static int
look_inbox(struct exam *x, struct checkup *f)
{
	const struct census *n = &x->o.census;
	const unsigned long long waiting = n->inbox_new + n->inbox_shown;

	if (waiting > BACKLOG_WARN ||
	    (waiting > 0 && ago(x, n->inbox_oldest) > INBOX_WARN))
		warn(f, "sentinel-pull prints them",
		    "%llu entries wait, the oldest for %llu days", waiting,
		    ago(x, n->inbox_oldest) / CLOCK_DAY);
	else
		say(f, "%llu entries wait", waiting);
	return 0;
}

/* Whether it answers, with the key it must have. */
static int
look_relay(struct exam *x, struct checkup *f)
{
	char address[ADDR_TEXT_SIZE];
	struct addr relay;
	int r = client_reach(x->c);

	if (r < 0)
		return r;
	chan_address(client_chan(x->c), &relay);
	addr_text(address, &relay);
	say(f, "%s", address);
	x->now = clock_wall_ms();
	x->relay_time = chan_relay_time(client_chan(x->c));
	return 0;
}

static int
look_clock(struct exam *x, struct checkup *f)
{
	const bool fast = x->now > x->relay_time;
	const unsigned long long off =
	    fast ? x->now - x->relay_time : x->relay_time - x->now;

	if (off > SKEW_WARN)
		warn(f, "set the clock of this machine",
		    "%llu min %s of the relay's", off / MINUTE,
		    fast ? "ahead" : "short");
	else
		say(f, "%llu ms off the relay's", off);
	return client_check_clock(x->c);
}

/* Does the relay have the keys that are here? */
static int
look_registration(struct exam *x, struct checkup *f)
{
	struct body_key got = { 0 };
	struct chan_reply reply;
	struct bundle own = { 0 };
	uint64_t issued_at;
	bool found = false;
	int r;

	client_hang_up(x->c);
	r = client_connect(x->c);
	if (r == 0)
		r = chan_call(client_chan(x->c), &reply, CODE_KEY,
		    client_self(x->c)->id, ID_LEN);
	if (r == 0)
		r = body_unpack_key(&got, reply.payload, reply.len);
	if (r == 0)
		r = book_own_bundle(x->c, &own, &issued_at, &found);
	if (r == 0 && memcmp(&own, &got.bundle, sizeof(own)) != 0)
		warn(f, "sentinel-keys rotate",
		    "the relay has another prekey of this identity");
	else if (r == 0)
		say(f, "as %s", client_self(x->c)->name);
	return r;
}

enum need { NOTHING, KEYFILE, RELAY };

/* What is here, then what is there. */
static const struct {
	const char *name;
	enum need needs;
	int (*look)(struct exam *x, struct checkup *f);
} questions[] = {
	{ "keyfile", NOTHING, look_keyfile },
	{ "integrity", KEYFILE, look_integrity },
	{ "passphrase", KEYFILE, look_passphrase },
	{ "disk", KEYFILE, look_disk },
	{ "pins", KEYFILE, look_pins },
	{ "sessions", KEYFILE, look_sessions },
	{ "keys", KEYFILE, look_keys },
	{ "outbox", KEYFILE, look_outbox },
	{ "dead_letters", KEYFILE, look_dead_letters },
	{ "inbox", KEYFILE, look_inbox },
	{ "relay", KEYFILE, look_relay },
	{ "clock", RELAY, look_clock },
	{ "registration", RELAY, look_registration },
};

static bool
can_be_asked(const struct exam *x, enum need needs)
{
	return needs == NOTHING || (needs == KEYFILE && x->c) ||
	    (needs == RELAY && x->relay_time > 0);
}

/* What went wrong, as a finding. */
static void
fail(struct checkup *f)
{
	f->status = CHECKUP_FAIL;
	snprintf(f->detail, sizeof(f->detail), "%s", err_last()->message);
	snprintf(f->hint, sizeof(f->hint), "%s", err_last()->hint);
}

static int
ask_all(struct exam *x, int (*each)(void *arg, const struct checkup *f),
    void *arg, struct err_info *first)
{
	struct checkup f;
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(questions) && r == 0; i++) {
		if (!can_be_asked(x, questions[i].needs))
			continue;
		f = (struct checkup){ .name = questions[i].name };
		if (questions[i].look(x, &f) < 0) {
			fail(&f);
			if (first->code == 0)
				*first = *err_last();
		}
		r = each(arg, &f);
	}
	return r;
}

int
checkup_run(const struct settings *s,
    int (*each)(void *arg, const struct checkup *f), void *arg, int *first)
{
	struct exam x = { .s = s, .now = clock_wall_ms() };
	struct err_info why = { .code = 0 };
	int r = ask_all(&x, each, arg, &why);

	client_close(x.c);
	if (r < 0)
		return r;
	if (why.code != 0)
		err_restore(&why);
	*first = why.code;
	return 0;
}
