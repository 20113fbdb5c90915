/* officer_hold - simpul hold: what an office keeps by order of an authority although it has to be erased. */
#include "agents/officer/officer_list.h"
#include "agents/reports/hold_keep.h"
#include "agents/reports/legal_hold.h"
#include "agents/reports/view.h"
#include "common/json.h"
#include "common/memory.h"
#include "common/passphrase.h"
#include "common/proof_file.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
	"usage: simpul hold place NAME --authority A --order NUMBER --until DAY --reason R\n"
	"       simpul hold lift ID --reason R\n"
	"       simpul hold confirm ID\n"
	"       simpul hold list [--json]\n"
	"       simpul hold open NAME --reason R [-o FILE]\n"
	"\n"
	"A court or prosecutor orders that a report is kept although it expires or its origin takes it back. When that "
	"happens it\n"
	"leaves inbox, outbox and sinks as any other, but is kept apart until the order ends; its origin hears HELD, "
	"and at the\n"
	"end ERASED. Two persons are needed, each under a Unix user of his own: one places or lifts, another "
	"confirms.\n"
	"\n"
	"place     an order for one report; its updates are reports of their own\n"
	"lift      ends an order before its time\n"
	"confirm   says that an order, or its end, is right; within a day, and by another user than who placed it\n"
	"list      every order and every opening: who, when, why\n"
	"open      prints what is kept, and writes it as a proof (-o), which simpul verify checks; it is recorded\n"
	"\n"
	"  --authority A    who ordered it, a code: PN-BATURAJA\n"
	"  --order NUMBER   of the order: 12/Pid.Sus/2026\n"
	"  --until DAY      2027-06-30, to the end of that day here, or a TIME (simpul report --help); 366 days at most, then a new order is needed\n"
	"  --reason R       letters, digits, blanks and ./- ; no personal data, here or above\n";

static const struct option options[] = {{"authority", required_argument, NULL, 'a'},
					{"order", required_argument, NULL, 'n'},
					{"until", required_argument, NULL, 'u'},
					{"reason", required_argument, NULL, 'r'},
					{"output", required_argument, NULL, 'o'},
					{"json", no_argument, NULL, 'j'},
					{NULL, 0, NULL, 0}};

/* What was given; NULL: it was not. */
struct given {
	const char *authority, *order, *until, *reason, *output;
	bool json;
};

static bool given_take(const struct officer *officer, int argc, char **argv, struct given *given)
{
	int option;

	*given = (struct given){0};
	while ((option = officer_option(officer, argc, argv, options)) != -1) {
		switch (option) {
		case 'a':
			given->authority = optarg;
			break;
		case 'n':
			given->order = optarg;
			break;
		case 'u':
			given->until = optarg;
			break;
		case 'r':
			given->reason = optarg;
			break;
		case 'o':
			given->output = optarg;
			break;
		case 'j':
			given->json = true;
			break;
		default:
			return false;
		}
	}
	return true;
}

/* ------------------------------------------------------------------ looking */

static void put(struct buffer *line, const char *before, const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	if (text == NULL)
		return;
	buffer_text(line, before);
	view_safe_text(line, text);
}

/* In the machine's zone. */
static void put_time(struct buffer *line, const char *before, const json_t *object, const char *key)
{
	char text[TIME_TEXT_SIZE];
	wall_ms time;

	const char *given = json_string_value(json_object_get(object, key));

	if (given == NULL || !time_parse(given, &time))
		return;
	buffer_text(line, before);
	buffer_text(line, local_time_text(text, time));
}

static bool line_print(const json_t *object)
{
	const long long id = (long long)json_integer_value(json_object_get(object, "hold"));
	const long long lifts = (long long)json_integer_value(json_object_get(object, "lifts"));
	struct buffer line = {0};
	char number[48];

	if (id > 0) {
		snprintf(number, sizeof(number), "%lld: ", id);
		buffer_text(&line, number);
	}
	put(&line, "", object, "report");
	put(&line, " ", object, "state");
	if (lifts > 0) {
		snprintf(number, sizeof(number), " %lld", lifts);
		buffer_text(&line, number);
	}
	put(&line, ", ", object, "authority");
	put(&line, " ", object, "order");
	put_time(&line, ", until ", object, "until");
	put(&line, ", by ", object, "placed_by");
	put_time(&line, " ", object, "placed_at");
	put(&line, ", confirmed by ", object, "confirmed_by");
	put_time(&line, " ", object, "confirmed_at");
	put_time(&line, ", ended ", object, "ended_at");
	put(&line, " by ", object, "opened_by");
	put_time(&line, " ", object, "opened_at");
	put(&line, ": ", object, "reason");
	return officer_print_line(&line);
}

/* Of the agent; a new reference. */
static enum error orders_ask(const struct officer *officer, json_t **orders, struct fault *fault)
{
	json_t *answer;
	const enum error error = officer_ask(
		officer, json_pack("{s:i, s:s}", "simpul", 1, "command", "hold-list"), &answer, fault);

