/* SPDX-License-Identifier: ISC */
#include "client/filing.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/secret.h"
#include "client/entry.h"

int
filing_describe(struct buf *out, const struct files *f, const char *path,
    const char *error)
{
	struct pull_file file = { .sent_at = f->sent_at };
	struct plain_manifest m;
	struct plain_end e;

	files_describe(f, &m);
	file.size = m.size;
	filename_make_safe(file.name, m.name, m.name_len, m.file_id);
	secret_wipe(&m, sizeof(m));
	if (path) {
		files_describe_end(f, &e);
		file.size = e.size;
		memcpy(file.digest, e.digest, sizeof(file.digest));
		memcpy(file.name, f->name, sizeof(file.name));
		snprintf(file.path, sizeof(file.path), "%s/%s", path, f->name);
	}
	if (error)
		snprintf(file.error, sizeof(file.error), "%s", error);
	return entry_pack_file(out, &file);
}

int
filing_take_manifest(struct keyfile *kf, const struct body_message *m,
    const struct plain *plain, struct buf *offer, bool *fresh)
{
	struct files f = { .direction = FILES_IN,
		.stage = FILES_OPEN,
		.seq = plain->seq,
		.sent_at = plain->sent_at,
		.padded = FILES_NOT_FINAL,
		.at = clock_wall_ms() };
	struct plain_manifest manifest;
	int r = plain_unpack_manifest(&manifest, plain->body, plain->body_len);

	if (r < 0)
		return r;
	memcpy(f.peer, m->from, ID_LEN);
	memcpy(f.file_id, manifest.file_id, ID_LEN);
	secret_wipe(&manifest, sizeof(manifest));
	memcpy(f.message_id, plain->message_id, ID_LEN);
	memcpy(f.manifest, plain->body, plain->body_len);
	f.manifest_len = plain->body_len;
	r = files_take_stray(kf, &f);
	if (r == 0)
		r = files_add(kf, &f, fresh);
	if (r == 0)
		r = filing_describe(offer, &f, NULL, NULL);
	secret_wipe(&f, sizeof(f));
	return r;
}

int
filing_take_end(struct keyfile *kf, const struct body_message *m,
    const struct plain *plain)
{
	struct plain_end end;
	struct files f;
	bool found;
	int r = plain_unpack_end(&end, plain->body, plain->body_len);

	if (r == 0)
		r = files_find(kf, m->from, FILES_IN, end.file_id, &f, &found);
	if (r != 0)
		return r;
	if (!found)
		return files_keep_end(kf, m->from, end.file_id, plain->body,
		    clock_wall_ms());
	if (f.stage == FILES_OPEN && !f.has_end) {
		f.has_end = true;
		memcpy(f.end, plain->body, sizeof(f.end));
		r = files_save_end(kf, &f);
	}
	secret_wipe(&f, sizeof(f));
	return r;
}
