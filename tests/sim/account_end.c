/* account_end - compares the stores of the offices and the journal with the account when everything has settled. */
#include "agents/reports/outbox.h"
#include "tests/sim/account.h"

#include <stdlib.h>
#include <string.h>

typedef unsigned long long ull;

static const struct item *item_of_row(const struct account *account, sqlite3_stmt *row, int column, size_t origin)
{
	const size_t found =
		account_find(account, origin, (uint32_t)column_number(row, column), column_number(row, column + 1));

	return found == NO_ITEM ? NULL : &account->items[found];
}

/* ---- what an office sent */

/* An office refuses by itself only what it cannot seal, because a recipient was not a member when it tried. */
static bool outcome_right(const struct item *item, uint64_t state, enum error code, uint64_t entry)
{
	if (item->entry == 0 || item->entry != entry)
		return false;
	if (state == OUTBOX_ACCEPTED)
		return !item->voided && item->verdict == E_OK;
	if (state != OUTBOX_REFUSED)
		return false;
	return item->voided ? code == E_RECIPIENT_UNKNOWN && item->topic.label == LABEL_RED : code == item->verdict;
}

static void outbox_check(struct account *account, size_t office, struct store *store)
{
	static const char sql[] =
		"SELECT stream, number, state, code, entry, epoch FROM outbox ORDER BY stream, number";
	sqlite3_stmt *rows = store_statement(store, sql);
	size_t found = 0, expected = 0;

	for (; store_ask(store, rows, NULL) == E_OK; found++) {
		const struct item *item = item_of_row(account, rows, 0, office);
		const enum error code = (enum error)column_number(rows, 3);

		if (!item)
			account_wrong(account, INVENTED, "%s has sent %llu/%llu, which nobody gave it",
				      office_names[office], (ull)column_number(rows, 0), (ull)column_number(rows, 1));
		else if (!outcome_right(item, column_number(rows, 2), code, column_number(rows, 4)))
			account_wrong(account, LOST,
				      "%s %llu/%llu ends as state %llu, %s, entry %llu; it is %s in entry %llu",
				      office_names[office], (ull)column_number(rows, 0), (ull)column_number(rows, 1),
				      (ull)column_number(rows, 2), error_name(code), (ull)column_number(rows, 4),
				      item->voided ? "VOID" : error_name(item->verdict), (ull)item->entry);
	}
	sqlite3_reset(rows);
	for (size_t stream = 0; stream < STREAMS; stream++)
		expected += account->number_counts[office][stream];
	if (found < expected)
		account_wrong(account, LOST, "%s has %zu of %zu reports that it took", office_names[office], found,
			      expected);
}

/* The receipt that the office holds is the one that the journal gives out, to the byte. */
static void receipts_check(struct account *account, size_t office, struct store *store, struct journal_reader *reader)
{
	static const char sql[] = "SELECT r.epoch, r.stream, r.first, r.receipt, s.count, s.digest FROM receipt r"
				  " JOIN submission s USING(epoch, stream, first)";
	sqlite3_stmt *rows = store_statement(store, sql);

	while (store_ask(store, rows, NULL) == E_OK) {
		struct report_name first = {.epoch = (uint32_t)column_number(rows, 0),
					    .stream = (uint32_t)column_number(rows, 1),
					    .number = column_number(rows, 2)};
		struct buffer receipt = {0};
		struct hash digest = {{0}};

		strcpy(first.origin, office_names[office]);
		hash_load(&digest, column_bytes(rows, 5));
		if (journal_read_receipt(reader, &first, column_number(rows, 4), &digest, &receipt, NULL) != E_OK ||
		    !bytes_equal(buffer_view(&receipt), column_bytes(rows, 3)))
			account_wrong(account, LOST, "the receipt of %s %u/%llu is not the journal's", first.origin,
				      first.stream, (ull)first.number);
		buffer_free(&receipt);
	}
	sqlite3_reset(rows);
}

/* ---- what an office received */

