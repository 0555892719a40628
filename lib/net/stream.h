/* SPDX-License-Identifier: ISC */
/*
 * The client's end of the transport over a socket: frame bytes out, records
 * in, each call with a deadline.  What the frames say is net/chan's.
 *
 * ERR_UNREACHABLE: the connection is gone, too slow, or tampered with.
 * ERR_PROTOCOL: the relay itself does not keep to the protocol.  After either
 * of them the stream can only be closed.
 */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "net/dial.h"
#include "net/transport.h"
#include "wire/addr.h"

struct stream;

/* Bytes to send that stand in several places. */
struct stream_piece {
	const uint8_t *bytes;
	size_t len;
};

/* Through message 2, as dial_relay; *met says with whom. */
int stream_open(struct stream **out, struct dial_met *met, const struct addr *a,
    uint64_t deadline) MUST_USE;

/* NULL is fine.  orderly: say so to the relay, if it still listens. */
void stream_close(struct stream *s, bool orderly);

/* Message 3; records may follow. */
int stream_finish(struct stream *s, const uint8_t id[static ID_LEN],
    const uint8_t static_sk[static KEY_LEN], uint64_t deadline) MUST_USE;

/*
 * All bytes of the pieces, which are used up.  A relay that hangs up has
 * mostly said why: that is no failure here, nothing is sent from then on, and
 * stream_read tells.
 */
int stream_write(struct stream *s, struct stream_piece *pieces, size_t n,
    uint64_t deadline) MUST_USE;

/* The next record, its body borrowed until the next call. */
int stream_read(struct stream *s, enum transport_kind *kind, uint8_t **body,
    size_t *len, uint64_t deadline) MUST_USE;

/* Nothing has come that was not read, not even an end.  Does not wait. */
bool stream_is_quiet(const struct stream *s);

#endif
