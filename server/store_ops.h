/* SPDX-License-Identifier: ISC */
/* The other side of the seam: what stores are made of, see store.h. */
#ifndef SERVER_STORE_OPS_H
#define SERVER_STORE_OPS_H

#include "server/store.h"

/* What an implementation is; its own struct begins with struct store. */
struct store_ops {
	/* NULL: a commit is waited for */
	int (*start)(struct store *, struct loop *);
	int (*submit)(struct store *);
	bool (*is_under_way)(const struct store *);
	int (*land)(struct store *);
	/* NULL: it answers at once, and is alone */
	void (*wait)(struct store *, const uint8_t *, uint32_t);
	void (*forget)(struct store *, struct store_asker *);

	int (*find)(struct store *, struct body_key *, const uint8_t *);
	int (*list)(struct store *, const struct body_list *, store_client_fn,
	    void *);
	int (*enrol)(struct store *, const struct body_key *,
	    const struct invite *, uint64_t); /* NULL = none is needed */
	int (*unregister)(struct store *, const uint8_t *);
	int (
	    *block)(struct store *, const uint8_t *, const struct body_block *);
	int (*block_all)(struct store *, const uint8_t *,
	    const struct body_block *, size_t); /* NULL = one by one */
	int (*put)(struct store *, const struct body_send *, const uint8_t *,
	    uint64_t);
	int (*pull)(struct store *, const uint8_t *, const struct body_pull *,
	    store_message_fn, void *);
	int (*ack)(struct store *, const uint8_t *, const struct body_range *,
	    uint32_t *);
	int (*ack_all)(struct store *, const uint8_t *,
	    const struct body_range *, size_t, uint32_t *); /* likewise */
	int (*seen)(struct store *, const uint8_t *, uint64_t);
	int (*commit)(struct store *);
	int (*rest)(struct store *);
	int (*sweep)(struct store *, uint64_t, bool *);
	int (*backup)(struct store *, bool *); /* NULL = there is none */
	void (*limit)(struct store *, const struct store_limits *);
	int (*size)(struct store *, struct figures_size *);
	void (*close)(struct store *);
};

struct store {
	const struct store_ops *ops;
	struct figures committed, open; /* with the open group */
	bool sweeping;
	struct loop *loop;         /* NULL = a commit is waited for */
	struct store_asker *asker; /* whose the call is */
	store_told_fn told;
	store_mail_fn mail;
	void *told_arg;
};

/*
 * For implementations that answer later: what is known of the call that the
 * asker makes; call->what is 0 when it was not made yet.  NULL: it is nobody's.
 */
struct store_call *store_recall(struct store *st, unsigned what);

/* For implementations: the same name, bundle and time. */
bool store_is_same(const struct body_key *a, const struct body_key *b);

/* For implementations: is there room for a content; *used, from 0, goes up. */
bool store_has_room(const struct body_pull *q, uint64_t *used, size_t len);

#endif
