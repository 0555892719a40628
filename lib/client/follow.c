/* SPDX-License-Identifier: ISC */
#include "client/follow.h"

#include "base/backoff.h"
#include "base/clock.h"
#include "base/err.h"

#define PAUSE_MS     100 /* before a relay is looked for once more; doubles */
#define PAUSE_MAX_MS 30000

struct follow {
	struct client *client;
	struct pull *pull;
	struct handover *out;
	struct answer *answer;
	const struct follow_plan *plan;
	uint64_t deadline;
	uint64_t delivered;
	uint64_t vain;   /* tries to reach the relay, since it was */
	bool lacks_room; /* and was told so */
};

static int
deliver(struct follow *f)
{
	const uint64_t left = f->plan->count - f->delivered;
	uint64_t n;
	int r = f->plan->handler
	    ? handover_handle(f->out, left, f->plan->handler, &n)
	    : handover_print(f->out, left, &f->plan->reader, &n);

	f->delivered += n;
	return r;
}

/* How long the relay may hold the next request open. */
static int
patience(const struct follow *f, uint64_t *ms)
{
	int left = clock_left(f->deadline);

	if (f->plan->forever)
		return handover_due_in(f->out, ms);
	if (f->plan->wait_ms == FOLLOW_NO_WAIT || f->delivered > 0)
		*ms = 0;
	else
		*ms = left < 0 ? CLOCK_NEVER : (uint64_t)left;
	return 0;
}

/*
 * The answers that are open, which an earlier channel may not have let
 * through; a page, and the answers to what was in it.  Where none came, the
 * mailbox is begun anew: what was left there may be taken now.
 */
static int
fetch(struct follow *f, uint64_t wait_ms, bool *got)
{
	int r = answer_all(f->answer);

	if (r == 0)
		r = pull_fetch(f->pull, wait_ms, got);
	if (r == 0)
		r = answer_all(f->answer);
	if (r == 0)
		f->vain = 0;
	return r < 0 || *got || !f->plan->forever ? r : pull_rewind(f->pull);
}

/* Who follows for ever hears of it now; others in the end. */
static void
tell_lack(struct follow *f)
{
	if (!f->plan->forever || f->lacks_room || !pull_lacks_room(f->pull))
		return;
	f->lacks_room = true;
	f->plan->trouble(pull_verdict(f->pull));
}

/* One turn; *over: an empty page, and no reason to wait for another. */
static int
turn(struct follow *f, bool *over)
{
	uint64_t wait_ms;
	bool got = false;
	int r = patience(f, &wait_ms);

	if (r == 0)
		r = fetch(f, wait_ms, &got);
	tell_lack(f);
	*over = !got && wait_ms == 0 && !f->plan->forever;
	return r < 0 || *over ? r : deliver(f);
}

/* As long as the relay asks for, else longer each time; the first not at all.
 */
static uint64_t
pause_for(const struct follow *f, int r)
{
	if (r == ERR_BUSY && err_last()->retry_after_ms > 0)
		return err_last()->retry_after_ms;
	if (f->vain == 0 && r == ERR_UNREACHABLE)
		return 0;
	return backoff_ms(f->vain, PAUSE_MS, PAUSE_MAX_MS);
}

/*
 * Who waits for a while looks once for another channel, in place of one that
 * broke.
 */
static bool
is_bearable(const struct follow *f, int r)
{
	if (f->plan->forever)
		return r == ERR_UNREACHABLE || r == ERR_BUSY;
	return r == ERR_UNREACHABLE && f->vain == 0 &&
	    f->plan->wait_ms != FOLLOW_NO_WAIT && client_chan(f->client);
}

/*
 * The relay is away, or busy: from the front of the mailbox over another
 * channel, after a while in which what is due is not held up.
 */
static int
endure(struct follow *f, int r)
{
	uint64_t ms = pause_for(f, r), due;

	if (!is_bearable(f, r))
		return r;
	if (f->vain++ == (r == ERR_UNREACHABLE))
		f->plan->trouble(r);
	client_hang_up(f->client);
	r = handover_due_in(f->out, &due);
	if (r < 0)
		return r;
	clock_sleep(ms < due ? ms : due);
	r = pull_rewind(f->pull);
	return r < 0 ? r : deliver(f);
}

static int
run(struct follow *f)
{
	const bool waits = f->plan->wait_ms != FOLLOW_NO_WAIT;
	bool over;
	int r = deliver(f);

	over = waits && f->delivered > 0;
	while (r == 0 && !over && f->delivered < f->plan->count) {
		r = turn(f, &over);
		if (r < 0)
			r = endure(f, r);
	}
	return r;
}

int
follow_run(struct client *c, struct pull *p, struct handover *out,
    const struct follow_plan *plan, uint64_t *delivered)
{
	struct follow f = {
		.client = c,
		.pull = p,
		.out = out,
		.plan = plan,
		.deadline = clock_deadline(plan->wait_ms),
	};
	int r = answer_new(&f.answer, c, plan->answer);

	if (r == 0)
		r = run(&f);
	if (r == 0)
		r = pull_verdict(p);
	if (r == 0 && !plan->forever)
		r = handover_verdict(out);
	answer_free(f.answer);
	*delivered = f.delivered;
	return r;
}
