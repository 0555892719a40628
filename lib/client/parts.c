/* SPDX-License-Identifier: ISC */
#include "client/parts.h"

#include <string.h>

#include "base/secret.h"
#include "e2e/filebox.h"

void
parts_id(uint8_t out[static ID_LEN], struct client *c, const struct files *f)
{
	struct filebox_digest d = { .state = { 0 } };
	uint8_t hash[FILEBOX_DIGEST_LEN];

	filebox_digest_init(&d);
	filebox_digest_add(&d, client_self(c)->id, ID_LEN);
	filebox_digest_add(&d, f->peer, ID_LEN);
	filebox_digest_add(&d, f->file_id, ID_LEN);
	filebox_digest_end(&d, hash);
	memcpy(out, hash, ID_LEN);
}

int
parts_drop(struct client *c, const struct files *f)
{
	uint8_t id[ID_LEN];
	struct outdir *d;
	int r = 0;

	if (f->path[0] == '\0' || outdir_enter(&d, f->path) < 0)
		return 0;
	parts_id(id, c, f);
	/* not where the path leads by now */
	if (strcmp(outdir_path(d), f->path) == 0)
		r = outdir_drop_part(d, id);
	outdir_close(d);
	return r;
}

int
parts_drop_all(struct client *c, const uint8_t peer[static ID_LEN])
{
	struct files f = { .at = 0 };
	bool found;
	int r;

	memcpy(f.peer, peer, ID_LEN);
	for (;;) {
		r = files_next(client_keyfile(c), &f, &found);
		if (r < 0 || !found || memcmp(f.peer, peer, ID_LEN) != 0)
			break;
		r = parts_drop(c, &f);
		if (r < 0)
			break;
	}
	secret_wipe(&f, sizeof(f));
	return r;
}
