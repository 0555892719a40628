/* SPDX-License-Identifier: ISC */
/*
 * The input as all that a client says to a relay, and as what a relay answers
 * to a client.
 */
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "net/transport.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const uint8_t relay_sk[KEY_LEN] = { 1 }, relay_e[KEY_LEN] = { 2 };
static const uint8_t client_e[KEY_LEN] = { 3 };

static void
relay_side(const uint8_t *in, size_t len)
{
	uint8_t answer[TRANSPORT_ANSWER_LEN], who[ID_LEN], pk[KEY_LEN];
	uint8_t record[TRANSPORT_RECORD_MAX], *body;
	enum transport_kind kind;
	struct transport relay;
	size_t at = TRANSPORT_HELLO_LEN, n;

	transport_begin(&relay, relay_sk);
	if (len < at ||
	    transport_answer(&relay, answer, in, FRAME_MAX, 4, relay_e) < 0)
		return;
	if (len - at < TRANSPORT_FINISH_LEN ||
	    transport_read_finish(&relay, who, pk, in + at) < 0)
		return;
	at += TRANSPORT_FINISH_LEN;
	while (len - at >= TRANSPORT_LENGTH_LEN) {
		n = transport_length(in + at);
		at += TRANSPORT_LENGTH_LEN;
		if (n > len - at)
			return;
		memcpy(record, in + at, n);
		at += n;
		if (transport_open(&relay, &kind, &body, &n, record, n) < 0)
			return;
	}
}

static void
client_side(const uint8_t *in, size_t len)
{
	uint8_t hello[TRANSPORT_HELLO_LEN];
	struct transport_answer a;
	struct transport client;

	if (len < TRANSPORT_ANSWER_LEN)
		return;
	if (transport_hello(&client, hello, client_e) < 0)
		abort();
	if (transport_read_answer(&client, &a, in) == 0 &&
	    (a.max_frame < FRAME_MAX_LEAST || a.max_frame > FRAME_MAX))
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static int started = -1;

	if (started < 0)
		started = secret_start();
	relay_side(data, len);
	client_side(data, len);
	return 0;
}
