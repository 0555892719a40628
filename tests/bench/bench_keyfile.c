/* SPDX-License-Identifier: ISC */
/*
 * What the key file costs a one-shot send: to open it and find the session,
 * then one commit before and one after the network.  Medians of RUNS.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/proc.h"
#include "base/secret.h"
#include "state/outbox.h"
#include "state/peers.h"
#include "state/session.h"

#define RUNS        200
#define CONTENT_LEN 348 /* a short text, padded and sealed */

static const uint8_t bob[ID_LEN] = "0123456789abcdef";

static void
must(int r)
{
	if (r == 0)
		return;
	fprintf(stderr, "bench_keyfile: %s\n", err_last()->message);
	exit(1);
}

static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int
compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double
median(double *v)
{
	qsort(v, RUNS, sizeof(*v), compare);
	return v[RUNS / 2];
}

static void
prepare(const char *path)
{
	static const struct ratchet session = { .sid = { 1 } };
	struct peer p = { .name = "bob" };
	struct addr relay;
	struct keyfile *kf;

	must(addr_parse(&relay, "relay.example.org"));
	must(keyfile_create(&kf, path, "alice", &relay, NULL, 1000));
	memcpy(p.id, bob, ID_LEN);
	must(keyfile_begin(kf));
	must(peers_put(kf, &p));
	must(session_activate(kf, bob, &session, false, 1));
	must(keyfile_commit(kf));
	keyfile_close(kf);
}

/* The writes of sentinel-send; what it reads first counts as opening. */
static void
run(const char *path, double *open_ms, double *commits_ms)
{
	static const uint8_t content[CONTENT_LEN];
	struct outbox o = { .type = 3, .at = clock_wall_ms() };
	struct keyfile_self self;
	struct ratchet session;
	struct keyfile *kf;
	struct peer p;
	bool found;
	double t0 = now_ms(), t1;

	must(keyfile_open(&kf, path,
	    &(struct keyfile_access){ .lock_timeout_ms = 1000 }));
	must(keyfile_get_self(kf, &self));
	must(peers_find(kf, "bob", &p));
	must(session_get_active(kf, bob, &session, &found));
	t1 = now_ms();
	memcpy(o.peer, bob, ID_LEN);
	secret_random(o.message_id, ID_LEN);
	p.next_seq++;
	session.ns++;
	must(keyfile_begin(kf));
	must(session_save(kf, bob, &session));
	must(outbox_add(kf, &o, content, sizeof(content)));
	must(peers_put(kf, &p));
	must(keyfile_commit(kf));
	must(keyfile_begin(kf));
	must(outbox_done(kf, o.n));
	must(keyfile_commit(kf));
	keyfile_close(kf);
	*open_ms = t1 - t0;
	*commits_ms = now_ms() - t1;
}

int
main(void)
{
	static double open_ms[RUNS], commits_ms[RUNS], all_ms[RUNS];
	char dir[] = "/tmp/bench_keyfile.XXXXXX", path[64], journal[80];

	must(proc_harden());
	must(secret_start());
	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof(path), "%s/alice.key", dir);
	snprintf(journal, sizeof(journal), "%s-journal", path);
	prepare(path);
	for (size_t i = 0; i < RUNS; i++) {
		run(path, &open_ms[i], &commits_ms[i]);
		all_ms[i] = open_ms[i] + commits_ms[i];
	}
	printf("{\"bench\":\"keyfile\",\"runs\":%d,\"open_ms\":%.3f,"
	       "\"two_commits_ms\":%.3f,\"send_ms\":%.3f}\n",
	    RUNS, median(open_ms), median(commits_ms), median(all_ms));
	unlink(path);
	unlink(journal);
	return rmdir(dir);
}
