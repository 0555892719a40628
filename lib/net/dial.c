/* SPDX-License-Identifier: ISC */
#include "net/dial.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/secret.h"
#include "net/sock.h"

#define PAUSE_MIN_MS 50
#define PAUSE_MAX_MS 1000
#define ATTEMPT_MS   2000ULL /* one host's, while others wait; doubles */
#define DOUBLINGS    5

/*
 * Two bytes first: the clear error is shorter than message 2 and a relay
 * that is none may say anything.
 */
static int
read_answer(int fd, uint8_t in[static TRANSPORT_ANSWER_LEN], uint64_t deadline)
{
	int r;

	r = sock_read_all(fd, in, TRANSPORT_LENGTH_LEN, deadline);
	if (r < 0)
		return r;
	if (memcmp(in, transport_refusal, TRANSPORT_LENGTH_LEN) == 0) {
		r = err_set(ERR_PROTOCOL, "the relay does not speak version 3");
		err_hint("one of the two programs is too old");
		return r;
	}
	if (transport_length(in) != TRANSPORT_ANSWER_LEN - TRANSPORT_LENGTH_LEN)
		return err_set(ERR_PROTOCOL, "what answers is no relay");
	return sock_read_all(fd, in + TRANSPORT_LENGTH_LEN,
	    TRANSPORT_ANSWER_LEN - TRANSPORT_LENGTH_LEN, deadline);
}

static int
greet(struct transport *t, struct transport_answer *answer, int fd,
    uint64_t deadline)
{
	uint8_t hello[TRANSPORT_HELLO_LEN], in[TRANSPORT_ANSWER_LEN];
	uint8_t fresh_e[KEY_LEN];
	int r;

	secret_random(fresh_e, sizeof(fresh_e));
	r = transport_hello(t, hello, fresh_e);
	secret_wipe(fresh_e, sizeof(fresh_e));
	if (r == 0)
		r = sock_write(fd, hello, sizeof(hello), deadline);
	if (r == 0)
		r = read_answer(fd, in, deadline);
	if (r == 0)
		r = transport_read_answer(t, answer, in);
	return r;
}

static int
try_host(int *fd, struct transport *t, struct transport_answer *answer,
    const struct addr_host *h, uint64_t deadline)
{
	int s, r;

	r = sock_connect(&s, h, deadline);
	if (r < 0)
		return r;
	r = greet(t, answer, s, deadline);
	if (r < 0)
		close(s);
	else
		*fd = s;
	return r;
}

/*
 * A relay that starts, or has no room just now, turns a client away; one that
 * had no more than its share of the time may be slow.
 */
static bool
may_answer_yet(void)
{
	int number = err_last()->number;

	return number == ECONNREFUSED || number == ECONNRESET ||
	    number == EPIPE || number == ETIMEDOUT;
}

/* For one of the n hosts that are still to be asked in this round. */
static uint64_t
attempt_until(const struct addr *a, size_t n, uint64_t round, uint64_t deadline)
{
	const uint64_t share = sock_share(deadline, n);
	const uint64_t most = clock_deadline(
	    ATTEMPT_MS << (round < DOUBLINGS ? round : DOUBLINGS));

	return a->hosts_n > 1 && most < share ? most : share;
}

/* Each host once; *again when it is worth another round. */
static int
try_all(int *fd, struct transport *t, struct dial_met *met,
    const struct addr *a, uint64_t round, uint64_t deadline, bool *again)
{
	int r = ERR_UNREACHABLE;

	*again = false;
	for (size_t i = 0; i < a->hosts_n && r == ERR_UNREACHABLE; i++) {
		size_t host = (a->first + i) % a->hosts_n;

		r = try_host(fd, t, &met->answer, &a->hosts[host],
		    attempt_until(a, a->hosts_n - i, round, deadline));
		if (r == 0)
			met->host = host;
		if (r == ERR_UNREACHABLE && may_answer_yet())
			*again = true;
	}
	return r;
}

/* False when the deadline comes first. */
static bool
rest(uint64_t round, uint64_t deadline)
{
	uint64_t ms = backoff_ms(round, PAUSE_MIN_MS, PAUSE_MAX_MS);
	int left = clock_left(deadline);

	if (left >= 0 && ms >= (uint64_t)left)
		return false;
	clock_sleep(ms);
	return true;
}

static void
advise(const struct addr *a)
{
	const struct addr_host *h = &a->hosts[0];
	const bool v6 = strchr(h->name, ':') != NULL;

	if (err_last()->number != ECONNREFUSED || a->hosts_n > 1)
		err_hint("is that the address that the relay's operator gave? "
			 "another one: --relay sentinel://KEY@HOST:PORT");
	else
		err_hint("no relay runs there; where it is yours to start: "
			 "sentinel-relay --listen %s%s%s:%u --store "
			 "sqlite:relay.db --key relay.secret",
		    v6 ? "[" : "", h->name, v6 ? "]" : "", (unsigned)h->port);
}

int
dial_relay(int *fd, struct transport *t, struct dial_met *met,
    const struct addr *a, uint64_t deadline)
{
	uint64_t round = 0;
	bool again;
	int r;

	do {
		r = try_all(fd, t, met, a, round, deadline, &again);
	} while (r == ERR_UNREACHABLE && again && rest(round++, deadline));
	if (r == ERR_UNREACHABLE)
		advise(a);
	return r;
}
