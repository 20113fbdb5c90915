/* officer_quarantine - simpul quarantine: what could not be applied or handed on, tried again or closed. */
#include "agents/officer/officer.h"
#include "agents/reports/view.h"
#include "agents/reports/view_quarantine.h"
#include "agents/serve/local.h"
#include "common/json.h"
#include "common/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ITEMS_AT_ONCE = 256 };

static const char usage[] =
	"usage: simpul quarantine list [--all] [--json]\n"
	"       simpul quarantine show ITEM [--json]\n"
	"       simpul quarantine retry ITEM\n"
	"       simpul quarantine close ITEM|--cause C [--origin NODE] --reason R\n"
	"\n"
	"What reached this office and could not be applied or handed on waits here until it can be, or somebody says\n"
	"why nothing more is to be done:\n"
	"\n"
	"  unverified     its signature, key or seal fails: do not act on it; no sink gets it\n"
	"  unreferenced   a cancel or an answer about a report that is not here\n"
	"  undelivered    a sink does not take it, and takes others\n"
	"  withheld       the broker may not give it out to this office any more\n"
	"  notice         the broker says that a report is superseded, and its origin's key does not confirm it\n"
	"\n"
	"list      one line an item: label, item, report, cause, since when, why; --all: also what is solved or closed\n"
	"show      all that is known of one, and what can be done; simpul inbox show has what the report says\n"
	"retry     verifies it with the records and keys of today, looks for the report again, or hands it to the\n"
	"          sink again\n"
	"close     nothing more is to be done, of one item or of all that wait for a cause, from one office. It is\n"
	"          recorded who says so and why; nothing is deleted, and retry still works\n"
	"\n"
	"--json gives one JSON object a line (show: one over many lines), the label first.\n";

/* ------------------------------------------------------------------ looking */

static void put_decision(struct buffer *out, const json_t *item)
{
	if (json_object_get(item, "erased_at") != NULL)
		buffer_text(out, "  ERASED");
	if (strcmp(json_text(item, "state"), "solved") == 0)
		buffer_text(out, "  SOLVED");
	if (strcmp(json_text(item, "state"), "closed") != 0)
		return;
	buffer_text(out, "  CLOSED by ");
	view_safe_text(out, json_text(item, "decided_by"));
	buffer_text(out, ": ");
	view_safe_text(out, json_text(item, "reason"));
}

static void line_put(struct buffer *out, const json_t *item)
{
	const char *mark = json_text(item, "mark"), *name = json_text(item, "name");
	char columns[160];
	wall_ms since;

	snprintf(columns, sizeof(columns), "%s%s%-12s %6lld  %-27s %-12s ", mark, mark[0] == '\0' ? "" : " ",
		 json_text(item, "label"), (long long)json_integer_value(json_object_get(item, "item")),
		 name[0] == '\0' ? "-" : name, json_text(item, "cause"));
	view_safe_text(out, columns);
	if (time_parse(json_text(item, "since"), &since))
		view_time(out, since);
	buffer_text(out, "  ");
	if (json_text(item, "sink")[0] != '\0') {
		view_safe_text(out, json_text(item, "sink"));
		buffer_text(out, ": ");
	}
	view_safe_text(out, json_text(item, "why"));
	put_decision(out, item);
	buffer_text(out, "\n");
}

struct listing {
	bool json, all, closed; /* closed: nobody reads any more */
	uint64_t last;
	size_t items; /* of the page */
	struct arena arena;
};

static bool item_list(void *context, const struct quarantine_item *item)
{
	struct listing *listing = context;
	json_t *json = view_quarantine_json(item, &listing->arena);
	struct buffer line = {0};

	listing->last = item->id;
	listing->items++;
	if (listing->json) {
		listing->closed = !officer_print_json(json, false);
	} else {
		line_put(&line, json);
		json_decref(json);
		listing->closed = !officer_print(&line);
	}
	buffer_free(&line);
	arena_reset(&listing->arena);
	return !listing->closed;
}

