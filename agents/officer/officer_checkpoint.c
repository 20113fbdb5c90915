/* officer_checkpoint - simpul checkpoint sign: says with the office's key that it holds the same head as a checkpoint. */
#include "agents/officer/officer.h"
#include "agents/reports/broker_ring.h"
#include "common/checkpoint.h"
#include "common/member.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
	"usage: simpul checkpoint sign FILE [-o FILE]\n"
	"\n"
	"Compares a checkpoint that the operators exported (simpulctl journal checkpoint) with what this office holds: its\n"
	"cursor, a head a day, the heads of its receipts. Only where it holds the same head at that entry it countersigns.\n"
	"Where it holds another one the broker shows two histories: nothing is signed, the exit status is 65, and the\n"
	"operators and the other offices should hear of it.\n"
	"\n"
	"  -o FILE   where the countersigned checkpoint goes; FILE itself unless given\n";

/* What this office holds at the checkpoint's entry. */
struct held {
	const struct checkpoint *checkpoint;
	struct join join;	 /* with the broker's keys in force */
	struct broker_ring ring; /* what they were before */
	unsigned equal, other;
};

static void head_compare(struct held *held, uint64_t entry, struct bytes head)
{
	const struct position *position = &held->checkpoint->position;

	if (entry != position->entry)
		return;
	if (bytes_equal(head, BYTES(position->head.bytes, HASH_SIZE)))
		held->equal++;
	else
		held->other++;
}

static const uint8_t *broker_key(const struct held *held, uint64_t entry)
{
	return broker_terms_key(&held->ring.terms, entry, held->join.broker_signing);
}

/* By the key of that entry, or by one that the broker had later: a checkpoint says what was, when it is made. */
static bool is_signed(const struct held *held)
{
	const struct checkpoint *checkpoint = held->checkpoint;
	const struct bytes signature = BYTES(checkpoint->signature, SIGNATURE_SIZE);
	const struct broker_terms *terms = &held->ring.terms;
	const struct position *position = &checkpoint->position;

	if (chain_verify(broker_key(held, position->entry), checkpoint->exchange, position, signature) ||
	    chain_verify(held->join.broker_signing, checkpoint->exchange, position, signature))
		return true;
	for (size_t i = 0; i < terms->count; i++)
		if (terms->list[i].entry > position->entry &&
		    chain_verify(terms->list[i].signing_key, checkpoint->exchange, position, signature))
			return true;
	return false;
}

/* A receipt leads from the head before its entry to a signed one. */
static void receipt_compare(struct held *held, struct bytes encoded)
{
	Simpul__Receipt *receipt = simpul__receipt__unpack(NULL, encoded.size, encoded.data);
	struct position leads_to;

	if (receipt == NULL)
		return;
	if (receipt_check(receipt, held->join.exchange, broker_key(held, receipt->entry), &leads_to, NULL) == E_OK) {
		head_compare(held, receipt->entry - 1, BYTES(receipt->previous_head.data, receipt->previous_head.len));
		head_compare(held, leads_to.entry, BYTES(leads_to.head.bytes, HASH_SIZE));
	}
	simpul__receipt__free_unpacked(receipt, NULL);
}

static enum error held_read(struct held *held, struct store *store, struct fault *fault)
{
	const uint64_t entry = held->checkpoint->position.entry;
	sqlite3_stmt *heads = store_statement(
		store, "SELECT entry, head FROM head WHERE entry = ?1 UNION ALL SELECT entry, head FROM cursor");
	sqlite3_stmt *receipts = store_statement(store, "SELECT receipt FROM receipt WHERE entry BETWEEN ?1 AND ?2");
	int result;

	bind_number(heads, 1, entry);
	while ((result = sqlite3_step(heads)) == SQLITE_ROW)
		head_compare(held, column_number(heads, 0), column_bytes(heads, 1));
	sqlite3_reset(heads);
	if (result != SQLITE_DONE)
		return fault_at(fault, database_error(result), "store");
	bind_number(receipts, 1, entry > LIMIT_COMMIT_ENTRIES ? entry - LIMIT_COMMIT_ENTRIES : 1);
	bind_number(receipts, 2, entry + 1);
	while ((result = sqlite3_step(receipts)) == SQLITE_ROW)
		receipt_compare(held, column_bytes(receipts, 0));
	sqlite3_reset(receipts);
	return result == SQLITE_DONE ? E_OK : fault_at(fault, database_error(result), "store");
}

