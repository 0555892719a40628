/* SPDX-License-Identifier: ISC */
#include "server/loop.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"

#define BATCH 256 /* events taken at once */

struct loop {
	int epoll;
	struct epoll_event batch[BATCH];
	int batch_n;
	uint64_t now;
	bool running;
	int code;

	struct loop_timer **heap; /* the earliest first; heap[0] is unused */
	bool firing;
	size_t heap_n;
	size_t heap_cap;

	struct loop_fd signals;
	loop_signal_fn signal_fn;
	void *signal_arg;

	loop_hook_fn hook;
	void *hook_arg;
	bool restless; /* the hook wants to be called again */
};

int
loop_new(struct loop **out)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (!l)
		return err_set(ERR_NOMEM, "event loop");
	l->signals.fd = -1;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll < 0) {
		free(l);
		return err_sys(ERR_IO, "epoll");
	}
	l->now = clock_mono_ms();
	*out = l;
	return 0;
}

void
loop_free(struct loop *l)
{
	if (!l)
		return;
	if (l->signals.fd >= 0)
		close(l->signals.fd);
	close(l->epoll);
	free(l->heap);
	free(l);
}

static uint32_t
to_epoll(unsigned events)
{
	return (events & LOOP_READ ? (uint32_t)EPOLLIN : 0) |
	    (events & LOOP_WRITE ? (uint32_t)EPOLLOUT : 0);
}

static unsigned
from_epoll(uint32_t events)
{
	if (events & (EPOLLHUP | EPOLLERR))
		return LOOP_READ | LOOP_WRITE;
	return (events & EPOLLIN ? LOOP_READ : 0) |
	    (events & EPOLLOUT ? LOOP_WRITE : 0);
}

int
loop_add(struct loop *l, struct loop_fd *w)
{
	struct epoll_event e = { .events = to_epoll(w->events), .data.ptr = w };

	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, w->fd, &e) < 0)
		return err_sys(ERR_IO, "epoll");
	return 0;
}

void
loop_want(struct loop *l, struct loop_fd *w, unsigned events)
{
	struct epoll_event e = { .events = to_epoll(events), .data.ptr = w };
	int r;

	if (w->events == events)
		return;
	w->events = events;
	r = epoll_ctl(l->epoll, EPOLL_CTL_MOD, w->fd, &e);
	assert(r == 0); /* the descriptor is watched; nothing else can fail */
}

void
loop_remove(struct loop *l, struct loop_fd *w)
{
	epoll_ctl(l->epoll, EPOLL_CTL_DEL, w->fd, NULL);
	for (int i = 0; i < l->batch_n; i++) {
		if (l->batch[i].data.ptr == w)
			l->batch[i].data.ptr = NULL;
	}
}

static void
place(struct loop *l, struct loop_timer *t, size_t slot)
{
	l->heap[slot] = t;
	t->slot = slot;
}

/* Put t where it belongs, its present slot being free to overwrite. */
static void
sift(struct loop *l, struct loop_timer *t)
{
	size_t i = t->slot;

	for (; i > 1 && l->heap[i / 2]->at > t->at; i /= 2)
		place(l, l->heap[i / 2], i);
	for (;;) {
		size_t child = 2 * i;

		if (child < l->heap_n &&
		    l->heap[child + 1]->at < l->heap[child]->at)
			child++;
		if (child > l->heap_n || l->heap[child]->at >= t->at)
			break;
		place(l, l->heap[child], i);
		i = child;
	}
	place(l, t, i);
}

/* What is due at once while timers are called is for the next turn. */
static uint64_t
not_this_turn(const struct loop *l, uint64_t at)
{
	return l->firing && at <= l->now ? l->now + 1 : at;
}

int
loop_timer_add(struct loop *l, struct loop_timer *t, uint64_t at)
{
	assert(t->slot == 0);
	if (l->heap_n + 1 >= l->heap_cap) {
		size_t cap = l->heap_cap == 0 ? 64 : l->heap_cap * 2;
		struct loop_timer **heap =
		    realloc(l->heap, cap * sizeof(struct loop_timer *));

		if (!heap)
			return err_set(ERR_NOMEM, "timers");
		l->heap = heap;
		l->heap_cap = cap;
	}
	t->at = not_this_turn(l, at);
	place(l, t, ++l->heap_n);
	sift(l, t);
	return 0;
}

void
loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t at)
{
	assert(t->slot != 0);
	t->at = not_this_turn(l, at);
	sift(l, t);
}

void
loop_timer_remove(struct loop *l, struct loop_timer *t)
{
	struct loop_timer *last;

	if (t->slot == 0)
		return;
	last = l->heap[l->heap_n--];
	if (last != t) {
		last->slot = t->slot;
		sift(l, last);
	}
	t->slot = 0;
}

static void
on_signal(void *arg, unsigned events)
{
	struct loop *l = arg;
	struct signalfd_siginfo info;

	(void)events;
	while (read(l->signals.fd, &info, sizeof(info)) == sizeof(info))
		l->signal_fn(l->signal_arg, (int)info.ssi_signo);
}

int
loop_signals(struct loop *l, const sigset_t *set, loop_signal_fn fn, void *arg)
{
	if (sigprocmask(SIG_BLOCK, set, NULL) < 0)
		return err_sys(ERR_IO, "signals");
	l->signal_fn = fn;
	l->signal_arg = arg;
	l->signals = (struct loop_fd){
		.fd = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK),
		.events = LOOP_READ,
		.fn = on_signal,
		.arg = l,
	};
	if (l->signals.fd < 0)
		return err_sys(ERR_IO, "signals");
	return loop_add(l, &l->signals);
}

void
loop_before_sleep(struct loop *l, loop_hook_fn fn, void *arg)
{
	l->hook = fn;
	l->hook_arg = arg;
}

uint64_t
loop_now(const struct loop *l)
{
	return l->now;
}

void
loop_stop(struct loop *l, int code)
{
	l->running = false;
	l->code = code;
}

static void
call_timers(struct loop *l)
{
	l->firing = true;
	while (l->heap_n > 0 && l->heap[1]->at <= l->now) {
		struct loop_timer *t = l->heap[1];

		loop_timer_set(l, t, CLOCK_NEVER);
		t->fn(t->arg);
	}
	l->firing = false;
}

static int
turn(struct loop *l)
{
	int left = l->heap_n > 0 ? clock_left(l->heap[1]->at) : -1;
	int n = epoll_wait(l->epoll, l->batch, BATCH, l->restless ? 0 : left);

	if (n < 0 && errno != EINTR)
		return err_sys(ERR_IO, "epoll");
	l->now = clock_mono_ms();
	l->batch_n = n < 0 ? 0 : n;
	for (int i = 0; i < l->batch_n; i++) {
		struct loop_fd *w = l->batch[i].data.ptr;

		if (w)
			w->fn(w->arg, from_epoll(l->batch[i].events));
	}
	l->batch_n = 0;
	call_timers(l);
	if (l->hook)
		l->restless = l->hook(l->hook_arg, n <= 0);
	return 0;
}

int
loop_run(struct loop *l)
{
	l->running = true;
	while (l->running) {
		int r = turn(l);

		if (r < 0)
			return r;
	}
	return l->code;
}
