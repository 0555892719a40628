/* SPDX-License-Identifier: ISC */
#include "stage.h"

#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"
#include "base/le.h"
#include "base/secret.h"
#include "crypto/noise.h"
#include "raw.h"

static void
choose_store(struct stage *s, const char *given)
{
	static const char pg[] = "postgresql:";

	if (!given) {
		snprintf(s->where, sizeof(s->where), "sqlite:%s", s->store);
		return;
	}
	MUST(strlen(given) < sizeof(s->where));
	snprintf(s->where, sizeof(s->where), "%s", given);
	if (strncmp(given, pg, strlen(pg)) == 0)
		s->conninfo = s->where + strlen(pg);
}

void
stage_make(struct stage *s)
{
	MUST(secret_start() == 0);
	store_spare_counting(); /* as the relay does, for what is raw */
	*s = (struct stage){ .pid = 0 };
	raw_make_dir(s->dir);
	snprintf(s->store, sizeof(s->store), "%s/relay.db", s->dir);
	choose_store(s, getenv("STORE"));
}

struct store *
stage_open_store(const struct stage *s)
{
	struct store *st;

	MUST(store_open(&st, s->where, NULL, NULL) == 0);
	return st;
}

static void
enrol(struct store *st, const uint8_t *id, const uint8_t *static_pk)
{
	struct body_key k = { .issued_at = 1 };

	memcpy(k.id, id, ID_LEN);
	memset(&k.bundle, 1, sizeof(k.bundle));
	memcpy(k.bundle.static_pk, static_pk, KEY_LEN);
	for (size_t i = 0; i < ID_LEN; i++)
		snprintf(k.name + 2 * i, 3, "%02x", id[i]);
	MUST(store_register(st, &k, clock_wall_ms()) == 0);
}

void
stage_add_people(struct store *st, struct person *out, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t pk[KEY_LEN];

		secret_random(&out[i], sizeof(out[i]));
		noise_public(pk, out[i].static_sk);
		enrol(st, out[i].id, pk);
	}
}

/* Ascending, so that a million of them are quickly there. */
void
stage_crowd_id(uint8_t out[static ID_LEN], size_t n)
{
	memset(out, 0x80, ID_LEN);
	for (size_t i = 0; i < 4; i++)
		out[i] = (uint8_t)(n >> (24 - 8 * i));
}

void
stage_add_crowd(struct store *st, size_t first, size_t n)
{
	static const uint8_t pk[KEY_LEN] = { 9 };
	uint8_t id[ID_LEN];

	for (size_t i = first; i < first + n; i++) {
		stage_crowd_id(id, i);
		enrol(st, id, pk);
	}
}

void
stage_add_mail(struct store *st, const uint8_t *to, const uint8_t *from,
    size_t n, size_t len)
{
	uint8_t *content = calloc(1, len);
	struct body_send m = { .type = 3,
		.content = content,
		.content_len = (uint32_t)len };

	MUST(content);
	memcpy(m.to, to, ID_LEN);
	for (size_t i = 0; i < n; i++)
		MUST(store_put(st, &m, from, clock_wall_ms()) == 0);
	free(content);
}

/* The counter of tests/preload/syncs.c. */
static void
make_counter(struct stage *s, char path[static 300])
{
	void *p;
	int fd;

	snprintf(path, 300, "%s/syncs", s->dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	MUST(fd >= 0 && ftruncate(fd, sizeof(uint64_t)) == 0);
	p = mmap(NULL, sizeof(uint64_t), PROT_READ, MAP_SHARED, fd, 0);
	MUST(p != MAP_FAILED);
	close(fd);
	s->syncs = p;
}

static void
run_relay(const struct stage *s, const char *syncs)
{
	const char *bin = getenv("RELAY_BIN"), *bins = getenv("SENTINEL_BIN");
	const char *tools = getenv("SENTINEL_TOOLS");
	char path[512], key[300], preload[512];

	snprintf(path, sizeof(path), "%s/sentinel-relay",
	    bins ? bins : "build/release/bin");
	snprintf(preload, sizeof(preload), "%s/syncs.so",
	    tools ? tools : "build/release/tools");
	snprintf(key, sizeof(key), "%s/key", s->dir);
	setenv("LD_PRELOAD", preload, 1);
	setenv("BENCH_SYNCS", syncs, 1);
	execlp(bin ? bin : path, "sentinel-relay", "--listen", "127.0.0.1:0",
	    "--store", s->where, "--key", key, "--log-level", "error",
	    (char *)NULL);
}

static void
read_ready(struct stage *s, int fd)
{
	char line[4096];
	ssize_t n = read(fd, line, sizeof(line));
	json_t *ready;

	MUST(n > 0);
	ready = json_loadb(line, (size_t)n, 0, NULL);
	MUST(ready);
	MUST(addr_parse(&s->relay,
		 json_string_value(json_object_get(ready, "address"))) == 0);
	json_decref(ready);
}

void
stage_start(struct stage *s)
{
	char syncs[300];
	int out[2];

	make_counter(s, syncs);
	MUST(pipe2(out, O_CLOEXEC) == 0);
	s->pid = fork();
	MUST(s->pid >= 0);
	if (s->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(out[1], STDOUT_FILENO);
		run_relay(s, syncs);
		_exit(127);
	}
	close(out[1]);
	read_ready(s, out[0]);
	close(out[0]);
}

void
stage_stop(struct stage *s)
{
	int status;

	kill(s->pid, SIGTERM);
	MUST(waitpid(s->pid, &status, 0) == s->pid);
	MUST(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	munmap((void *)(uintptr_t)s->syncs, sizeof(*s->syncs));
	raw_remove_dir(s->dir);
}

uint64_t
stage_cpu_ns(const struct stage *s)
{
	struct timespec t;
	clockid_t clock;

	MUST(clock_getcpuclockid(s->pid, &clock) == 0);
	MUST(clock_gettime(clock, &t) == 0);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

double
stage_rss_kib(const struct stage *s)
{
	char path[64];
	long total, resident;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)s->pid);
	f = fopen(path, "re");
	MUST(f && fscanf(f, "%ld %ld", &total, &resident) == 2);
	fclose(f);
	return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1024;
}
