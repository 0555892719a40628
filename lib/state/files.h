/* SPDX-License-Identifier: ISC */
/*
 * Files on their way.  One row for each file, peer and direction, from the
 * commit of its manifest to FILES_KEEP_MS after its end, so that a transfer
 * outlives the commands that carry it on:
 *
 *	sending    OPEN with the manifest in the outbox; ENDED with the END in
 *	           it; dropped once the relay has that and it was told
 *	receiving  OPEN; NAMED when all of it is verified, on the disk, and
 *	           about to be renamed; DONE, without content
 *
 * The chunks that are sent, or are on the disk, stand in spans: committed
 * before a received chunk is acknowledged, and after a sent one was.
 *
 * A stray is a file of which something has come, but no manifest.
 */
#ifndef STATE_FILES_H
#define STATE_FILES_H

#include "base/clock.h"
#include "base/filename.h"
#include "state/keyfile.h"
#include "state/outdir.h"
#include "state/spans.h"
#include "wire/plain.h"

#define FILES_KEEP_MS    (30 * CLOCK_DAY)
#define FILES_STRAY_MS   (60 * 60 * 1000) /* a chunk waits for a manifest */
#define FILES_STRAYS_MAX 1024

enum files_direction {
	FILES_OUT = 1,
	FILES_IN = 2,
};

enum files_stage {
	FILES_OPEN = 1,
	FILES_ENDED = 2,
	FILES_NAMED = 3,
	FILES_DONE = 4,
};

#define FILES_NOT_FINAL UINT64_MAX

struct files {
	uint8_t peer[ID_LEN];
	enum files_direction direction;
	uint8_t file_id[ID_LEN];
	enum files_stage stage;
	uint8_t message_id[ID_LEN]; /* of the manifest: the id of the file */
	uint64_t seq, sent_at;      /* of the manifest */
	uint8_t manifest[PLAIN_MANIFEST_MAX]; /* packed; holds the key */
	size_t manifest_len;
	bool has_end;
	uint8_t end[PLAIN_END_LEN]; /* packed */
	uint8_t end_id[ID_LEN];     /* message id of an END that is sent */
	uint64_t padded; /* where the final chunk ends, or FILES_NOT_FINAL */
	char path[OUTDIR_PATH_SIZE];      /* of the source, or the directory */
	char name[FILENAME_SIZE];         /* NAMED: what it is to be called */
	uint64_t device, inode, modified; /* of the source; inode of a part */
	struct spans spans;
	uint64_t at; /* unix ms, of the last progress */
};

/* Rows were checked when they were read; borrows from f. */
void files_describe(const struct files *f, struct plain_manifest *m);
void files_describe_end(const struct files *f, struct plain_end *e);

/* *fresh is false, and nothing changes, when it is known. */
int files_add(struct keyfile *kf, const struct files *f, bool *fresh) MUST_USE;

/* All but manifest and END, and what came with them. */
int files_save(struct keyfile *kf, const struct files *f) MUST_USE;
/* The END. */
int files_save_end(struct keyfile *kf, const struct files *f) MUST_USE;

/* DONE: keys and content go, the id stays to be known again. */
int files_finish(struct keyfile *kf, const struct files *f) MUST_USE;
int files_drop(struct keyfile *kf, const struct files *f) MUST_USE;

/* Of a row that is DONE only the first four fields are set. */
int files_find(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    enum files_direction direction, const uint8_t file_id[static ID_LEN],
    struct files *out, bool *found) MUST_USE;

/* The newest row for the source in f: peer, device, inode, modified. */
int files_find_source(struct keyfile *kf, const struct files *f,
    struct files *out, bool *found) MUST_USE;

/*
 * The next row being received after the one in f (zeros: the first) into f;
 * leaves f alone when there is none.
 */
int files_next(struct keyfile *kf, struct files *f, bool *found) MUST_USE;

/* Take back the inbox's offers of them that were not shown yet. */
int files_withdraw_offers(struct keyfile *kf) MUST_USE;

/* Note that a chunk without a manifest has come, and when the first did. */
int files_note_stray(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    const uint8_t file_id[static ID_LEN], uint64_t now) MUST_USE;
/* 0: not noted. */
int files_stray_since(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    const uint8_t file_id[static ID_LEN], uint64_t *first_seen) MUST_USE;

/* Keep an END for its manifest. */
int files_keep_end(struct keyfile *kf, const uint8_t peer[static ID_LEN],
    const uint8_t file_id[static ID_LEN],
    const uint8_t end[static PLAIN_END_LEN], uint64_t now) MUST_USE;

/* The manifest is there: take the stray out, and its END into f. */
int files_take_stray(struct keyfile *kf, struct files *f) MUST_USE;

/* Forget rows and strays whose time is over, but for files being received. */
int files_expire(struct keyfile *kf, uint64_t now) MUST_USE;

#endif
