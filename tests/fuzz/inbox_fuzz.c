/* inbox_fuzz - batches of a broker that may be broken or hostile, into a real store: the cursor never moves on a
 * refusal nor without the broker's signature, nothing of a refused batch stays, and what is stored as good was signed
 * by its origin with a key that the authority confirmed.
 *
 * An input is a byte of flags (what is signed anew, so that a changed batch gets further) and batches, each with its
 * length. */
#include "agents/reports/inbox.h"
#include "agents/reports/view.h"
#include "common/memory.h"
#include "common/wire.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/story.h"
#include <stdlib.h>
#include <string.h>

enum { SIGN_BATCH = 1, SIGN_DELIVERIES = 2, MOST_BATCHES = 4 };

static const char clean[] =
	"DELETE FROM inbox; DELETE FROM mark; DELETE FROM inbox_delivery; DELETE FROM withheld; DELETE FROM member;"
	" DELETE FROM quarantine;"
	"DELETE FROM standing; DELETE FROM retraction; DELETE FROM purge; DELETE FROM purged; DELETE FROM head; DELETE FROM cursor; INSERT INTO cursor VALUES(1, 1, 1, zeroblob(32))";

static struct store store;

/* Empty, with the cursor at the first entry, as if that had been for others. */
static void store_begin_anew(void)
{
	struct fault fault = {0};

	if (store.db == NULL) {
		char *path = memory_format("%s/inbox.db", fuzz_folder());

		fuzz_start();
		PROMISE(store_open(&store, path, NULL, story_get()->join.exchange, "army.oku", &fault) == E_OK);
		free(path);
	}
	PROMISE(database_run(store.db, "BEGIN", &fault) == E_OK && database_run(store.db, clean, &fault) == E_OK &&
		database_run(store.db, "COMMIT", &fault) == E_OK);
}

/* ------------------------------------------------------------------ looking */

static uint64_t number_of(const char *sql)
{
	sqlite3_stmt *question = store_statement(&store, sql);
	uint64_t count;

	PROMISE(sqlite3_step(question) == SQLITE_ROW);
	count = column_number(question, 0);
	sqlite3_reset(question);
	return count;
}

/* How much the inbox's tables hold. */
static uint64_t rows(void)
{
	static const char sql[] =
		"SELECT (SELECT count(*) FROM inbox) + (SELECT count(*) FROM mark) + (SELECT count(*) FROM "
		"inbox_delivery)"
		" + (SELECT count(*) FROM withheld) + (SELECT count(*) FROM member) + (SELECT count(*) FROM standing)"
		" + (SELECT count(*) FROM head) + (SELECT count(*) FROM retraction) + (SELECT count(*) FROM purge)"
		" + (SELECT count(*) FROM purged)";

	return number_of(sql);
}

/* In the order of the journal, nothing from beyond the cursor, and nothing good twice. */
static void in_order_and_once(const struct position *cursor)
{
	static const char newest[] = "SELECT max(coalesce((SELECT max(entry) FROM inbox), 0),"
				     " coalesce((SELECT max(entry) FROM withheld), 0),"
				     " coalesce((SELECT max(entry) FROM member), 0))";
	static const char disordered[] =
		"SELECT count(*) FROM inbox a JOIN inbox b ON a.row < b.row AND a.entry > b.entry";
	static const char twice[] = "SELECT count(*) FROM (SELECT 1 FROM inbox WHERE trust < 2"
				    " GROUP BY origin, epoch, stream, number HAVING count(*) > 1)";

	PROMISE(number_of(newest) <= cursor->entry);
	PROMISE(number_of(disordered) == 0);
	PROMISE(number_of(twice) == 0);
}

/* What was erased says nothing, and what was taken back is erased, whoever sent it and whenever it came. */
static void erased_for_good(void)
{
	static const char said[] = "SELECT count(*) FROM inbox WHERE erased_at > 0 AND (length(body) > 0 OR rule = 0)";
	static const char kept[] = "SELECT count(*) FROM inbox i JOIN retraction r USING(origin, epoch, stream, number)"
				   " WHERE i.erased_at = 0";
	static const char updates[] =
		"SELECT count(*) FROM mark m JOIN retraction r USING(origin, epoch, stream, number)"
		" JOIN inbox i ON i.row = m.row WHERE m.kind = 3 AND i.erased_at = 0";

	PROMISE(number_of(said) == 0);
	PROMISE(number_of(kept) == 0);
	PROMISE(number_of(updates) == 0);
}

/* The stored record of the key under which a delivery came: itself confirmed by the authority. */
static void member_of(const Simpul__Delivery *delivery, struct arena *arena, struct member *member)
{
	sqlite3_stmt *question = store_statement(&store, "SELECT record FROM member WHERE node = ?1 AND key_id = ?2");
	const Simpul__MemberRecord *record;

	bind_text(question, 1, delivery->origin);
	bind_number(question, 2, delivery->key_id);
	PROMISE(sqlite3_step(question) == SQLITE_ROW);
	record = wire_unpack(&simpul__member_record__descriptor, column_bytes(question, 0), arena, NULL);
	PROMISE(record != NULL && member_of_message(member, record, NULL) == E_OK);
	PROMISE(member_check(member, story_get()->join.exchange, story_get()->join.authority, NULL) == E_OK);
	sqlite3_reset(question);
}

