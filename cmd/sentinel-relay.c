/* SPDX-License-Identifier: ISC */
/* sentinel-relay -- keep mailboxes for clients that cannot meet */

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "cli/app.h"
#include "cli/record.h"
#include "server/landlock.h"
#include "server/relay.h"

#ifndef SANDBOX
#define SANDBOX "on" /* without the option */
#endif
#define GIB              (1ULL << 30)
#define YEAR             (365 * CLOCK_DAY)
#define MANY             1000000000
#define INVITES_MAX      10000
#define LISTEN_TEXT_SIZE (ADDR_HOST_SIZE + sizeof("[]:65535"))

struct args {
	const char *config;
	struct opt_list listen;
	const char *store;
	const char *key;
	const char *registration;
	const char *metrics;
	bool metrics_remote;
	const char *log_format;
	const char *log_level;
	const char *log_ids;
	struct store_limits limits;
	struct limits traffic;
	uint64_t invites;
	uint64_t invite_ttl_ms;
	const char *sandbox;
	const char *user;
	uint64_t landlock;
	bool check_config;
	bool check_sandbox;
	bool print_address;
};

static struct args args;  /* as it was started */
static struct args again; /* as it was read again */
static char *again_text;
static char config_dir[PATH_MAX];

static void
set_usual(struct args *a)
{
	*a = (struct args){
		.invite_ttl_ms = 7 * CLOCK_DAY,
		.limits = store_limits_usual,
		.traffic = limits_default,
		.sandbox = SANDBOX,
		.landlock = LANDLOCK_ABI_MAX,
		.log_format = "auto",
		.log_level = "info",
		.log_ids = "hashed",
	};
}

#define LIMIT(kind, name, arg, help, member, least, most) \
	OPT_IN(kind, name, arg, help, struct args, traffic.member, least, most)