/* An agent holds one key at a time: what was sealed to the one before and came later stays closed. */
static bool sealed_to_former_key(const struct account *account, size_t office, const struct item *item)
{
	return item->topic.label == LABEL_RED && account->key_ids[office] != item->key_ids[office];
}

/* Header and body are those that the office said; of one that expired on its way the hash is. */
static bool content_right(sqlite3_stmt *row, const struct item *item)
{
	const struct bytes header = column_bytes(row, 6), body = column_bytes(row, 7);
	struct hash hash = hash_of(body), content;

	if (column_number(row, 8) > 0) {
		if (body.size > 0 || !hash_load(&hash, column_bytes(row, 9)))
			return false;
		if (item->topic.label == LABEL_RED) /* the hash is of what was sealed */
			return true;
	}
	content = account_content(header, &hash);
	return hash_equal(&content, &item->content);
}

static void row_check(struct account *account, size_t office, sqlite3_stmt *row, struct item *item)
{
	if (!sealed_to_former_key(account, office, item) && (!content_right(row, item) || column_number(row, 5) != 0))
		account_wrong(account, INVENTED, "%s holds %s %u/%llu with other bytes or trust %llu",
			      office_names[office], item->name.origin, item->name.stream, (ull)item->name.number,
			      (ull)column_number(row, 5));
	if (item->entry != column_number(row, 0) || item->index != column_number(row, 1))
		account_wrong(account, INVENTED, "%s holds %s %u/%llu under entry %llu, not %llu", office_names[office],
			      item->name.origin, item->name.stream, (ull)item->name.number, (ull)column_number(row, 0),
			      (ull)item->entry);
	else if (item->verdict != E_OK || item->voided || !(account->entries[item->entry].audience >> office & 1))
		account_wrong(account, LEAKED, "%s holds %s %u/%llu", office_names[office], item->name.origin,
			      item->name.stream, (ull)item->name.number);
	if (item->held >> office & 1)
		account_wrong(account, DUPLICATED, "%s holds %s %u/%llu twice", office_names[office], item->name.origin,
			      item->name.stream, (ull)item->name.number);
	item->held |= 1u << office;
}

static void inbox_check(struct account *account, size_t office, struct store *store)
{
	static const char sql[] =
		"SELECT entry, idx, origin, stream, number, trust, header, body, erased_at, body_hash FROM inbox"
		" WHERE notice = 0 ORDER BY row";
	sqlite3_stmt *rows = store_statement(store, sql);
	uint64_t entry = 0, index = 0;

	while (store_ask(store, rows, NULL) == E_OK) {
		const struct item *item = item_of_row(account, rows, 3, office_of(column_text(rows, 2)));

		if (column_number(rows, 0) < entry ||
		    (column_number(rows, 0) == entry && column_number(rows, 1) <= index))
			account_wrong(account, DUPLICATED, "%s holds entry %llu out of order", office_names[office],
				      (ull)column_number(rows, 0));
		entry = column_number(rows, 0);
		index = column_number(rows, 1);
		if (item)
			row_check(account, office, rows, &account->items[item - account->items]);
		else
			account_wrong(account, INVENTED, "%s holds %s %llu/%llu, which nobody sent",
				      office_names[office], column_text(rows, 2), (ull)column_number(rows, 3),
				      (ull)column_number(rows, 4));
	}
	sqlite3_reset(rows);
}

/* The entry was withheld by a version of the policy that does not admit the office. */
static void withheld_check(struct account *account, size_t office, struct store *store)
{
	sqlite3_stmt *rows = store_statement(store, "SELECT entry, policy_version FROM withheld");

	while (store_ask(store, rows, NULL) == E_OK) {
		const uint64_t entry = column_number(rows, 0), policy = column_number(rows, 1);
		const struct entry_note *note = &account->entries[entry <= account->last ? entry : 0];

		if (entry > account->last || policy == 0 || policy > account->policy_count ||
		    !(note->audience >> office & 1) || !note->asked ||
		    rules_admit(&account->offered[account->policies[policy - 1] - 1], office, &note->topic)) {
			account_wrong(account, LOST, "entry %llu was withheld from %s by policy %llu", (ull)entry,
				      office_names[office], (ull)policy);
			continue;
		}
		for (size_t i = 0; i < note->count; i++) {
			struct item *item = &account->items[note->first];
			const size_t found =
				account_find(account, item->origin, item->name.stream, item->name.number + i);

			if (account->items[found].held >> office & 1)
				account_wrong(account, DUPLICATED, "%s holds entry %llu, which was withheld",
					      office_names[office], (ull)entry);
			account->items[found].held |= 1u << office;
		}
	}
	sqlite3_reset(rows);
}

