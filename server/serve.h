/* SPDX-License-Identifier: ISC */
/*
 * Requests, without sockets and ciphers: frames go in as bytes, a table says
 * who handles them.  Their replies gather until the turn ends (turn.h).
 *
 * A session is one channel; zeroed, it is none yet.  It is bound when its
 * static key is the one that is registered for its id; otherwise it may send
 * one request, to register.
 */
#ifndef SERVER_SERVE_H
#define SERVER_SERVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "base/attr.h"
#include "base/buf.h"
#include "server/limits.h"
#include "server/origin.h"
#include "server/pace.h"
#include "server/store.h"
#include "wire/body.h"
#include "wire/codes.h"

struct hub;

enum serve_registration {
	SERVE_OPEN,
	SERVE_INVITE, /* for who has an invite, see invite.h */
	SERVE_CLOSED,
};

struct serve_config {
	const struct limits *limits; /* borrowed */
	enum serve_registration registration;
	const uint8_t *invite_key; /* borrowed; KEY_LEN bytes */
};

/* What a session may not say before its group is durable. */
struct held {
	struct buf *replies; /* NULL = none */
	unsigned n;
	bool listed; /* in serve's list */
	TAILQ_ENTRY(session) link;
};

struct session {
	uint8_t id[ID_LEN]; /* proven once bound */
	uint8_t static_pk[KEY_LEN];
	uint8_t origin[ORIGIN_LEN];
	bool bound;
	bool crowded; /* would be bound, but its client has too many */
	bool unsure;  /* the store could not say whether it is bound */
	bool closing; /* takes no more requests; closes after its replies */
	bool kicked;  /* closing, and before anybody is answered */
	bool failed;  /* a reply was lost for want of memory: drop it */

	bool waiting; /* a pull, until wait_until or a message */
	bool woken;
	bool again; /* to be looked at anew when its answer is there */
	struct body_pull pull;
	uint64_t wait_until; /* monotonic ms */

	/* what it asks of the store; its request stands until that is known */
	struct store_asker asker;
	bool parked;
	bool last; /* and is the last one */

	uint16_t code;  /* of the request that came last */
	uint32_t skip;  /* payload bytes of a refused request to come */
	uint32_t frame; /* size of the frame begun, 0 before its header */

	struct held held[2]; /* of the group that gathers, and the other */
	TAILQ_ENTRY(session) woken_link;
	LIST_ENTRY(session) hub_link;
};

TAILQ_HEAD(session_list, session);

struct serve {
	struct store *store;
	struct hub *hub;
	struct buf *page; /* the payload being made */
	const struct limits *limits;
	struct pace pace;
	uint32_t max_frame;
	enum serve_registration registration;
	const uint8_t *invite_key;
	unsigned replies_n; /* of this turn */
	unsigned pieces_n;  /* of these, that confirm a piece of a file */
	size_t pieces_len;  /* bytes of those pieces */
	uint64_t pieces_by; /* when they are committed at the latest */
	struct session *pieces_from; /* of the last of them; NULL = none */
	struct session_list held[2]; /* what turn_next hands out */
	unsigned open;               /* which of these gathers */
	bool under_way;              /* the other is being made durable */
	bool free[2];                /* durable: may be said */
	struct session_list woken;   /* to be looked at by turn_settle */
};

/* store stays the caller's.  ERR_NOMEM. */
int serve_start(struct serve *sv, struct store *store,
    const struct serve_config *config) MUST_USE;
void serve_stop(struct serve *sv); /* zeroed: nothing */

/* What the limits, which have changed, say now; and who may register. */
void serve_limit(struct serve *sv, enum serve_registration registration);

/*
 * A channel was made by id with this static key, from there: look whether that
 * binds it.  A negative code: it cannot be told; drop the channel.
 * STORE_LATER: serve_bind tells, once serve_told was called.
 */
int serve_open(struct serve *sv, struct session *ss,
    const uint8_t id[static ID_LEN], const uint8_t static_pk[static KEY_LEN],
    const uint8_t origin[static ORIGIN_LEN]) MUST_USE;
int serve_bind(struct serve *sv, struct session *ss) MUST_USE;

/* Whose asker this is; it has its answer, and is not parked any more. */
struct session *serve_told(struct store_asker *asker);

/* Forget a session; not answered and not woken any more. */
void serve_close(struct serve *sv, struct session *ss);

/*
 * Take one frame, or the rest of one that was refused, from the front of in:
 * how many bytes are done with, 0 when more must come first.  0 and parked: the
 * same frame is to be given again once serve_told was called, and no other
 * before.
 */
size_t serve_frame(struct serve *sv, struct session *ss, const uint8_t *in,
    size_t len);

/*
 * Each handler stands in a file of its name.  It reads its payload, of a size
 * its table row allows, and puts its reply.  It answers 0; or an enum reason,
 * or ERR_PROTOCOL for a malformed payload, or another negative code when the
 * store fails: then no reply was put, and 9000 follows.  STORE_LATER: no reply
 * was put either, and the same request comes again.
 */
typedef int (*serve_fn)(struct serve *sv, struct session *ss, const uint8_t *in,
    size_t len);

int req_register(struct serve *sv, struct session *ss, const uint8_t *in,
    size_t len);
int req_list(struct serve *sv, struct session *ss, const uint8_t *in,
    size_t len);
int req_key(struct serve *sv, struct session *ss, const uint8_t *in,
    size_t len);
int req_send(struct serve *sv, struct session *ss, const uint8_t *in,
    size_t len);
int req_pull(struct serve *sv, struct session *ss, const uint8_t *in,
    size_t len);
int req_ack(struct serve *sv, struct session *ss, const uint8_t *in,
    size_t len);
int req_unregister(struct serve *sv, struct session *ss, const uint8_t *in,
    size_t len);
int req_block(struct serve *sv, struct session *ss, const uint8_t *in,
    size_t len);

/* Answer ss->pull if anything matches it by now. */
int req_pull_try(struct serve *sv, struct session *ss, bool *answered) MUST_USE;

#endif
