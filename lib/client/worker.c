/* SPDX-License-Identifier: ISC */
#include "client/worker.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "base/secret.h"

#define PIECES 8

struct piece {
	uint8_t *bytes;
	struct worker_task task;
	bool syncs; /* fd, and that is all */
	bool last;  /* nothing is to be done, nor will be */
};

/* A ring: the caller fills pieces in their order, the thread empties them. */
struct worker {
	struct piece ring[PIECES];
	size_t piece_max;
	uint8_t *memory;
	size_t next; /* the caller's */
	bool lent;
	sem_t empty, full; /* pieces */
	sem_t synced;
	unsigned syncs;   /* begun, and not heard of yet */
	atomic_int fault; /* errno, of the thread */
	pthread_t thread;
	bool running;
};

/* Signals may come in between. */
static void
await(sem_t *s)
{
	while (sem_wait(s) < 0)
		;
}

static void
work(struct worker *w, const struct piece *p)
{
	const struct worker_task *t = &p->task;

	if (t->digest)
		filebox_digest_add(t->digest, p->bytes, t->len);
	if (t->fd >= 0 && w->fault == 0 &&
	    file_write_at(t->fd, p->bytes, t->len, t->offset, "") < 0)
		w->fault = err_last()->number;
}

static void
sync_file(struct worker *w, int fd)
{
	if (w->fault == 0 && fdatasync(fd) < 0)
		w->fault = errno;
	sem_post(&w->synced);
}

static void *
run(void *arg)
{
	struct worker *w = arg;
	size_t at = 0;

	for (;;) {
		await(&w->full);
		if (w->ring[at].last)
			return NULL;
		if (w->ring[at].syncs)
			sync_file(w, w->ring[at].task.fd);
		else
			work(w, &w->ring[at]);
		sem_post(&w->empty);
		at = (at + 1) % PIECES;
	}
}

/* Signals are for the first thread. */
static int
start(struct worker *w)
{
	sigset_t all, before;
	int fault;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	fault = pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	w->running = fault == 0;
	return fault == 0 ? 0 : err_set(ERR_NOMEM, "no thread for files");
}

int
worker_new(struct worker **out, size_t piece_max)
{
	struct worker *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return err_set(ERR_NOMEM, "no memory for pieces");
	sem_init(&w->empty, 0, PIECES);
	sem_init(&w->full, 0, 0);
	sem_init(&w->synced, 0, 0);
	w->piece_max = piece_max;
	w->memory = calloc(PIECES, piece_max);
	for (size_t i = 0; w->memory && i < PIECES; i++)
		w->ring[i].bytes = w->memory + i * piece_max;
	r = w->memory ? start(w) : err_set(ERR_NOMEM, "no memory for pieces");
	if (r < 0)
		worker_free(w);
	else
		*out = w;
	return r;
}

static void
hand_over(struct worker *w)
{
	w->next = (w->next + 1) % PIECES;
	w->lent = false;
	sem_post(&w->full);
}

static void
stop(struct worker *w)
{
	worker_piece(w);
	w->ring[w->next].last = true;
	hand_over(w);
	pthread_join(w->thread, NULL);
}

void
worker_free(struct worker *w)
{
	if (!w)
		return;
	if (w->running)
		stop(w);
	if (w->memory)
		secret_wipe(w->memory, PIECES * w->piece_max);
	free(w->memory);
	sem_destroy(&w->empty);
	sem_destroy(&w->full);
	sem_destroy(&w->synced);
	free(w);
}

uint8_t *
worker_piece(struct worker *w)
{
	if (!w->lent)
		await(&w->empty);
	w->lent = true;
	return w->ring[w->next].bytes;
}

void
worker_put(struct worker *w, const struct worker_task *task)
{
	w->ring[w->next].task = *task;
	w->ring[w->next].syncs = false;
	hand_over(w);
}

void
worker_sync(struct worker *w, int fd)
{
	worker_piece(w);
	w->ring[w->next].task.fd = fd;
	w->ring[w->next].syncs = true;
	w->syncs++;
	hand_over(w);
}

bool
worker_is_synced(struct worker *w)
{
	while (w->syncs > 0 && sem_trywait(&w->synced) == 0)
		w->syncs--;
	return w->syncs == 0;
}

static int
judge(const struct worker *w)
{
	errno = w->fault;
	return errno == 0 ? 0 : err_sys(ERR_IO, "writing a file");
}

int
worker_await_syncs(struct worker *w)
{
	for (; w->syncs > 0; w->syncs--)
		await(&w->synced);
	return judge(w);
}

void
worker_wait(struct worker *w)
{
	int others = w->lent ? PIECES - 1 : PIECES;

	for (int i = 0; i < others; i++)
		await(&w->empty);
	for (int i = 0; i < others; i++)
		sem_post(&w->empty);
}

int
worker_settle(struct worker *w)
{
	worker_wait(w);
	return judge(w);
}
