/* officer_erasures - simpul erasures: what a person has to remove from this office's own systems, and that he did. */
#include "agents/officer/officer_list.h"
#include "agents/reports/by_hand.h"
#include "agents/reports/view.h"
#include "agents/serve/local.h"
#include <stdio.h>
#include <string.h>

static const char usage[] =
	"usage: simpul erasures list [--json]\n"
	"       simpul erasures done REPORT --sink NAME\n"
	"\n"
	"Reports that expired, or that their origin took back, and that a sink of this office was given and cannot "
	"erase by\n"
	"itself: somebody has to remove them there.\n"
	"\n"
	"list   one line each: the report, the sink, why and since when\n"
	"done   it is removed: the origin, which was told that it was asked for, is told that it is done;\n"
	"       who said so is on the record (simpul record)\n";

static bool line_print(const json_t *object)
{
	static const char *const keys[] = {"report", "sink", "rule", "at"};
	struct buffer line = {0};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		buffer_text(&line, i > 0 ? "  " : "");
		view_safe_text(&line, json_string_value(json_object_get(object, keys[i])));
	}
	return officer_print_line(&line);
}

static int done(const struct officer *officer, int argc, char **argv)
{
	static const struct option options[] = {{"sink", required_argument, NULL, 's'}, {NULL, 0, NULL, 0}};
	const char *sink = NULL, *name;
	struct fault fault = {0};
	json_t *answer;
	int option;

	while ((option = officer_option(officer, argc, argv, options)) != -1) {
		if (option != 's')
			return EX_USAGE;
		sink = optarg;
	}
	name = officer_name_of(officer, argc, argv);
	if (name == NULL)
		return EX_USAGE;
	if (sink == NULL)
		return officer_misused(officer, "say where it was removed with --sink; simpul erasures list has them");
	if (officer_ask(officer,
			json_pack("{s:i, s:s, s:s, s:s}", "simpul", LOCAL_VERSION, "command", "erasure-done", "report",
				  name, "sink", sink),
			&answer, &fault) != E_OK)
		return officer_fail(officer, &fault, "simpul erasures list shows what there is to do");
	json_decref(answer);
	printf("%s: its origin is told that %s has it no more\n", name, sink);
	return EX_OK;
}

int officer_erasures(struct officer *officer, int argc, char **argv)
{
	const char *what = argc < 2 ? "" : argv[1];

	if (officer_helped(argc, argv, usage))
		return EX_OK;
	if (strcmp(what, "list") == 0)
		return officer_list(officer, argc - 1, argv + 1, by_hand_list, line_print);
	if (strcmp(what, "done") == 0)
		return done(officer, argc - 1, argv + 1);
	return officer_misused(officer, "say what: list or done");
}
