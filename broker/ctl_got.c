/* ctl_got - simpulctl got: what a node was sent, out of the journal. Headers only: what stands in a report is for those
 * whom it was for. */
#include "broker/ctl.h"

#include "broker/journal_row.h"
#include "common/json.h"
#include "common/memory.h"
#include "common/name.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PAGE_BYTES (4u * 1024 * 1024)

/* What is asked, and what was found. */
struct got {
	const char *node;
	wall_ms since;
	bool json;
	uint64_t acknowledged; /* its cursor */
	uint64_t reports, unacknowledged;
};

static const char *state_of(const struct got *got, uint64_t entry, bool withheld)
{
	if (withheld)
		return "withheld";
	return entry <= got->acknowledged ? "acknowledged" : "maybe";
}

/* ---- one report */

struct found {
	const Simpul__Entry *entry;
	const Simpul__Header *header;
	const char *state;
	char name[REPORT_NAME_SIZE], time[TIME_TEXT_SIZE];
};

static void found_print(const struct found *found)
{
	const Simpul__Header *header = found->header;

	printf("%s%s%-12s  %-20s  %-28s  %-12s  %-8s  %-16s  %s\n", status_mark((int)header->status),
	       header->status == SIMPUL__STATUS__STATUS_ACTUAL ? "" : " ", found->state, found->time, found->name,
	       enum_text(&simpul__label__descriptor, (int)header->label),
	       enum_text(&simpul__kind__descriptor, (int)header->kind), header->category, header->region);
}

static void found_print_json(const struct found *found)
{
	const Simpul__Header *header = found->header;
	const char *mark = status_mark((int)header->status);
	json_t *object = json_pack("{s:s*, s:s, s:s, s:I, s:s, s:s, s:s, s:s, s:s}", "mark", mark[0] == '\0' ? NULL : mark, "state", found->state, "name",
				   found->name, "entry", (json_int_t)found->entry->entry, "accepted_at", found->time,
				   "label", enum_text(&simpul__label__descriptor, (int)header->label), "kind",
				   enum_text(&simpul__kind__descriptor, (int)header->kind), "category",
				   header->category, "region", header->region);

	json_dumpf(object, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(object);
}

/* A refused report has no header: it went to nobody. False when the header cannot be read. */
static bool report_found(struct got *got, const Simpul__Entry *entry, size_t index, const char *state,
			 struct arena *arena)
{
	const Simpul__Delivery *delivery = entry->delivery;
	const Simpul__DeliveredReport *report = delivery->reports[index];
	struct report_name name = {.epoch = delivery->epoch,
				   .stream = (uint32_t)delivery->stream,
				   .number = delivery->first + index};
	struct found found = {.entry = entry, .state = state};

	if (report->header.len == 0)
		return true;
	found.header = simpul__header__unpack(&arena->protobuf, report->header.len, report->header.data);
	if (found.header == NULL)
		return false;
	snprintf(name.origin, sizeof(name.origin), "%s", delivery->origin);
	report_name_text(&name, found.name);
	time_text(found.time, entry->accepted_at, 0);
	got->reports++;
	got->unacknowledged += strcmp(state, "maybe") == 0;
	if (got->json)
		found_print_json(&found);
	else
		found_print(&found);
	return true;
}

/* ---- all of them */

static bool delivery_found(struct got *got, const Simpul__Entry *entry, const char *state, struct arena *arena)
{
	bool good = true;

	if (entry->content_case != SIMPUL__ENTRY__CONTENT_DELIVERY || entry->accepted_at < got->since)
		return true;
	for (size_t i = 0; i < entry->delivery->n_reports && good; i++)
		good = report_found(got, entry, i, state, arena);
	return good;
}

static enum error item_found(struct got *got, struct journal_reader *reader, const struct journal_item *item,
			     struct fault *fault)
{
	struct arena arena;
	Simpul__Entry *entry;
	bool withheld = false;
	enum error error = journal_read_withheld(reader, got->node, item->entry, &withheld, fault);

	if (error != E_OK)
		return error;
	arena_init(&arena);
	entry = simpul__entry__unpack(&arena.protobuf, item->encoded.size, item->encoded.data);
	if (entry == NULL || !delivery_found(got, entry, state_of(got, item->entry, withheld), &arena))
		error = fault_at(fault, E_CORRUPT, "journal.db: entry %" PRIu64, item->entry);
	arena_fini(&arena);
	return error;
}

static enum error pages_read(struct got *got, struct journal_reader *reader, struct fault *fault)
{
	uint64_t after = 0, before;
	enum error error = journal_read_cursor(reader, got->node, &got->acknowledged, fault);

	do {
		struct journal_page page;

		before = after;
		if (error == E_OK)
			error = journal_read_page(reader, got->node, after, PAGE_BYTES, &page, fault);
		if (error != E_OK)
			return error;
		for (size_t i = 0; i < page.count && error == E_OK; i++)
			error = item_found(got, reader, &page.items[i], fault);
		after = page.upto.entry;
		journal_page_free(&page);
	} while (error == E_OK && after > before);
	return error;
}

static enum error journal_search(const struct ctl *ctl, struct got *got, struct fault *fault)
{
	struct broker_settings settings;
	struct broker_identity identity = {0};
	struct journal_reader *reader = NULL;
	enum error error = broker_settings_load(ctl->config, &settings, fault);

	if (error == E_OK)
		error = broker_identity_load(&settings, &identity, fault);
	if (error == E_OK) {
		struct journal_options options = broker_journal_options(&settings, &identity);

		error = journal_reader_open(&reader, &options, fault);
		keys_wipe(&options, sizeof(options));
	}
	if (error == E_OK)
		error = pages_read(got, reader, fault);
	journal_reader_close(reader);
	broker_identity_wipe(&identity);
	broker_settings_free(&settings);
	return error;
}

int ctl_got(struct ctl *ctl, int argc, char **argv)
{
	const char *since = NULL;
	struct got got = {0};
	const struct ctl_option options[] = {{"since", &since, NULL}, {"json", NULL, &got.json}, {0}};
	struct fault fault = {0};
	int status, first = ctl_options(ctl, argc, argv, options, 1, 1, &status);

	if (first < 0)
		return status;
	got.node = argv[first];
	if (!node_name_valid(got.node))
		return ctl_usage(ctl, "NODE is the name of an office, such as police.oku");
	if (since != NULL && !time_parse(since, &got.since))
		return ctl_usage(ctl, "--since takes a time with a zone, such as 2026-11-20T10:00:00+07:00");
	if (journal_search(ctl, &got, &fault) != E_OK)
		return ctl_fail(&fault, NULL);
	if (!got.json)
		printf("%s: %" PRIu64 " reports, %" PRIu64 " of them not acknowledged\n", got.node, got.reports,
		       got.unacknowledged);
	return EX_OK;
}
