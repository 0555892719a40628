/* SPDX-License-Identifier: ISC */
#include "good.h"

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "caller.h"
#include "net/chan.h"
#include "wire/codes.h"

#define EVERY_MS   200
#define TIMEOUT_MS 5000
#define ALICE      0x00600000U /* numbers that no attacker has */
#define BOB        0x00600001U
#define OPS_MAX    100000

static struct addr relay;
static struct caller alice, bob;
static struct chan *kept_alice, *kept_bob;
static struct good_result result;
static double samples[OPS_MAX];

static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int
open_channel(struct chan **c, const struct caller *who)
{
	int r = chan_open(c, &relay, relay.key, TIMEOUT_MS);

	if (r < 0)
		return r;
	r = chan_bind(*c, who->key.id, who->static_sk);
	if (r < 0) {
		chan_close(*c);
		*c = NULL;
	}
	return r;
}

static int
send_one(struct chan *c)
{
	uint8_t payload[SEND_HEAD_LEN + 256] = { 0 };
	struct body_send m = { .type = MESSAGE_RATCHET, .content_len = 256 };
	struct chan_reply rep;

	memcpy(m.to, bob.key.id, ID_LEN);
	body_pack_send(payload, &m);
	return chan_call(c, &rep, CODE_SEND, payload, sizeof(payload));
}

/* A message there must be, and it is acknowledged. */
static int
pull_one(struct chan *c)
{
	uint8_t range[BODY_RANGE_LEN];
	struct body_message m;
	struct chan_reply rep;
	const uint8_t *in;
	size_t len;
	int r = chan_call(c, &rep, CODE_PULL, NULL, 0);

	if (r < 0)
		return r;
	in = rep.payload;
	len = rep.len;
	if (len == 0)
		return err_set(ERR_INTERNAL, "no message");
	while (r == 0 && len > 0)
		r = body_unpack_message(&m, &in, &len);
	if (r < 0)
		return r;
	body_pack_range(range, &(struct body_range){ 1, m.id });
	return chan_call(c, &rep, CODE_ACK, range, sizeof(range));
}

static int
fresh(const struct caller *who, int (*op)(struct chan *))
{
	struct chan *c;
	int r = open_channel(&c, who);

	if (r < 0)
		return r;
	r = op(c);
	chan_close(c);
	return r;
}

static int
fresh_send(void)
{
	return fresh(&alice, send_one);
}

static int
fresh_pull(void)
{
	return fresh(&bob, pull_one);
}

static int
kept(struct chan **c, const struct caller *who, int (*op)(struct chan *))
{
	int r = *c ? 0 : open_channel(c, who);

	if (r == 0)
		r = op(*c);
	if (r < 0) {
		chan_close(*c);
		*c = NULL;
	}
	return r;
}

static int
kept_send(void)
{
	return kept(&kept_alice, &alice, send_one);
}

static int
kept_pull(void)
{
	return kept(&kept_bob, &bob, pull_one);
}

static void
measure(const char *name, int (*op)(void))
{
	double start = now_ms();
	int r = op();

	if (result.n < OPS_MAX)
		samples[result.n++] = now_ms() - start;
	if (r == 0)
		result.ok++;
	else if (result.fault[0] == '\0')
		snprintf(result.fault, sizeof(result.fault), "%s: %.150s", name,
		    err_last()->message);
}

static void
round_of_all(void)
{
	measure("fresh send", fresh_send);
	measure("fresh pull", fresh_pull);
	measure("kept send", kept_send);
	measure("kept pull", kept_pull);
}

static void
enrol(struct caller *who, unsigned n, const char *name)
{
	uint8_t payload[BODY_REGISTER_MAX];
	struct chan_reply rep;
	struct chan *c;
	size_t len;

	caller_make(who, n, name);
	caller_pack(who, payload, &len);
	MUST(open_channel(&c, who) == 0);
	MUST(chan_call(c, &rep, CODE_REGISTER, payload, len) == 0);
	chan_close(c);
}

static int
ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
sum_up(void)
{
	qsort(samples, result.n, sizeof(*samples), ascending);
	result.p50_ms = samples[result.n / 2];
	result.p99_ms = samples[result.n - 1 - result.n / 100];
	result.max_ms = samples[result.n - 1];
}

static void
live(int stop, int out)
{
	struct pollfd p = { .fd = stop, .events = POLLIN };

	enrol(&alice, ALICE, "good-alice");
	enrol(&bob, BOB, "good-bob");
	round_of_all();
	if (result.ok < result.n)
		fprintf(stderr, "good client, at rest: %s\n", result.fault);
	MUST(result.ok == result.n);
	result.n = 0;
	result.ok = 0;
	MUST(write(out, "", 1) == 1);
	do {
		round_of_all();
	} while (poll(&p, 1, EVERY_MS) == 0);
	sum_up();
	MUST(write(out, &result, sizeof(result)) == sizeof(result));
	chan_close(kept_alice);
	chan_close(kept_bob);
}

void
good_start(struct good *g, const struct siege *sg)
{
	int stop[2], out[2];
	char ready;

	MUST(pipe2(stop, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
	fflush(stdout);
	g->pid = fork();
	MUST(g->pid >= 0);
	if (g->pid == 0) {
		close(stop[1]);
		close(out[0]);
		relay = sg->relay;
		live(stop[0], out[1]);
		exit(0);
	}
	close(stop[0]);
	close(out[1]);
	g->stop = stop[1];
	g->result = out[0];
	MUST(read(g->result, &ready, 1) == 1);
}

void
good_stop(struct good *g, struct good_result *out)
{
	int status;

	close(g->stop);
	MUST(read(g->result, out, sizeof(*out)) == sizeof(*out));
	close(g->result);
	MUST(waitpid(g->pid, &status, 0) == g->pid && status == 0);
}