static const struct opt opts[] = {
	OPT_STR('c', "config", "FILE", "options, each a line: name = value",
	    struct args, config),
	OPT_LIST('l', "listen", "ADDR:PORT",
	    "where to listen, again for more (127.0.0.1:9876)", struct args,
	    listen),
	OPT_STR(0, "store", "sqlite:PATH",
	    "database, made when missing; or postgresql:CONNINFO", struct args,
	    store),
	OPT_STR(0, "key", "FILE", "secret key, made when missing", struct args,
	    key),
	OPT_CHOICE(0, "registration", "open|invite|closed",
	    "who may register (invite; open on loopback)", struct args,
	    registration),
	OPT_UINT(0, "mailbox-messages", "N", "messages in one mailbox (100000)",
	    struct args, limits.messages),
	OPT_SIZE(0, "mailbox-size", "SIZE", "bytes of them (256M)", struct args,
	    limits.message_bytes),
	OPT_UINT(0, "mailbox-requests", "N",
	    "of these, key requests of one client (8)", struct args,
	    limits.requests),
	OPT_DUR(0, "message-ttl", "DUR", "how long messages are kept (30d)",
	    struct args, limits.message_ttl_ms),
	OPT_SIZE(0, "file-quota", "SIZE",
	    "pieces of files in one mailbox (64G)", struct args,
	    limits.chunk_bytes),
	OPT_DUR(0, "file-ttl", "DUR", "how long they are kept (7d)",
	    struct args, limits.chunk_ttl_ms),
	OPT_SIZE(0, "max-store", "SIZE", "all of the store (no bound)",
	    struct args, limits.store_bytes),
	OPT_IN(UINT, "min-free", "PERCENT", "of the disk, left to others (5)",
	    struct args, limits.free_percent, 0, 100),
	LIMIT(UINT, "max-connections", "N", "connections in all (16384)",
	    max_connections, 1, 1 << 20),
	LIMIT(UINT, "max-client-connections", "N", "of one client (128)",
	    max_client_connections, 1, 1 << 20),
	LIMIT(UINT, "max-unbound", "N", "not bound to a client (256)",
	    max_unbound, 4, 1 << 16),
	LIMIT(UINT, "max-source-unbound", "N",
	    "of these, from one address (64)", max_source_unbound, 1, 1 << 16),
	LIMIT(DUR, "bind-timeout", "DUR", "to say and prove who it is (5s)",
	    bind_timeout, 1, CLOCK_DAY),
	LIMIT(DUR, "idle-timeout", "DUR", "without a request (60s)",
	    idle_timeout, 1, YEAR),
	LIMIT(DUR, "connection-life", "DUR", "of any connection (24h)",
	    connection_life, 1, YEAR),
	LIMIT(SIZE, "max-frame", "SIZE", "a request, header included (1088K)",
	    max_frame, FRAME_MAX_LEAST, FRAME_MAX),
	LIMIT(SIZE, "transfer-rate", "SIZE",
	    "a second, the slowest there may be (16K)", transfer_rate, 1, GIB),
	LIMIT(DUR, "transfer-grace", "DUR", "before that counts (10s)",
	    transfer_grace, 1, CLOCK_DAY),
	LIMIT(SIZE, "max-output", "SIZE",
	    "answers waiting for one connection (2M)", max_output,
	    FRAME_MAX + FRAME_REPLY_LEN, GIB),
	LIMIT(SIZE, "max-buffers", "SIZE", "memory of all connections (256M)",
	    max_buffers, 2 * FRAME_MAX, 1024 * GIB),
	LIMIT(UINT, "request-rate", "N", "requests a second of a client (5000)",
	    request_rate, 1, MANY),
	LIMIT(SIZE, "byte-rate", "SIZE",
	    "a second, both ways, of a client (512M)", byte_rate, 1,
	    1024 * GIB),
	LIMIT(UINT, "directory-rate", "N",
	    "lists and registrations a second of a client (100)",
	    directory_rate, 1, MANY),
	LIMIT(DUR, "rate-burst", "DUR", "of these rates at once (4s)",
	    rate_burst, 1, CLOCK_DAY),
	LIMIT(UINT, "registration-rate", "N", "a second from an address (1)",
	    registration_rate, 1, MANY),
	LIMIT(UINT, "registration-burst", "N", "at once from an address (60)",
	    registration_burst, 1, MANY),
	LIMIT(UINT, "handshake-rate", "N",
	    "handshakes a second from an address (500)", handshake_rate, 1,
	    MANY),
	LIMIT(UINT, "handshake-burst", "N", "at once from an address (2000)",
	    handshake_burst, 1, MANY),
	OPT_STR(0, "metrics", "ADDR:PORT", "where to answer GET /metrics",
	    struct args, metrics),
	OPT_FLAG(0, "metrics-remote", "other machines may read them, too",
	    struct args, metrics_remote),
	OPT_CHOICE(0, "log-format", "auto|text|json", "form of the log (auto)",
	    struct args, log_format),
	OPT_CHOICE(0, "log-level", "error|warn|info|debug",
	    "how much is logged (info)", struct args, log_level),
	OPT_CHOICE(0, "log-ids", "hashed|full",
	    "how clients are named in it (hashed)", struct args, log_ids),
	OPT_IN(UINT, "invite", "N", "print so many invites and end",
	    struct args, invites, 1, INVITES_MAX),
	OPT_IN(DUR, "invite-ttl", "DUR", "how long they are good for (7d)",
	    struct args, invite_ttl_ms, 1, YEAR),
	OPT_STR(0, "user", "NAME", "whom to become, when root", struct args,
	    user),
	OPT_CHOICE(0, "sandbox", "on|off",
	    "only what serving needs (" SANDBOX ")", struct args, sandbox),
	OPT_IN(UINT, "landlock", "N", "its version, at most (6; 0: without)",
	    struct args, landlock, 0, LANDLOCK_ABI_MAX),
	OPT_FLAG(0, "check-sandbox", "try what it must refuse and end",
	    struct args, check_sandbox),
	OPT_FLAG(0, "check-config", "look at all options and end", struct args,
	    check_config),
	OPT_FLAG(0, "print-address", "print the relay's address and end",
	    struct args, print_address),
	OPT_END,
};

static void
add_address(struct record *rec, const struct addr *a)
{
	char text[ADDR_TEXT_SIZE];

	addr_text(text, a);
	record_str(rec, "address", text);
}

static void
add_host(struct record *rec, const char *name, const struct addr_host *h)
{
	char text[LISTEN_TEXT_SIZE];

	snprintf(text, sizeof(text), strchr(h->name, ':') ? "[%s]:%u" : "%s:%u",
	    h->name, (unsigned)h->port);
	record_str(rec, name, text);
}

static void
add_listen(struct record *rec, const struct addr *a)
{
	record_begin(rec, "listen");
	for (size_t i = 0; i < a->hosts_n; i++)
		add_host(rec, NULL, &a->hosts[i]);
	record_end(rec);
}

static void
add_metrics(struct record *rec, const struct addr_host *h)
{
	if (h)
		add_host(rec, "metrics", h);
	else
		record_str(rec, "metrics", NULL);
}

static void
add_sandbox(struct record *rec, const struct sandbox_level *level)
{
	record_begin(rec, "sandbox");
	record_int(rec, "landlock", (uint64_t)level->landlock);
	record_bool(rec, "seccomp", level->seccomp);
	record_end(rec);
}

static int
print_ready(const struct relay_ready *ready)
{
	struct record *rec = record_new("ready");

	record_int(rec, "pid", (uint64_t)getpid());
	add_listen(rec, &ready->address);
	add_address(rec, &ready->address);
	add_metrics(rec, ready->metrics);
	add_sandbox(rec, &ready->level);
	return record_emit(rec);
}

