/* SPDX-License-Identifier: ISC */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/err.h"
#include "server/metrics.h"

#define PREFIX   "sentinel_relay_"
#define LINE_LEN 256
#define NS_PER_S UINT64_C(1000000000)

/* What gathers; the first failure stays. */
struct text {
	struct buf *out;
	int r;
};

struct family;

typedef void (*put_fn)(struct text *t, const struct family *f);

/* One metric; its values stand in a row, one for each word of its label. */
struct family {
	const char *name; /* without the prefix */
	const char *type;
	const char *help;
	put_fn put;
	const void *value;
	const char *label;
	const char *const *words;
	size_t n;
};

static const char *const requests[METRICS_REQUESTS] = {
#define NAME_(sym, val, name) [(val)-CODE_REGISTER] = (name),
	CODE_TABLE(NAME_)
#undef NAME_
	    [METRICS_REQUESTS - 1] = "other",
};

static const char *const results[METRICS_RESULTS] = { "ok",
#define NAME_(sym, val, name, err) [val] = (name),
	REASON_TABLE(NAME_)
#undef NAME_
};

static const char *const ends[METRICS_ENDS] = {
	[METRICS_END_CLOSED] = "closed",
	[METRICS_END_HUNG_UP] = "hung_up",
	[METRICS_END_TIMEOUT] = "timeout",
	[METRICS_END_PROTOCOL] = "protocol",
	[METRICS_END_KICKED] = "kicked",
	[METRICS_END_CROWDED] = "crowded",
	[METRICS_END_RATE] = "rate",
	[METRICS_END_MEMORY] = "memory",
	[METRICS_END_STORE] = "store",
	[METRICS_END_STOPPED] = "stopped",
};

static const char *const handshakes[METRICS_HANDSHAKES] = { "ok", "failed" };
static const char *const kinds[FIGURES_KINDS] = { "message", "piece" };
static const char *const parts[FIGURES_PARTS] = { "database", "log", "pieces" };
static const char *const versions[] = { VERSION };
static const uint64_t one = 1;

static PRINTFLIKE(2, 3) void put(struct text *t, const char *fmt, ...)
{
	char line[LINE_LEN];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (t->r == 0)
		t->r = n > 0 && n < LINE_LEN
		    ? buf_put(t->out, line, (size_t)n)
		    : err_set(ERR_INTERNAL, "a metric's line is too long");
}

static void
put_value(struct text *t, const struct family *f)
{
	put(t, PREFIX "%s %" PRIu64 "\n", f->name, *(const uint64_t *)f->value);
}

static void
put_row(struct text *t, const struct family *f)
{
	const uint64_t *values = f->value;

	for (size_t i = 0; i < f->n; i++)
		put(t, PREFIX "%s{%s=\"%s\"} %" PRIu64 "\n", f->name, f->label,
		    f->words[i], values[i]);
}

/* For each word of the label, one value for each result. */
static void
put_results(struct text *t, const struct family *f)
{
	const uint64_t *values = f->value;

	for (size_t i = 0; i < f->n * METRICS_RESULTS; i++)
		put(t, PREFIX "%s{%s=\"%s\",result=\"%s\"} %" PRIu64 "\n",
		    f->name, f->label, f->words[i / METRICS_RESULTS],
		    results[i % METRICS_RESULTS], values[i]);
}

static void
put_buckets(struct text *t, const struct family *f)
{
	const struct metrics_histogram *h = f->value;
	uint64_t n = 0;

	for (size_t i = 0; i < METRICS_BUCKETS - 1; i++) {
		n += h->counts[i];
		put(t, PREFIX "%s_bucket{le=\"%g\"} %" PRIu64 "\n", f->name,
		    (double)metrics_bounds_ns[i] / NS_PER_S, n);
	}
	n += h->counts[METRICS_BUCKETS - 1];
	put(t, PREFIX "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", f->name, n);
	put(t, PREFIX "%s_sum %" PRIu64 ".%09" PRIu64 "\n", f->name,
	    h->sum_ns / NS_PER_S, h->sum_ns % NS_PER_S);
	put(t, PREFIX "%s_count %" PRIu64 "\n", f->name, n);
}

