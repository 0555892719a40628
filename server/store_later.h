/* SPDX-License-Identifier: ISC */
/*
 * A store whose database is elsewhere cannot answer at once.  Calls of an asker
 * (store_ask) it may answer with STORE_LATER: nothing is known yet.  Once it
 * is, the asker is told, asks the very same again, and has the answer; what it
 * says is durable then, whatever store_commit says.  Calls that are nobody's
 * are answered at once by every store, and may wait.
 */
#ifndef SERVER_STORE_LATER_H
#define SERVER_STORE_LATER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "wire/limits.h"

struct loop;
struct store;

/* Beside the reasons; of no concern to other than those who ask. */
#define STORE_LATER 0x10000

/*
 * Who asks, and what is known of the calls of one request, by their order;
 * zeroed at first.  What stands in it is the store's.
 */
#define STORE_CALLS 2 /* of one request at most */

struct store_asker {
	struct store_call {
		unsigned what; /* 0: nothing was asked */
		bool known;
		int answer;
		void *held;
	} calls[STORE_CALLS];
	unsigned at; /* of these, the next */
};

/* Called once an answer is there to be had. */
typedef void (*store_told_fn)(void *arg, struct store_asker *asker);

/* Called when a message has come for id that others have put. */
typedef void (*store_mail_fn)(void *arg, const uint8_t *id);

/* Who is told; once, before store_start, then answers may wait. */
void store_tell(struct store *st, store_told_fn told, store_mail_fn mail,
    void *arg);

/* Whether others may put messages into it, and may forget to tell. */
bool store_is_shared(const struct store *st);

/* Whose the calls are that follow; NULL: nobody's. */
void store_ask(struct store *st, struct store_asker *asker);

/* No answer is awaited any more, or it was had. */
void store_forget(struct store *st, struct store_asker *asker);

/* Whether an answer is still to come. */
bool store_is_asking(const struct store_asker *asker);

/*
 * id waits for messages, for so many ms: where others may put some, they are
 * asked to tell.  Once they know, the asker is told, and is to look again.
 */
void store_wait(struct store *st, const uint8_t id[static ID_LEN], uint32_t ms);

/*
 * As store_commit, without waiting: STORE_UNDER_WAY, the group is not durable
 * before store_is_under_way says no and store_land has answered 0, which waits.
 * The next group may be open meanwhile; to end it lands the one before.  What
 * store_land answers when it fails is ERR_IO.
 */
#define STORE_UNDER_WAY 1
int store_submit(struct store *st) MUST_USE;
bool store_is_under_way(const struct store *st);
int store_land(struct store *st) MUST_USE;

/*
 * From now on the loop wakes when a group has landed, and answers may come
 * later; it must outlive the store.  ERR_NOMEM, ERR_IO.
 */
int store_start(struct store *st, struct loop *loop) MUST_USE;

#endif
