/* SPDX-License-Identifier: ISC */
#include "server/relay.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/secret.h"
#include "crypto/noise.h"
#include "server/conn.h"
#include "server/gauges.h"
#include "server/invite.h"
#include "server/reach.h"
#include "server/relaykey.h"
#include "server/reload.h"
#include "server/turn.h"

#define DESCRIPTORS_KEPT 36 /* for the store, the listeners and the loop */
#define TAKES            "Takes connections"
#define DRAIN_MS         9000
#define POLL_MS          4000  /* between two looks for what came elsewhere */
#define SWEEP_MS         60000 /* between two looks for what is overdue */
#define MMAP_FROM        (4 * 1024 * 1024) /* bytes of memory */

struct relay {
	struct loop *loop;
	struct store *store;
	struct serve serve;
	struct conn_set conns;
	size_t conns_n; /* at the end of the last turn */
	struct reach reach;
	struct gauges gauges;
	struct loop_timer drain; /* the last moment of a stop */
	struct loop_timer sweep;
	struct loop_timer poll; /* of a store that is shared */
	struct store_asker sweeper;
	const struct relay_config *config;
	struct limits traffic;  /* as they are now */
	size_t room;            /* for connections */
	struct loop_timer turn; /* the next, at the latest */
	bool backing_up;
	struct relay_ready ready;
	bool stopping;
	uint8_t *sk; /* locked, as the next is */
	uint8_t *invite_key;
};

/* As many descriptors as there may be, and how many clients that allows. */
static int
find_room(size_t *connections, uint64_t max)
{
	const rlim_t enough = max + DESCRIPTORS_KEPT;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return err_sys(ERR_IO, "limit of descriptors");
	limit.rlim_cur = limit.rlim_max;
	if (limit.rlim_cur > enough)
		limit.rlim_cur = enough;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return err_sys(ERR_IO, "limit of descriptors");
	if (limit.rlim_cur <= DESCRIPTORS_KEPT)
		return err_set(ERR_USAGE, "%d descriptors are too few",
		    (int)limit.rlim_cur);
	*connections = limit.rlim_cur - DESCRIPTORS_KEPT;
	return 0;
}

static void
log_one(const char *event, const char *name, const char *value)
{
	log_event(LOG_INFO, event, &(struct log_field){ name, value }, 1);
}

static void
on_connection(void *arg, int fd, const uint8_t origin[static ORIGIN_LEN])
{
	struct relay *r = arg;

	conn_accept(&r->conns, fd, origin);
}

static void
on_drain_over(void *arg)
{
	struct relay *r = arg;

	loop_stop(r->loop, 0);
}

/* A part a turn, so that nobody waits for it. */
static void
on_sweep(void *arg)
{
	struct relay *r = arg;
	bool more;
	int code;

	store_ask(r->store, &r->sweeper);
	code = store_sweep(r->store, clock_wall_ms(), &more);
	store_ask(r->store, NULL);
	if (code == STORE_LATER)
		return;
	store_forget(r->store, &r->sweeper);
	/* a failure of the store shows when the turn is settled */
	if (code != 0)
		more = false;
	loop_timer_set(r->loop, &r->sweep,
	    loop_now(r->loop) + (more ? 0 : SWEEP_MS));
}

static void
on_told(void *arg, struct store_asker *asker)
{
	struct relay *r = arg;

	if (asker == &r->sweeper)
		on_sweep(r);
	else
		conn_told(&r->conns, asker);
}

static void
on_mail(void *arg, const uint8_t *id)
{
	struct relay *r = arg;

	turn_wake(&r->serve, id);
}

/* Nobody waits for longer for what another relay has forgotten to tell. */
static void
on_poll(void *arg)
{
	struct relay *r = arg;

	conn_look(&r->conns);
	loop_timer_set(r->loop, &r->poll, loop_now(r->loop) + POLL_MS);
}