/* What is said to be superseded is what an update was about that may not go to the office. */
static void notices_check(struct account *account, size_t office, struct store *store)
{
	sqlite3_stmt *rows = store_statement(store, "SELECT entry, origin, stream, number FROM inbox WHERE notice = 1");

	while (store_ask(store, rows, NULL) == E_OK) {
		const uint64_t entry = column_number(rows, 0);
		const struct item *update = &account->items[account->entries[entry <= account->last ? entry : 0].first];
		const struct item *meant = item_of_row(account, rows, 2, office_of(column_text(rows, 1)));

		if (entry > account->last || update->verb != UPDATES || meant != &account->items[update->about])
			account_wrong(account, INVENTED, "%s takes %s %llu/%llu for superseded by entry %llu",
				      office_names[office], column_text(rows, 1), (ull)column_number(rows, 2),
				      (ull)column_number(rows, 3), (ull)entry);
	}
	sqlite3_reset(rows);
}

/* Every head that the office has seen lies on the one chain. */
static void heads_check(struct account *account, size_t office, struct store *store)
{
	static const char sql[] = "SELECT entry, head FROM head UNION ALL SELECT entry, head FROM cursor";
	sqlite3_stmt *rows = store_statement(store, sql);

	while (store_ask(store, rows, NULL) == E_OK) {
		const uint64_t entry = column_number(rows, 0);

		if (entry > account->last ||
		    !bytes_equal(column_bytes(rows, 1), BYTES(account->entries[entry].head.bytes, HASH_SIZE)))
			account_wrong(account, INVENTED, "%s has seen another head of entry %llu", office_names[office],
				      (ull)entry);
	}
	sqlite3_reset(rows);
}

bool account_caught_up(const struct account *account, size_t office, uint64_t cursor)
{
	for (uint64_t entry = cursor + 1; entry <= account->last; entry++)
		if (account->entries[entry].audience >> office & 1)
			return false;
	return true;
}

void account_check_office(struct account *account, size_t office, struct store *store, struct journal_reader *reader)
{
	outbox_check(account, office, store);
	receipts_check(account, office, store, reader);
	inbox_check(account, office, store);
	withheld_check(account, office, store);
	notices_check(account, office, store);
	heads_check(account, office, store);
}

void account_check_held(struct account *account)
{
	for (size_t i = 0; i < account->item_count; i++) {
		const struct item *item = &account->items[i];
		offices meant, missing;

		if (item->entry == 0 || item->entry > account->last || item->verdict != E_OK || item->voided)
			continue;
		meant = account->entries[item->entry].audience & ((1u << account->count) - 1);
		missing = meant & ~item->held;
		if (missing != 0)
			account_wrong(account, LOST, "%s %u/%llu of entry %llu did not reach %x", item->name.origin,
				      item->name.stream, (ull)item->name.number, (ull)item->entry, missing);
	}
}

void account_check_journal(struct account *account, const struct journal_options *options, const struct position *held)
{
	struct journal_verdict verdict;
	struct fault fault = {0};

	if (journal_verify(options, held, &verdict, &fault) != E_OK)
		account_wrong(account, LOST, "the journal cannot be verified: %s %s", error_name(fault.code),
			      fault.field);
	else if (verdict.bad_entry != 0)
		account_wrong(account, INVENTED, "entry %llu of the journal: %s", (ull)verdict.bad_entry, verdict.what);
	else if (verdict.last.entry != account->last)
		account_wrong(account, LOST, "the journal has %llu entries, not %llu", (ull)verdict.last.entry,
			      (ull)account->last);
}
