/* SPDX-License-Identifier: ISC */
#include "cli/common.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/text.h"
#include "cli/ask.h"

#define NOT_GIVEN  (UINT64_MAX - 1) /* ms, longer than anyone asks for */
#define TIMEOUT_MS 30000
#define LOCK_MS    10000

static const struct opt common_opts[] = {
	OPT_STR('k', "keyfile", "FILE", "key file to use", struct common,
	    s.keyfile),
	OPT_STR('i', "identity", "NAME", "key file NAME.key of the directory",
	    struct common, s.identity),
	OPT_STR('r', "relay", "ADDR", "sentinel://KEY@HOST:PORT", struct common,
	    s.relay),
	OPT_DUR(0, "timeout", "DUR", "of a network operation (30s)",
	    struct common, s.timeout_ms),
	OPT_DUR(0, "lock-timeout", "DUR", "wait for the key file (10s)",
	    struct common, s.lock_timeout_ms),
	OPT_STR(0, "passphrase-file", "FILE", "the key file's passphrase",
	    struct common, s.passphrase_file),
	OPT_UINT(0, "passphrase-fd", "N", "the same, from a descriptor",
	    struct common, s.passphrase_fd),
	/* from here on also where there is no key file */
	OPT_STR('g', "get", "FIELD,...", "print only these fields, as a.b",
	    struct common, s.get),
	OPT_FLAG(0, "text", "print for people, not JSON", struct common,
	    s.text),
	OPT_CHOICE(0, "color", "auto|always|never", "color of JSON",
	    struct common, s.color),
	OPT_CHOICE(0, "errors", "json|text", "form of errors on stderr",
	    struct common, s.errors),
	OPT_FLAG('q', "quiet", "no warnings", struct common, s.quiet),
	OPT_FLAG('v', "verbose", "say how it ended and how long it took",
	    struct common, s.verbose),
	OPT_FLAG('h', "help", "print this and end", struct common, help),
	OPT_FLAG('V', "version", "print the version and end", struct common,
	    version),
	OPT_END,
};

static const struct opt hidden_opts[] = {
	OPT_FLAG(0, "dump-options", "these tables as JSON", struct common,
	    dump),
	OPT_END,
};

void
common_init(struct common *c)
{
	*c = (struct common){
		.s = { .timeout_ms = NOT_GIVEN,
		    .lock_timeout_ms = NOT_GIVEN,
		    .passphrase_fd = SETTINGS_NO_FD },
	};
}

const struct opt *
common_table(bool bare)
{
	const struct opt *o = common_opts;

	while (bare && strcmp(o->name, "get") != 0)
		o++;
	return o;
}

const struct opt *
common_hidden(void)
{
	return hidden_opts;
}

/* A variable that is empty counts as unset. */
static const char *
variable(const char *name)
{
	const char *value = getenv(name);

	return value && value[0] ? value : NULL;
}

static int
settle_duration(uint64_t *ms, const char *name, uint64_t otherwise)
{
	const char *value = variable(name);

	if (*ms != NOT_GIVEN)
		return 0;
	*ms = otherwise;
	if (value && text_duration(ms, value) < 0)
		return err_set(ERR_USAGE, "%s: not a duration: %s", name,
		    value);
	return 0;
}

int
common_settle(struct settings *s)
{
	int r;

	/* either option names the key file, so it overrules both variables */
	s->keyfile_option = s->keyfile || s->identity;
	if (!s->keyfile_option) {
		s->keyfile = variable("SENTINEL_KEYFILE");
		s->identity = variable("SENTINEL_IDENTITY");
	}
	if (!s->relay)
		s->relay = variable("SENTINEL_RELAY");
	if (!s->passphrase_file)
		s->passphrase_file = variable("SENTINEL_PASSPHRASE_FILE");
	r = settle_duration(&s->timeout_ms, "SENTINEL_TIMEOUT", TIMEOUT_MS);
	if (r == 0)
		r = settle_duration(&s->lock_timeout_ms,
		    "SENTINEL_LOCK_TIMEOUT", LOCK_MS);
	return r < 0 ? r : ask_setup(s);
}
