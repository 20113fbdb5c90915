/* outbox_fuzz - receipts, refusals and WELCOMEs of a broker into a real outbox: numbers keep no gap, what was accepted
 * stays accepted, what is refused changes nothing, and no report vanishes.
 *
 * An input is a list of steps: a verb, two numbers, and for a message its length and bytes. */
#include "agents/reports/outbox.h"
#include "common/memory.h"
#include "common/wire.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/story.h"
#include <stdlib.h>
#include <string.h>

#define NOW UINT64_C(1795300000000) /* 2026-11-21 */

enum { MOST_STEPS = 24, STEP_SIZE = 3, MAIN = SIMPUL__STREAM__STREAM_MAIN };

enum verb { VERB_RECEIPT, VERB_COMPARE, VERB_THAW, VERB_TAKE, VERB_NEXT, VERB_REJECT, VERBS };

struct step {
	enum verb verb;
	uint8_t a, b;
	struct bytes message;
};

static bool has_message(enum verb verb)
{
	return verb <= VERB_THAW;
}

static struct step step_take(struct bytes *rest)
{
	struct step step = {.verb = (enum verb)(take_u8(rest) % VERBS)};

	step.a = take_u8(rest);
	step.b = take_u8(rest);
	if (has_message(step.verb))
		step.message = take_bytes(rest);
	return step;
}

/* ------------------------------------------------------------------ the outbox */

static const char clean[] = "BEGIN; DELETE FROM outbox_report; DELETE FROM submission; DELETE FROM receipt;"
			    "DELETE FROM stream; COMMIT";
static const char draft[] =
	"{\"category\": \"overstay\", \"region\": \"16.01\", \"label\": \"AMBER\", \"purpose\":"
	" \"law-enforcement\", \"expires\": \"2026-12-31T00:00:00Z\", \"sighting\": {\"first_seen\":"
	" \"2026-11-20T10:00:00Z\", \"assertion\": \"fact\"}}";

static struct store store;
static struct outbox_submission frozen; /* the last one */

static void outbox_begin(void)
{
	fuzz_start();
	if (store.db == NULL) {
		char *path = memory_format("%s/outbox.db", fuzz_folder());

		PROMISE(store_open(&store, path, NULL, story_get()->join.exchange, "army.oku", NULL) == E_OK);
		free(path);
	}
	PROMISE(database_run(store.db, clean, NULL) == E_OK);
	buffer_clear(&frozen.message);
	frozen.count = 0;
}

static uint64_t number_of(const char *sql)
{
	sqlite3_stmt *question = store_statement(&store, sql);
	uint64_t number;

	PROMISE(sqlite3_step(question) == SQLITE_ROW);
	number = column_number(question, 0);
	sqlite3_reset(question);
	return number;
}

static uint64_t total(const struct outbox_counts *counts)
{
	return counts->waiting + counts->sent + counts->accepted + counts->refused;
}

/* ------------------------------------------------------------------ steps */

static enum error reports_take(size_t count, struct fault *fault)
{
	static const struct draft_defaults none;
	struct prepared prepared[4], *list[4];
	struct report_name names[4];
	json_t *json = json_loads(draft, 0, NULL);
	struct arena arena;
	enum error error;

	arena_init(&arena);
	for (size_t i = 0; i < count; i++) {
		PROMISE(draft_of_json(json, &none, "army.oku", NOW, &arena, &prepared[i], fault) == E_OK);
		list[i] = &prepared[i];
	}
	error = outbox_take(&store, list, NULL, count, false, names, fault);
	arena_fini(&arena);
	json_decref(json);
	return error;
}

/* The receipt as it stands, or for what was frozen last. */
static enum error receipt_apply(const struct step *step, struct arena *arena, struct fault *fault)
{
	struct report_name first = {.origin = "army.oku", .epoch = 1, .stream = MAIN, .number = step->a};
	Simpul__Receipt *receipt = wire_unpack(&simpul__receipt__descriptor, step->message, arena, fault);
	struct buffer encoded = {0};
	enum error error;

	if (receipt == NULL)
		return fault->code;
	if (step->b & 1 && frozen.count > 0) {
		first = frozen.first;
		receipt->digest = (ProtobufCBinaryData){HASH_SIZE, frozen.digest.bytes};
	}
	wire_pack(receipt, &encoded);
	error = outbox_receipt(&store, receipt, buffer_view(&encoded), &first, fault);
	buffer_free(&encoded);
	return error;
}

