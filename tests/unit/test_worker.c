/* SPDX-License-Identifier: ISC */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/secret.h"
#include "client/worker.h"

#define PIECE_MAX 4096
#define PIECES    100 /* many times around the ring */

struct fixture {
	struct worker *worker;
	int fd;
};

static int
set_up(void **state)
{
	static struct fixture f;

	f.fd = memfd_create("pieces", MFD_CLOEXEC);
	*state = &f;
	return f.fd < 0 ? -1 : worker_new(&f.worker, PIECE_MAX);
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;

	worker_free(f->worker);
	close(f->fd);
	return 0;
}

static size_t
length_of(size_t i)
{
	return i % 7 * (PIECE_MAX / 6);
}

/* In their order, each whole, whatever is done with them. */
static void
test_hashes_and_writes(void **state)
{
	static uint8_t all[PIECES * PIECE_MAX], back[PIECES * PIECE_MAX];
	uint8_t got[FILEBOX_DIGEST_LEN], want[FILEBOX_DIGEST_LEN];
	struct filebox_digest digest, again;
	struct fixture *f = *state;
	size_t len = 0;

	secret_random(all, sizeof(all));
	filebox_digest_init(&digest);
	filebox_digest_init(&again);
	for (size_t i = 0; i < PIECES; i++) {
		struct worker_task t = { length_of(i), NULL, -1, len };
		uint8_t *piece = worker_piece(f->worker);

		assert_ptr_equal(worker_piece(f->worker), piece);
		memcpy(piece, all + len, t.len);
		if (i % 3 > 0)
			t.digest = &digest;
		if (i % 3 < 2)
			t.fd = f->fd;
		worker_put(f->worker, &t);
		if (t.digest)
			filebox_digest_add(&again, all + len, t.len);
		if (t.fd < 0)
			memset(all + len, 0, t.len);
		len += t.len;
		if (i % 40 == 39)
			assert_int_equal(worker_settle(f->worker), 0);
	}
	worker_piece(f->worker); /* lent, and given back by the end alone */
	assert_int_equal(worker_settle(f->worker), 0);
	filebox_digest_end(&digest, got);
	filebox_digest_end(&again, want);
	assert_memory_equal(got, want, sizeof(got));
	assert_true(pread(f->fd, back, sizeof(back), 0) > 0);
	assert_memory_equal(back, all, len);
}

/* What fails stays failed, with its errno, and nothing is written after it. */
static void
test_tells_what_failed(void **state)
{
	struct fixture *f = *state;
	int full = memfd_create("full", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	const struct {
		int fd;
		int settled;
	} steps[] = {
		{ f->fd, 0 },
		{ full, ERR_IO },
		{ f->fd, ERR_IO },
	};

	assert_int_equal(fcntl(full, F_ADD_SEALS, F_SEAL_GROW), 0);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct worker_task t = { 1, NULL, steps[i].fd, i };

		*worker_piece(f->worker) = 'x';
		worker_put(f->worker, &t);
		assert_int_equal(worker_settle(f->worker), steps[i].settled);
	}
	assert_int_equal(err_last()->number, EPERM);
	assert_int_equal(lseek(f->fd, 0, SEEK_END), 1);
	close(full);
}

/* What cannot be synced is as what cannot be written. */
static void
test_syncs(void **state)
{
	struct fixture *f = *state;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_true(worker_is_synced(f->worker));
	for (uint64_t i = 0; i < 20; i++) {
		*worker_piece(f->worker) = 'x';
		worker_put(f->worker,
		    &(struct worker_task){ 1, NULL, f->fd, i });
		worker_sync(f->worker, f->fd);
	}
	assert_int_equal(worker_await_syncs(f->worker), 0);
	assert_int_equal(lseek(f->fd, 0, SEEK_END), 20);
	assert_true(worker_is_synced(f->worker));
	worker_sync(f->worker, ends[0]);
	assert_int_equal(worker_await_syncs(f->worker), ERR_IO);
	assert_int_equal(err_last()->number, EINVAL);
	assert_int_equal(worker_settle(f->worker), ERR_IO);
	close(ends[0]);
	close(ends[1]);
}

/* The end waits for what was handed over. */
static void
test_free_finishes(void **state)
{
	struct fixture *f = *state;

	for (uint64_t i = 0; i < 20; i++) {
		struct worker_task t = { 1, NULL, f->fd, i };

		*worker_piece(f->worker) = 'x';
		worker_put(f->worker, &t);
	}
	worker_free(f->worker);
	f->worker = NULL;
	assert_int_equal(lseek(f->fd, 0, SEEK_END), 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_hashes_and_writes, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_tells_what_failed, set_up,
		    tear_down),
		cmocka_unit_test_setup_teardown(test_syncs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_free_finishes, set_up,
		    tear_down),
	};

	if (secret_start() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
