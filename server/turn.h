/* SPDX-License-Identifier: ISC */
/*
 * What one turn of the loop holds back: replies gather with their sessions,
 * those that wait for mail are noted, and when the turn ends all that was
 * changed is made durable at once; only then may anything leave.
 */
#ifndef SERVER_TURN_H
#define SERVER_TURN_H

#include "server/serve.h"

/* The reply to a request of this code. */
void turn_reply(struct serve *sv, struct session *ss, enum code code,
    const void *payload, size_t len);

/* The reply that ss holds last confirms a piece of a file, of len bytes. */
void turn_is_piece(struct serve *sv, struct session *ss, size_t len);

/* 9000; text NULL: what the reason means. */
void turn_refuse(struct serve *sv, struct session *ss, enum reason reason,
    const char *text);

/* 9000 rate_limited: it may be asked again after so many ms. */
void turn_put_off(struct serve *sv, struct session *ss, uint64_t wait_ms);

/* No more requests: the other side has closed, or the relay is stopping. */
void turn_finish(struct serve *sv, struct session *ss);

/* Close every bound channel of ss->id but ss itself, before any reply. */
void turn_kick_others(struct serve *sv, struct session *ss);

/* A message has come for id: look again for pulls that wait, at the end. */
void turn_wake(struct serve *sv, const uint8_t id[static ID_LEN]);

/* ss->pull waits from now on, until ss->wait_until or a message. */
void turn_wait(struct serve *sv, struct session *ss);

/* Look again, at the end, for what this one waits for. */
void turn_look(struct serve *sv, struct session *ss);

/* End a waiting pull with what there is: nothing. */
void turn_wait_over(struct serve *sv, struct session *ss);

/* A session ends: what it holds is dropped. */
void turn_forget(struct serve *sv, struct session *ss);

/*
 * Nothing is held but confirmations of pieces of files, few and young: they
 * may share a commit with what comes in the next turn.
 */
bool turn_may_wait(struct serve *sv, uint64_t now);

/*
 * The end: commit, then answer the pulls that waited for it.  When the group
 * is lost every reply held becomes 9000 busy; ERR_IO: and the relay must end.
 */
int turn_settle(struct serve *sv) MUST_USE;

/* There is a group to be settled, for which nothing else will wake the loop. */
bool turn_has_landed(const struct serve *sv);

/*
 * One session that holds replies, is closing or has failed, kicked ones first;
 * NULL: none left.  It leaves the list; what it holds is the caller's to take.
 */
struct session *turn_next(struct serve *sv, struct held **out);

/* Whether there is more to come that turn_next will hand out. */
bool turn_holds(const struct session *ss);

#endif