static enum error welcome_apply(const struct step *step, struct arena *arena, struct fault *fault)
{
	const Simpul__Welcome *welcome = wire_unpack(&simpul__welcome__descriptor, step->message, arena, fault);
	struct outbox_heard heard;
	enum error error;

	if (welcome == NULL)
		return fault->code;
	error = outbox_compare(&store, welcome, fault);
	if (error != E_OK || step->verb != VERB_THAW)
		return error;
	outbox_hear(&store, welcome, &heard);
	error = outbox_thaw(&store, 1 + step->a % 2, &heard, fault);
	return error == E_OK ? outbox_thaw_sealed(&store, &heard, fault) : error;
}

/* An uplink asks from where receipts end, or where what it sent last ends. */
static uint64_t after_of(const struct step *step)
{
	return step->a & 1 && frozen.count > 0 ? frozen.first.number + frozen.count - 1
					       : outbox_receipted(&store, MAIN);
}

static enum error step_do(const struct step *step, struct arena *arena, struct fault *fault)
{
	static const enum error codes[] = {E_TOO_LARGE, E_INVALID, E_MIXED_ROUTING, E_MALFORMED};
	const struct report_name first = {.origin = "army.oku", .epoch = 1, .stream = MAIN, .number = step->a};
	const struct position seen = {.incarnation = 1, .entry = step->b};

	switch (step->verb) {
	case VERB_RECEIPT:
		return receipt_apply(step, arena, fault);
	case VERB_COMPARE:
	case VERB_THAW:
		return welcome_apply(step, arena, fault);
	case VERB_TAKE:
		return reports_take(1 + step->a % 4, fault);
	case VERB_NEXT:
		return outbox_next(&store, &story_get()->army, MAIN, after_of(step), &seen, &frozen, fault);
	default:
		return outbox_reject(&store, step->b & 1 && frozen.count > 0 ? &frozen.first : &first,
				     codes[step->b / 2 % 4], "reports[0]", fault);
	}
}

/* ------------------------------------------------------------------ promises */

static void step_try(const struct step *step)
{
	struct outbox_counts before, after;
	struct fault fault = {.code = E_OK};
	const uint64_t receipted = outbox_receipted(&store, MAIN);
	struct arena arena;
	enum error error;

	arena_init(&arena);
	outbox_count(&store, &before);
	error = step_do(step, &arena, &fault);
	outbox_count(&store, &after);
	PROMISE(sqlite3_get_autocommit(store.db) && store.failure.code == E_OK);
	PROMISE(after.accepted >= before.accepted && outbox_receipted(&store, MAIN) >= receipted);
	PROMISE(step->verb == VERB_TAKE ? total(&after) > total(&before) : total(&after) == total(&before));
	if (error != E_OK)
		PROMISE(memcmp(&before, &after, sizeof before) == 0);
	PROMISE(number_of("SELECT count(*) FROM outbox_report") == total(&after));
	PROMISE(number_of("SELECT coalesce(max(number), 0) FROM outbox_report") == total(&after));
	PROMISE(number_of("SELECT count(*) FROM stream WHERE receipted > frozen OR frozen > last") == 0);
	arena_fini(&arena);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
	struct bytes rest = BYTES(data, size);
	size_t receipts[MOST_STEPS], welcomes[MOST_STEPS], receipt_count = 0, welcome_count = 0;

	for (unsigned i = 0; i < MOST_STEPS && rest.size > STEP_SIZE + 2; i++) {
		const size_t at = size - rest.size + STEP_SIZE;
		const struct step step = step_take(&rest);

		if (step.verb == VERB_RECEIPT)
			receipts[receipt_count++] = at;
		else if (has_message(step.verb))
			welcomes[welcome_count++] = at;
	}
	if (receipt_count > 0 && seed % 4 == 1)
		return mutate_piece(&simpul__receipt__descriptor, data, size, most, receipts[seed / 4 % receipt_count],
				    seed);
	if (welcome_count > 0 && seed % 4 == 2)
		return mutate_piece(&simpul__welcome__descriptor, data, size, most, welcomes[seed / 4 % welcome_count],
				    seed);
	return LLVMFuzzerMutate(data, size, most);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes rest = BYTES(data, size);

	outbox_begin();
	for (unsigned i = 0; i < MOST_STEPS && rest.size > 0; i++) {
		const struct step step = step_take(&rest);

		step_try(&step);
	}
	return 0;
}
