/* SPDX-License-Identifier: ISC */
/*
 * What a mailbox message does to the key file: handshake steps, ratchet
 * steps, inbox entries.  Everything between intake_begin and intake_end runs
 * inside the caller's transaction, so that a page is taken in whole or not
 * at all; what has to be said in answer is said by intake_resend, after it
 * is committed.
 */
#ifndef CLIENT_INTAKE_H
#define CLIENT_INTAKE_H

#include "client/client.h"
#include "client/pull.h"
#include "wire/body.h"

struct intake;

int intake_new(struct intake **out, struct client *c) MUST_USE;
void intake_free(struct intake *in); /* NULL is fine */

/* A page begins: forget what is too old, tell of held messages that are. */
int intake_begin(struct intake *in) MUST_USE;

/* *left: over a cap; do not acknowledge, it stays at the relay. */
int intake_take(struct intake *in, const struct body_message *m,
    bool *left) MUST_USE;

/* The mailbox is begun anew, and so is the count of strangers. */
void intake_rewind(struct intake *in);

/* The page ends: numbers that are missing become entries. */
int intake_end(struct intake *in) MUST_USE;

/* Send again what repeated messages asked for. */
void intake_resend(struct intake *in);

/* From now on files are taken in, not offered. */
void intake_keep_files(struct intake *in);

/* How many files were announced so far. */
size_t intake_manifests(const struct intake *in);

/* Of all pages so far. */
const struct pull_tally *intake_tally(const struct intake *in);

#endif
