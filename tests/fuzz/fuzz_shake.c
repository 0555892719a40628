/* SPDX-License-Identifier: ISC */
/* A handshake content at whoever may receive it, and the stored forms. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/noise.h"
#include "e2e/shake.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* X25519 ignores the three lowest bits. */
static const uint8_t key_a[KEY_LEN] = { 8 }, key_b[KEY_LEN] = { 16 };
static const uint8_t fresh[3 * KEY_LEN] = { 24 };

/* A request by A and B's answer to it, as both keep them. */
static void
begin(struct shake_party *a, struct shake_party *b, struct shake_pending *p,
    struct shake_open *o)
{
	uint8_t request[SHAKE_REQUEST_LEN], answer[SHAKE_ANSWER_LEN];

	*a = (struct shake_party){ .id = { 1 }, .issued_at = 1 };
	*b = (struct shake_party){ .id = { 2 }, .issued_at = 2 };
	noise_public(a->static_pk, key_a);
	noise_public(b->static_pk, key_b);
	if (shake_request(p, request, a, key_a, b, 3, fresh) != 0 ||
	    shake_answer(o, answer, a, b, key_b, request, fresh) != 0)
		abort();
}

static void
try_contents(const uint8_t *data, size_t len)
{
	struct shake_header head;
	struct shake_pending p;
	struct shake_open o;
	struct shake_party a, b;
	struct ratchet r;
	enum shake_step step;
	uint8_t hsid[ID_LEN];
	uint64_t ts = 0;

	begin(&a, &b, &p, &o);
	if (shake_peek_request(&head, data, len) == 0 &&
	    shake_check_request(&ts, &a, &b, key_b, data) == 0 &&
	    (head.a_issued_at != 1 || head.b_issued_at != 2 || ts == 0))
		abort();
	if (shake_peek_key(&step, hsid, data, len) != 0)
		return;
	if (step == SHAKE_STEP_ANSWER &&
	    shake_check_answer(&p, key_a, data) == 0 &&
	    memcmp(hsid, p.hsid, ID_LEN) != 0)
		abort();
	if (step == SHAKE_STEP_FINISH &&
	    shake_accept(&r, &o, data, fresh) == 0 &&
	    memcmp(hsid, o.hsid, ID_LEN) != 0)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t out[SHAKE_OPEN_LEN];
	struct shake_pending p;
	struct shake_open o;

	try_contents(data, len);
	if (shake_unpack_pending(&p, data, len) == 0) {
		shake_pack_pending(out, &p);
		if (memcmp(out, data, len) != 0)
			abort();
	}
	if (shake_unpack_open(&o, data, len) == 0) {
		shake_pack_open(out, &o);
		if (memcmp(out, data, len) != 0)
			abort();
	}
	return 0;
}