/* What to ask the operators for instead. */
static uint64_t newest_held(struct store *store)
{
	sqlite3_stmt *newest = store_statement(store, "SELECT max(entry) FROM cursor");
	const uint64_t entry = sqlite3_step(newest) == SQLITE_ROW ? column_number(newest, 0) : 0;

	sqlite3_reset(newest);
	return entry;
}

static enum error compare(struct held *held, struct store *store, struct fault *fault)
{
	const struct checkpoint *checkpoint = held->checkpoint;
	enum error error;

	if (memcmp(checkpoint->exchange, held->join.exchange, EXCHANGE_SIZE) != 0)
		return fault_at(fault, E_EXCHANGE, "checkpoint");
	if (!is_signed(held))
		return fault_at(fault, E_BAD_SIGNATURE, "checkpoint");
	error = held_read(held, store, fault);
	if (error == E_OK && held->other > 0)
		error = fault_at(fault, E_HISTORY_DIFFERS, "entry %" PRIu64, checkpoint->position.entry);
	else if (error == E_OK && held->equal == 0)
		error = fault_at(fault, E_NOT_FOUND, "this office holds no head at entry %" PRIu64 "; its newest is at %" PRIu64,
				 checkpoint->position.entry, newest_held(store));
	return error;
}

static enum error sign(const struct officer *officer, const char *path, const char *out, struct fault *fault)
{
	struct settings settings = {.file = NULL};
	struct store store = {.db = NULL};
	struct checkpoint checkpoint;
	struct node_keys keys;
	struct held held = {.checkpoint = &checkpoint};
	enum error error = officer_settings(officer, &settings, fault);

	if (error == E_OK)
		error = checkpoint_load(&checkpoint, path, fault);
	if (error == E_OK)
		error = join_load(&held.join, settings.join, fault);
	if (error == E_OK)
		error = officer_store(officer, &store, fault);
	if (error == E_OK)
		error = broker_ring_open(&held.ring, &store, &held.join, fault);
	if (error == E_OK)
		error = compare(&held, &store, fault);
	if (error == E_OK)
		error = officer_node_keys(officer, &settings, &keys, fault);
	if (error == E_OK) {
		error = checkpoint_countersign(&checkpoint, settings.node, keys.key_id, &keys.signing, fault);
		keys_wipe(&keys, sizeof(keys));
	}
	if (error == E_OK)
		error = checkpoint_save(&checkpoint, out != NULL ? out : path, fault);
	if (error == E_OK)
		printf("%s holds the same head at entry %" PRIu64 " and says so in %s\n", settings.node,
		       checkpoint.position.entry, out != NULL ? out : path);
	store_close(&store);
	settings_free(&settings);
	return error;
}

static const char *advice(enum error code)
{
	switch (code) {
	case E_HISTORY_DIFFERS:
		return "the broker shows two histories: sign nothing, keep this file, tell the operators and the other offices";
	case E_NOT_FOUND:
		return "ask the operators for one there: simpulctl journal checkpoint --entry N";
	case E_BAD_SIGNATURE:
		return "the broker that this office knows did not sign it";
	default:
		return NULL;
	}
}

int officer_checkpoint(struct officer *officer, int argc, char **argv)
{
	static const struct option options[] = {
		{"output", required_argument, NULL, 'o'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	const char *out = NULL;
	struct fault fault = {0};
	int option;

	while ((option = officer_option(officer, argc, argv, options)) != -1) {
		if (option == 'h')
			fputs(usage, stdout);
		if (option != 'o')
			return option == 'h' ? EX_OK : EX_USAGE;
		out = optarg;
	}
	if (argc - optind != 2 || strcmp(argv[optind], "sign") != 0)
		return officer_misused(officer, "say what: sign FILE");
	if (sign(officer, argv[optind + 1], out, &fault) != E_OK)
		return officer_fail(officer, &fault, advice(fault.code));
	return EX_OK;
}
