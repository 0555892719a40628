/* SPDX-License-Identifier: ISC */
#include "client/patience.h"

#include "base/clock.h"
#include "base/err.h"

#define PAUSE_MS     100ULL /* where the relay names no time; doubles */
#define PAUSE_MAX_MS 5000
#define DOUBLINGS    6

void
patience_init(struct patience *p, struct client *c)
{
	*p = (struct patience){ .client = c };
}

void
patience_renew(struct patience *p)
{
	p->deadline = 0;
	p->tries = 0;
}

static int
sleep_busy(struct patience *p, int r)
{
	uint64_t ms = err_last()->retry_after_ms;
	int left = clock_left(p->deadline);

	if (ms == 0)
		ms = PAUSE_MS << (p->tries < DOUBLINGS ? p->tries : DOUBLINGS);
	if (err_last()->retry_after_ms == 0 && ms > PAUSE_MAX_MS)
		ms = PAUSE_MAX_MS;
	if (left >= 0 && ms > (uint64_t)left)
		return r;
	p->tries++;
	clock_sleep(ms);
	return 0;
}

/* One that is busy may say so to who connects, too. */
static int
connect_again(struct patience *p, int r)
{
	if (clock_left(p->deadline) == 0)
		return r;
	/* a relay that breaks each channel is not to be asked in a loop */
	if (p->tries > 1)
		clock_sleep(PAUSE_MS);
	do {
		client_hang_up(p->client);
		r = client_connect(p->client);
	} while (r == ERR_BUSY && sleep_busy(p, r) == 0);
	return r;
}

int
patience_wait(struct patience *p, int r)
{
	if (r != ERR_BUSY && r != ERR_UNREACHABLE)
		return r;
	if (p->deadline == 0)
		p->deadline =
		    clock_deadline(client_settings(p->client)->timeout_ms);
	if (r == ERR_BUSY)
		return sleep_busy(p, r);
	r = connect_again(p, r);
	p->tries++;
	return r;
}
