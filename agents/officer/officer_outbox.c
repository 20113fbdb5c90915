/* officer_outbox - simpul outbox and status: what became of what this office said, and how the agent is. */
#include "agents/officer/officer.h"
#include "agents/reports/purge.h"
#include "agents/reports/view.h"
#include "agents/serve/halt_advice.h"
#include "agents/serve/local.h"
#include "agents/serve/waits.h"
#include "common/json.h"
#include "common/wire.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_AT_ONCE = 256, ALL = -1 };

static const char outbox_usage[] =
	"usage: simpul outbox list [--waiting|--accepted|--refused|--expiring] [--json]\n"
	"       simpul outbox show NAME [--json]\n"
	"\n"
	"One line a report of this office: label, name, kind, category, region, when it was taken, what became of it and\n"
	"where it came from. A refused report says why and which field is at fault; correct it and report again. CANCELLED\n"
	"and UPDATED name the report of this office that did so.\n"
	"\n"
	"  --waiting    not yet on the broker's disk\n"
	"  --accepted   on the broker's disk, with its receipt\n"
	"  --refused    not taken by the broker\n"
	"  --expiring   to be erased everywhere within 7 days, when their time is over; an update with a later expiry and a\n"
	"               --note that says why keeps what is still needed\n"
	"\n"
	"show says all of one report, and of each office that was given it or an update of it when it erased that, what\n"
	"became of the copies in its sinks, or that it has not said so yet. That somebody looked at it, or at a list with\n"
	"--json, is recorded (simpul record).\n";

static const char status_usage[] =
	"usage: simpul status [--json]\n"
	"\n"
	"Says whether the agent is connected, up to which entry everything is here, what is under way, and which sinks\n"
	"fail.\n"
	"The exit status is 0 when the agent is live or catching up, 69 when it is not.\n";

/* ------------------------------------------------------------------ outbox */

struct listing {
	bool json;
	int state; /* enum outbox_state, or ALL; OUTBOX_WAITING is SENT as well: an officer waits for both */
	bool expiring;
	const char *narrowed; /* by this option, for the record */
	struct outbox_place last;
	size_t rows;
	bool closed;
	struct arena arena;
};

static bool is_expiring(struct listing *listing, const struct outbox_row *row)
{
	const Simpul__Header *header = wire_unpack(&simpul__header__descriptor, row->header, &listing->arena, NULL);
	const wall_ms now = clock_now().wall;

	return header != NULL && row->state == OUTBOX_ACCEPTED && row->erased_at == 0 && header->expires > now &&
	       header->expires <= now + PURGE_NOTICE_MS && header->kind <= SIMPUL__KIND__KIND_UPDATE;
}

static bool wanted(struct listing *listing, const struct outbox_row *row)
{
	if (listing->expiring && !is_expiring(listing, row))
		return false;
	if (listing->state == OUTBOX_WAITING && row->state == OUTBOX_SENT)
		return true;
	return listing->state == ALL || listing->state == (int)row->state;
}

static bool row_list(void *context, const struct outbox_row *row)
{
	struct listing *listing = context;
	struct outbox_row shown = *row;
	struct buffer line = {0};

	listing->last = (struct outbox_place){row->name.epoch, row->name.stream, row->name.number};
	listing->rows++;
	if (wanted(listing, row)) {
		if (listing->json) {
			shown.body = officer_body_shown(row->header, row->body);
			listing->closed = !officer_print_json(view_outbox_json(&shown, &listing->arena), false);
		} else {
			view_outbox_line(row, &line);
			listing->closed = !officer_print(&line);
		}
	}
	buffer_free(&line);
	arena_reset(&listing->arena);
	return !listing->closed;
}

