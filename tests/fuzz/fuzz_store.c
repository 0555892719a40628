/* SPDX-License-Identifier: ISC */
/*
 * Damage to a relay's store on SQLite: a small one that is always the same,
 * and in each input six bytes a time what is done to it: a byte of the
 * database bent, a value or a place in a row changed, rows deleted, a file of
 * pieces cut.  It is refused as damaged, or served as far as it goes: every
 * answer is a whole frame, and what cannot be served is refused.
 */
#include <fcntl.h>
#include <sched.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "caller.h"
#include "chance.h"
#include "must.h"
#include "server/chunks.h"
#include "server/loop.h"
#include "server/turn.h"
#include "still.h"
#include "tidy.h"
#include "wire/frame.h"

#define MEMORY   "/dev/shm" /* where a commit costs next to nothing */
#define FILE_LEN (256 * 1024)
#define STEP_LEN 6
#define STEPS    16
#define PEOPLE   4

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len);

static char dir[64], database[80], files[96], pieces[120];
static struct caller people[PEOPLE];
static const struct store_limits few = { 8, 60000, 30 * CLOCK_DAY, 4, 200000,
	7 * CLOCK_DAY, UINT64_MAX, 0 };

/* --- a store, always the same --- */

struct file {
	uint8_t bytes[FILE_LEN];
	size_t len;
};

static struct file whole, segment;

static void
read_file(struct file *f, const char *path)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, f->bytes, sizeof(f->bytes));

	must(n > 0 && (size_t)n < sizeof(f->bytes));
	f->len = (size_t)n;
	close(fd);
}

static void
write_file(const struct file *f, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	must(write(fd, f->bytes, f->len) == (ssize_t)f->len);
	close(fd);
}

static void
put(struct store *st, unsigned from, unsigned to, uint8_t type, uint32_t len)
{
	static const uint8_t content[8000];
	struct body_send m = { .type = type,
		.content = content,
		.content_len = len };

	memcpy(m.to, people[to].key.id, ID_LEN);
	must(store_put(st, &m, people[from].key.id, STILL_START) == 0);
}

static void
fill(struct store *st)
{
	static const struct invite invite = { .nonce = { 1 },
		.expires = STILL_START };
	static const char *const names[] = { "ann", "bea", "cat", "dan" };
	struct body_block op = { .id = { 9 }, .block = true };

	for (unsigned i = 0; i < PEOPLE; i++) {
		caller_make(&people[i], i + 1, names[i]);
		must(store_register_invited(st, &people[i].key,
			 i == 0 ? &invite : NULL, STILL_START) == 0);
	}
	for (uint8_t i = 0; i < 3; i++) {
		put(st, 1, 0, (uint8_t)(1 + i), 30 + 3000U * i);
		put(st, 2, 0, MESSAGE_RATCHET, 17);
		put(st, 2, i % 2, MESSAGE_CHUNK, 1 + 2500U * i);
	}
	must(store_block(st, people[1].key.id, &op) == 0);
	must(store_unregister(st, people[3].key.id) == 0);
	must(store_commit(st) == 0);
}

static void
clean(void)
{
	tidy_dir(dir);
}

static void
make_store(void)
{
	struct store *st;

	chance_start();
	snprintf(dir, sizeof(dir), "%s/fuzz_store.XXXXXX",
	    access(MEMORY, W_OK) == 0 ? MEMORY : "/tmp");
	must(mkdtemp(dir) && atexit(clean) == 0);
	snprintf(database, sizeof(database), "%s/db", dir);
	snprintf(files, sizeof(files), "%s.files", database);
	snprintf(pieces, sizeof(pieces), "%s/%020d", files, 0);
	must(store_sqlite_open(&st, database, &few) == 0);
	fill(st);
	store_close(st);
	read_file(&whole, database);
	read_file(&segment, pieces);
	clean();
}

/* --- damage --- */

static const int64_t numbers[] = { 0, 1, 2, 3, 4, 5, -1, UINT8_MAX, 256, 260,
	4096, INT32_MAX, UINT32_MAX, UINT32_MAX + 1LL, INT64_MAX - 1, INT64_MAX,
	INT64_MIN };
static const int lengths[] = { 0, 1, ID_LEN - 1, ID_LEN, CHUNKS_PLACE_LEN - 1,
	CHUNKS_PLACE_LEN, 21, BUNDLE_LEN - 1, BUNDLE_LEN, NAME_MAX_LEN,
	NAME_SIZE, 70000, CONTENT_MAX, CONTENT_MAX + 1, FRAME_MAX + 1 };

