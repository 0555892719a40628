/* SPDX-License-Identifier: ISC */
/*
 * A client whose relay is the test, for modules that ask one: what they ask
 * for is kept, and answered as the test likes.  The clock stands still but
 * while somebody sleeps.  This takes the place of client/client, net/chan and
 * base/clock in the test's program, and so it is no file of its own, which any
 * test might be linked with.
 */
#ifndef UNIT_FAKE_H
#define UNIT_FAKE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* cmocka.h needs what stands above */
#include <cmocka.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/settings.h"
#include "client/client.h"
#include "net/chan.h"
#include "wire/codes.h"

#define FAKE_ASKED_MAX  512
#define FAKE_TIMEOUT_MS 30000

struct fake_request {
	unsigned channel;
	uint16_t code;
	uint8_t *payload;
	size_t len;
};

struct fake {
	struct settings settings;
	uint64_t now;     /* ms */
	uint64_t slept;   /* in all */
	unsigned channel; /* the one that there is; the first is 1 */
	struct fake_request asked[FAKE_ASKED_MAX];
	size_t asked_n, answered;
	uint16_t reason;
	bool is_broken;
	/*
	 * 0 with *out, or an error: fake_refuse's, else the channel breaks.
	 * A new channel: 0 or an error; NULL: always 0.
	 */
	int (*answer)(const struct fake_request *r, struct chan_reply *out);
	int (*connect)(void);
};

static struct fake fake;

/* cmocka's setup and teardown: a fresh one with a timeout of 30 s. */
static int
fake_setup(void **state)
{
	(void)state;
	fake = (struct fake){ .now = 1000000, .channel = 1 };
	fake.settings.timeout_ms = FAKE_TIMEOUT_MS;
	return 0;
}

static int
fake_teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < fake.asked_n; i++)
		free(fake.asked[i].payload);
	return 0;
}

static inline struct client *
fake_client(void)
{
	return (struct client *)(void *)&fake;
}

/* What a 9000 comes to; retry_ms 0: it names no time. */
static inline int
fake_refuse(int code, uint32_t retry_ms)
{
	err_set(code, "the relay refuses");
	err_retry_after(retry_ms);
	fake.reason = 1;
	return code;
}

/* --- in place of client/client --- */

struct chan *
client_chan(struct client *c)
{
	return (struct chan *)(void *)c;
}

const struct settings *
client_settings(const struct client *c)
{
	(void)c;
	return &fake.settings;
}

void
client_hang_up(struct client *c)
{
	(void)c;
	fake.is_broken = true;
	fake.answered = fake.asked_n;
}

int
client_connect(struct client *c)
{
	int r = fake.connect ? fake.connect() : 0;

	(void)c;
	if (r < 0)
		return r;
	fake.channel++;
	fake.is_broken = false;
	return 0;
}

/* --- in place of net/chan --- */

int
chan_put(struct chan *c, uint16_t code, const uint8_t *head, size_t head_len,
    const uint8_t *body, size_t body_len)
{
	struct fake_request *r = &fake.asked[fake.asked_n];

	(void)c;
	fake.reason = 0;
	if (fake.is_broken)
		return err_set(ERR_UNREACHABLE, "broken");
	assert_true(fake.asked_n < FAKE_ASKED_MAX);
	*r = (struct fake_request){ .channel = fake.channel,
		.code = code,
		.payload = malloc(head_len + body_len + 1),
		.len = head_len + body_len };
	assert_non_null(r->payload);
	memcpy(r->payload, head, head_len);
	if (body_len > 0)
		memcpy(r->payload + head_len, body, body_len);
	fake.asked_n++;
	return 0;
}

int
chan_get(struct chan *c, struct chan_reply *out, uint64_t extra_ms)
{
	const struct fake_request *asked = &fake.asked[fake.answered];
	int r;

	(void)c;
	(void)extra_ms;
	fake.reason = 0;
	if (fake.is_broken)
		return err_set(ERR_UNREACHABLE, "broken");
	assert_true(fake.answered < fake.asked_n);
	*out = (struct chan_reply){ .code = asked->code + CODE_REPLY };
	r = fake.answer(asked, out);
	if (r < 0 && fake.reason == 0)
		fake.is_broken = true;
	else
		fake.answered++;
	return r;
}

int
chan_call(struct chan *c, struct chan_reply *out, uint16_t code,
    const uint8_t *payload, size_t len)
{
	int r = chan_put(c, code, payload, len, NULL, 0);

	return r < 0 ? r : chan_get(c, out, 0);
}

uint16_t
chan_reason(const struct chan *c)
{
	(void)c;
	return fake.reason;
}

/* --- in place of base/clock --- */

uint64_t
clock_wall_ms(void)
{
	return fake.now;
}

uint64_t
clock_mono_ms(void)
{
	return fake.now;
}

uint64_t
clock_deadline(uint64_t ms)
{
	return ms > CLOCK_NEVER - fake.now ? CLOCK_NEVER : fake.now + ms;
}

int
clock_left(uint64_t deadline)
{
	if (deadline == CLOCK_NEVER)
		return -1;
	return deadline <= fake.now ? 0 : (int)(deadline - fake.now);
}

void
clock_sleep(uint64_t ms)
{
	fake.now += ms;
	fake.slept += ms;
}

#endif
