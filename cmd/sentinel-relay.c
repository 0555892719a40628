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
	uint64_t file_quota;
	uint64_t file_ttl_ms;
	struct limits traffic;
	bool print_address;
} args = {
	.file_quota = STORE_CHUNK_BYTES,
	.file_ttl_ms = STORE_CHUNK_TTL_MS,
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
	OPT_SIZE(0, "file-quota", "SIZE",
	    "pieces of files in one mailbox (64G)", struct args, file_quota),
	OPT_DUR(0, "file-ttl", "DUR", "how long they are kept (7d)",
	    struct args, file_ttl_ms),
	OPT_UINT(0, "max-connections", "N", "connections in all (16384)",
	    struct args, traffic.max_connections),
	OPT_UINT(0, "max-client-connections", "N", "of one client (128)",
	    struct args, traffic.max_client_connections),
	OPT_UINT(0, "max-unbound", "N", "not bound to a client (256)",
	    struct args, traffic.max_unbound),
	OPT_UINT(0, "max-source-unbound", "N",
	    "of these, from one address (64)", struct args,
	    traffic.max_source_unbound),
	OPT_DUR(0, "bind-timeout", "DUR", "to say and prove who it is (5s)",
	    struct args, traffic.bind_timeout),
	OPT_DUR(0, "idle-timeout", "DUR", "without a request (60s)",
	    struct args, traffic.idle_timeout),
	OPT_DUR(0, "connection-life", "DUR", "of any connection (24h)",
	    struct args, traffic.connection_life),
	OPT_SIZE(0, "max-frame", "SIZE", "a request, header included (1088K)",
	    struct args, traffic.max_frame),
	OPT_SIZE(0, "transfer-rate", "SIZE",
	    "a second, the slowest there may be (16K)", struct args,
	    traffic.transfer_rate),
	OPT_DUR(0, "transfer-grace", "DUR", "before that counts (10s)",
	    struct args, traffic.transfer_grace),
	OPT_SIZE(0, "max-output", "SIZE",
	    "answers waiting for one connection (2M)", struct args,
	    traffic.max_output),
	OPT_SIZE(0, "max-buffers", "SIZE", "memory of all connections (256M)",
	    struct args, traffic.max_buffers),
	OPT_UINT(0, "request-rate", "N", "requests a second of a client (5000)",
	    struct args, traffic.request_rate),
	OPT_SIZE(0, "byte-rate", "SIZE",
	    "a second, both ways, of a client (512M)", struct args,
	    traffic.byte_rate),
	OPT_UINT(0, "directory-rate", "N",
	    "lists and registrations a second of a client (100)", struct args,
	    traffic.directory_rate),
	OPT_DUR(0, "rate-burst", "DUR", "of these rates at once (4s)",
	    struct args, traffic.rate_burst),
	OPT_UINT(0, "registration-rate", "N", "a second of an address (1)",
	    struct args, traffic.registration_rate),
	OPT_UINT(0, "registration-burst", "N", "at once of an address (60)",
	    struct args, traffic.registration_burst),
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
		.limits = { args.file_quota, args.file_ttl_ms },
		.traffic = args.traffic,
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
	r = limits_check(&args.traffic);
	if (r < 0)
		return r;
	if (!args.key)
		return err_set(ERR_USAGE, "--key is missing");
	if (args.print_address)
		return print_address(&config);
	if (!args.store)
		return err_set(ERR_USAGE, "--store is missing");
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

	args.traffic = limits_default;
	return app_main(&app, argc, argv);
}
