/* ctl_report - simpulctl report: shows one report and all copies of it. Headers only. */
#include "broker/ctl/ctl_report.h"

#include <stdio.h>
#include <string.h>

static void sinks_print(const json_t *copy)
{
	const json_t *sinks = json_object_get(copy, "sinks");

	if (sinks == NULL || json_is_null(sinks))
		fputs("sinks not readable by this user", stdout);
	for (size_t i = 0; i < json_array_size(sinks); i++) {
		const json_t *sink = json_array_get(sinks, i);

		printf("%s%s %s", i > 0 ? ", " : "", ctl_text(sink, "sink"), ctl_text(sink, "outcome"));
		if (json_object_get(sink, "until") != NULL)
			printf(" until %.10s under %s", ctl_text(sink, "until"), ctl_text(sink, "basis"));
	}
}

static void copy_print(const json_t *copy)
{
	const char *standing = ctl_text(copy, "standing");

	printf("  %-12s  %-32s", ctl_text(copy, "state"), ctl_text(copy, "node"));
	if (json_is_string(json_object_get(copy, "erased_at"))) {
		printf("  %s  ", ctl_text(copy, "erased_at"));
		sinks_print(copy);
	}
	printf(strcmp(standing, "active") == 0 ? "%.0s\n" : "  (%s)\n", standing);
}

static void refusal_print(const json_t *refused)
{
	const char *field = ctl_text(refused, "field");

	printf("  refused: %s%s%s; it went to nobody\n", ctl_text(refused, "code"), field[0] == '\0' ? "" : " at ",
	       field);
}

static void burial_print(const json_t *erased)
{
	printf("  erased here %s, %s (tombstone: entry %lld", ctl_text(erased, "at"), ctl_text(erased, "rule"),
	       ctl_number(erased, "entry"));
	if (ctl_number(erased, "cause") != 0)
		printf(", because of entry %lld", ctl_number(erased, "cause"));
	printf("); from %s on no backup brings it back\n", ctl_text(erased, "final_at"));
}

static void hold_print(const json_t *hold)
{
	printf("  %s by order of %s, %s, until %s (entry %lld)\n",
	       json_is_true(json_object_get(hold, "kept")) ? "due, and kept here, for nobody to get," : "held here",
	       ctl_text(hold, "authority"), ctl_text(hold, "order"), ctl_text(hold, "until"),
	       ctl_number(hold, "entry"));
}

/* A number that carries nothing: refused and given up, or said before a backup that was restored, and erased since. */
static void void_print(const json_t *report)
{
	printf("%s: void; entry %lld, accepted %s\n", ctl_text(report, "name"), ctl_number(report, "entry"),
	       ctl_text(report, "accepted_at"));
	puts("  this journal does not know what was said under this number, if anything, nor who has it: its office "
	     "does\n"
	     "  (simpul outbox show)");
}

static void one_print(const json_t *report)
{
	const json_t *copies = json_object_get(report, "copies"), *holds = json_object_get(report, "holds");

	if (strcmp(ctl_text(report, "kind"), "void") == 0) {
		void_print(report);
		return;
	}
	printf("%s: %s, %s, region %s, TLP:%s, %s; entry %lld, accepted %s, expires %s\n", ctl_text(report, "name"),
	       ctl_text(report, "kind"), ctl_text(report, "category"), ctl_text(report, "region"),
	       ctl_text(report, "label"), ctl_text(report, "form"), ctl_number(report, "entry"),
	       ctl_text(report, "accepted_at"), ctl_text(report, "expires"));
	if (json_is_true(json_object_get(report, "erase")))
		puts("  takes back what it refers to: bodies are to be erased everywhere");
	if (json_is_object(json_object_get(report, "refused")))
		refusal_print(json_object_get(report, "refused"));
	if (json_is_object(json_object_get(report, "erased")))
		burial_print(json_object_get(report, "erased"));
	for (size_t i = 0; i < json_array_size(holds); i++)
		hold_print(json_array_get(holds, i));
	for (size_t i = 0; i < json_array_size(copies); i++)
		copy_print(json_array_get(copies, i));
}

static void names_print(const char *what, const json_t *names)
{
	if (json_array_size(names) == 0)
		return;
	printf("%s", what);
	for (size_t i = 0; i < json_array_size(names); i++)
		printf("%s %s", i > 0 ? "," : "", json_string_value(json_array_get(names, i)));
	putchar('\n');
}

static void report_print(const json_t *report)
{
	const json_t *references = json_object_get(report, "references");
	const json_t *held = json_object_get(report, "held_by"), *letter = json_object_get(report, "by_letter");

	one_print(report);
	for (size_t i = 0; i < json_array_size(references); i++)
		one_print(json_array_get(references, i));
	names_print("holds a copy, perhaps:", held);
	names_print("by letter, for they are shut out and have a copy, perhaps:", letter);
	if (strcmp(ctl_text(report, "kind"), "void") != 0 && json_array_size(held) + json_array_size(letter) == 0)
		puts("nobody holds a copy, as far as the journal knows");
}

int ctl_report(struct ctl *ctl, int argc, char **argv)
{
	const char *reason = NULL;
	bool json = false;
	const struct ctl_option options[] = {{"reason", &reason, NULL}, {"json", NULL, &json}, {0}};
	struct report_name name;
	struct fault fault = {0};
	json_t *report;
	int status, first = ctl_options(ctl, argc, argv, options, 1, 1, &status);

	if (first < 0)
		return status;
	if (!report_name_parse(argv[first], &name))
		return ctl_usage(ctl, "NAME is the name of a report, such as police.oku#1842");
	if ((status = ctl_tell(ctl, "report", argv[first], NULL, reason, &report)) != EX_OK)
		return status;
	if (report == NULL && ctl_report_json(ctl, &name, &report, &fault) != E_OK)
		return ctl_fail(&fault, NULL);
	if (json)
		ctl_print_json(report);
	else
		report_print(report);
	json_decref(report);
	return EX_OK;
}
