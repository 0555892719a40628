/* SPDX-License-Identifier: ISC */
#include "view/handler.h"

#include <stdio.h>

#include "base/err.h"
#include "cli/app.h"
#include "cli/child.h"
#include "cli/record.h"
#include "view/view.h"
#include "wire/id.h"

#define STATUS_DEAD 100

/* What a handler knows without parsing; empty where there is none. */
static int
run(const struct handler *h, const struct pull_item *i, const void *input,
    size_t len, int *status)
{
	char id[ID_TEXT_SIZE], from[ID_TEXT_SIZE], uuid[ID_TEXT_SIZE];
	char reply_to[ID_TEXT_SIZE] = "";
	const struct child_env env[] = {
		{ "SENTINEL_TYPE", view_item_type(i) },
		{ "SENTINEL_ID", id },
		{ "SENTINEL_FROM", i->known ? book_name(&i->peer, uuid) : "" },
		{ "SENTINEL_FROM_ID", from },
		{ "SENTINEL_VERIFIED", i->peer.verified ? "true" : "false" },
		{ "SENTINEL_REPLY_TO", reply_to },
		{ "SENTINEL_PATH", i->file.path },
	};

	id_text(id, i->row.message_id);
	id_text(from, i->row.peer);
	if (i->text.has_reply_to)
		id_text(reply_to, i->text.reply_to);
	return child_run(h->argv, env, ARRAY_LEN(env), input, len, status);
}

static int
run_with_record(const struct handler *h, const struct pull_item *i, int *status)
{
	struct buf *json = buf_new(RECORD_MAX);
	struct record *record = view_item_record(i);
	int r = json ? record_json(record, json)
		     : err_set(ERR_NOMEM, "no memory for a record");

	record_free(record);
	if (r == 0)
		r = run(h, i, buf_peek(json), buf_len(json), status);
	buf_free(json);
	return r;
}

static void
warn(const struct handler *h, const struct pull_item *i, int status)
{
	const bool killed = status > CHILD_SIGNAL;
	char id[ID_TEXT_SIZE];

	id_text(id, i->row.message_id);
	app_warn("%s: %s %d for %s, try %llu of %llu", h->argv[0],
	    killed ? "signal" : "status",
	    killed ? status - CHILD_SIGNAL : status, id,
	    (unsigned long long)i->row.tries, (unsigned long long)h->max_tries);
}

int
handler_run(void *arg, const struct pull_item *item,
    enum handover_verdict *verdict)
{
	const struct handler *h = arg;
	int status;
	int r = h->raw
	    ? run(h, item, item->text.text, item->text.text_len, &status)
	    : run_with_record(h, item, &status);

	if (r != 0)
		return r;
	*verdict = status == 0      ? HANDOVER_DONE
	    : status == STATUS_DEAD ? HANDOVER_DEAD
				    : HANDOVER_AGAIN;
	if (status != 0)
		warn(h, item, status);
	return 0;
}
