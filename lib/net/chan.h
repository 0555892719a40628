/* SPDX-License-Identifier: ISC */
/*
 * A client's channel to its relay: connect, check the relay's key, bind,
 * then requests and their replies in order.  Blocking, each call bounded by
 * the channel's timeout.
 *
 * Between chan_open and chan_bind the relay knows nothing of who calls.
 */
#ifndef NET_CHAN_H
#define NET_CHAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "wire/addr.h"
#include "wire/limits.h"

#define CHAN_ASKED_MAX 64 /* requests outstanding */

struct chan;

/* A reply that is not 9000; payload is borrowed until the next call. */
struct chan_reply {
	uint16_t code;
	const uint8_t *payload;
	size_t len;
};

/*
 * Connect to the hosts of a in turn and go through message 2: dial_relay, which
 * has timeout_ms for it.  ERR_UNREACHABLE.
 * pin: the key the relay must have, else ERR_UNTRUSTED (the message names
 * the key met) with nothing said after message 1; NULL: any key.
 * Unsupported version or malformed answers: ERR_PROTOCOL.
 */
int chan_open(struct chan **out, const struct addr *a, const uint8_t *pin,
    uint64_t timeout_ms) MUST_USE;

/* NULL is fine.  Says the orderly close when the channel is still good. */
void chan_close(struct chan *c);

/* As message 2 said. */
const uint8_t *chan_relay_key(const struct chan *c);
uint64_t chan_relay_time(const struct chan *c);
size_t chan_max_frame(const struct chan *c);

/* The host that answered, and its key. */
void chan_address(const struct chan *c, struct addr *out);

/*
 * For addr.first, when the channel is closed and a new one to be made: the host
 * that answered, or the one after it when it broke or closed the channel or, as
 * it said last, its store is in trouble.
 */
size_t chan_next_host(const struct chan *c);

/* Message 3: say who calls. */
int chan_bind(struct chan *c, const uint8_t id[static ID_LEN],
    const uint8_t static_sk[static KEY_LEN]) MUST_USE;

/*
 * Queue one request: head and body are sent one after the other as its
 * payload (body may be empty).  Larger than chan_max_frame: ERR_PROTOCOL.
 * Up to CHAN_ASKED_MAX may be queued before the first reply is read, as long
 * as the replies outstanding are small: nothing is read meanwhile.  That the
 * relay hung up shows at chan_get, after what it said before.
 */
int chan_put(struct chan *c, uint16_t code, const uint8_t *head,
    size_t head_len, const uint8_t *body, size_t body_len) MUST_USE;

/*
 * The reply to the oldest request outstanding.  A 9000 becomes the error
 * code of its reason with text and retry_after_ms in err_last(); a reply of
 * another code, or over its limits: ERR_PROTOCOL.  End of stream, reset,
 * a record that does not authenticate, timeout: ERR_UNREACHABLE, and
 * chan_is_in_doubt tells whether the relay may have acted.  extra_ms is added
 * to the timeout (a pull that waits).
 */
int chan_get(struct chan *c, struct chan_reply *out,
    uint64_t extra_ms) MUST_USE;

/*
 * chan_put, chan_get; and again, within the timeout, after as long as the relay
 * asks for that has had too many.
 */
int chan_call(struct chan *c, struct chan_reply *out, uint16_t code,
    const uint8_t *payload, size_t len) MUST_USE;

/*
 * Bound, nothing outstanding, and the relay has not hung up since: it may
 * close a channel that is idle.  Does not wait.
 */
bool chan_is_idle(const struct chan *c);

/* The last failure left a request without an answer, and no close came. */
bool chan_is_in_doubt(const struct chan *c);

/* Reason of a 9000, 0 when the last call got no reply or another one. */
uint16_t chan_reason(const struct chan *c);

#endif
