/* SPDX-License-Identifier: ISC */
#include "server/pace.h"

#include "base/clock.h"
#include "base/err.h"
#include "server/notice.h"
#include "server/serve.h"

int
pace_start(struct pace *p, const struct limits *l)
{
	*p = (struct pace){
		.rates = {
			[RATE_REQUESTS] = { l->request_rate, l->rate_burst },
			[RATE_BYTES] = { l->byte_rate, l->rate_burst },
			[RATE_DIRECTORY] = { l->directory_rate,
			    l->rate_burst },
			[RATE_REGISTRATIONS] = rate_of(l->registration_rate,
			    l->registration_burst),
		},
		.clients = rate_new(),
		.sources = rate_new(),
	};
	if (p->clients && p->sources)
		return 0;
	pace_stop(p);
	return err_set(ERR_NOMEM, "rates");
}

void
pace_stop(struct pace *p)
{
	rate_free(p->clients);
	rate_free(p->sources);
	p->clients = p->sources = NULL;
}

uint64_t
pace_ask(struct pace *p, const struct session *ss, enum rate_kind kind,
    size_t len)
{
	const uint64_t price[RATE_KINDS] = {
		[RATE_REQUESTS] = 1,
		[RATE_BYTES] = len,
		[RATE_DIRECTORY] = kind == RATE_DIRECTORY,
	};
	uint64_t now = clock_mono_ms(), longest = 0;
	struct bucket *b = rate_find(p->clients, ss->id);

	for (size_t i = 0; i < RATE_KINDS; i++) {
		uint64_t wait =
		    price[i] > 0 ? rate_wait(&b[i], &p->rates[i], now) : 0;

		if (wait > longest)
			longest = wait;
	}
	if (longest > 0) {
		notice_put(NOTICE_RATE, ss->origin, now);
		return longest;
	}
	for (size_t i = 0; i < RATE_KINDS; i++)
		rate_take(&b[i], &p->rates[i], now, price[i]);
	return 0;
}

uint64_t
pace_newcomer(struct pace *p, const struct session *ss)
{
	uint64_t now = clock_mono_ms();
	uint64_t wait =
	    rate_wait(&rate_find(p->sources, ss->origin)[RATE_REGISTRATIONS],
		&p->rates[RATE_REGISTRATIONS], now);

	if (wait > 0)
		notice_put(NOTICE_REGISTRATIONS, ss->origin, now);
	return wait;
}

void
pace_registered(struct pace *p, const struct session *ss)
{
	rate_take(&rate_find(p->sources, ss->origin)[RATE_REGISTRATIONS],
	    &p->rates[RATE_REGISTRATIONS], clock_mono_ms(), 1);
}

void
pace_reply(struct pace *p, const struct session *ss, size_t len)
{
	if (ss->bound)
		rate_take(&rate_find(p->clients, ss->id)[RATE_BYTES],
		    &p->rates[RATE_BYTES], clock_mono_ms(), len);
}
