/* SPDX-License-Identifier: ISC */
/* sentinel-relay -- keep mailboxes for clients that cannot meet */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "cli/app.h"
#include "cli/record.h"
#include "server/relay.h"

#define LISTEN_TEXT_SIZE (ADDR_HOST_SIZE + sizeof("[]:65535"))

static struct args {
	struct opt_list listen;
	const char *store;
	const char *key;
	const char *registration;
	const char *log_format;
	const char *log_level;
	struct store_limits limits;
	bool print_address;
} args = {
	.registration = "open",
	.log_format = "auto",
	.log_level = "info",
};

static const struct opt opts[] = {
	OPT_LIST('l', "listen", "ADDR:PORT",
	    "where to listen, again for more (127.0.0.1:9876)", struct args,
	    listen),
	OPT_STR(0, "store", "sqlite:PATH", "database, made when missing",
	    struct args, store),
	OPT_STR(0, "key", "FILE", "secret key, made when missing", struct args,
	    key),
	OPT_CHOICE(0, "registration", "open|closed", "who may register (open)",
	    struct args, registration),
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
	OPT_UINT(0, "min-free", "PERCENT", "of the disk, left to others (5)",
	    struct args, limits.free_percent),
	OPT_CHOICE(0, "log-format", "auto|text|json", "form of the log (auto)",
	    struct args, log_format),
	OPT_CHOICE(0, "log-level", "error|warn|info|debug",
	    "how much is logged (info)", struct args, log_level),
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
add_listen(struct record *rec, const struct addr *a)
{
	record_begin(rec, "listen");
	for (size_t i = 0; i < a->hosts_n; i++) {
		const struct addr_host *h = &a->hosts[i];
		char text[LISTEN_TEXT_SIZE];

		snprintf(text, sizeof(text),
		    strchr(h->name, ':') ? "[%s]:%u" : "%s:%u", h->name,
		    (unsigned)h->port);
		record_str(rec, NULL, text);
	}
	record_end(rec);
}

static int
print_ready(const struct addr *a)
{
	struct record *rec = record_new("ready");

	record_int(rec, "pid", (uint64_t)getpid());
	add_listen(rec, a);
	add_address(rec, a);
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
run(const struct settings *s, int argc, char **argv)
{
	static const char *const here[] = { "127.0.0.1:9876" };
	struct relay_config config = {
		.listen = args.listen.n > 0 ? args.listen.values : here,
		.listen_n = args.listen.n > 0 ? args.listen.n : 1,
		.store = args.store,
		.limits = args.limits,
		.key = args.key,
		.registration = strcmp(args.registration, "closed") == 0
		    ? SERVE_CLOSED
		    : SERVE_OPEN,
		.ready = print_ready,
	};
	int r;

	(void)s;
	(void)argc;
	(void)argv;
	if (!args.key)
		return err_set(ERR_USAGE, "--key is missing");
	if (args.print_address)
		return print_address(&config);
	if (!args.store)
		return err_set(ERR_USAGE, "--store is missing");
	if (args.limits.free_percent > 100)
		return err_set(ERR_USAGE, "--min-free is a part of 100");
	r = log_parse_format(&config.log_format, args.log_format);
	if (r == 0)
		r = log_parse_level(&config.log_level, args.log_level);
	return r == 0 ? relay_run(&config) : r;
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
		.bare = true,
		.run = run,
	};

	args.limits = store_limits_usual;
	return app_main(&app, argc, argv);
}