	*orders = error == E_OK ? json_incref(json_object_get(answer, "holds")) : NULL;
	json_decref(answer);
	return error;
}

/* A new reference; for who may not read the store, of the agent. */
static enum error orders_read(const struct officer *officer, json_t **orders, struct fault *fault)
{
	struct store store;
	enum error error = officer_store(officer, &store, fault);

	*orders = NULL;
	if (error == E_OK) {
		error = legal_hold_list(&store, clock_now().wall, orders, fault);
		store_close(&store);
	} else if (error == E_PERMISSION) {
		error = orders_ask(officer, orders, fault);
	}
	return error;
}

/* ------------------------------------------------------------------ ordering */

static const char *advice_for(enum error error)
{
	switch (error) {
	case E_TWO_OPERATORS:
		return "another person confirms it, under a Unix user of his own: who placed it cannot";
	case E_EXPIRES_TOO_LATE:
		return "an order keeps for 366 days at most; after that it takes a new one";
	case E_UNREACHABLE:
		return "nothing was done: start simpul-agent, or ask who runs it";
	case E_NOT_FOUND:
		return "simpul hold list, simpul inbox list and simpul outbox list show what there is";
	default:
		return NULL;
	}
}

/* Takes `request` over; 0 and *id, or the status. */
static int ask(const struct officer *officer, json_t *request, long long *id)
{
	struct fault fault = {0};
	json_t *answer;

	json_object_set_new(request, "simpul", json_integer(1));
	if (officer_ask(officer, request, &answer, &fault) != E_OK)
		return officer_fail(officer, &fault, advice_for(fault.code));
	*id = (long long)json_integer_value(json_object_get(answer, "hold"));
	json_decref(answer);
	return EX_OK;
}

static int order(const struct officer *officer, json_t *request)
{
	long long id;
	const int status = ask(officer, request, &id);

	if (status == EX_OK)
		printf("%lld: waits until another user confirms it, within a day: simpul hold confirm %lld\n", id, id);
	return status;
}

static int place(const struct officer *officer, int argc, char **argv)
{
	struct given given;
	const char *name;
	char until[TIME_TEXT_SIZE];
	wall_ms end;

	if (!given_take(officer, argc, argv, &given))
		return EX_USAGE;
	name = officer_name_of(officer, argc, argv);
	if (name == NULL)
		return EX_USAGE;
	if (given.authority == NULL || given.order == NULL || given.until == NULL || given.reason == NULL)
		return officer_misused(officer, "say by whose order with --authority and --order, until when and why");
	if (!local_end_take(given.until, &end))
		return officer_misused(officer, "--until " LOCAL_DAY_ADVICE);
	return order(officer, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "command", "hold-place", "report", name,
					"authority", given.authority, "order", given.order, "until",
					time_text(until, end, 0), "reason", given.reason));
}

/* The number of an order; 0 after a message. */
static long long id_of(const struct officer *officer, int argc, char **argv)
{
	char *end = NULL;
	const long long id = optind + 1 == argc ? strtoll(argv[optind], &end, 10) : 0;

	if (id > 0 && *end == '\0')
		return id;
	officer_misused(officer, "give the number of an order; simpul hold list shows it");
	return 0;
}

static int lift(const struct officer *officer, int argc, char **argv)
{
	struct given given;
	long long id;

	if (!given_take(officer, argc, argv, &given) || (id = id_of(officer, argc, argv)) == 0)
		return EX_USAGE;
	if (given.reason == NULL)
		return officer_misused(officer, "say why with --reason");
	return order(officer, json_pack("{s:s, s:I, s:s}", "command", "hold-lift", "hold", (json_int_t)id, "reason",
					given.reason));
}

/* What there is to say of an order that waits for nobody; NULL: it waits, or the agent says what is wrong. */
static const char *settled(const json_t *order)
{
	const char *state = json_text(order, "state");

	if (strcmp(state, "in-force") == 0 || strcmp(state, "kept") == 0)
		return "it is in force already, and was confirmed";
	if (strcmp(state, "lifts") == 0)
		return "it is confirmed already: the order that it ends is over";
	if (strcmp(state, "over") == 0)
		return "it was confirmed and is over";
	return strcmp(state, "unconfirmed") == 0 ? "its day is over, and nobody confirmed it: place it anew" : NULL;
}

/* The order of this number; NULL when there is none. */
static const json_t *order_find(const json_t *orders, long long id)
{
	json_t *each;
	size_t i;

	json_array_foreach(orders, i, each) if (json_integer_value(json_object_get(each, "hold")) == id) return each;
	return NULL;
}

