/* SPDX-License-Identifier: ISC */
/*
 * The relay as a whole: from its options to the end of its run.  It needs
 * what the main function of every program sets up (base/proc, base/secret).
 */
#ifndef SERVER_RELAY_H
#define SERVER_RELAY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/attr.h"
#include "server/log.h"
#include "server/sandbox.h"
#include "server/sandbox_check.h"
#include "server/serve.h"
#include "wire/addr.h"

/* What it has become. */
struct relay_ready {
	struct addr address; /* its key, and the ports it got */
	struct sandbox_level level;
	const struct addr_host *metrics; /* NULL = not to be read */
};

/* Called once connections are taken; a negative code ends the relay. */
typedef int (*relay_ready_fn)(const struct relay_ready *ready);

struct relay_config;

/*
 * What the options are by now; a negative code: they are none.  What they
 * borrow stays until the next call.
 */
typedef int (*relay_reload_fn)(struct relay_config *config);

/* Strings are borrowed. */
struct relay_config {
	const char *const *listen; /* HOST:PORT, port 0 = any */
	size_t listen_n;           /* 0: what was handed over, or 127.0.0.1 */
	const char *store;         /* see store_open */
	struct store_limits limits;
	struct limits traffic;
	const char *key; /* path, see relaykey.h */
	enum serve_registration registration;
	bool registration_by_reach; /* else: open for this machine alone */
	struct sandbox sandbox;
	const char *metrics; /* HOST:PORT to read them at; NULL = nowhere */
	bool metrics_remote; /* others than this machine may */
	enum log_format log_format;
	enum log_level log_level;
	bool log_whole_ids;
	relay_ready_fn ready;
	relay_reload_fn reload; /* NULL: it cannot be told anew */
};

/*
 * Run until SIGTERM or SIGINT: then no more connections are taken, what was
 * asked is answered, and it is over within 10 s; at a second signal, at once.
 * At SIGUSR1 it begins a backup, see store_backup, and logs how that ends.
 * At SIGHUP the limits, who may register and the log are as config->reload
 * says, if it succeeds; what cannot change so is logged.
 * 0, or why it could not start or go on.
 */
int relay_run(const struct relay_config *config) MUST_USE;

/* The address that a relay of this configuration has; makes its key. */
int relay_address(struct addr *out, const struct relay_config *config) MUST_USE;

/* Try what a relay of this configuration must not be able to do. */
int relay_check_sandbox(bool *sound, const struct relay_config *config,
    sandbox_check_fn fn) MUST_USE;

/* Called with each; a negative code ends it. */
typedef int (*relay_invite_fn)(const char *invite, uint64_t expires);

/* Make n invites of a relay of this configuration, for so long. */
int relay_invite(const struct relay_config *config, uint64_t n, uint64_t ttl_ms,
    relay_invite_fn fn) MUST_USE;

#endif
