/* officer_inbox - simpul inbox: lists, shows, follows and exports what other offices said. */
#include "agents/officer/officer.h"
#include "agents/reports/proof.h"
#include "agents/reports/view.h"
#include "common/json.h"
#include "common/proof_file.h"
#include "common/user.h"
#include "common/wire.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ROWS_AT_ONCE = 256, LOOK_EVERY_MS = 200, NOTED_FOR_MS = 60 * 1000 };

static const char usage[] =
	"usage: simpul inbox list [--since TIME] [--kind K] [--category C] [--json]\n"
	"       simpul inbox show NAME [--json]\n"
	"       simpul inbox follow [--since TIME] [--kind K] [--category C] [--json]\n"
	"       simpul inbox export NAME -o FILE\n"
	"\n"
	"list      one line a report: label, name, kind, category, region, when it was accepted, and in capitals what\n"
	"          changes how it is to be read: CANCELLED, UPDATED, DOUBTFUL, BAD; EXERCISE and TEST stand before "
	"all.\n"
	"          Persons are shown by show alone\n"
	"show      all that a report says\n"
	"follow    lists what arrives from now on, until it is interrupted\n"
	"export    writes a file with which anybody can check who said this, with simpul verify\n"
	"\n"
	"--json gives one JSON object a line (show: one over many lines), the label first, and\n"
	"before it a mark where a report is not in earnest. That somebody looked is recorded (simpul record), but for "
	"lists\n"
	"without --json, which show of a body no more than what an answer comes to.\n"
	LOCAL_TIME_RULES ".\nK: sighting, alert, update, cancel, flag, "
	"release-request, release.\n";

/* What is to be listed, and how. */
struct listing {
	bool json, colour;
	wall_ms since;
	int kind;			/* 0: all */
	const char *category;		/* NULL: all */
	char about[USER_TEXT_MOST + 1]; /* these options, for the record */
	steady_ms noted;		/* when that was last put on it */
	bool unrecorded;		/* it could not be */
	uint64_t last;			/* the newest row seen */
	size_t rows;			/* of the page */
	bool closed;			/* nobody reads any more */
	struct arena arena;
};

/* ------------------------------------------------------------------ rows */

static bool wanted(struct listing *listing, const struct inbox_row *row)
{
	const Simpul__Header *header;

	if (row->accepted_at < listing->since)
		return false;
	if (listing->kind == 0 && listing->category == NULL)
		return true;
	header = wire_unpack(&simpul__header__descriptor, row->header, &listing->arena, NULL);
	return header != NULL && (listing->kind == 0 || (int)header->kind == listing->kind) &&
	       (listing->category == NULL || strcmp(header->category, listing->category) == 0);
}

/* Red for what must not be acted on, yellow for what has changed. */
static const char *colour_of(const struct inbox_row *row)
{
	if (row->cancelled_by[0] != '\0' || row->trust != TRUST_GOOD)
		return "\033[31m";
	return row->updated_by[0] != '\0' ? "\033[33m" : NULL;
}

static void line_put(const struct listing *listing, const struct inbox_row *row, struct buffer *out)
{
	const char *colour = listing->colour ? colour_of(row) : NULL;

	if (colour != NULL)
		buffer_text(out, colour);
	view_line(row, out);
	if (colour != NULL) {
		out->size--; /* the end of the line comes after the colour's */
		buffer_text(out, "\033[0m\n");
	}
}

static bool row_list(void *context, const struct inbox_row *row)
{
	struct listing *listing = context;
	struct inbox_row shown = *row;
	struct buffer line = {0};

	listing->last = row->row;
	listing->rows++;
	if (wanted(listing, row)) {
		if (listing->json) {
			shown.body = officer_body_shown(row->header, row->body);
			listing->closed = !officer_print_json(view_json(&shown, &listing->arena), false);
		} else {
			line_put(listing, row, &line);
			listing->closed = !officer_print(&line);
		}
	}
	buffer_free(&line);
	arena_reset(&listing->arena);
	return !listing->closed;
}

/* Everything after listing->last, in pages. */
static enum error rows_list(struct store *store, struct listing *listing, struct fault *fault)
{
	enum error error;

	do {
		listing->rows = 0;
		error = view_inbox(store, listing->last, ROWS_AT_ONCE, row_list, listing, fault);
	} while (error == E_OK && listing->rows == ROWS_AT_ONCE && !listing->closed);
	return error;
}

/* ------------------------------------------------------------------ list and follow */

