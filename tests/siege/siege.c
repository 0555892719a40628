/* SPDX-License-Identifier: ISC */
/*
 *	siege ADDRESS PID ATTACK[:N[:MS]]...
 *
 * attacks the relay at ADDRESS, which is the process PID, and prints one JSON
 * line for each: how the good client fared (good.h), what the relay took
 * before, at its peak and after (watch.h), how long after the attack it was
 * back there, at most 10 seconds, and what the attack itself has seen.  In a
 * build whose memory is of another kind SIEGE_MEMORY_FACTOR times as much
 * counts as back.
 */
#include "siege.h"

#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "base/secret.h"
#include "good.h"
#include "watch.h"

#define BACK_MS  10000
#define LOOK_MS  20
#define LOOKS    10
#define KEPT_KIB 2048

void
siege_tell(struct siege *sg, const char *key, uint64_t value)
{
	MUST(json_object_set_new(sg->told, key,
		 json_integer((json_int_t)value)) == 0);
}

static void
tell_real(struct siege *sg, const char *key, double value)
{
	MUST(json_object_set_new(sg->told, key, json_real(value)) == 0);
}

/* At rest: the fewest descriptors there are while the good client works. */
static void
look_before(struct watch *w, pid_t pid)
{
	uint64_t fds = UINT64_MAX;

	for (int i = 0; i < LOOKS; i++) {
		clock_sleep(LOOK_MS);
		watch_read(w, pid);
		if (w->fds < fds)
			fds = w->fds;
	}
	w->fds = fds;
	watch_mark(pid);
}

/* What counts as back: a tenth more, and two MiB of caches. */
static uint64_t
level(uint64_t kib)
{
	const char *factor = getenv("SIEGE_MEMORY_FACTOR");

	return (kib + kib / 10 + KEPT_KIB) *
	    (factor ? strtoul(factor, NULL, 10) : 1);
}

/* Until it is back where it was; how long that took. */
static uint64_t
look_after(struct watch *w, const struct watch *before, pid_t pid)
{
	uint64_t start = clock_mono_ms(), now;

	do {
		watch_read(w, pid);
		now = clock_mono_ms();
		if (w->fds <= before->fds &&
		    w->rss_kib <= level(before->rss_kib))
			break;
		clock_sleep(LOOK_MS);
	} while (now - start < BACK_MS);
	return now - start;
}

static void
tell_good(struct siege *sg, const struct good_result *g)
{
	siege_tell(sg, "good_n", g->n);
	siege_tell(sg, "good_ok", g->ok);
	tell_real(sg, "p50_ms", g->p50_ms);
	tell_real(sg, "p99_ms", g->p99_ms);
	tell_real(sg, "max_ms", g->max_ms);
	if (g->fault[0] != '\0')
		MUST(json_object_set_new(sg->told, "fault",
			 json_string(g->fault)) == 0);
}

static void
tell_watch(struct siege *sg, const struct watch *before,
    const struct watch *during, const struct watch *after)
{
	siege_tell(sg, "rss_before_kib", before->rss_kib);
	siege_tell(sg, "rss_peak_kib", after->peak_kib);
	siege_tell(sg, "rss_after_kib", after->rss_kib);
	siege_tell(sg, "rss_level_kib", level(before->rss_kib));
	siege_tell(sg, "fds_before", before->fds);
	siege_tell(sg, "fds_after", after->fds);
	siege_tell(sg, "cpu_ms", during->cpu_ms - before->cpu_ms);
}

static void
run(struct siege *sg, const struct attack *a)
{
	struct watch before, during, after;
	struct good_result result;
	struct good good;
	uint64_t start, took, back;

	if (a->prepare)
		a->prepare(sg);
	good_start(&good, sg);
	look_before(&before, sg->pid);
	start = clock_mono_ms();
	a->run(sg);
	took = clock_mono_ms() - start;
	watch_read(&during, sg->pid);
	back = look_after(&after, &before, sg->pid);
	good_stop(&good, &result);
	siege_tell(sg, "took_ms", took);
	siege_tell(sg, "back_ms", back);
	tell_good(sg, &result);
	tell_watch(sg, &before, &during, &after);
}

static const struct attack *
find(const char *name, size_t len)
{
	static const struct attack *const tables[] = { open_attacks,
		size_attacks, read_attacks, mail_attacks, soak_attacks };

	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		for (const struct attack *a = tables[i]; a->name; a++) {
			if (strlen(a->name) == len &&
			    memcmp(a->name, name, len) == 0)
				return a;
		}
	}
	fprintf(stderr, "siege: no attack %.*s\n", (int)len, name);
	exit(2);
}

/* NAME[:N[:MS]] */
static void
attack(struct siege *sg, const char *text)
{
	size_t len = strcspn(text, ":");
	const struct attack *a = find(text, len);

	sg->n = a->n;
	sg->ms = a->ms;
	sg->how = a->how;
	sscanf(text + len, ":%u:%u", &sg->n, &sg->ms);
	sg->told = json_pack("{s:s,s:i,s:i}", "attack", a->name, "n",
	    (int)sg->n, "ms", (int)sg->ms);
	MUST(sg->told);
	run(sg, a);
	MUST(json_dumpf(sg->told, stdout,
		 JSON_COMPACT | JSON_REAL_PRECISION(4)) == 0);
	putchar('\n');
	fflush(stdout);
	json_decref(sg->told);
}

int
main(int argc, char **argv)
{
	struct siege sg = { 0 };

	if (argc < 4) {
		fputs("usage: siege ADDRESS PID ATTACK[:N[:MS]]...\n", stderr);
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	MUST(secret_start() == 0);
	MUST(addr_parse(&sg.relay, argv[1]) == 0);
	sg.pid = (pid_t)strtol(argv[2], NULL, 10);
	for (int i = 3; i < argc; i++)
		attack(&sg, argv[i]);
	return 0;
}
