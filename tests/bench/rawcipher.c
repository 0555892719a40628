/* SPDX-License-Identifier: ISC */
/* The yardsticks that are ciphers, as the channel uses them. */
#include "base/secret.h"
#include "net/transport.h"
#include "raw.h"

struct pair {
	uint8_t relay_sk[KEY_LEN], client_sk[KEY_LEN];
	uint8_t hello[TRANSPORT_HELLO_LEN];
	struct transport client, begun, relay;
};

static void
agree(void *arg)
{
	struct pair *p = arg;
	uint8_t out[KEY_LEN];

	MUST(noise_dh(out, p->relay_sk,
		 p->hello + sizeof(p->hello) - KEY_LEN) == 0);
}

/* The relay's share of the work is timed by raw_handshakes. */
static uint64_t
shake(struct pair *p)
{
	static const uint8_t id[ID_LEN] = { 1 };
	uint8_t answer[TRANSPORT_ANSWER_LEN], finish[TRANSPORT_FINISH_LEN];
	uint8_t fresh[KEY_LEN], pk[KEY_LEN], got[ID_LEN];
	struct transport_answer a;
	uint64_t start, first;

	secret_random(fresh, sizeof(fresh));
	MUST(transport_hello(&p->client, p->hello, fresh) == 0);
	secret_random(fresh, sizeof(fresh));
	start = raw_now_ns();
	p->relay = p->begun;
	MUST(transport_answer(&p->relay, answer, p->hello, FRAME_MAX, 1,
		 fresh) == 0);
	first = raw_now_ns() - start;
	MUST(transport_read_answer(&p->client, &a, answer) == 0);
	MUST(transport_finish(&p->client, finish, id, p->client_sk) == 0);
	start = raw_now_ns();
	MUST(transport_read_finish(&p->relay, got, pk, finish) == 0);
	return first + (raw_now_ns() - start);
}

static void
start_pair(struct pair *p)
{
	secret_random(p->relay_sk, KEY_LEN);
	secret_random(p->client_sk, KEY_LEN);
	transport_begin(&p->begun, p->relay_sk);
	shake(p);
}

double
raw_agreements(uint64_t ns)
{
	struct pair p;

	start_pair(&p);
	return raw_rate(agree, &p, ns);
}

double
raw_handshakes(uint64_t ns)
{
	uint64_t taken = 0, n = 0;
	struct pair p;

	start_pair(&p);
	for (; taken < ns; n++)
		taken += shake(&p);
	return (double)n * 1e9 / (double)taken;
}

struct records {
	struct pair pair;
	size_t len;
	uint8_t record[TRANSPORT_BODY_MAX + TRANSPORT_OVERHEAD];
};

static void
seal_and_open(void *arg)
{
	struct records *t = arg;
	enum transport_kind kind;
	uint8_t *opened;
	size_t len;

	MUST(transport_seal(&t->pair.client, t->record, TRANSPORT_FRAMES,
		 t->record + TRANSPORT_BODY_AT, t->len) == 0);
	MUST(transport_open(&t->pair.relay, &kind, &opened, &len,
		 t->record + TRANSPORT_LENGTH_LEN,
		 t->len + TRANSPORT_OVERHEAD - TRANSPORT_LENGTH_LEN) == 0);
}

double
raw_records(size_t len, uint64_t ns)
{
	static struct records t;

	t.len = len;
	start_pair(&t.pair);
	return raw_rate(seal_and_open, &t, ns);
}