/* A number that changes whenever another connection has committed. */
static uint64_t data_version(struct store *store)
{
	sqlite3_stmt *get = store_statement(store, "PRAGMA data_version");
	uint64_t version = sqlite3_step(get) == SQLITE_ROW ? column_number(get, 0) : 0;

	sqlite3_reset(get);
	return version;
}

/* Puts on record what is about to be shown, where that is more than a line about each. */
static enum error listing_note(const struct officer *officer, const char *what, struct listing *listing,
			       struct fault *fault)
{
	enum error error = listing->json ? officer_reads(officer, what, listing->about, fault) : E_OK;

	listing->noted = clock_now().steady;
	listing->unrecorded = error != E_OK;
	return error;
}

/* Whoever follows for weeks is on record with every minute in which something came. */
static enum error arrivals_list(const struct officer *officer, struct store *store, struct listing *listing,
				struct fault *fault)
{
	uint64_t newest = 0;
	enum error error = view_inbox_last(store, &newest, fault);

	if (error == E_OK && newest > listing->last && clock_now().steady - listing->noted >= NOTED_FOR_MS)
		error = listing_note(officer, "inbox follow", listing, fault);
	return error == E_OK ? rows_list(store, listing, fault) : error;
}

static enum error rows_follow(const struct officer *officer, struct store *store, struct listing *listing,
			      struct fault *fault)
{
	const struct timespec pause = {.tv_nsec = LOOK_EVERY_MS * 1000000L};
	uint64_t seen = 0;
	enum error error = E_OK;

	while (error == E_OK && !listing->closed) {
		uint64_t version = data_version(store);

		if (version != seen)
			error = arrivals_list(officer, store, listing, fault);
		seen = version;
		nanosleep(&pause, NULL);
	}
	return error;
}

/* "--kind alert" among others. */
static void option_note(struct listing *listing, const char *name)
{
	const size_t used = strlen(listing->about);

	snprintf(listing->about + used, sizeof(listing->about) - used, "%s--%s %s", used > 0 ? " " : "", name, optarg);
}

/* False after a message, or after help with *status EX_OK. */
static bool listing_options(const struct officer *officer, int argc, char **argv, struct listing *listing, int *status)
{
	static const struct option options[] = {{"since", required_argument, NULL, 's'},
						{"kind", required_argument, NULL, 'k'},
						{"category", required_argument, NULL, 'c'},
						{"json", no_argument, NULL, 'j'},
						{NULL, 0, NULL, 0}};
	int option;

	*status = EX_USAGE;
	while ((option = officer_option(officer, argc, argv, options)) != -1) {
		if (option == 's' || option == 'k' || option == 'c')
			option_note(listing, option == 's' ? "since" : option == 'k' ? "kind" : "category");
		if (option == 's' && !local_time_take(optarg, &listing->since))
			return officer_misused(officer, "--since does not have the form of a time"), false;
		if (option == 'k' &&
		    (!enum_parse(&simpul__kind__descriptor, optarg, &listing->kind) || listing->kind == 0))
			return officer_misused(
				       officer,
				       "--kind is sighting, alert, update, cancel, flag, release-request or release"),
			       false;
		if (option == 'c')
			listing->category = optarg;
		else if (option == 'j')
			listing->json = true;
		else if (option != 's' && option != 'k')
			return false;
	}
	if (optind < argc)
		return officer_misused(officer, "everything is said with options"), false;
	return true;
}

static int inbox_list(const struct officer *officer, int argc, char **argv, bool follow)
{
	struct listing listing = {.colour = isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL};
	struct fault fault = {0};
	struct store store;
	enum error error;
	int status;

	if (!listing_options(officer, argc, argv, &listing, &status))
		return status;
	error = officer_store(officer, &store, &fault);
	if (error != E_OK)
		return officer_unread(officer, &fault);
	error = listing_note(officer, follow ? "inbox follow" : "inbox list", &listing, &fault);
	arena_init(&listing.arena);
	if (error == E_OK && follow && listing.since == 0)
		error = view_inbox_last(&store, &listing.last, &fault);
	if (error == E_OK)
		error = follow ? rows_follow(officer, &store, &listing, &fault) : rows_list(&store, &listing, &fault);
	arena_fini(&listing.arena);
	store_close(&store);
	if (error == E_OK)
		return EX_OK;
	return officer_fail(officer, &fault, listing.unrecorded ? OFFICER_READS_ADVICE : NULL);
}

/* ------------------------------------------------------------------ show and export */

struct showing {
	bool json;
	size_t rows;
	struct arena arena;
};