/* The columns, and by what a row of theirs is found. */
static const struct column {
	const char *table, *key, *name;
	char type; /* Integer, Blob, Text */
} columns[] = {
	{ "clients", "number", "number", 'I' },
	{ "clients", "number", "ID", 'B' },
	{ "clients", "number", "userName", 'T' },
	{ "clients", "number", "publicKey", 'B' },
	{ "clients", "number", "issuedAt", 'I' },
	{ "clients", "number", "lastSeen", 'I' },
	{ "mailboxes", "ID", "ID", 'B' },
	{ "mailboxes", "ID", "client", 'I' },
	{ "mailboxes", "ID", "registered", 'I' },
	{ "mailboxes", "ID", "nextMessage", 'I' },
	{ "mailboxes", "ID", "messages", 'I' },
	{ "mailboxes", "ID", "messageBytes", 'I' },
	{ "mailboxes", "ID", "chunks", 'I' },
	{ "mailboxes", "ID", "chunkBytes", 'I' },
	{ "mailboxes", "ID", "blocks", 'I' },
	{ "messages", "rowid", "rowid", 'I' },
	{ "messages", "rowid", "toClient", 'I' },
	{ "messages", "rowid", "ID", 'I' },
	{ "messages", "rowid", "fromClient", 'I' },
	{ "messages", "rowid", "type", 'I' },
	{ "messages", "rowid", "storedAt", 'I' },
	{ "messages", "rowid", "content", 'B' },
	{ "shares", "client", "client", 'I' },
	{ "shares", "client", "kind", 'I' },
	{ "shares", "client", "sender", 'I' },
	{ "shares", "client", "messages", 'I' },
	{ "shares", "client", "bytes", 'I' },
	{ "blocks", "client", "client", 'I' },
	{ "blocks", "client", "blocked", 'B' },
	{ "invites", "nonce", "nonce", 'B' },
	{ "invites", "nonce", "expires", 'I' },
};

static const char *const statements[] = {
	"PRAGMA user_version = 1",
	"PRAGMA user_version = 2",
	"PRAGMA user_version = 3",
	"PRAGMA user_version = 5",
	"PRAGMA application_id = 1",
	"DROP INDEX messagesByMailbox",
	"DROP INDEX messagesInFiles",
	"DROP TABLE shares",
	"DROP TABLE mailboxes",
	"INSERT INTO shares SELECT 1, 0, n, 1, 1 FROM (SELECT 7 AS n)",
	"CREATE TRIGGER t AFTER INSERT ON messages BEGIN DELETE FROM clients;END",
	"PRAGMA journal_mode = DELETE",
};

/* Who refuses one of these has done no damage: that is all right. */
static void
run_sql(sqlite3 *db, const char *text, const struct column *c,
    const uint8_t *in)
{
	static char bytes[FRAME_MAX + 1];
	int n = lengths[in[3] % ARRAY_LEN(lengths)];
	sqlite3_stmt *stmt;

	if (sqlite3_prepare_v2(db, text, -1, &stmt, NULL) != SQLITE_OK)
		return;
	memset(bytes, in[4], sizeof(bytes));
	if (c && c->type == 'I')
		sqlite3_bind_int64(stmt, 1,
		    numbers[in[3] % ARRAY_LEN(numbers)]);
	else if (c && c->type == 'B')
		sqlite3_bind_blob(stmt, 1, bytes, n, SQLITE_STATIC);
	else if (c)
		sqlite3_bind_text(stmt, 1, bytes, n, SQLITE_STATIC);
	sqlite3_step(stmt);
	sqlite3_finalize(stmt);
}

static void
change_value(sqlite3 *db, const uint8_t *in)
{
	const struct column *c = &columns[in[1] % ARRAY_LEN(columns)];
	char text[256];

	snprintf(text, sizeof(text),
	    "UPDATE %s SET %s = ?1 WHERE %s = (SELECT %s FROM %s ORDER BY %s"
	    " LIMIT 1 OFFSET %d)",
	    c->table, c->name, c->key, c->key, c->table, c->key, in[2] % 16);
	run_sql(db, text, c, in);
}

