/* SPDX-License-Identifier: ISC */
#include "cli/usage.h"

#include <jansson.h>
#include <stdio.h>

#include "base/err.h"

static void
section(const char *title, const struct opt *opts)
{
	if (!opts)
		return;
	printf("\n%s:\n", title);
	opt_help(opts, stdout);
}

static void
synopsis(const char *text)
{
	printf("%s%s\n", text[0] ? " " : "", text);
}

static void
subcommands(const struct app_verb *v)
{
	printf("\nsubcommands:\n");
	for (; v->name; v++) {
		printf("  %s", v->name);
		synopsis(v->synopsis);
		printf("        %s\n", v->brief);
	}
}

void
usage_help(const struct app *app, const struct app_verb *verb,
    const struct opt *common)
{
	printf("usage: %s%s%s", app->name, verb ? " " : "",
	    verb ? verb->name : "");
	synopsis(verb ? verb->synopsis : app->synopsis);
	printf("%s\n", verb ? verb->brief : app->brief);
	if (app->verbs && !verb)
		subcommands(app->verbs);
	if (verb)
		section("options", verb->opts);
	section(verb ? "options of all subcommands" : "options", app->opts);
	section("common options", common);
}

static json_t *
option(const struct opt *o)
{
	const char letter[] = { (char)o->letter, '\0' };

	return json_pack("{s:s?, s:s, s:s?, s:s}", "letter",
	    o->letter ? letter : NULL, "name", o->name, "arg", o->arg, "help",
	    o->help);
}

static json_t *
options(const struct opt *o)
{
	json_t *list = json_array();

	for (; list && o && o->kind != OPT_KIND_END; o++) {
		if (json_array_append_new(list, option(o)) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *
verbs(const struct app_verb *v)
{
	json_t *list = json_array();

	for (; list && v && v->name; v++) {
		json_t *one = json_pack("{s:s, s:s, s:s, s:o}", "name", v->name,
		    "synopsis", v->synopsis, "brief", v->brief, "options",
		    options(v->opts));

		if (json_array_append_new(list, one) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

int
usage_dump(const struct app *app, const struct opt *common)
{
	json_t *all = json_pack("{s:s, s:s, s:s, s:o, s:o, s:o}", "program",
	    app->name, "synopsis", app->synopsis, "brief", app->brief,
	    "options", options(app->opts), "common", options(common), "verbs",
	    verbs(app->verbs));

	if (!all)
		return err_set(ERR_NOMEM, "no memory for the tables");
	json_dumpf(all, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(all);
	return 0;
}