static void delivery_good(struct bytes proof)
{
	const Simpul__Delivery *delivery;
	struct member member;
	struct hash digest;
	struct arena arena;

	arena_init(&arena);
	delivery = wire_unpack(&simpul__delivery__descriptor, proof, &arena, NULL);
	PROMISE(delivery != NULL);
	member_of(delivery, &arena, &member);
	PROMISE(delivery_digest(delivery, story_get()->join.exchange, &digest, NULL) == E_OK);
	PROMISE(digest_verify(member.signing_key, SIGN_TAG_SUBMISSION, &digest, of_binary(delivery->signature)));
	arena_fini(&arena);
}

static void good_rows_are_signed(void)
{
	sqlite3_stmt *question = store_statement(&store, "SELECT DISTINCT d.proof FROM inbox i JOIN inbox_delivery d"
							 " ON d.delivery_id = i.delivery_id WHERE i.trust = 0 AND i.notice = 0");

	while (sqlite3_step(question) == SQLITE_ROW)
		delivery_good(column_bytes(question, 0));
	sqlite3_reset(question);
}

static bool row_shown(void *context, const struct inbox_row *row)
{
	struct buffer page = {0};
	struct arena arena;

	(void)context;
	arena_init(&arena);
	view_line(row, &page);
	view_page(row, &page);
	fuzz_terminal_safe(buffer_view(&page));
	json_decref(view_json(row, &arena));
	buffer_free(&page);
	arena_fini(&arena);
	return true;
}

/* ------------------------------------------------------------------ batches */

static void deliveries_sign(Simpul__Batch *batch, struct arena *arena)
{
	for (size_t i = 0; i < batch->n_entries; i++)
		if (batch->entries[i]->content_case == SIMPUL__ENTRY__CONTENT_DELIVERY)
			story_sign_delivery(batch->entries[i]->delivery, arena_alloc(arena, SIGNATURE_SIZE));
}

/* Signs anew what the flags say; leaves bytes that are no batch as they are. */
static void batch_sign(struct bytes piece, unsigned flags, struct buffer *out)
{
	struct arena arena;
	Simpul__Batch *batch;

	arena_init(&arena);
	batch = wire_unpack(&simpul__batch__descriptor, piece, &arena, NULL);
	if (batch != NULL && flags & SIGN_DELIVERIES)
		deliveries_sign(batch, &arena);
	if (batch != NULL && flags & SIGN_BATCH)
		story_sign_batch(batch, arena_alloc(&arena, SIGNATURE_SIZE));
	if (batch != NULL)
		wire_pack(batch, out);
	else
		buffer_bytes(out, piece);
	arena_fini(&arena);
}

static bool position_equal(const struct position *a, const struct position *b)
{
	return a->incarnation == b->incarnation && a->entry == b->entry && hash_equal(&a->head, &b->head);
}

/* The cursor is what the broker signed for. */
static void cursor_signed(struct bytes encoded, const struct position *cursor)
{
	const Simpul__Batch *batch;
	struct position upto;
	struct arena arena;

	arena_init(&arena);
	batch = wire_unpack(&simpul__batch__descriptor, encoded, &arena, NULL);
	PROMISE(batch != NULL && position_of_message(&upto, batch->upto) == E_OK && position_equal(&upto, cursor));
	PROMISE(chain_verify(story_get()->join.broker_signing, story_get()->join.exchange, cursor,
			     of_binary(batch->signature)));
	arena_fini(&arena);
}

static void batch_try(struct inbox *inbox, struct bytes encoded)
{
	const struct position before = inbox_cursor(inbox);
	const uint64_t rows_before = rows();
	struct fault fault = {.code = E_OK};
	struct position after, stored;
	const enum inbox_result result = inbox_apply(inbox, encoded, &fault);

	after = inbox_cursor(inbox);
	PROMISE(result != INBOX_FAILED || fault.code != E_OK);
	PROMISE(sqlite3_get_autocommit(store.db) && store.failure.code == E_OK);
	PROMISE(store_cursor(&store, &stored, NULL) == E_OK && position_equal(&stored, &after));
	if (result != INBOX_APPLIED)
		PROMISE(position_equal(&before, &after) && rows() == rows_before);
	else if (!position_equal(&before, &after))
		cursor_signed(encoded, &after);
	in_order_and_once(&after);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
	struct bytes rest = BYTES(data, size);
	size_t places[MOST_BATCHES], count = 0;

	take_u8(&rest);
	for (; count < MOST_BATCHES && rest.size > 2; count++) {
		places[count] = size - rest.size;
		take_bytes(&rest);
	}
	if (count == 0 || seed % 8 == 0)
		return LLVMFuzzerMutate(data, size, most);
	return mutate_piece(&simpul__batch__descriptor, data, size, most, places[seed / 8 % count], seed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes rest = BYTES(data, size);
	const unsigned flags = take_u8(&rest);
	struct inbox *inbox;

	store_begin_anew();
	inbox = inbox_new(&store, &story_get()->army, &story_get()->join);
	for (unsigned i = 0; i < MOST_BATCHES && rest.size > 0; i++) {
		struct buffer encoded = {0};

		batch_sign(take_bytes(&rest), flags, &encoded);
		batch_try(inbox, buffer_view(&encoded));
		buffer_free(&encoded);
	}
	good_rows_are_signed();
	erased_for_good();
	PROMISE(view_inbox(&store, 0, 64, row_shown, NULL, NULL) == E_OK);
	inbox_free(inbox);
	return 0;
}
