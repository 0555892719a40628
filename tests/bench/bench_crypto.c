/* SPDX-License-Identifier: ISC */
/* What the crypto costs: one JSON line a figure, on one core. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/attr.h"
#include "base/secret.h"
#include "crypto/noise.h"
#include "e2e/filebox.h"
#include "e2e/ratchet.h"

#define RUN_NS     500000000ULL
#define RECORD_LEN 65519 /* kind and a full body */
#define TEXT_LEN   256   /* a short text, padded */

static uint8_t key_a[KEY_LEN], key_b[KEY_LEN], fresh[KEY_LEN];
static uint8_t pk_a[KEY_LEN], pk_b[KEY_LEN];

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

static void
must(int r)
{
	if (r != 0)
		abort();
}

static void
x25519(void)
{
	uint8_t out[KEY_LEN];

	must(noise_dh(out, key_a, pk_b));
}

/* The three messages as the relay meets them; the client's are ready made. */
static struct noise relay;
static uint8_t hello[32], finish[96];
static size_t finish_len;

static void
xx_relay(void)
{
	uint8_t out[256], id[64];
	struct noise ns = relay;
	struct noise_cipher in, back;
	size_t len;

	must(noise_read(&ns, out, &len, hello, sizeof(hello)));
	must(noise_write(&ns, out, &len, id, 16, fresh));
	must(noise_read(&ns, id, &len, finish, finish_len));
	noise_split(&ns, &in, &back);
}

static void
xx_begin(void)
{
	uint8_t out[256], in[256], zero[16] = { 0 };
	struct noise client, ns;
	size_t len;

	noise_init(&client, NOISE_XX, true, NULL, 0, key_a, NULL);
	noise_init(&relay, NOISE_XX, false, NULL, 0, key_b, NULL);
	must(noise_write(&client, hello, &len, NULL, 0, fresh));
	ns = relay;
	must(noise_read(&ns, out, &len, hello, sizeof(hello)));
	must(noise_write(&ns, out, &len, zero, 16, fresh));
	must(noise_read(&client, in, &len, out, len));
	must(noise_write(&client, finish, &finish_len, zero, 16, NULL));
}

static struct noise_cipher sealer = { .has_key = true };
static uint8_t plain[RECORD_LEN], record[RECORD_LEN + NOISE_TAG_LEN];

static void
seal(void)
{
	must(noise_encrypt(&sealer, record, NULL, 0, plain, RECORD_LEN));
}

static void
unseal(void)
{
	struct noise_cipher opener = { .n = sealer.n - 1, .has_key = true };

	must(noise_decrypt(&opener, plain, NULL, 0, record, sizeof(record)));
}

/* A chunk of a file. */
static uint8_t chunk[FILEBOX_CHUNK_LEN];
static uint8_t box[FILEBOX_CHUNK_LEN + FILEBOX_OVERHEAD];

static void
chunk_hash(void)
{
	static struct filebox_digest digest;

	filebox_digest_init(&digest);
	filebox_digest_add(&digest, chunk, sizeof(chunk));
}

static void
chunk_seal(void)
{
	static const struct filebox_header head;
	uint8_t nonce[FILEBOX_NONCE_LEN];

	secret_random(nonce, sizeof(nonce));
	filebox_seal(box, &head, key_a, fresh, fresh, chunk, sizeof(chunk),
	    nonce);
}

static void
chunk_open(void)
{
	must(filebox_open(chunk, key_a, fresh, fresh, box, sizeof(box)));
}

/* Each message answers the last: a turn of the ratchet every time. */
static struct ratchet side[2];

static void
message(int from)
{
	uint8_t content[TEXT_LEN + RATCHET_OVERHEAD], text[TEXT_LEN] = { 0 };
	uint8_t sk[KEY_LEN], nonce[RATCHET_NONCE_LEN];
	struct ratchet_skips skips;

	secret_random(nonce, sizeof(nonce));
	secret_random(sk, sizeof(sk));
	must(ratchet_seal(&side[from], content, pk_a, pk_b, text, sizeof(text),
	    nonce));
	must((int)ratchet_open(&side[1 - from], &skips, text, pk_a, pk_b,
	    content, sizeof(content), NULL, sk));
}

static void
ratchet_chain(void)
{
	message(0);
}

static void
ratchet_turn(void)
{
	static int from;

	message(from = 1 - from);
}

static void
ratchet_begin(void)
{
	must(ratchet_init_a(&side[0], key_a, key_a, key_a, key_b, key_a, pk_b));
	must(ratchet_init_b(&side[1], key_a, key_a, key_a, key_b, key_b, pk_a,
	    fresh));
}

static const struct {
	const char *name;
	void (*run)(void);
	size_t bytes; /* a run, where a rate of bytes is of interest */
} table[] = {
	{ "x25519", x25519, 0 },
	{ "xx_relay_handshake", xx_relay, 0 },
	{ "record_seal", seal, RECORD_LEN },
	{ "record_open", unseal, RECORD_LEN },
	{ "chunk_hash", chunk_hash, FILEBOX_CHUNK_LEN },
	{ "chunk_seal", chunk_seal, FILEBOX_CHUNK_LEN },
	{ "chunk_open", chunk_open, FILEBOX_CHUNK_LEN },
	{ "ratchet_seal_open", ratchet_chain, 0 },
	{ "ratchet_seal_open_turn", ratchet_turn, 0 },
};

static void
measure(const char *name, void (*run)(void), size_t bytes)
{
	const uint64_t start = now_ns();
	uint64_t n = 0, ns;
	double per_s;

	do {
		run();
		n++;
		ns = now_ns() - start;
	} while (ns < RUN_NS);
	per_s = (double)n * 1e9 / (double)ns;
	printf("{\"bench\":\"%s\",\"per_s\":%.0f,\"us\":%.2f", name, per_s,
	    1e6 / per_s);
	if (bytes > 0)
		printf(",\"mib_per_s\":%.0f",
		    per_s * (double)bytes / (1 << 20));
	puts("}");
}

int
main(void)
{
	must(secret_start());
	secret_random(key_a, sizeof(key_a));
	secret_random(key_b, sizeof(key_b));
	secret_random(fresh, sizeof(fresh));
	noise_public(pk_a, key_a);
	noise_public(pk_b, key_b);
	xx_begin();
	ratchet_begin();
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		measure(table[i].name, table[i].run, table[i].bytes);
	return 0;
}