static void
change_place(sqlite3 *db, const uint8_t *in)
{
	struct chunks_place place = {
		.segment = (uint64_t)numbers[in[2] % ARRAY_LEN(numbers)],
		.offset = (uint64_t)numbers[in[3] % ARRAY_LEN(numbers)],
		.len = (uint32_t)lengths[in[4] % ARRAY_LEN(lengths)],
	};
	uint8_t packed[CHUNKS_PLACE_LEN];
	sqlite3_stmt *stmt;

	if (in[5] % 4 == 0)
		place.len = UINT32_MAX;
	chunks_pack(packed, &place);
	if (sqlite3_prepare_v2(db,
		"UPDATE messages SET content = ?1 WHERE rowid ="
		" (SELECT rowid FROM messages WHERE type = 4 LIMIT 1"
		" OFFSET ?2)",
		-1, &stmt, NULL) != SQLITE_OK)
		return;
	sqlite3_bind_blob(stmt, 1, packed, sizeof(packed), SQLITE_STATIC);
	sqlite3_bind_int(stmt, 2, in[1] % 4);
	sqlite3_step(stmt);
	sqlite3_finalize(stmt);
}

static void
delete_rows(sqlite3 *db, const uint8_t *in)
{
	const struct column *c = &columns[in[1] % ARRAY_LEN(columns)];
	char text[256];

	snprintf(text, sizeof(text), "DELETE FROM %s WHERE %s = ?1", c->table,
	    c->name);
	run_sql(db, text, c, in);
}

static void
change_schema(sqlite3 *db, const uint8_t *in)
{
	run_sql(db, statements[in[1] % ARRAY_LEN(statements)], NULL, in);
}

static void (*const changes[])(sqlite3 *, const uint8_t *) = { change_value,
	change_place, delete_rows, change_schema };

static void
damage_rows(const uint8_t *in, size_t len)
{
	sqlite3 *db;

	must(sqlite3_open(database, &db) == SQLITE_OK);
	for (; len >= STEP_LEN; in += STEP_LEN, len -= STEP_LEN) {
		if (in[0] % 8 >= 4)
			changes[in[0] % 4](db, in);
	}
	sqlite3_close(db);
}

/* A byte of one of both files is bent, or the second is cut. */
static void
damage_bytes(const uint8_t *in, size_t len)
{
	static struct file db, seg;

	db = whole;
	seg = segment;
	for (; len >= STEP_LEN; in += STEP_LEN, len -= STEP_LEN) {
		uint32_t at = in[1] + 256U * in[2] + 65536U * in[3];

		if (in[0] % 8 == 1)
			db.bytes[at % whole.len] ^= in[4];
		if (in[0] % 8 == 2)
			seg.len = at % segment.len;
		if (in[0] % 8 == 3)
			db.len = at % whole.len;
	}
	write_file(&db, database);
	write_file(&seg, pieces);
}

/* --- what a relay does with it --- */

struct relay {
	struct limits limits;
	struct loop *loop;
	struct store *st;
	struct serve sv;
	struct session sessions[PEOPLE];
	bool failed; /* it is to end */
};

/* Whole frames, one for each request. */
static void
check_replies(struct held *held)
{
	unsigned n = 0;

	for (; held->replies && buf_len(held->replies) > 0; n++) {
		struct frame_reply rep;

		must(buf_len(held->replies) >= FRAME_REPLY_LEN);
		frame_unpack_reply(&rep, buf_peek(held->replies));
		must(rep.version == WIRE_VERSION && rep.code >= 2100);
		must(rep.size <= FRAME_MAX - FRAME_REPLY_LEN);
		must(buf_len(held->replies) >= FRAME_REPLY_LEN + rep.size);
		buf_drop(held->replies, FRAME_REPLY_LEN + rep.size);
	}
	must(n == held->n);
	held->n = 0;
}

static void
settle(struct relay *r)
{
	struct session *ss;
	struct held *held;
	int code = turn_settle(&r->sv);

	while (r->sv.under_way && code == 0) {
		while (!turn_has_landed(&r->sv))
			sched_yield();
		code = turn_settle(&r->sv);
	}
	while ((ss = turn_next(&r->sv, &held)))
		check_replies(held);
	if (code == 0)
		code = store_rest(r->st);
	must(code == 0 || code == ERR_IO);
	r->failed = code < 0;
}

