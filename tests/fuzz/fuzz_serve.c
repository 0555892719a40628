/* SPDX-License-Identifier: ISC */
/*
 * Frames into the relay's dispatch, on the memory store.  The input is a list
 * of steps: who (two bound, one not), what (a code of the table or any), a
 * length, and so many bytes of payload.  Every reply must be a whole frame,
 * and there is one for every request.
 */
#include <string.h>

#include "base/secret.h"
#include "must.h"
#include "server/serve.h"
#include "server/turn.h"
#include "wire/frame.h"

#define PEOPLE 3

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

static void
open_session(struct serve *sv, struct session *ss, uint8_t n)
{
	static const uint8_t origin[ORIGIN_LEN];
	uint8_t id[ID_LEN], static_pk[KEY_LEN];

	memset(id, n + 1, sizeof(id));
	memset(static_pk, n + 1, sizeof(static_pk));
	must(serve_open(sv, ss, id, static_pk, origin) == 0);
}

static void
enrol(struct store *st, uint8_t n)
{
	struct body_key k = { .name = { (char)('a' + n) }, .issued_at = 1 };

	memset(k.id, n + 1, sizeof(k.id));
	memset(&k.bundle, n + 1, sizeof(k.bundle));
	must(store_register(st, &k, 1) == 0);
}

/* Let go of what is held, as a connection would. */
static void
let_go(struct serve *sv, struct session *people)
{
	struct session *ss;
	struct held *held;

	must(turn_settle(sv) == 0);
	while ((ss = turn_next(sv, &held))) {
		unsigned n = 0;

		must(!ss->failed);
		for (; held->replies && buf_len(held->replies) > 0; n++) {
			struct frame_reply rep;

			must(buf_len(held->replies) >= FRAME_REPLY_LEN);
			frame_unpack_reply(&rep, buf_peek(held->replies));
			must(rep.version == WIRE_VERSION && rep.code >= 2100);
			must(buf_len(held->replies) >=
			    FRAME_REPLY_LEN + rep.size);
			buf_drop(held->replies, FRAME_REPLY_LEN + rep.size);
		}
		must(n == held->n);
		held->n = 0;
		if (ss->closing) {
			serve_close(sv, ss);
			open_session(sv, ss, (uint8_t)(ss - people));
		}
	}
}

/* A header of ours before bytes of theirs, or their bytes alone. */
static void
step(struct serve *sv, struct session *ss, uint8_t what, const uint8_t *in,
    size_t len)
{
	struct frame_request req = { .version = WIRE_VERSION,
		.code = (uint16_t)(CODE_REGISTER + what % 16),
		.size = (uint32_t)len };
	uint8_t frame[FRAME_REQUEST_LEN + UINT8_MAX];
	size_t n = 0, all = len;

	if (what < 0x80) {
		memcpy(req.id, ss->id, ID_LEN);
		frame_pack_request(frame, &req);
		all += FRAME_REQUEST_LEN;
	}
	memcpy(frame + all - len, in, len);
	for (size_t at = 0; at < all; at += n) {
		n = serve_frame(sv, ss, frame + at, all - at);
		must(n <= all - at);
		if (n == 0)
			break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	struct limits limits = limits_default;
	const struct serve_config config = { &limits, SERVE_OPEN, NULL };
	struct session people[PEOPLE];
	struct store *st;
	struct serve sv;

	must(secret_start() == 0);
	must(store_mem_open(&st, 1, NULL) == 0);
	limits.max_frame = FRAME_MAX_LEAST;
	must(serve_start(&sv, st, &config) == 0);
	enrol(st, 0);
	enrol(st, 1);
	for (uint8_t i = 0; i < PEOPLE; i++)
		open_session(&sv, &people[i], i);
	while (len >= 3) {
		struct session *ss = &people[in[0] % PEOPLE];
		uint8_t what = in[1];
		size_t n = in[2] < len - 3 ? in[2] : len - 3;

		step(&sv, ss, what, in + 3, n);
		if (in[0] & 0x80)
			let_go(&sv, people);
		else if (in[0] & 0x40)
			turn_wait_over(&sv, ss);
		in += 3 + n;
		len -= 3 + n;
	}
	let_go(&sv, people);
	for (int i = 0; i < PEOPLE; i++)
		serve_close(&sv, &people[i]);
	serve_stop(&sv);
	store_close(st);
	return 0;
}