static bool row_show(void *context, const struct inbox_row *row)
{
	struct showing *showing = context;
	struct inbox_row shown = *row;
	struct buffer page = {0};

	showing->rows++;
	shown.body = officer_body_shown(row->header, row->body);
	if (showing->json) {
		officer_print_json(view_json(&shown, &showing->arena), true);
	} else {
		view_page(&shown, &page);
		officer_print(&page);
	}
	if (shown.body.size < row->body.size)
		fputs("simpul inbox: what it says is shown by simpul subject, which records who looked\n", stderr);
	buffer_free(&page);
	return true;
}

static int inbox_show(const struct officer *officer, int argc, char **argv)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
	struct showing showing = {0};
	struct fault fault = {0};
	struct report_name name;
	struct store store;
	enum error error;
	int option;

	while ((option = officer_option(officer, argc, argv, options)) != -1) {
		if (option != 'j')
			return EX_USAGE;
		showing.json = true;
	}
	if (!officer_report_of(officer, argc, argv, &name))
		return EX_USAGE;
	error = officer_store(officer, &store, &fault);
	if (error != E_OK)
		return officer_unread(officer, &fault);
	if (officer_reads(officer, "inbox show", argv[optind], &fault) != E_OK) {
		store_close(&store);
		return officer_fail(officer, &fault, OFFICER_READS_ADVICE);
	}
	arena_init(&showing.arena);
	error = view_inbox_by_name(&store, &name, row_show, &showing, &fault);
	if (error == E_OK && showing.rows == 0)
		error = fault_at(&fault, E_NOT_FOUND, "%s", argv[optind]);
	arena_fini(&showing.arena);
	store_close(&store);
	return error == E_OK ? EX_OK : officer_fail(officer, &fault, "simpul inbox list shows what there is");
}

/* What a proof would show of a question about a person, nobody would be recorded to have seen. */
static bool row_exports(void *context, const struct inbox_row *row)
{
	bool *shown = context;

	*shown = *shown && officer_body_shown(row->header, row->body).size == row->body.size;
	return *shown;
}

static enum error proof_write(struct store *store, const struct report_name *name, const char *path,
			      struct fault *fault)
{
	bool shown = true;
	Simpul__Proof *proof;
	struct arena arena;
	enum error error = view_inbox_by_name(store, name, row_exports, &shown, fault);

	if (error == E_OK && !shown)
		return fault_at(fault, E_UNRECORDED, "%s", "");
	arena_init(&arena);
	if (error == E_OK)
		error = proof_make(store, name, &arena, &proof, fault);
	if (error == E_OK)
		error = proof_file_save(proof, path, fault);
	arena_fini(&arena);
	return error;
}

static int inbox_export(const struct officer *officer, int argc, char **argv)
{
	static const struct option options[] = {{"output", required_argument, NULL, 'o'}, {NULL, 0, NULL, 0}};
	struct fault fault = {0};
	const char *path = NULL;
	struct report_name name;
	struct store store;
	enum error error;
	int option;

	while ((option = officer_option(officer, argc, argv, options)) != -1) {
		if (option != 'o')
			return EX_USAGE;
		path = optarg;
	}
	if (!officer_report_of(officer, argc, argv, &name))
		return EX_USAGE;
	if (path == NULL)
		return officer_misused(officer, "give the file to write with -o FILE");
	error = officer_store(officer, &store, &fault);
	if (error != E_OK)
		return officer_unread(officer, &fault);
	if (officer_reads(officer, "inbox export", argv[optind], &fault) != E_OK) {
		store_close(&store);
		return officer_fail(officer, &fault, OFFICER_READS_ADVICE);
	}
	error = proof_write(&store, &name, path, &fault);
	if (error == E_NOT_FOUND && fault.field[0] == '\0')
		error = fault_at(&fault, E_NOT_FOUND, "%s", argv[optind]);
	store_close(&store);
	if (error == E_UNRECORDED)
		return officer_fail(officer, &fault, "simpul subject result writes what was answered");
	return error == E_OK ? EX_OK : officer_fail(officer, &fault, NULL);
}

int officer_inbox(struct officer *officer, int argc, char **argv)
{
	const char *what = argc < 2 ? "" : argv[1];

	if (officer_helped(argc, argv, usage))
		return EX_OK;
	if (strcmp(what, "list") == 0)
		return inbox_list(officer, argc - 1, argv + 1, false);
	if (strcmp(what, "follow") == 0)
		return inbox_list(officer, argc - 1, argv + 1, true);
	if (strcmp(what, "show") == 0)
		return inbox_show(officer, argc - 1, argv + 1);
	if (strcmp(what, "export") == 0)
		return inbox_export(officer, argc - 1, argv + 1);
	return officer_misused(officer, "say what: list, show, follow or export");
}