static int
print_address(const struct relay_config *config)
{
	struct record *rec;
	struct addr a;
	int r = relay_address(&a, config);

	if (r < 0)
		return r;
	rec = record_new("address");
	add_address(rec, &a);
	return record_emit(rec);
}

static int
print_invite(const char *invite, uint64_t expires)
{
	struct record *rec = record_new("invite");

	record_str(rec, "invite", invite);
	record_time(rec, "expires_at", expires);
	return record_emit(rec);
}

static int
print_check(const char *name, bool well, const char *detail)
{
	struct record *rec = record_new("check");

	record_str(rec, "name", name);
	record_str(rec, "status", well ? "ok" : "fail");
	record_str(rec, "detail", detail);
	return record_emit(rec);
}

static int
print_attempt(const char *attempt, const char *how, bool must_work)
{
	return print_check(attempt, must_work == !how, how ? how : "worked");
}

static int
check_sandbox(const struct relay_config *config)
{
	bool sound;
	int r = relay_check_sandbox(&sound, config, print_attempt);

	if (r < 0)
		return r;
	return sound ? 0 : err_set(ERR_INTERNAL, "the sandbox is not sound");
}

static void
choose_registration(struct relay_config *config, const char *registration)
{
	static const char *const words[] = {
		[SERVE_OPEN] = "open",
		[SERVE_INVITE] = "invite",
		[SERVE_CLOSED] = "closed",
	};

	config->registration_by_reach = !registration;
	for (size_t i = 0; registration && i < ARRAY_LEN(words); i++) {
		if (strcmp(words[i], registration) == 0)
			config->registration = (enum serve_registration)i;
	}
}

/* Where the file is, to be found by another one of that name, too. */
static int
find_config_dir(const char *file)
{
	char path[PATH_MAX];
	int n = snprintf(path, sizeof(path), "%s", file);

	if (n >= (int)sizeof(path))
		return err_set(ERR_USAGE, "--config is too long");
	return realpath(dirname(path), config_dir)
	    ? 0
	    : err_sys(ERR_IO, "directory of %s", file);
}

/* What the options say; ERR_USAGE. */
static int
configure(struct relay_config *config, const struct args *a)
{
	int r;

	*config = (struct relay_config){
		.listen = a->listen.values,
		.listen_n = a->listen.n,
		.store = a->store,
		.limits = a->limits,
		.traffic = a->traffic,
		.sandbox = { .off = strcmp(a->sandbox, "off") == 0,
		    .landlock_max = (int)a->landlock,
		    .user = a->user,
		    .readable = a->config ? config_dir : NULL },
		.key = a->key,
		.metrics = a->metrics,
		.metrics_remote = a->metrics_remote,
		.log_whole_ids = strcmp(a->log_ids, "full") == 0,
		.ready = print_ready,
	};
	choose_registration(config, a->registration);
	r = log_parse_format(&config->log_format, a->log_format);
	if (r == 0)
		r = log_parse_level(&config->log_level, a->log_level);
	if (r == 0 && !a->key)
		r = err_set(ERR_USAGE, "--key is missing");
	if (r == 0 && a->limits.free_percent > 100)
		r = err_set(ERR_USAGE, "--min-free is a part of 100");
	return r;
}

/* The relay borrows what stands in again until it asks again. */
static int
reconfigure(struct relay_config *config)
{
	int r;

	free(again_text);
	again_text = NULL;
	set_usual(&again);
	r = app_config_again(&again, &again_text);
	return r == 0 ? configure(config, &again) : r;
}

static int
run(const struct settings *s, int argc, char **argv)
{
	struct relay_config config;
	int r = configure(&config, &args);

	(void)s;
	(void)argc;
	(void)argv;
	config.reload = reconfigure;
	if (r == 0 && args.config)
		r = find_config_dir(args.config);
	if (r < 0)
		return r;
	if (args.print_address)
		return print_address(&config);
	if (args.invites > 0)
		return relay_invite(&config, args.invites, args.invite_ttl_ms,
		    print_invite);
	if (!args.store)
		return err_set(ERR_USAGE, "--store is missing");
	if (args.check_config)
		return print_check("config", true,
		    args.config ? args.config : "no file");
	return args.check_sandbox ? check_sandbox(&config) : relay_run(&config);
}

int
main(int argc, char **argv)
{
	static const struct app app = {
		.name = "sentinel-relay",
		.synopsis = "--store sqlite:PATH --key FILE [OPTION]...",
		.brief = "Keep mailboxes of messages the relay cannot read.",
		.opts = opts,
		.args = &args,
		.config = &args.config,
		.bare = true,
		.run = run,
	};

	set_usual(&args);
	return app_main(&app, argc, argv);
}