static int list(const struct officer *officer, int argc, char **argv)
{
	static const struct option options[] = {
		{"all", no_argument, NULL, 'a'}, {"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
	struct listing listing = {.json = false};
	struct fault fault = {0};
	struct store store;
	enum error error;
	int option;

	while ((option = officer_option(officer, argc, argv, options)) == 'a' || option == 'j') {
		listing.all = listing.all || option == 'a';
		listing.json = listing.json || option == 'j';
	}
	if (option != -1)
		return EX_USAGE;
	if (optind < argc)
		return officer_misused(officer, "everything is said with options");
	error = officer_store(officer, &store, &fault);
	if (error != E_OK)
		return officer_unread(officer, &fault);
	arena_init(&listing.arena);
	do {
		listing.items = 0;
		error = quarantine_list(&store, listing.last, ITEMS_AT_ONCE, listing.all, item_list, &listing, &fault);
	} while (error == E_OK && listing.items == ITEMS_AT_ONCE && !listing.closed);
	arena_fini(&listing.arena);
	store_close(&store);
	return error == E_OK ? EX_OK : officer_fail(officer, &fault, NULL);
}

/* ------------------------------------------------------------------ one item */

/* The item's number, alone among the arguments; 0 after a message. */
static uint64_t item_take(const struct officer *officer, int argc, char **argv)
{
	char *end = NULL;
	uint64_t item = 0;

	if (optind + 1 == argc && argv[optind][0] >= '0' && argv[optind][0] <= '9')
		item = strtoull(argv[optind], &end, 10);
	if (item > 0 && item <= INT64_MAX && *end == '\0')
		return item;
	officer_misused(officer, "give the number of one item, as simpul quarantine list has it");
	return 0;
}

struct showing {
	uint64_t item;
	json_t *json; /* NULL: there is no such item */
	enum quarantine_cause cause;
	struct arena arena;
};

static bool item_show(void *context, const struct quarantine_item *item)
{
	struct showing *showing = context;

	if (item->id != showing->item)
		return false;
	showing->json = view_quarantine_json(item, &showing->arena);
	showing->cause = item->cause;
	return false;
}

static void page_put(struct buffer *out, json_t *item, enum quarantine_cause cause)
{
	const bool waits = strcmp(json_text(item, "state"), "waits") == 0;
	const char *key;
	json_t *value;
	char line[32];

	json_object_foreach(item, key, value)
	{
		snprintf(line, sizeof(line), "%-12s ", key);
		buffer_text(out, line);
		if (json_is_string(value)) {
			view_safe_text(out, json_string_value(value));
		} else {
			snprintf(line, sizeof(line), "%lld", (long long)json_integer_value(value));
			buffer_text(out, line);
		}
		buffer_text(out, "\n");
	}
	if (!waits)
		return;
	buffer_text(out, "to do        ");
	buffer_text(out, view_quarantine_advice(cause));
	buffer_text(out, "\n");
}

static int show_found(const struct showing *showing, bool json)
{
	struct buffer page = {0};

	if (json) {
		officer_print_json(json_incref(showing->json), true);
	} else {
		page_put(&page, showing->json, showing->cause);
		officer_print(&page);
	}
	buffer_free(&page);
	return EX_OK;
}

static int show(const struct officer *officer, int argc, char **argv)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
	struct showing showing = {.json = NULL};
	struct fault fault = {0};
	struct store store;
	bool json = false;
	enum error error;
	int option, status;

	while ((option = officer_option(officer, argc, argv, options)) == 'j')
		json = true;
	if (option != -1 || (showing.item = item_take(officer, argc, argv)) == 0)
		return EX_USAGE;
	error = officer_store(officer, &store, &fault);
	if (error != E_OK)
		return officer_unread(officer, &fault);
	arena_init(&showing.arena);
	error = quarantine_list(&store, showing.item - 1, 1, true, item_show, &showing, &fault);
	if (error == E_OK && showing.json == NULL)
		error = fault_at(&fault, E_NOT_FOUND, "item");
	status = error == E_OK ? show_found(&showing, json)
			       : officer_fail(officer, &fault, "simpul quarantine list --all shows what there is");
	json_decref(showing.json);
	arena_fini(&showing.arena);
	store_close(&store);
	return status;
}

/* ------------------------------------------------------------------ retry and close */

static const char *advice_for(const struct fault *fault)
{
	switch (fault->code) {
	case E_UNREACHABLE:
		return "nothing was changed: start simpul-agent, or ask who runs it";
	case E_NOT_FOUND:
		return strcmp(fault->field, "sink") == 0 ? "agent.yaml has no such sink any more: close it"
							 : "simpul quarantine list --all shows what there is";
	case E_UNEXPECTED:
		return strcmp(fault->field, "withheld") == 0
			       ? "only its origin can send it again: ask it, then close this"
			       : "nothing is to be done about it any more";
	case E_EXISTS:
		return "it is being handed to its sink already: simpul quarantine show says what comes of it";
	case E_BUSY:
		return "the sink has many to try: later";
	default:
		return "it waits as before";
	}
}

static int refused(const struct officer *officer, const struct fault *fault)
{
	struct fault said = *fault;

	if (fault->code == E_UNEXPECTED)
		fault_say(&said, fault->code, "it is %s", fault->field);
	return officer_fail(officer, &said, advice_for(fault));
}

/* Takes `request` over. */
static int order(const struct officer *officer, json_t *request, uint64_t item)
{
	struct fault fault = {0};
	json_t *answer;
	const char *state;

	json_object_set_new(request, "item", json_integer((json_int_t)item));
	if (officer_ask(officer, request, &answer, &fault) != E_OK)
		return refused(officer, &fault);
	state = json_text(answer, "state");
	if (strcmp(state, "tried") == 0)
		printf("it goes to its sink again; simpul quarantine show %llu says what came of it\n",
		       (unsigned long long)item);
	else
		printf("%s\n", state);
	json_decref(answer);
	return EX_OK;
}

static json_t *request_new(const char *action)
{
	return json_pack("{s:i, s:s, s:s}", "simpul", LOCAL_VERSION, "command", "quarantine", "action", action);
}

static int retry(const struct officer *officer, int argc, char **argv)
{
	static const struct option options[] = {{NULL, 0, NULL, 0}};
	uint64_t item;

	if (officer_option(officer, argc, argv, options) != -1 || (item = item_take(officer, argc, argv)) == 0)
		return EX_USAGE;
	return order(officer, request_new("retry"), item);
}

/* All that wait for a cause, from one office or all. */
struct picking {
	const char *cause, *origin; /* origin NULL: all */
	uint64_t *items, last;
	size_t count, seen; /* seen: of the page */
};

static bool item_pick(void *context, const struct quarantine_item *item)
{
	struct picking *picking = context;

	picking->last = item->id;
	picking->seen++;
	if (strcmp(quarantine_cause_text(item->cause), picking->cause) != 0 ||
	    (picking->origin != NULL && strcmp(item->name.origin, picking->origin) != 0))
		return true;
	picking->items = memory_grow(picking->items, picking->count + 1, sizeof(*picking->items));
	picking->items[picking->count++] = item->id;
	return true;
}

static enum error items_pick(const struct officer *officer, struct picking *picking, struct fault *fault)
{
	struct store store;
	enum error error = officer_store(officer, &store, fault);

	if (error != E_OK)
		return error;
	do {
		picking->seen = 0;
		error = quarantine_list(&store, picking->last, ITEMS_AT_ONCE, false, item_pick, picking, fault);
	} while (error == E_OK && picking->seen == ITEMS_AT_ONCE);
	store_close(&store);
	return error;
}

static bool cause_known(const char *text)
{
	for (int cause = QUARANTINE_UNVERIFIED; cause < QUARANTINE_CAUSES; cause++)
		if (strcmp(quarantine_cause_text((enum quarantine_cause)cause), text) == 0)
			return true;
	return false;
}

/* What somebody else closed or solved meanwhile is no reason to stop. */
static int close_all(const struct officer *officer, struct picking *picking, json_t *request)
{
	struct fault fault = {0};
	json_t *answer;
	size_t closed = 0;
	enum error error = items_pick(officer, picking, &fault);

	for (size_t i = 0; error == E_OK && i < picking->count; i++) {
		json_object_set_new(request, "item", json_integer((json_int_t)picking->items[i]));
		error = officer_ask(officer, json_incref(request), &answer, &fault);
		closed += error == E_OK;
		error = error == E_UNEXPECTED ? E_OK : error;
		json_decref(answer);
	}
	json_decref(request);
	free(picking->items);
	printf("%zu closed\n", closed);
	return error == E_OK ? EX_OK : officer_fail(officer, &fault, advice_for(&fault));
}

static int close_item(const struct officer *officer, int argc, char **argv)
{
	static const struct option options[] = {{"reason", required_argument, NULL, 'r'},
						{"cause", required_argument, NULL, 'c'},
						{"origin", required_argument, NULL, 'n'},
						{NULL, 0, NULL, 0}};
	struct picking picking = {.cause = NULL};
	const char *reason = NULL;
	json_t *request, *text;
	uint64_t item = 0;
	int option;

	while ((option = officer_option(officer, argc, argv, options)) == 'r' || option == 'c' || option == 'n')
		*(option == 'r' ? &reason : option == 'c' ? &picking.cause : &picking.origin) = optarg;
	if (option != -1 || (picking.cause == NULL && (item = item_take(officer, argc, argv)) == 0))
		return EX_USAGE;
	if (picking.cause == NULL ? picking.origin != NULL : !cause_known(picking.cause) || optind < argc)
		return officer_misused(
			officer, "give one item, or with --cause what they wait for, as in simpul quarantine list");
	if (reason == NULL || reason[strspn(reason, " ")] == '\0')
		return officer_misused(officer, "say why with --reason");
	text = json_string(reason);
	if (text == NULL || !user_text_valid(reason))
		return json_decref(text), officer_misused(officer, "--reason takes one line of at most 200 bytes");
	request = request_new("close");
	json_object_set_new(request, "reason", text);
	return picking.cause == NULL ? order(officer, request, item) : close_all(officer, &picking, request);
}

int officer_quarantine(struct officer *officer, int argc, char **argv)
{
	const char *what = argc < 2 ? "" : argv[1];

	if (officer_helped(argc, argv, usage))
		return EX_OK;
	if (strcmp(what, "list") == 0)
		return list(officer, argc - 1, argv + 1);
	if (strcmp(what, "show") == 0)
		return show(officer, argc - 1, argv + 1);
	if (strcmp(what, "retry") == 0)
		return retry(officer, argc - 1, argv + 1);
	if (strcmp(what, "close") == 0)
		return close_item(officer, argc - 1, argv + 1);
	return officer_misused(officer, "say what: list, show, retry or close");
}
