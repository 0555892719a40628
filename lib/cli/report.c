/* SPDX-License-Identifier: ISC */
#include "cli/report.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/file.h"
#include "cli/record.h"
#include "cli/render.h"

static bool
wants_json(const struct settings *s)
{
	if (s->errors)
		return strcmp(s->errors, "json") == 0;
	return isatty(STDERR_FILENO) == 0;
}

/* The fault that code stands for: what is known of it, else its sentence. */
static struct err_info
known(int code)
{
	struct err_info e = *err_last();

	if (e.code != code)
		e = (struct err_info){ .code = code };
	if (!e.message[0])
		snprintf(e.message, sizeof(e.message), "%s",
		    err_sentence(code));
	return e;
}

static void
put_known(struct record *r, const char *key, const char *s)
{
	if (s[0])
		record_str(r, key, s);
}

/* In words only the message tells of the path. */
static void
put_message(struct record *r, const struct err_info *e)
{
	char full[sizeof(e->path) + sizeof(e->message) + 1];

	snprintf(full, sizeof(full), "%s: %s", e->path, e->message);
	record_str(r, "message",
	    strstr(e->message, e->path) ? e->message : full);
}

/* Does this command open the key file that is meant where none is named? */
static bool
is_of_keyfile(const char *command)
{
	return strncmp(command, "sentinel-", strlen("sentinel-")) == 0 &&
	    strncmp(command, "sentinel-relay ", strlen("sentinel-relay ")) !=
	    0 &&
	    !strstr(command, " --keyfile ") && !strstr(command, " --identity ");
}

/*
 * The command that ends a hint is about the same key file, which an option
 * may have named.
 */
static void
put_hint(struct record *r, const struct settings *s, const char *hint)
{
	char full[sizeof(err_last()->hint) + PATH_MAX];
	const char *command = strstr(hint, ": sentinel-");
	int head;

	command = command ? command + 2 : hint;
	head = (int)(command + strcspn(command, " ") - hint);
	if (s->keyfile_option && is_of_keyfile(command)) {
		snprintf(full, sizeof(full), "%.*s --%s %s%s", head, hint,
		    s->keyfile ? "keyfile" : "identity",
		    s->keyfile ? s->keyfile : s->identity, hint + head);
		hint = full;
	}
	if (hint[0])
		record_str(r, "hint", hint);
}

static struct record *
fault_record(const struct settings *s, const char *tool,
    const struct err_info *e)
{
	struct record *r = record_new("error");

	record_str(r, "tool", tool);
	record_str(r, "code", err_token(e->code));
	record_int(r, "exit_code", (uint64_t)err_exit(e->code));
	put_message(r, e);
	put_hint(r, s, e->hint);
	record_bool(r, "retryable", err_is_retryable(e->code));
	if (e->retry_after_ms > 0)
		record_int(r, "retry_after_seconds",
		    (e->retry_after_ms + UINT64_C(999)) / 1000);
	if (e->number != 0)
		record_int(r, "errno", (uint64_t)e->number);
	put_known(r, "path", e->path);
	put_known(r, "peer", e->peer);
	if (e->in_doubt)
		record_bool(r, "in_doubt", true);
	put_known(r, "id", e->id);
	return r;
}

/* Write it and free it; where that cannot be, say the sentence at least. */
static void
print(const struct settings *s, struct record *record, const char *tool,
    const char *sentence)
{
	struct buf *out = buf_new(RENDER_MAX);
	int r = ERR_NOMEM;

	if (out)
		r = wants_json(s) ? record_json(record, out)
				  : record_text(record, out);
	if (r == 0)
		r = file_write(STDERR_FILENO, buf_peek(out), buf_len(out),
		    "stderr");
	if (r < 0)
		dprintf(STDERR_FILENO, "%s: %s\n", tool, sentence);
	record_free(record);
	buf_free(out);
}

void
report_fault(const struct settings *s, const char *tool, int code)
{
	const struct err_info e = known(code);

	print(s, fault_record(s, tool, &e), tool, err_sentence(code));
}

static void
report_message(const struct settings *s, const char *tool, const char *type,
    const char *message)
{
	struct record *r = record_new(type);

	record_str(r, "tool", tool);
	record_str(r, "message", message);
	print(s, r, tool, "message lost: out of memory");
}

void
report_warning(const struct settings *s, const char *tool, const char *message)
{
	report_message(s, tool, "warning", message);
}

void
report_note(const struct settings *s, const char *tool, const char *message)
{
	report_message(s, tool, "note", message);
}
