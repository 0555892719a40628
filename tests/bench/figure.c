/* SPDX-License-Identifier: ISC */
#include "figure.h"

#include "raw.h"

void
figure_init(struct figure *f, const struct stage *stage, const char *what,
    size_t n, const char *limit)
{
	*f = (struct figure){ .stage = stage, .limit = limit };
	f->row = json_pack("{s:s,s:s,s:I}", "bench", "relay", "what", what, "n",
	    (json_int_t)n);
	f->raw = json_object();
	MUST(f->row && f->raw);
}

void
figure_text(struct figure *f, const char *name, const char *text)
{
	json_object_set_new(f->row, name, json_string(text));
}

static void
set(json_t *object, const char *name, double number)
{
	json_object_set_new(object, name,
	    number >= 1000 ? json_integer((json_int_t)(number + 0.5))
			   : json_real(number));
}

void
figure_number(struct figure *f, const char *name, double number)
{
	set(f->row, name, number);
}

void
figure_begin(struct figure *f)
{
	f->server_before = rawpg_cost(f->stage->conninfo);
	f->cpu_before = stage_cpu_ns(f->stage);
	f->syncs_before = *f->stage->syncs;
	f->began_ns = raw_now_ns();
}

bool
figure_goes_on(const struct figure *f)
{
	return raw_now_ns() - f->began_ns < FIGURE_ROUND_NS;
}

void
figure_end(struct figure *f, uint64_t done)
{
	uint64_t ns = raw_now_ns() - f->began_ns;
	uint64_t syncs = *f->stage->syncs - f->syncs_before;
	struct rawpg_cost server;

	f->done += done;
	f->ns += ns;
	f->cpu_ns += stage_cpu_ns(f->stage) - f->cpu_before;
	server = rawpg_cost(f->stage->conninfo);
	f->server_ns += server.cpu_ns - f->server_before.cpu_ns;
	syncs += server.commits - f->server_before.commits;
	f->syncs += syncs;
	f->rate = (double)done * 1e9 / (double)ns;
	f->batch = syncs == 0 || done < syncs ? 1 : (unsigned)(done / syncs);
}

void
figure_note(struct figure *f, uint64_t ns)
{
	if (f->ms_n == f->ms_cap) {
		f->ms_cap = f->ms_cap == 0 ? 4096 : 2 * f->ms_cap;
		f->ms = realloc(f->ms, f->ms_cap * sizeof(*f->ms));
		MUST(f->ms);
	}
	f->ms[f->ms_n++] = (float)((double)ns / 1e6);
}

void
figure_raw(struct figure *f, const char *name, double per_second)
{
	json_t *seen = json_object_get(f->raw, name);

	if (f->limit && strcmp(name, f->limit) == 0 &&
	    f->ratios_n < FIGURE_ROUNDS)
		f->ratios[f->ratios_n++] = f->rate / per_second;
	if (!seen || json_number_value(seen) < per_second)
		set(f->raw, name, per_second);
}

static int
ascending(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

static int
ascending_ratio(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
tell_times(struct figure *f)
{
	if (f->ms_n == 0)
		return;
	qsort(f->ms, f->ms_n, sizeof(*f->ms), ascending);
	figure_number(f, "p50_ms", (double)f->ms[f->ms_n / 2]);
	figure_number(f, "p99_ms", (double)f->ms[f->ms_n - 1 - f->ms_n / 100]);
}

void
figure_print(struct figure *f)
{
	if (f->done > 0) {
		figure_number(f, "per_second",
		    (double)f->done * 1e9 / (double)f->ns);
		figure_number(f, "relay_cpu_us",
		    (double)f->cpu_ns / 1e3 / (double)f->done);
	}
	if (f->done > 0 && f->server_ns > 0)
		figure_number(f, "server_cpu_us",
		    (double)f->server_ns / 1e3 / (double)f->done);
	if (f->syncs > 0)
		figure_number(f, "per_sync",
		    (double)f->done / (double)f->syncs);
	tell_times(f);
	if (f->ratios_n > 0) {
		qsort(f->ratios, f->ratios_n, sizeof(*f->ratios),
		    ascending_ratio);
		figure_text(f, "limit", f->limit);
		figure_number(f, "ratio", f->ratios[f->ratios_n / 2]);
	}
	if (json_object_size(f->raw) > 0)
		json_object_set(f->row, "raw", f->raw);
	json_dumpf(f->row, stdout, JSON_COMPACT | JSON_REAL_PRECISION(3));
	putchar('\n');
	fflush(stdout);
	json_decref(f->row);
	json_decref(f->raw);
	free(f->ms);
}
