/* SPDX-License-Identifier: ISC */
#include "net/transport.h"

#include <assert.h>
#include <string.h>

#include "base/err.h"
#include "base/le.h"
#include "base/secret.h"
#include "wire/codes.h"

#define KIND_LEN    1
#define PAYLOAD_LEN 16                      /* of message 2 and of message 3 */
#define PROLOGUE    "sentinel-transport-v3" /* its terminator counts */

_Static_assert(PAYLOAD_LEN == ID_LEN, "message 3 carries an id");
_Static_assert(TRANSPORT_RECORD_MAX ==
	TRANSPORT_BODY_MAX + KIND_LEN + NOISE_TAG_LEN,
    "the largest record is full");
_Static_assert(TRANSPORT_RECORD_MIN == KIND_LEN + NOISE_TAG_LEN,
    "the smallest record has no body");

const uint8_t transport_preamble[TRANSPORT_PREAMBLE_LEN] = { 'S', 'N', 'T', 'L',
	WIRE_VERSION, 1, 0, 0 };
const uint8_t transport_refusal[FRAME_REPLY_LEN] = { WIRE_VERSION,
	CODE_ERROR & 0xff, CODE_ERROR >> 8, 0, 0, 0, 0 };

/* The one big-endian number of the protocol (Noise 13). */
static void
put_length(uint8_t *out, size_t len)
{
	out[0] = (uint8_t)(len >> 8);
	out[1] = (uint8_t)len;
}

size_t
transport_length(const uint8_t in[static TRANSPORT_LENGTH_LEN])
{
	return (size_t)(in[0] << 8 | in[1]);
}

static void
start(struct transport *t, bool client, const uint8_t *relay_sk)
{
	uint8_t prologue[sizeof(PROLOGUE) + TRANSPORT_PREAMBLE_LEN];

	memcpy(prologue, PROLOGUE, sizeof(PROLOGUE));
	memcpy(prologue + sizeof(PROLOGUE), transport_preamble,
	    sizeof(transport_preamble));
	memset(t, 0, sizeof(*t));
	noise_init(&t->noise, NOISE_XX, client, prologue, sizeof(prologue),
	    relay_sk, NULL);
}

/* The keys of both directions; those of the handshake are gone. */
static void
split(struct transport *t)
{
	if (t->noise.initiator)
		noise_split(&t->noise, &t->out, &t->in);
	else
		noise_split(&t->noise, &t->in, &t->out);
	secret_wipe(&t->noise, sizeof(t->noise));
}

static int
write_message(struct transport *t, uint8_t *out, const uint8_t *payload,
    size_t len, const uint8_t *fresh_e)
{
	size_t out_len;
	int r;

	r = noise_write(&t->noise, out + TRANSPORT_LENGTH_LEN, &out_len,
	    payload, len, fresh_e);
	if (r < 0)
		return r;
	put_length(out, out_len);
	return 0;
}

/* len: the one size that the message and its length field may have. */
static int
read_message(struct transport *t, uint8_t *payload, const uint8_t *in,
    size_t len)
{
	size_t message_len = len - TRANSPORT_LENGTH_LEN;
	size_t payload_len;

	if (transport_length(in) != message_len)
		return err_set(ERR_PROTOCOL,
		    "handshake message of %zu bytes, not %zu",
		    transport_length(in), message_len);
	if (noise_read(&t->noise, payload, &payload_len,
		in + TRANSPORT_LENGTH_LEN, message_len) < 0)
		return err_set(ERR_UNREACHABLE,
		    "a handshake message does not authenticate");
	return 0;
}

int
transport_hello(struct transport *t, uint8_t out[static TRANSPORT_HELLO_LEN],
    const uint8_t fresh_e[static KEY_LEN])
{
	start(t, true, NULL);
	memcpy(out, transport_preamble, TRANSPORT_PREAMBLE_LEN);
	return write_message(t, out + TRANSPORT_PREAMBLE_LEN,
	    transport_preamble, 0, fresh_e);
}