/* Shows what is to be confirmed; at a terminal a person says yes to it. EX_OK, or the status after a message. */
static int order_agreed(const struct officer *officer, long long id)
{
	struct fault fault = {0};
	const json_t *found;
	json_t *orders;
	bool yes = true;
	int status = EX_OK;

	if (orders_ask(officer, &orders, &fault) != E_OK)
		return officer_fail(officer, &fault, advice_for(fault.code));
	found = order_find(orders, id);
	if (found != NULL)
		line_print(found);
	if (found != NULL && settled(found) != NULL) {
		fprintf(stderr, "simpul hold: %lld: %s\n", id, settled(found));
		status = EX_DATAERR;
	} else if (found != NULL && isatty(STDIN_FILENO) &&
		   terminal_confirm("Is this what was ordered? Type yes when it is: ", &yes, &fault) != E_OK) {
		status = officer_fail(officer, &fault, NULL);
	} else if (!yes) {
		fputs("not confirmed; it still waits\n", stderr);
		status = EX_NOPERM;
	}
	json_decref(orders);
	return status;
}

static int confirm(const struct officer *officer, int argc, char **argv)
{
	struct given given;
	long long id, confirmed;
	int status;

	if (!given_take(officer, argc, argv, &given) || (id = id_of(officer, argc, argv)) == 0)
		return EX_USAGE;
	status = order_agreed(officer, id);
	if (status != EX_OK)
		return status;
	status = ask(officer, json_pack("{s:s, s:I}", "command", "hold-confirm", "hold", (json_int_t)id), &confirmed);
	if (status == EX_OK)
		printf("%lld: confirmed\n", confirmed);
	return status;
}

/* ------------------------------------------------------------------ listing */

static int list(const struct officer *officer, int argc, char **argv)
{
	struct given given;
	struct fault fault = {0};
	json_t *orders, *each;
	bool heard = true;
	enum error error;
	size_t i;

	if (!given_take(officer, argc, argv, &given))
		return EX_USAGE;
	error = orders_read(officer, &orders, &fault);
	json_array_foreach(orders, i, each) heard =
		heard && (given.json ? officer_print_json(json_incref(each), false) : line_print(each));
	json_decref(orders);
	return error == E_OK ? EX_OK : officer_unread(officer, &fault);
}

/* ------------------------------------------------------------------ opening */

static enum error kept_print(struct store *store, const char *text, const char *path, struct fault *fault)
{
	struct report_name name;
	struct arena arena;
	struct kept kept;
	enum error error = report_name_parse(text, &name) ? E_OK : fault_at(fault, E_INVALID, "report");

	arena_init(&arena);
	if (error == E_OK)
		error = hold_keep_read(store, &name, &arena, &kept, fault);
	if (error == E_OK && path != NULL)
		error = kept.proof == NULL ? fault_at(fault, E_CANNOT_OPEN, "proof")
					   : proof_file_save(kept.proof, path, fault);
	if (error == E_OK)
		officer_print_json(json_pack("{s:o, s:o}", "header", json_of_message(kept.header, 0), "body",
					     json_of_message(kept.body, 0)),
				   true);
	arena_fini(&arena);
	return error;
}

static int opening(const struct officer *officer, int argc, char **argv)
{
	struct fault fault = {0};
	struct given given;
	struct store store;
	const char *name;
	long long unused;
	enum error error;
	int status;

	if (!given_take(officer, argc, argv, &given))
		return EX_USAGE;
	name = officer_name_of(officer, argc, argv);
	if (name == NULL)
		return EX_USAGE;
	if (given.reason == NULL)
		return officer_misused(officer, "say why with --reason");
	/* Whoever may not read the store is not noted as if he had. */
	error = officer_store(officer, &store, &fault);
	if (error != E_OK)
		return officer_unread(officer, &fault);
	status = ask(officer,
		     json_pack("{s:s, s:s, s:s}", "command", "hold-open", "report", name, "reason", given.reason),
		     &unused);
	if (status == EX_OK)
		error = kept_print(&store, name, given.output, &fault);
	store_close(&store);
	if (error != E_OK)
		return officer_fail(officer, &fault,
				    error == E_CANNOT_OPEN
					    ? "it was sealed, and its recipients hold the proof; without -o "
					      "it is printed"
					    : NULL);
	return status;
}

int officer_hold(struct officer *officer, int argc, char **argv)
{
	const char *what = argc < 2 ? "" : argv[1];

	if (officer_helped(argc, argv, usage))
		return EX_OK;
	if (strcmp(what, "place") == 0)
		return place(officer, argc - 1, argv + 1);
	if (strcmp(what, "lift") == 0)
		return lift(officer, argc - 1, argv + 1);
	if (strcmp(what, "confirm") == 0)
		return confirm(officer, argc - 1, argv + 1);
	if (strcmp(what, "list") == 0)
		return list(officer, argc - 1, argv + 1);
	if (strcmp(what, "open") == 0)
		return opening(officer, argc - 1, argv + 1);
	return officer_misused(officer, "say what: place, lift, confirm, list or open");
}