static int outbox_list(const struct officer *officer, struct listing *listing)
{
	struct fault fault = {0};
	struct store store;
	enum error error = officer_store(officer, &store, &fault);

	if (error != E_OK)
		return officer_unread(officer, &fault);
	if (listing->json && officer_reads(officer, "outbox list", listing->narrowed, &fault) != E_OK) {
		store_close(&store);
		return officer_fail(officer, &fault, OFFICER_READS_ADVICE);
	}
	arena_init(&listing->arena);
	do {
		listing->rows = 0;
		error = view_outbox(&store, &listing->last, ROWS_AT_ONCE, row_list, listing, &fault);
	} while (error == E_OK && listing->rows == ROWS_AT_ONCE && !listing->closed);
	arena_fini(&listing->arena);
	store_close(&store);
	return error == E_OK ? EX_OK : officer_fail(officer, &fault, NULL);
}

static int state_of_option(int option)
{
	return option == 'w' ? OUTBOX_WAITING : option == 'a' ? OUTBOX_ACCEPTED : OUTBOX_REFUSED;
}

int officer_outbox(struct officer *officer, int argc, char **argv)
{
	static const struct option options[] = {{"waiting", no_argument, NULL, 'w'},
						{"accepted", no_argument, NULL, 'a'},
						{"refused", no_argument, NULL, 'r'},
						{"expiring", no_argument, NULL, 'e'},
						{"json", no_argument, NULL, 'j'},
						{NULL, 0, NULL, 0}};
	struct listing listing = {.state = ALL, .narrowed = ""};
	int option;

	if ((argc < 2 || strcmp(argv[1], "recover") != 0) && officer_helped(argc, argv, outbox_usage))
		return EX_OK;
	if (argc >= 2 && strcmp(argv[1], "recover") == 0)
		return officer_outbox_recover(officer, argc - 1, argv + 1);
	if (argc >= 2 && strcmp(argv[1], "show") == 0)
		return officer_outbox_show(officer, argc - 1, argv + 1);
	if (argc < 2 || strcmp(argv[1], "list") != 0)
		return officer_misused(officer, "say what: list, show, recover");
	while ((option = officer_option(officer, argc - 1, argv + 1, options)) != -1) {
		if (option == 'j')
			listing.json = true;
		else if (option == 'w' || option == 'a' || option == 'r')
			listing.state = state_of_option(option);
		else if (option == 'e')
			listing.expiring = true;
		else
			return EX_USAGE;
		listing.narrowed = option == 'j' ? listing.narrowed : argv[optind];
	}
	if (optind < argc - 1)
		return officer_misused(officer, "everything is said with options");
	return outbox_list(officer, &listing);
}

/* ------------------------------------------------------------------ status */

static long long number_in(const json_t *object, const char *key)
{
	return (long long)json_integer_value(json_object_get(object, key));
}

static const char *state_sentence(const char *state)
{
	static const struct {
		const char *state, *sentence;
	} sentences[] = {
		{"live", "connected, everything is here"},
		{"catching-up", "connected, fetching what is missing"},
		{"greeting", "connecting"},
		{"offline", "no connection to the broker; it is tried again and again, and what is reported waits"},
		{"halted", "stopped: a person must look, see the reason below"},
	};

	for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++)
		if (strcmp(sentences[i].state, state) == 0)
			return sentences[i].sentence;
	return "";
}

/* A line for each sink that fails. */
static void sinks_print(const json_t *sinks)
{
	json_t *sink;
	size_t i;

	json_array_foreach(sinks, i, sink) if (strcmp(json_text(sink, "state"), "failing") == 0)
		printf("sink %s fails and is tried again: %s\n", json_text(sink, "name"), json_text(sink, "reason"));
}

static void quarantine_print(const json_t *counts)
{
	const char *cause;
	json_t *count;
	long long all = 0;

	json_object_foreach((json_t *)(uintptr_t)counts, cause, count) all += (long long)json_integer_value(count);
	if (all > 0)
		printf("quarantine: %lld wait for somebody to look: simpul quarantine list\n", all);
}

/* Requests of persons, which the law gives three days. */
static void requests_print(const json_t *requests)
{
	if (json_text(requests, "first")[0] != '\0')
		printf("requests of persons: %lld overdue, %lld due within 24 hours, %lld later, first %s: simpul subject list\n",
		       number_in(requests, "overdue"), number_in(requests, "urgent"), number_in(requests, "open"),
		       json_text(requests, "first"));
}

