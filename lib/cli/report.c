/* SPDX-License-Identifier: ISC */
#include "cli/report.h"

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

static struct record *
fault_record(const char *tool, const struct err_info *e)
{
	struct record *r = record_new("error");

	record_str(r, "tool", tool);
	record_str(r, "code", err_token(e->code));
	record_int(r, "exit_code", (uint64_t)err_exit(e->code));
	record_str(r, "message", e->message);
	put_known(r, "hint", e->hint);
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

	print(s, fault_record(tool, &e), tool, err_sentence(code));
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
