/* SPDX-License-Identifier: ISC */
/*
 * The event loop: descriptors, deadlines, signals, and one hook that runs
 * before each sleep.  One thread, no callback from signal handlers.
 *
 * A turn is: wait; call the functions of the descriptors that are ready; call
 * the timers that are due; call the hook.  The hook is where a whole turn is
 * made durable at once and its replies let go.
 *
 * Watches and timers live in the caller's structs.  They may be removed at any
 * time, from any callback; a removed one is never called again.
 */
#ifndef SERVER_LOOP_H
#define SERVER_LOOP_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"

struct loop;

#define LOOP_READ  1U
#define LOOP_WRITE 2U

/* events: LOOP_READ, LOOP_WRITE or both; both when the peer hung up. */
typedef void (*loop_fd_fn)(void *arg, unsigned events);
typedef void (*loop_fn)(void *arg);
typedef void (*loop_signal_fn)(void *arg, int signo);

struct loop_fd {
	int fd;
	unsigned events; /* wanted; changed by loop_want */
	loop_fd_fn fn;
	void *arg;
};

struct loop_timer {
	uint64_t at; /* monotonic ms; changed by loop_timer_set */
	size_t slot; /* 1-based place in the heap, 0 = not in it */
	loop_fn fn;
	void *arg;
};

/* ERR_NOMEM, ERR_IO. */
int loop_new(struct loop **out) MUST_USE;
void loop_free(
    struct loop *l); /* NULL is fine; closes no descriptor of yours */

/* Watch w->fd for w->events; w stays where it is until loop_remove. */
int loop_add(struct loop *l, struct loop_fd *w) MUST_USE;
void loop_want(struct loop *l, struct loop_fd *w, unsigned events);
void loop_remove(struct loop *l, struct loop_fd *w);

/*
 * Call t->fn at the time given; what is set from such a call is for the next
 * turn at the earliest.  A timer that has fired rests (CLOCK_NEVER) until it
 * is set again.  Only adding takes memory and can fail: ERR_NOMEM.
 */
int loop_timer_add(struct loop *l, struct loop_timer *t, uint64_t at) MUST_USE;
void loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t at);
void loop_timer_remove(struct loop *l, struct loop_timer *t);

/* Block the signals of set and have fn called for each from the loop. */
int loop_signals(struct loop *l, const sigset_t *set, loop_signal_fn fn,
    void *arg) MUST_USE;

/*
 * The hook: after the callbacks of a turn.  idle: nothing had come, and the
 * loop is to sleep.  Who is not done yet answers true: the loop looks whether
 * more has come, and calls again without sleeping.
 */
typedef bool (*loop_hook_fn)(void *arg, bool idle);
void loop_before_sleep(struct loop *l, loop_hook_fn fn, void *arg);

/* Monotonic ms, read once a turn. */
uint64_t loop_now(const struct loop *l);

/* Until loop_stop; answers the code given there. */
int loop_run(struct loop *l) MUST_USE;

/* End after this turn. */
void loop_stop(struct loop *l, int code);

#endif
