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
	struct thread *s = p;

	for (;;) {
		while (sem_wait(&s->wanted) < 0)
			;
		if (!s->arg)
			return NULL;
		s->answer = s->fn(s->arg);
		atomic_store(&s->over, true);
		while (write(s->event, &(uint64_t){ 1 }, sizeof(uint64_t)) < 0)
			;
	}
}

int
thread_new(struct thread **out, thread_fn fn)
{
	struct thread *s = calloc(1, sizeof(*s));

	if (!s)
		return err_set(ERR_NOMEM, "thread");
	s->fn = fn;
	s->event = eventfd(0, EFD_CLOEXEC);
	if (s->event < 0) {
		free(s);
		return err_sys(ERR_IO, "event");
	}
	sem_init(&s->wanted, 0, 0);
	*out = s;
	return 0;
}

void
thread_free(struct thread *s)
{
	if (!s)
		return;
	if (s->begun)
		thread_end(s);
	s->arg = NULL;
	if (s->running) {
		sem_post(&s->wanted);
		pthread_join(s->thread, NULL);
	}
	sem_destroy(&s->wanted);
	close(s->event);
	free(s);
}

int
thread_fd(const struct thread *s)
{
	return s->event;
}

static int
start(struct thread *s)
{
	pthread_attr_t attr;
	sigset_t all, before;
	int rc;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_LEN);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&s->thread, &attr, run, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	s->running = rc == 0;
	return rc == 0 ? 0 : err_set(ERR_NOMEM, "thread");
}

int
thread_begin(struct thread *s, void *arg)
{
	int r = s->running ? 0 : start(s);

	if (r < 0)
		return r;
	s->arg = arg;
	s->begun = true;
	atomic_store(&s->over, false);
	sem_post(&s->wanted);
	return 0;
}

bool
thread_is_begun(const struct thread *s)
{
	return s->begun;
}

bool
thread_is_over(const struct thread *s)
{
	return atomic_load(&s->over);
}

int
thread_end(struct thread *s)
{
	uint64_t n;

	while (read(s->event, &n, sizeof(n)) < 0)
		;
	s->begun = false;
	return s->answer;
}
