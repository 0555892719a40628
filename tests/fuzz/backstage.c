/* SPDX-License-Identifier: ISC */
#include "backstage.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chance.h"
#include "must.h"
#include "still.h"
#include "tidy.h"

#define MEMORY "/dev/shm"

static struct scratch scratch;

static void
clean(void)
{
	tidy_dir(scratch.dir);
}

void
backstage_path(char *out, size_t size, const char *name)
{
	int n = snprintf(out, size, "%s/%s", scratch.dir, name);

	must(n > 0 && (size_t)n < size);
}

void
backstage_clear(void)
{
	clean();
	must(mkdir(scratch.dir, 0700) == 0);
}

static void
make_key_file(void)
{
	struct addr relay;

	must(addr_parse(&relay, "relay.example.org") == 0);
	must(keyfile_create(&scratch.kf, scratch.path, "alice", &relay, NULL,
		 1000) == 0);
	scratch_begin(&scratch);
	must(own_date_next(scratch.kf, STILL_START) == 0);
	must(own_confirm_next(scratch.kf, STILL_START, STILL_START) == 0);
	scratch_commit(&scratch);
	scratch_close(&scratch);
}

void
backstage_make(struct stage *st)
{
	still_elapsed = 0;
	chance_start();
	umask(077);
	snprintf(scratch.dir, sizeof(scratch.dir), "%s/fuzz.XXXXXX",
	    access(MEMORY, W_OK) == 0 ? MEMORY : "/tmp");
	must(mkdtemp(scratch.dir) && atexit(clean) == 0);
	backstage_path(scratch.path, sizeof(scratch.path), "alice.key");
	make_key_file();
	*st = (struct stage){ .scratch = &scratch,
		.settings = { .keyfile = scratch.path,
		    .timeout_ms = 1000,
		    .lock_timeout_ms = 1000 } };
	stage_reopen(st);
}

void
backstage_close(struct stage *st)
{
	intake_free(st->intake);
	client_close(st->client);
	st->intake = NULL;
	st->client = NULL;
}