int
transport_read_answer(struct transport *t, struct transport_answer *a,
    const uint8_t in[static TRANSPORT_ANSWER_LEN])
{
	static const uint8_t head[4] = { WIRE_VERSION, 0, 0, 0 };
	uint8_t payload[PAYLOAD_LEN];
	uint32_t max_frame;
	int r;

	r = read_message(t, payload, in, TRANSPORT_ANSWER_LEN);
	if (r < 0)
		return r;
	if (memcmp(payload, head, sizeof(head)) != 0)
		return err_set(ERR_PROTOCOL,
		    "the relay's greeting is not of version 3");
	max_frame = le_get32(payload + 4);
	if (max_frame < FRAME_MAX_LEAST)
		return err_set(ERR_PROTOCOL,
		    "the relay takes frames of %u bytes at most", max_frame);
	a->max_frame = max_frame < FRAME_MAX ? max_frame : FRAME_MAX;
	a->relay_time = le_get64(payload + 8);
	memcpy(a->relay_pk, t->noise.rs, KEY_LEN);
	return 0;
}

int
transport_finish(struct transport *t, uint8_t out[static TRANSPORT_FINISH_LEN],
    const uint8_t id[static ID_LEN], const uint8_t static_sk[static KEY_LEN])
{
	int r;

	noise_set_static(&t->noise, static_sk);
	r = write_message(t, out, id, ID_LEN, NULL);
	if (r == 0)
		split(t);
	return r;
}

void
transport_begin(struct transport *t, const uint8_t relay_sk[static KEY_LEN])
{
	start(t, false, relay_sk);
}

int
transport_answer(struct transport *t, uint8_t out[static TRANSPORT_ANSWER_LEN],
    const uint8_t in[static TRANSPORT_HELLO_LEN], uint32_t max_frame,
    uint64_t relay_time, const uint8_t fresh_e[static KEY_LEN])
{
	uint8_t payload[PAYLOAD_LEN] = { WIRE_VERSION };
	int r;

	if (memcmp(in, transport_preamble, TRANSPORT_PREAMBLE_LEN) != 0)
		return err_set(ERR_PROTOCOL, "unknown preamble");
	r = read_message(t, payload, in + TRANSPORT_PREAMBLE_LEN,
	    TRANSPORT_HELLO_LEN - TRANSPORT_PREAMBLE_LEN);
	if (r < 0)
		return r;
	le_put32(payload + 4, max_frame);
	le_put64(payload + 8, relay_time);
	return write_message(t, out, payload, sizeof(payload), fresh_e);
}

int
transport_read_finish(struct transport *t, uint8_t id[static ID_LEN],
    uint8_t client_static_pk[static KEY_LEN],
    const uint8_t in[static TRANSPORT_FINISH_LEN])
{
	uint8_t payload[PAYLOAD_LEN];
	int r;

	r = read_message(t, payload, in, TRANSPORT_FINISH_LEN);
	if (r < 0)
		return r;
	memcpy(id, payload, ID_LEN);
	memcpy(client_static_pk, t->noise.rs, KEY_LEN);
	split(t);
	return 0;
}

int
transport_seal(struct transport *t, uint8_t *out, enum transport_kind kind,
    const uint8_t *body, size_t len)
{
	uint8_t *record = out + TRANSPORT_LENGTH_LEN;

	assert(t->out.has_key && len <= TRANSPORT_BODY_MAX);
	if (len > 0)
		memmove(record + KIND_LEN, body, len);
	record[0] = (uint8_t)kind;
	put_length(out, KIND_LEN + len + NOISE_TAG_LEN);
	return noise_encrypt(&t->out, record, NULL, 0, record, KIND_LEN + len);
}

int
transport_open(struct transport *t, enum transport_kind *kind, uint8_t **body,
    size_t *body_len, uint8_t *record, size_t len)
{
	assert(t->in.has_key);
	if (len < TRANSPORT_RECORD_MIN || len > TRANSPORT_RECORD_MAX ||
	    noise_decrypt(&t->in, record, NULL, 0, record, len) < 0)
		return err_set(ERR_UNREACHABLE,
		    "a record does not authenticate");
	if (record[0] > TRANSPORT_CLOSE)
		return err_set(ERR_PROTOCOL, "record of unknown kind");
	if (record[0] == TRANSPORT_CLOSE && len > TRANSPORT_RECORD_MIN)
		return err_set(ERR_PROTOCOL, "close with a body");
	*kind = (enum transport_kind)record[0];
	*body = record + KIND_LEN;
	*body_len = len - TRANSPORT_RECORD_MIN;
	return 0;
}