static enum serve_registration
who_may_register(const struct relay *r, const struct relay_config *config)
{
	if (!config->registration_by_reach)
		return config->registration;
	return r->reach.listeners.remote ? SERVE_INVITE : SERVE_OPEN;
}

static void
on_turn(void *arg)
{
	(void)arg;
}

/* A part a turn, so that nobody waits for it. */
static void
back_up(struct relay *r)
{
	bool more = false;

	if (store_backup(r->store, &more) < 0) {
		r->backing_up = false;
		log_fault(LOG_ERROR, "backup_failed");
	} else if (!more) {
		r->backing_up = false;
		log_event(LOG_INFO, "backup_done", NULL, 0);
	} else {
		loop_timer_set(r->loop, &r->turn, loop_now(r->loop));
	}
}

static void
begin_backup(struct relay *r)
{
	log_event(LOG_INFO, r->backing_up ? "backup_goes_on" : "backup_begun",
	    NULL, 0);
	r->backing_up = true;
}

/* What can change does so at once, for connections that are there too. */
static void
adopt(struct relay *r, const struct relay_config *config)
{
	const uint64_t connections = config->traffic.max_connections;

	r->traffic = config->traffic;
	r->conns.max = connections < r->room ? connections : r->room;
	serve_limit(&r->serve, who_may_register(r, config));
	store_limit(r->store, &config->limits);
	log_open(config->log_format, config->log_level);
	log_whole_ids(config->log_whole_ids);
}

static void
reload(struct relay *r)
{
	struct relay_config config;
	int code;

	manager_reloading(&r->reach.manager);
	code = r->config->reload(&config);
	if (code < 0) {
		log_fault(LOG_ERROR, "reload_refused");
		manager_ready(&r->reach.manager, err_last()->message);
		return;
	}
	adopt(r, &config);
	log_event(LOG_INFO, "reloaded", NULL, 0);
	reload_log_fixed(r->config, &config);
	if (config.traffic.max_connections > r->room &&
	    config.traffic.max_connections !=
		r->config->traffic.max_connections)
		reload_log_option("max-connections");
	manager_ready(&r->reach.manager, TAKES);
}

static void
on_signal(void *arg, int signo)
{
	struct relay *r = arg;

	if (signo == SIGHUP || signo == SIGUSR1) {
		if (!r->stopping)
			(signo == SIGHUP ? reload : begin_backup)(r);
		return;
	}
	log_one("stopping", "signal", signo == SIGTERM ? "TERM" : "INT");
	if (r->stopping) {
		loop_stop(r->loop, 0);
		return;
	}
	r->stopping = true;
	manager_stopping(&r->reach.manager);
	listener_stop(&r->reach.listeners);
	conn_drain(&r->conns);
	loop_timer_set(r->loop, &r->drain, loop_now(r->loop) + DRAIN_MS);
}

/*
 * Pieces of files share a commit with those that are here already, and with
 * the one that has begun to come.
 */
static bool
waits_for_pieces(struct relay *r, bool idle, bool *restless)
{
	if (!turn_may_wait(&r->serve, loop_now(r->loop)))
		return false;
	*restless = !conn_is_amid(r->serve.pieces_from);
	if (!*restless)
		loop_timer_set(r->loop, &r->turn, r->serve.pieces_by);
	return !idle || !*restless;
}

/* Group commit: a turn is made durable at once, then it is answered. */
static bool
before_sleep(void *arg, bool idle)
{
	struct relay *r = arg;
	bool restless;
	int code;

	if (waits_for_pieces(r, idle, &restless))
		return restless;
	code = turn_settle(&r->serve);
	conn_release(&r->conns);
	if (code == 0)
		code = store_rest(r->store);
	if (code == 0 && r->backing_up)
		back_up(r);
	if (code < 0) {
		log_fault(LOG_ERROR, "store_failed");
		loop_stop(r->loop, code);
	}
	listener_shut(&r->reach.listeners, r->conns.n >= r->conns.max);
	if (r->conns.n < r->conns_n)
		listener_retry(&r->reach.listeners);
	r->conns_n = r->conns.n;
	if (r->stopping && r->conns.n == 0)
		loop_stop(r->loop, code);
	return turn_has_landed(&r->serve);
}

