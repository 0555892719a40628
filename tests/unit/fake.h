/* SPDX-License-Identifier: ISC */
/*
 * A client whose relay is the test, for modules that ask one: what they ask
 * for is kept, and answered as the test likes.  The clock stands still but
 * while somebody sleeps.  This takes the place of client/client, net/chan and
 * base/clock in the test's program.
 */
#ifndef UNIT_FAKE_H
#define UNIT_FAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/settings.h"
#include "client/client.h"
#include "net/chan.h"

#define FAKE_ASKED_MAX 512

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

extern struct fake fake;

/* cmocka's setup and teardown: a fresh one with a timeout of 30 s. */
int fake_setup(void **state);
int fake_teardown(void **state);

struct client *fake_client(void);

/* What a 9000 comes to; retry_ms 0: it names no time. */
int fake_refuse(int code, uint32_t retry_ms);

#endif
