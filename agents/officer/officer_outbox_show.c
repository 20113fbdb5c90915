/* officer_outbox_show - simpul outbox show: one report of this office, and who has erased it and its updates. */
#include "agents/officer/officer.h"
#include "agents/reports/copies.h"
#include "agents/reports/view.h"
#include "common/json.h"
#include "common/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMN = 27 };

/* A report and its updates, and what is known of the copies of each. */
struct showing {
	struct store *store;
	struct arena arena;
	json_t *json;	/* of the report */
	json_t *copies; /* [{"node", "name", "erased_at", "erased_by", "sinks"}], sorted by node */
	json_t *missed; /* [{"node", "name"}] */
	size_t rows;
};

/* ------------------------------------------------------------------ the report and its updates */

static bool row_take(void *context, const struct outbox_row *row)
{
	struct showing *showing = context;
	struct outbox_row shown = *row;

	showing->rows++;
	shown.body = officer_body_shown(row->header, row->body);
	showing->json = view_outbox_json(&shown, &showing->arena);
	return false;
}

/* What one node was given stands together, by its name as it is written. */
static int copy_compare(const void *a, const void *b)
{
	const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
	const int nodes =
		strcmp(json_string_value(json_object_get(x, "node")), json_string_value(json_object_get(y, "node")));

	return nodes != 0 ? nodes
			  : strcmp(json_string_value(json_object_get(x, "name")),
				   json_string_value(json_object_get(y, "name")));
}

static void copies_sort(struct showing *showing)
{
	const size_t count = json_array_size(showing->copies);
	json_t **list = memory_zero(count + 1, sizeof(*list)), *sorted = json_array();

	for (size_t i = 0; i < count; i++)
		list[i] = json_array_get(showing->copies, i);
	qsort(list, count, sizeof(*list), copy_compare);
	for (size_t i = 0; i < count; i++)
		json_array_append(sorted, list[i]);
	json_decref(showing->copies);
	showing->copies = sorted;
	free(list);
}

static enum error showing_read(struct showing *showing, const struct report_name *name, struct fault *fault)
{
	enum error error = view_outbox_by_name(showing->store, name, row_take, showing, fault);
	const char *state;
	bool under_way;

	if (error == E_OK && (showing->rows == 0 || strcmp(name->origin, showing->store->node) != 0))
		return fault_at(fault, E_NOT_FOUND, "%s", "");
	if (error != E_OK)
		return error;
	state = json_string_value(json_object_get(showing->json, "state"));
	error = strcmp(state, "accepted") == 0 ? copies_given(showing->store, name, showing->copies, fault)
					       : copies_answered(showing->store, name, showing->copies, fault);
	if (error == E_OK)
		error = copies_missed(showing->store, name, showing->missed, fault);
	if (error == E_OK)
		error = copies_of_updates(showing->store, name, showing->copies, showing->missed, &under_way, fault);
	copies_sort(showing);
	return error;
}

/* ------------------------------------------------------------------ printing */

/* "2026-11-20T21:40:00+07:00" in the machine's zone. */
static const char *shown_here(const char *text, char local[TIME_TEXT_SIZE])
{
	wall_ms time;

	return time_parse(text, &time) ? local_time_text(local, time) : text;
}

static void sink_print(const json_t *sink)
{
	const json_t *basis = json_object_get(sink, "basis");
	char local[TIME_TEXT_SIZE];

	printf("; %s: %s", json_text(sink, "sink"), json_text(sink, "outcome"));
	if (basis != NULL)
		printf(" under %s %s until %s", json_text(basis, "code"), json_text(basis, "number"),
		       shown_here(json_text(sink, "until"), local));
}

static void copy_print(const json_t *copy)
{
	char local[TIME_TEXT_SIZE];
	const json_t *sink;
	size_t i;

	printf("  %-*s %-*s ", COLUMN, json_text(copy, "node"), COLUMN, json_text(copy, "name"));
	if (json_text(copy, "erased_at")[0] == '\0') {
		printf("not erased yet, as far as is known\n");
		return;
	}
	printf("erased %s (%s)", shown_here(json_text(copy, "erased_at"), local), json_text(copy, "erased_by"));
	json_array_foreach(json_object_get(copy, "sinks"), i, sink) sink_print(sink);
	printf("\n");
}

/* Who is named and got nothing, as the policy wants it. */
static void missed_print(const json_t *missed)
{
	const json_t *one;
	size_t i;

	if (json_array_size(missed) > 0)
		printf("not reached: the policy does not let them have it (the operators' simpulctl policy explain says why)\n");
	json_array_foreach((json_t *)(uintptr_t)missed, i, one)
		printf("  %-*s %s\n", COLUMN, json_text(one, "node"), json_text(one, "name"));
}

static bool page_put(void *context, const struct outbox_row *row)
{
	struct outbox_row shown = *row;

	shown.body = officer_body_shown(row->header, row->body);
	view_outbox_page(&shown, context);
	return false;
}

static void page_print(struct showing *showing, const struct report_name *name)
{
	struct buffer page = {0};
	const json_t *copy;
	size_t i;

	view_outbox_by_name(showing->store, name, page_put, &page, NULL);
	officer_print(&page);
	buffer_free(&page);
	if (json_array_size(showing->copies) > 0)
		printf("given to\n");
	json_array_foreach(showing->copies, i, copy) copy_print(copy);
	missed_print(showing->missed);
}

int officer_outbox_show(struct officer *officer, int argc, char **argv)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
	struct showing showing = {.rows = 0};
	struct fault fault = {0};
	struct report_name name;
	struct store store;
	bool json = false;
	enum error error;
	int option;

	while ((option = officer_option(officer, argc, argv, options)) != -1) {
		if (option != 'j')
			return EX_USAGE;
		json = true;
	}
	if (!officer_report_of(officer, argc, argv, &name))
		return EX_USAGE;
	error = officer_store(officer, &store, &fault);
	if (error != E_OK)
		return officer_unread(officer, &fault);
	if (officer_reads(officer, "outbox show", argv[optind], &fault) != E_OK) {
		store_close(&store);
		return officer_fail(officer, &fault, OFFICER_READS_ADVICE);
	}
	arena_init(&showing.arena);
	showing.store = &store;
	showing.copies = json_array();
	showing.missed = json_array();
	error = showing_read(&showing, &name, &fault);
	if (error == E_NOT_FOUND)
		fault_at(&fault, error, "%s", argv[optind]);
	if (error == E_OK && json) {
		json_object_set(showing.json, "copies", showing.copies);
		json_object_set(showing.json, "not_reached", showing.missed);
		officer_print_json(json_incref(showing.json), true);
	} else if (error == E_OK) {
		page_print(&showing, &name);
	}
	json_decref(showing.json);
	json_decref(showing.copies);
	json_decref(showing.missed);
	arena_fini(&showing.arena);
	store_close(&store);
	return error == E_OK ? EX_OK : officer_fail(officer, &fault, "simpul outbox list shows what there is");
}
