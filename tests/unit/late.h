/* SPDX-License-Identifier: ISC */
/*
 * The memory store, which answers at once, made one that answers later: what
 * an asker asks is done when it asks again, after late_tell.
 */
#ifndef UNIT_LATE_H
#define UNIT_LATE_H

#include "server/store_ops.h"

enum late_what {
	LATE_FIND = 1,
	LATE_LIST,
	LATE_ENROL,
	LATE_UNREGISTER,
	LATE_BLOCK,
	LATE_PUT,
	LATE_PULL,
	LATE_ACK,
	LATE_WAIT,
};

static const struct store_ops *late_under;
static struct store_asker *late_askers[16];
static unsigned late_n;

/* Whether the answer is to be had now. */
static inline bool
late_known(struct store *st, enum late_what what)
{
	struct store_call *call = store_recall(st, what);

	if (!call || call->known)
		return true;
	if (call->what == 0) {
		call->what = what;
		late_askers[late_n++] = st->asker;
	}
	return false;
}

/* The answer of one; NULL: nobody asks. */
static inline struct store_asker *
late_tell(void)
{
	struct store_asker *asker;

	if (late_n == 0)
		return NULL;
	asker = late_askers[--late_n];
	for (size_t i = 0; i < STORE_CALLS; i++)
		asker->calls[i].known |= asker->calls[i].what != 0;
	return asker;
}

#define LATE(name, what, params, args)                              \
	static inline int late_##name params                        \
	{                                                           \
		return late_known(st, what) ? late_under->name args \
					    : STORE_LATER;          \
	}
LATE(find, LATE_FIND,
    (struct store * st, struct body_key *out, const uint8_t *id), (st, out, id))
LATE(list, LATE_LIST,
    (struct store * st, const struct body_list *q, store_client_fn fn,
	void *arg),
    (st, q, fn, arg))
LATE(enrol, LATE_ENROL,
    (struct store * st, const struct body_key *c, const struct invite *invite,
	uint64_t now),
    (st, c, invite, now))
LATE(unregister, LATE_UNREGISTER, (struct store * st, const uint8_t *id),
    (st, id))
LATE(put, LATE_PUT,
    (struct store * st, const struct body_send *m, const uint8_t *from,
	uint64_t now),
    (st, m, from, now))
LATE(pull, LATE_PULL,
    (struct store * st, const uint8_t *id, const struct body_pull *q,
	store_message_fn fn, void *arg),
    (st, id, q, fn, arg))

static inline int
late_block_all(struct store *st, const uint8_t *id,
    const struct body_block *ops, size_t n)
{
	int r = late_known(st, LATE_BLOCK) ? 0 : STORE_LATER;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = late_under->block(st, id, &ops[i]);
	return r;
}

static inline int
late_ack_all(struct store *st, const uint8_t *id,
    const struct body_range *ranges, size_t ranges_n, uint32_t *n)
{
	int r = late_known(st, LATE_ACK) ? 0 : STORE_LATER;

	*n = 0;
	for (size_t i = 0; r == 0 && i < ranges_n; i++)
		r = late_under->ack(st, id, &ranges[i], n);
	return r;
}

static inline void
late_wait(struct store *st, const uint8_t *id, uint32_t ms)
{
	(void)id;
	(void)ms;
	(void)late_known(st, LATE_WAIT);
}

static inline void
late_forget(struct store *st, struct store_asker *asker)
{
	unsigned n = 0;

	(void)st;
	for (unsigned i = 0; i < late_n; i++) {
		if (late_askers[i] != asker)
			late_askers[n++] = late_askers[i];
	}
	late_n = n;
}

/* What ops do, later. */
static inline struct store_ops
late_ops(const struct store_ops *under)
{
	struct store_ops ops = *under;

	late_under = under;
	late_n = 0;
	ops.find = late_find;
	ops.list = late_list;
	ops.enrol = late_enrol;
	ops.unregister = late_unregister;
	ops.block_all = late_block_all;
	ops.put = late_put;
	ops.pull = late_pull;
	ops.ack_all = late_ack_all;
	ops.wait = late_wait;
	ops.forget = late_forget;
	return ops;
}

#endif