/* What waits for a person, a line each. */
static void waits_print(const json_t *waits)
{
	for (size_t i = 0; i < WAITS; i++) {
		const struct wait_text *text = wait_text((enum wait)i);

		if (number_in(waits, text->key) > 0)
			printf("to do: %lld %s: %s\n", number_in(waits, text->key), text->what, text->advice);
	}
}

/* `expires_at` is "" for a key that never ends. */
static void key_print(const char *expires_at)
{
	struct member member = {.expires_at = 0};
	const wall_ms now = clock_now().wall;

	if (!time_parse(expires_at, &member.expires_at) || member_days_left(&member, now) > EXPIRY_NOTICE_DAYS)
		return;
	if (member_lapsed(&member, now))
		puts("key:    it has ended; simpul keys rotate makes a new one, which the operators enrol");
	else
		printf("key:    it ends in %u days; simpul keys rotate makes a new one, which the operators enrol\n",
		       member_days_left(&member, now));
}

/* The field may be the broker's words. */
static void fault_print(const json_t *fault)
{
	const char *field = json_text(fault, "field");
	struct buffer safe = {0};

	view_safe_text(&safe, field);
	printf("last fault: %.*s%s%s (%s)\n", (int)safe.size, (const char *)safe.data, field[0] == '\0' ? "" : ": ",
	       json_text(fault, "sentence"), json_text(fault, "code"));
	buffer_free(&safe);
}

static void status_print(const json_t *status)
{
	const json_t *outbox = json_object_get(status, "outbox"), *fault = json_object_get(status, "fault");
	const json_t *cursor = json_object_get(status, "cursor");
	const char *state = json_text(status, "state"), *since = json_text(status, "since");
	char local[TIME_TEXT_SIZE];
	wall_ms time;

	if (time_parse(since, &time))
		since = local_time_text(local, time);
	printf("%s: %s (%s since %s)\n", json_text(status, "node"), state_sentence(state), state, since);
	printf("inbox:  everything up to entry %lld\n", number_in(cursor, "entry"));
	printf("outbox: %lld waiting, %lld sent, %lld accepted, %lld refused\n", number_in(outbox, "waiting"),
	       number_in(outbox, "sent"), number_in(outbox, "accepted"), number_in(outbox, "refused"));
	if (number_in(outbox, "expiring") > 0)
		printf("expiry: %lld of this office's reports are erased within 7 days: simpul outbox list --expiring\n",
		       number_in(outbox, "expiring"));
	requests_print(json_object_get(status, "requests"));
	waits_print(json_object_get(status, "waits"));
	sinks_print(json_object_get(status, "sinks"));
	quarantine_print(json_object_get(status, "quarantine"));
	key_print(json_text(status, "key_expires_at"));
	if (fault != NULL && strcmp(state, "halted") == 0)
		printf("to do: %s\n", halt_advice(json_text(fault, "code")));
	if (fault != NULL)
		fault_print(fault);
}

int officer_status(struct officer *officer, int argc, char **argv)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
	bool json = false, connected;
	struct fault fault = {0};
	const char *state;
	json_t *answer;
	int option;

	if (officer_helped(argc, argv, status_usage))
		return EX_OK;
	while ((option = officer_option(officer, argc, argv, options)) != -1) {
		if (option != 'j')
			return EX_USAGE;
		json = true;
	}
	if (officer_ask(officer, json_pack("{s:i, s:s}", "simpul", LOCAL_VERSION, "command", "status"), &answer,
			&fault) != E_OK)
		return officer_fail(officer, &fault, fault.code == E_UNREACHABLE ? "simpul-agent does not run" : NULL);
	state = json_text(answer, "state");
	connected = strcmp(state, "live") == 0 || strcmp(state, "catching-up") == 0;
	if (json) {
		officer_print_json(answer, false);
	} else {
		status_print(answer);
		json_decref(answer);
	}
	return connected ? EX_OK : EX_UNAVAILABLE;
}