/* clang-format off */
#define VALUE(member) put_value, &metrics.member, NULL, NULL, 0
#define ROW(member, label, words) \
	put_row, metrics.member, label, words, ARRAY_LEN(words)
#define BUCKETS(member) put_buckets, &metrics.member, NULL, NULL, 0

static const struct family families[] = {
	{ "build_info", "gauge", "The version that runs.",
	    put_row, &one, "version", versions, 1 },
	{ "start_time_seconds", "gauge", "Unix time of the start.",
	    VALUE(started_s) },

	{ "requests_total", "counter", "Requests answered.",
	    put_results, metrics.requests, "request", requests,
	    METRICS_REQUESTS },
	{ "request_duration_seconds", "histogram",
	    "From the first request of a turn until its answers may leave.",
	    BUCKETS(request_time) },
	{ "commit_duration_seconds", "histogram",
	    "Making a group of changes durable.", BUCKETS(commit_time) },
	{ "groups_lost_total", "counter",
	    "Groups of changes that could not be made durable.",
	    VALUE(groups_lost) },
	{ "limits_reached_total", "counter",
	    "How often a limit was reached.",
	    ROW(limits, "limit", notice_names) },

	{ "connections_accepted_total", "counter", "Connections taken.",
	    VALUE(accepted) },
	{ "connections_closed_total", "counter", "Connections that ended.",
	    ROW(ended, "cause", ends) },
	{ "connections_open", "gauge", "Connections there are.",
	    VALUE(connections) },
	{ "connections_unbound", "gauge",
	    "Of these, not bound to a client.", VALUE(unbound) },
	{ "handshakes_total", "counter", "Handshakes of connections.",
	    ROW(handshakes, "result", handshakes) },
	{ "received_bytes_total", "counter", "Bytes from sockets.",
	    VALUE(bytes_in) },
	{ "sent_bytes_total", "counter", "Bytes to sockets.",
	    VALUE(bytes_out) },
	{ "buffers_bytes", "gauge", "Memory of all connections.",
	    VALUE(buffers) },
	{ "pulls_waiting", "gauge", "Pulls that wait for a message.",
	    VALUE(waiting) },

	{ "clients", "gauge", "Clients registered, each with a mailbox.",
	    VALUE(store.clients) },
	{ "messages_stored_total", "counter", "Messages taken in.",
	    ROW(store.stored, "kind", kinds) },
	{ "messages_delivered_total", "counter",
	    "Messages given out, as often as they were.",
	    ROW(delivered, "kind", kinds) },
	{ "messages_deleted_total", "counter",
	    "Messages acknowledged, or gone with their client.",
	    ROW(store.deleted, "kind", kinds) },
	{ "messages_expired_total", "counter",
	    "Messages deleted because their time was over.",
	    ROW(store.expired, "kind", kinds) },
	{ "messages_held", "gauge", "Messages in all mailboxes.",
	    ROW(store.held, "kind", kinds) },
	{ "messages_held_bytes", "gauge", "Their contents.",
	    ROW(store.held_bytes, "kind", kinds) },
	{ "store_size_bytes", "gauge", "What the store takes on the disk.",
	    ROW(size.bytes, "part", parts) },
	{ "sweeps_total", "counter",
	    "Looks for messages whose time is over.", VALUE(sweeps) },
};
/* clang-format on */

int
metrics_text(struct buf *out)
{
	struct text t = { .out = out };

	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		const struct family *f = &families[i];

		put(&t, "# HELP " PREFIX "%s %s\n", f->name, f->help);
		put(&t, "# TYPE " PREFIX "%s %s\n", f->name, f->type);
		f->put(&t, f);
	}
	return t.r;
}
