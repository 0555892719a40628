/* SPDX-License-Identifier: ISC */
/* What a relay that runs cannot take over from a configuration. */
#ifndef SERVER_RELOAD_H
#define SERVER_RELOAD_H

#include "server/relay.h"

/*
 * Log a line for each option that is another in b, and for which the relay has
 * to be started anew.
 */
void reload_log_fixed(const struct relay_config *a,
    const struct relay_config *b);

/* The same for one option, that is another. */
void reload_log_option(const char *option);

#endif
