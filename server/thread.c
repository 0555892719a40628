/* SPDX-License-Identifier: ISC */
#include "server/thread.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/err.h"

#define STACK_LEN (256 * 1024) /* for a resolver; what is used counts */

struct thread {
	thread_fn fn;
	void *arg; /* NULL: no more is to be done */
	int answer;
	bool begun;
	atomic_bool over;
	int event;
	sem_t wanted;
	bool running;
	pthread_t thread;
};

static void *
run(void *p)
{
	struct thread *t = p;

	for (;;) {
		while (sem_wait(&t->wanted) < 0)
			;
		if (!t->arg)
			return NULL;
		t->answer = t->fn(t->arg);
		atomic_store(&t->over, true);
		while (write(t->event, &(uint64_t){ 1 }, sizeof(uint64_t)) < 0)
			;
	}
}

int
thread_new(struct thread **out, thread_fn fn)
{
	struct thread *t = calloc(1, sizeof(*t));

	if (!t)
		return err_set(ERR_NOMEM, "thread");
	t->fn = fn;
	t->event = eventfd(0, EFD_CLOEXEC);
	if (t->event < 0) {
		free(t);
		return err_sys(ERR_IO, "event");
	}
	sem_init(&t->wanted, 0, 0);
	*out = t;
	return 0;
}

void
thread_free(struct thread *t)
{
	if (!t)
		return;
	if (t->begun)
		thread_end(t);
	t->arg = NULL;
	if (t->running) {
		sem_post(&t->wanted);
		pthread_join(t->thread, NULL);
	}
	sem_destroy(&t->wanted);
	close(t->event);
	free(t);
}

int
thread_fd(const struct thread *t)
{
	return t->event;
}

static int
start(struct thread *t)
{
	pthread_attr_t attr;
	sigset_t all, before;
	int rc;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_LEN);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&t->thread, &attr, run, t);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	t->running = rc == 0;
	return rc == 0 ? 0 : err_set(ERR_NOMEM, "thread");
}

int
thread_begin(struct thread *t, void *arg)
{
	int r = t->running ? 0 : start(t);

	if (r < 0)
		return r;
	t->arg = arg;
	t->begun = true;
	atomic_store(&t->over, false);
	sem_post(&t->wanted);
	return 0;
}

bool
thread_is_begun(const struct thread *t)
{
	return t->begun;
}

bool
thread_is_over(const struct thread *t)
{
	return atomic_load(&t->over);
}

int
thread_end(struct thread *t)
{
	uint64_t n;

	while (read(t->event, &n, sizeof(n)) < 0)
		;
	t->begun = false;
	return t->answer;
}