static void
ask(struct relay *r, unsigned who, enum code code, const void *payload,
    size_t len)
{
	static uint8_t frame[FRAME_MAX_LEAST];
	struct frame_request req = { .version = WIRE_VERSION,
		.code = (uint16_t)code,
		.size = (uint32_t)len };
	struct session *ss = &r->sessions[who];

	if (r->failed || ss->closing)
		return;
	memcpy(req.id, ss->id, ID_LEN);
	frame_pack_request(frame, &req);
	if (len > 0)
		memcpy(frame + FRAME_REQUEST_LEN, payload, len);
	len += FRAME_REQUEST_LEN;
	must(serve_frame(&r->sv, ss, frame, len) == len);
	settle(r);
}

static void
send_one(struct relay *r, unsigned from, unsigned to, uint8_t type,
    uint32_t len)
{
	uint8_t payload[SEND_HEAD_LEN + 5000] = { 0 };
	struct body_send b = { .type = type, .content_len = len };

	memcpy(b.to, people[to].key.id, ID_LEN);
	body_pack_send(payload, &b);
	ask(r, from, CODE_SEND, payload, SEND_HEAD_LEN + len);
}

static void
ask_all(struct relay *r, unsigned who)
{
	uint8_t pull[BODY_PULL_LEN], ack[BODY_RANGE_LEN], block[BODY_BLOCK_LEN];
	const struct body_range all = { 0, UINT32_MAX };
	struct body_pull q = { .max_bytes = 3000 };
	const struct body_block op = { .id = { 9 } };

	ask(r, who, CODE_LIST, NULL, 0);
	ask(r, who, CODE_KEY, people[(who + 1) % PEOPLE].key.id, ID_LEN);
	body_pack_pull(pull, &q);
	ask(r, who, CODE_PULL, pull, sizeof(pull));
	ask(r, who, CODE_PULL, NULL, 0);
	for (uint8_t type = 1; type <= MESSAGE_CHUNK; type++)
		send_one(r, who, (who + 1) % PEOPLE, type, 100U * type);
	body_pack_block(block, &op);
	ask(r, who, CODE_BLOCK, block, sizeof(block));
	body_pack_range(ack, &all);
	ask(r, who, CODE_ACK, ack, sizeof(ack));
	send_one(r, who, (who + 1) % PEOPLE, MESSAGE_CHUNK, 5000);
	ask(r, who, CODE_PULL, NULL, 0);
}

static void
sweep(struct relay *r)
{
	bool more = true;

	still_elapsed += 31 * CLOCK_DAY;
	for (unsigned i = 0; more && !r->failed; i++) {
		int code =
		    store_sweep(r->st, STILL_START + still_elapsed, &more);

		must(i < 1000 &&
		    (code == 0 || code == ERR_IO || code == ERR_BUSY));
		settle(r);
		more = more && code == 0;
	}
}

static void
serve(struct relay *r)
{
	const struct serve_config config = { &r->limits, SERVE_OPEN, NULL };
	static const uint8_t origin[ORIGIN_LEN];
	uint8_t payload[BODY_REGISTER_MAX];
	size_t len;

	r->limits = limits_default;
	must(loop_new(&r->loop) == 0 && store_start(r->st, r->loop) == 0);
	must(serve_start(&r->sv, r->st, &config) == 0);
	for (unsigned i = 0; i < PEOPLE; i++)
		must(serve_open(&r->sv, &r->sessions[i], people[i].key.id,
			 people[i].key.bundle.static_pk, origin) == 0 ||
		    err_last()->code < 0);
	for (unsigned i = 0; i < PEOPLE; i++)
		ask_all(r, i);
	ask(r, 1, CODE_UNREGISTER, NULL, 0);
	caller_pack(&people[3], payload, &len);
	ask(r, 3, CODE_REGISTER, payload, len);
	sweep(r);
	for (unsigned i = 0; i < PEOPLE; i++)
		serve_close(&r->sv, &r->sessions[i]);
	serve_stop(&r->sv);
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	static struct relay r;
	int code;

	if (whole.len == 0)
		make_store();
	if (len > STEP_LEN * STEPS)
		len = STEP_LEN * STEPS;
	still_elapsed = 0;
	r = (struct relay){ 0 };
	chance_go_on_from(0);
	must(mkdir(dir, 0700) == 0 && mkdir(files, 0700) == 0);
	damage_bytes(in, len);
	damage_rows(in, len);
	code = store_sqlite_open(&r.st, database, &few);
	must(code == 0 || code == ERR_CORRUPT || code == ERR_IO);
	must(code == 0 || err_last()->message[0] != '\0');
	if (code == 0) {
		serve(&r);
		store_close(r.st);
		loop_free(r.loop);
	}
	clean();
	return 0;
}