static int
watch_signals(struct relay *r)
{
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigset_t set;

	sigaction(SIGPIPE, &ignore, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	if (r->config->reload)
		sigaddset(&set, SIGHUP);
	return loop_signals(r->loop, &set, on_signal, r);
}

/* What may take more rights than to serve, and what those open. */
static int
start_outside(struct relay *r, const struct relay_config *config)
{
	int code = loop_new(&r->loop);

	if (code == 0)
		code = watch_signals(r);
	if (code == 0)
		code = find_room(&r->room, config->traffic.max_connections);
	if (code == 0)
		code = listener_start(&r->reach.listeners, r->loop,
		    on_connection, r);
	if (code == 0)
		code = reach_open(&r->reach, &r->ready.address, config->listen,
		    config->listen_n);
	if (code == 0)
		code = gauges_start(&r->gauges, r->loop, config);
	if (code == 0 && config->metrics)
		r->ready.metrics = &r->gauges.at;
	return code == 0 ? sandbox_become(&config->sandbox) : code;
}

static int
start_inside(struct relay *r, const struct relay_config *config)
{
	int code = relaykey_load(r->sk, config->key);

	if (code == 0)
		invite_key(r->invite_key, r->sk);
	if (code == 0)
		code = store_open(&r->store, config->store, config->key,
		    &config->limits);
	if (code == 0) {
		store_tell(r->store, on_told, on_mail, r);
		code = store_start(r->store, r->loop);
	}
	if (code == 0)
		code = serve_start(&r->serve, r->store,
		    &(struct serve_config){ &r->traffic,
			who_may_register(r, config), r->invite_key });
	if (code == 0)
		code =
		    conn_start(&r->conns, r->loop, &r->serve, r->sk, r->room);
	if (code == 0)
		code = loop_timer_add(r->loop, &r->drain, CLOCK_NEVER);
	if (code == 0)
		code = loop_timer_add(r->loop, &r->sweep, loop_now(r->loop));
	if (code == 0)
		code = loop_timer_add(r->loop, &r->poll,
		    store_is_shared(r->store) ? loop_now(r->loop)
					      : CLOCK_NEVER);
	if (code == 0)
		code = loop_timer_add(r->loop, &r->turn, CLOCK_NEVER);
	return code;
}

static void
log_started(const struct relay *r)
{
	static const char *const words[] = {
		[SERVE_OPEN] = "open",
		[SERVE_INVITE] = "invite",
		[SERVE_CLOSED] = "closed",
	};
	char connections[24], landlock[12];
	const struct log_field fields[] = {
		{ "connections_max", connections },
		{ "registration", words[r->serve.registration] },
		{ "landlock", landlock },
		{ "seccomp", r->ready.level.seccomp ? "on" : "off" },
	};

	snprintf(connections, sizeof(connections), "%zu", r->conns.max);
	snprintf(landlock, sizeof(landlock), "%d", r->ready.level.landlock);
	log_event(LOG_INFO, "started", fields, ARRAY_LEN(fields));
}

/* The sandbox, open to what the store needs; dir is to be freed. */
static int
fit_sandbox(struct sandbox *sandbox, struct sandbox_outside *outside,
    char **dir, const struct relay_config *config)
{
	int code;

	*dir = NULL;
	*sandbox = config->sandbox;
	sandbox->outside = outside;
	code = store_directory(dir, config->store, config->key);
	return code == 0 ? store_outside(outside, config->store) : code;
}

/* All is open: what is not needed to serve is given up. */
static int
contain(struct relay *r, const struct relay_config *config)
{
	struct sandbox_outside outside;
	struct sandbox sandbox;
	char *dir;
	int code = fit_sandbox(&sandbox, &outside, &dir, config);

	if (code == 0)
		code = sandbox_enter(&r->ready.level, &sandbox, dir);
	free(dir);
	return code;
}

static int
run(struct relay *r, const struct relay_config *config)
{
	struct addr *address = &r->ready.address;
	int code = sandbox_prepare();

	if (code == 0)
		code = start_outside(r, config);
	if (code == 0)
		code = start_inside(r, config);
	if (code == 0)
		code = contain(r, config);
	if (code < 0)
		return code;
	noise_public(address->key, r->sk);
	loop_before_sleep(r->loop, before_sleep, r);
	log_started(r);
	code = config->ready(&r->ready);
	if (code < 0)
		return code;
	manager_ready(&r->reach.manager, TAKES);
	return loop_run(r->loop);
}

int
relay_run(const struct relay_config *config)
{
	struct relay r = {
		.config = config,
		.traffic = config->traffic,
		.drain = { .fn = on_drain_over, .arg = &r },
		.sweep = { .fn = on_sweep, .arg = &r },
		.poll = { .fn = on_poll, .arg = &r },
		.turn = { .fn = on_turn, .arg = &r },
		.reach.manager.fd = -1,
		.gauges = { .conns = &r.conns, .store = &r.store },
	};
	int code;

	/* else the largest buffers would stay with us once they were freed */
	mallopt(M_MMAP_THRESHOLD, MMAP_FROM);
	mallopt(M_TRIM_THRESHOLD, MMAP_FROM);
	store_spare_counting();
	log_open(config->log_format, config->log_level);
	log_whole_ids(config->log_whole_ids);
	r.sk = secret_new(2 * KEY_LEN);
	if (!r.sk)
		return err_set(ERR_NOMEM, "relay key");
	r.invite_key = r.sk + KEY_LEN;
	code = run(&r, config);
	if (r.backing_up)
		log_event(LOG_WARN, "backup_given_up", NULL, 0);
	gauges_stop(&r.gauges);
	conn_stop(&r.conns);
	serve_stop(&r.serve);
	store_close(r.store);
	reach_close(&r.reach);
	loop_free(r.loop);
	secret_free(r.sk);
	log_one("stopped", "status", err_token(code));
	return code;
}

int
relay_address(struct addr *out, const struct relay_config *config)
{
	uint8_t sk[KEY_LEN];
	int code = reach_parse(out, config->listen, config->listen_n, true);

	for (size_t i = 0; code == 0 && i < out->hosts_n; i++) {
		if (out->hosts[i].port == 0)
			code = err_set(ERR_USAGE,
			    "the port of %s is not known before the relay runs",
			    out->hosts[i].name);
	}
	if (code == 0)
		code = relaykey_load(sk, config->key);
	if (code == 0)
		noise_public(out->key, sk);
	secret_wipe(sk, sizeof(sk));
	return code;
}

int
relay_check_sandbox(bool *sound, const struct relay_config *config,
    sandbox_check_fn fn)
{
	struct sandbox_outside outside;
	struct sandbox sandbox;
	char *dir;
	int code = fit_sandbox(&sandbox, &outside, &dir, config);

	if (code == 0)
		code = sandbox_check(sound, &sandbox, dir, fn);
	free(dir);
	return code;
}

int
relay_invite(const struct relay_config *config, uint64_t n, uint64_t ttl_ms,
    relay_invite_fn fn)
{
	struct invite invite = { .expires = clock_wall_ms() + ttl_ms };
	uint8_t sk[KEY_LEN], key[KEY_LEN] = { 0 };
	char text[INVITE_LEN + 1];
	int code = relaykey_load(sk, config->key);

	if (code == 0)
		invite_key(key, sk);
	for (; code == 0 && n > 0; n--) {
		secret_random(invite.nonce, sizeof(invite.nonce));
		invite_pack(text, &invite, key);
		code = fn(text, invite.expires);
	}
	secret_wipe(sk, sizeof(sk));
	secret_wipe(key, sizeof(key));
	return code;
}
