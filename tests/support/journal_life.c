/* journal_life - lives, takes note of what was acknowledged, and compares with a journal that was started anew. */
#include "tests/support/journal_life.h"
#include "broker/journal/journal_sqlite.h"
#include "common/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TO(node) (1u << (node))
#define LARGE_REPORTS 20
#define LARGE_BODY 4000

/* ---------------------------------------------------------------------------- founding and ending */

void journal_life_found(struct journal_life *life, struct disk *disk)
{
	memset(life, 0, sizeof *life);
	life->disk = disk;
	ledger_open(&life->ledger);
	life->founded = disk != NULL ? disk_recorded(disk) : 0;
}

void journal_life_stop(struct journal_life *life)
{
	journal_close(life->ledger.journal);
	life->ledger.journal = NULL;
}

void journal_life_end(struct journal_life *life)
{
	ledger_close(&life->ledger);
	memset(life, 0, sizeof *life);
}

/* ---------------------------------------------------------------------------- commits */

/* A commit that is begun may leave its entries, but then all of them. */
static void entries_begin(struct journal_life *life, struct journal_append *const *appends, size_t count)
{
	const uint64_t end = LEDGER_FIRST_ENTRIES + life->entry_count + count;

	if (life->entry_count + count > JOURNAL_LIFE_ENTRIES)
		abort();
	for (size_t i = 0; i < count; i++) {
		life->entries[life->entry_count] = (struct entry_promise){
			.promise = promise_begin(life->disk),
			.position = {.incarnation = 1, .entry = LEDGER_FIRST_ENTRIES + life->entry_count + 1},
			.commit_end = end,
			.first = appends[i]->first,
			.count = appends[i]->count,
			.digest = appends[i]->digest};
		life->entry_count++;
	}
}

static void entry_acknowledge(struct journal_life *life, struct entry_promise *entry,
			      const struct journal_append *append)
{
	entry->position.head = append->head;
	entry->receipt = hash_of(buffer_view(&append->receipt));
	promise_end(&entry->promise, life->disk, append->result.code);
}

/* After a full disk all is as before. */
static void commit_forget(struct journal_life *life, size_t count)
{
	life->entry_count -= count;
	memcpy(life->said, life->receipted, sizeof life->said);
}

/* A sync that failed must not be followed by a commit on the same connection. */
static void sync_failure_check(struct journal_life *life, uint64_t failed_before, enum error error)
{
	if (error == E_OK && life->fault != NULL && life->fault->call == DISK_SYNC &&
	    failed_before > life->failed_before)
		life->went_on = true;
}

/* Commits appends that nothing is wrong with, and frees them. */
static enum error commit(struct journal_life *life, struct journal_append *const *appends, size_t count)
{
	const uint64_t failed = life->fault != NULL ? life->fault->failed : 0;
	enum error error;

	for (size_t i = 0; i < count; i++)
		appends[i]->letter.next = i + 1 < count ? &appends[i + 1]->letter : NULL;
	life->ledger.now += 1000;
	entries_begin(life, appends, count);
	error = journal_commit(life->ledger.journal, appends[0], life->ledger.now);
	sync_failure_check(life, failed, error);
	life->reason = appends[0]->result;
	for (size_t i = 0; i < count; i++) {
		if (error == E_OK && appends[i]->result.code != E_OK)
			error = E_INTERNAL;
		if (error == E_OK)
			entry_acknowledge(life, &life->entries[life->entry_count - count + i], appends[i]);
	}
	if (error == E_DISK_FULL)
		commit_forget(life, count);
	else if (error == E_OK)
		memcpy(life->receipted, life->said, sizeof life->said);
	for (size_t i = 0; i < count; i++)
		journal_append_free(appends[i]);
	return error;
}

/* The node's next reports; a reference is to what it said so long ago. */
static struct journal_append *speak(struct journal_life *life, const struct saying *saying)
{
	struct saying next = *saying;

	next.first = life->said[saying->origin] + 1;
	next.count = saying->count > 0 ? saying->count : 1;
	life->said[saying->origin] += next.count;
	return ledger_append(&life->ledger, &next);
}

static enum error say(struct journal_life *life, const struct saying *saying)
{
	struct journal_append *append = speak(life, saying);

	return commit(life, &append, 1);
}

enum error journal_life_say(struct journal_life *life, unsigned count)
{
	enum error error = E_OK;

	for (unsigned i = 0; error == E_OK && i < count; i++)
		error = say(life, &(struct saying){.origin = POLICE, .audience = TO(ARMY)});
	return error;
}

static enum error say_together(struct journal_life *life)
{
	struct journal_append *appends[] = {
		speak(life, &(struct saying){.origin = ARMY, .audience = TO(POLICE), .body = "seen twice", .count = 3}),
		speak(life, &(struct saying){.origin = POLICE, .audience = TO(ARMY), .wraps = true}),
		speak(life, &(struct saying){.origin = IMMIGRATION, .audience = TO(ARMY), .count = 2, .refused = 1}),
		speak(life, &(struct saying){.origin = POLICE, .audience = TO(IMMIGRATION), .named = "health.oku"}),
	};

	return commit(life, appends, sizeof appends / sizeof *appends);
}

static enum error say_about(struct journal_life *life)
{
	const uint64_t reference = life->said[POLICE];
	const struct saying update = {.origin = POLICE,
				      .kind = SIMPUL__KIND__KIND_UPDATE,
				      .reference = reference,
				      .audience = TO(IMMIGRATION)},
			    cancel = {.origin = POLICE, .kind = SIMPUL__KIND__KIND_CANCEL, .reference = reference};
	enum error error = say(life, &update);

	return error == E_OK ? say(life, &cancel) : error;
}

/* A new policy and new keys of an office that says nothing later. */
static enum error decide(struct journal_life *life)
{
	struct journal_append *appends[] = {ledger_policy(2), ledger_member(&life->ledger, OTHER_POLICE, 2)};

	return commit(life, appends, 2);
}

/* ---------------------------------------------------------------------------- cursors */

static enum error cursor_move(struct journal_life *life, int node)
{
	struct cursor_promise *cursor = &life->cursors[life->cursor_count++];
	enum error error;

	*cursor = (struct cursor_promise){.promise = promise_begin(life->disk),
					  .node = ledger_nodes[node],
					  .cursor = LEDGER_FIRST_ENTRIES + life->entry_count,
					  .withheld = LEDGER_FIRST_ENTRIES + life->entry_count - 1};
	journal_note_cursor(life->ledger.journal, cursor->node, cursor->cursor);
	journal_note_withheld(life->ledger.journal, cursor->node, cursor->withheld, 1);
	error = journal_flush(life->ledger.journal);
	life->reason.code = error;
	promise_end(&cursor->promise, life->disk, error);
	return error;
}

/* ---------------------------------------------------------------------------- erasing */

/* One value of a row; E_NOT_FOUND. */
static enum error value_of(sqlite3 *db, const char *sql, uint64_t entry, struct buffer *value)
{
	sqlite3_stmt *ask;
	enum error error;

	if (sqlite3_prepare_v2(db, sql, -1, &ask, NULL) != SQLITE_OK)
		return E_IO;
	bind_number(ask, 1, entry);
	error = journal_row_step(ask, NULL);
	buffer_clear(value);
	if (error == E_OK)
		buffer_bytes(value, column_bytes(ask, 0));
	sqlite3_finalize(ask);
	return error;
}

/* Not the vault's own connection, and without asking for its version. */
static enum error keys_open(const struct journal_life *life, sqlite3 **keys)
{
	char *file = memory_format("%s/%s", life->ledger.path, VAULT_FILE);
	int result = sqlite3_open_v2(file, keys, SQLITE_OPEN_READWRITE, NULL);

	free(file);
	return database_error(result);
}

static enum error keys_ask(const struct journal_life *life, const char *sql, uint64_t entry, struct buffer *value)
{
	sqlite3 *keys;
	enum error error = keys_open(life, &keys);

	if (error == E_OK)
		error = value_of(keys, sql, entry, value);
	database_close(keys);
	return error;
}

#define NONCE_OF "SELECT nonce FROM content WHERE entry = ?1"
#define BODIES_OF "SELECT bodies FROM content WHERE entry = ?1"
#define SLOT_OF "SELECT value FROM slot WHERE entry = ?1"

static enum error erase(struct journal_life *life, const struct entry_promise *of, size_t index)
{
	struct erasure_promise *promise = &life->erasures[life->erasure_count++];
	const struct erasure erasure = {
		of->position.entry, (uint32_t)index, 1, SIMPUL__PURGE_RULE__PURGE_RULE_EXPIRED, 0, 0};
	struct journal_append *append = journal_append_new();
	struct buffer slot = {0};
	enum error error;

	*promise = (struct erasure_promise){
		.promise = promise_begin(life->disk), .entry = of->position.entry, .index = index};
	append->type = SIMPUL__ENTRY_TYPE__ENTRY_TYPE_TOMBSTONE;
	tombstone_pack(&erasure, 1, life->ledger.now, &append->content);
	error = keys_ask(life, SLOT_OF, promise->entry, &slot);
	if (error == E_OK && slot.size == KEY_SIZE)
		memcpy(promise->slot, slot.data, KEY_SIZE);
	if (error == E_OK)
		error = commit(life, &append, 1);
	else
		journal_append_free(append);
	promise_end(&promise->promise, life->disk, error);
	buffer_free(&slot);
	return error;
}

static enum error erase_some(struct journal_life *life)
{
	enum error error = erase(life, &life->entries[0], 0);

	for (size_t i = 0; error == E_OK && i < life->entry_count; i++)
		if (life->entries[i].count == 3)
			return erase(life, &life->entries[i], 1);
	return error;
}

/* ---------------------------------------------------------------------------- closing and opening */

static enum error start(struct journal_life *life)
{
	life->failed_before = life->fault != NULL ? life->fault->failed : 0;
	return journal_open(&life->ledger.journal, &life->ledger.options, &life->reason);
}

enum error journal_life_start(struct journal_life *life)
{
	return life->ledger.journal != NULL ? E_OK : start(life);
}

/* Takes the slots away that were laid in ahead, so that a commit must lay them in. */
static enum error slots_shorten(struct journal_life *life)
{
	sqlite3 *keys;
	char sql[80];
	enum error error = keys_open(life, &keys);

	snprintf(sql, sizeof sql, "DELETE FROM slot WHERE entry > %zu", LEDGER_FIRST_ENTRIES + life->entry_count + 1);
	if (error == E_OK)
		error = database_run(keys, sql, NULL);
	database_close(keys);
	return error;
}

/* The slot of the last entry was laid in by this opening of keys.db and still stands in its log. */
static enum error erase_last(struct journal_life *life)
{
	return erase(life, &life->entries[life->entry_count - 1], 0);
}

static enum error say_without_slots(struct journal_life *life)
{
	enum error error;

	journal_life_stop(life);
	error = slots_shorten(life);
	if (error == E_OK)
		error = start(life);
	if (error == E_OK)
		error = say_together(life);
	return error == E_OK ? erase_last(life) : error;
}

/* A reader that stays keeps the log from being removed. */
static enum error say_with_reader(struct journal_life *life)
{
	struct journal_reader *reader;
	enum error error = journal_reader_open(&reader, &life->ledger.options, NULL);

	if (error != E_OK)
		return error;
	error = journal_life_say(life, 2);
	journal_life_stop(life);
	if (error == E_OK)
		error = start(life);
	if (error == E_OK)
		error = say_together(life);
	journal_reader_close(reader);
	return error;
}

/* A person checks the journal while no broker runs; then one is started. */
static enum error say_after_check(struct journal_life *life)
{
	struct journal_verdict verdict;
	enum error error;

	journal_life_stop(life);
	error = journal_verify(&life->ledger.options, NULL, &verdict, NULL);
	if (error == E_OK)
		error = start(life);
	return error == E_OK ? journal_life_say(life, 2) : error;
}

/* ---------------------------------------------------------------------------- lives */

static enum error cursors_move(struct journal_life *life)
{
	enum error error = cursor_move(life, ARMY);

	return error == E_OK ? cursor_move(life, IMMIGRATION) : error;
}

static enum error say_some(struct journal_life *life)
{
	return journal_life_say(life, 3);
}

enum error journal_life_run(struct journal_life *life)
{
	static enum error (*const chapters[])(struct journal_life *) = {
		say_some,   say_together,      cursors_move,	say_about,	 decide,      say_some,
		erase_some, say_without_slots, say_with_reader, say_after_check, cursors_move};
	enum error error = journal_life_start(life);

	for (size_t i = 0; error == E_OK && i < sizeof chapters / sizeof *chapters; i++)
		error = chapters[i](life);
	return error;
}

enum error journal_life_run_large(struct journal_life *life, unsigned commits)
{
	char body[LARGE_BODY + 1];
	enum error error = journal_life_start(life);

	memset(body, 'x', LARGE_BODY);
	body[LARGE_BODY] = '\0';
	for (unsigned i = 0; error == E_OK && i < commits; i++)
		error = say(
			life,
			&(struct saying){.origin = POLICE, .audience = TO(ARMY), .count = LARGE_REPORTS, .body = body});
	return error;
}

/* ---------------------------------------------------------------------------- what must be there */

struct inspection {
	struct journal_life *life;
	uint64_t at;
	struct findings *findings;
	struct journal *journal;
	struct journal_reader *reader;
	const struct entry_promise *last; /* that must be there */
};

/* The journal ends with what must be there or with a later commit, whole, that was under way. */
static void end_check(struct inspection *inspection)
{
	const struct journal_life *life = inspection->life;
	const uint64_t end = inspection->journal->state.position.entry;
	uint64_t least = LEDGER_FIRST_ENTRIES, most = LEDGER_FIRST_ENTRIES;
	bool whole = end == LEDGER_FIRST_ENTRIES;

	for (size_t i = 0; i < life->entry_count; i++) {
		const struct entry_promise *entry = &life->entries[i];

		if (promise_must_be(&entry->promise, inspection->at)) {
			least = entry->position.entry;
			inspection->last = entry;
		}
		if (promise_may_be(&entry->promise, inspection->at)) {
			most = entry->position.entry;
			whole |= entry->commit_end == end;
		}
	}
	if (end < least)
		found(inspection->findings, FOUND_LOST, "entries %llu to %llu", (unsigned long long)end + 1,
		      (unsigned long long)least);
	else if (end > most)
		found(inspection->findings, FOUND_INVENTED, "entries after %llu", (unsigned long long)most);
	else if (!whole)
		found(inspection->findings, FOUND_LOST, "the second half of a commit, after entry %llu",
		      (unsigned long long)end);
}

static bool receipt_is(struct inspection *inspection, const struct entry_promise *entry)
{
	struct buffer receipt = {0};
	struct hash hash;
	enum error error =
		journal_read_receipt(inspection->reader, &entry->first, entry->count, &entry->digest, &receipt, NULL);

	hash = hash_of(buffer_view(&receipt));
	buffer_free(&receipt);
	return error == E_OK && hash_equal(&hash, &entry->receipt);
}

static void entry_check(struct inspection *inspection, const struct entry_promise *entry)
{
	struct position position = {0};

	if (journal_read_position(inspection->reader, entry->position.entry, &position, NULL) != E_OK ||
	    !hash_equal(&position.head, &entry->position.head))
		found(inspection->findings, FOUND_LOST, "the head of entry %llu",
		      (unsigned long long)entry->position.entry);
	if (entry->count > 0 && !receipt_is(inspection, entry))
		found(inspection->findings, FOUND_LOST, "the receipt of entry %llu",
		      (unsigned long long)entry->position.entry);
}

static void entries_check(struct inspection *inspection)
{
	if (journal_reader_open(&inspection->reader, &inspection->life->ledger.options, NULL) != E_OK) {
		found(inspection->findings, FOUND_LOST, "a reader does not open");
		return;
	}
	for (size_t i = 0; i < inspection->life->entry_count; i++)
		if (promise_must_be(&inspection->life->entries[i].promise, inspection->at))
			entry_check(inspection, &inspection->life->entries[i]);
	journal_reader_close(inspection->reader);
}

static uint64_t number_of(sqlite3 *db, const char *sql, const char *node, uint64_t entry)
{
	sqlite3_stmt *ask = database_prepare(db, sql);
	uint64_t number = 0;

	bind_text(ask, 1, node);
	if (entry > 0)
		bind_number(ask, 2, entry);
	journal_number(ask, 0, &number, NULL);
	sqlite3_finalize(ask);
	return number;
}

static void cursors_check(struct inspection *inspection)
{
	const struct journal_life *life = inspection->life;
	sqlite3 *db = inspection->journal->db;

	for (size_t i = 0; i < life->cursor_count; i++) {
		const struct cursor_promise *cursor = &life->cursors[i];
		uint64_t entry = number_of(db, "SELECT entry FROM cursor WHERE node = ?1", cursor->node, 0);
		uint64_t withheld = number_of(db, "SELECT count(*) FROM withheld WHERE node = ?1 AND entry = ?2",
					      cursor->node, cursor->withheld);

		if (promise_must_be(&cursor->promise, inspection->at) && (entry < cursor->cursor || withheld != 1))
			found(inspection->findings, FOUND_LOST, "the cursor of %s", cursor->node);
	}
}

/* ---------------------------------------------------------------------------- what must be gone */

static bool stands_in(const struct journal_life *life, const char *name, const uint8_t slot[KEY_SIZE])
{
	char *path = memory_format("%s/%s", life->ledger.path, name);
	const struct bytes content = life->disk != NULL ? disk_content(life->disk, path) : BYTES(NULL, 0);
	const bool there = content.size > 0 && memmem(content.data, content.size, slot, KEY_SIZE) != NULL;

	free(path);
	return there;
}

static bool can_be_read(const struct inspection *inspection, const struct erasure_promise *erasure)
{
	struct journal *journal = inspection->journal;
	struct buffer nonce = {0}, bodies = {0}, body = {0};
	struct vault_slot *slot = NULL;
	bool readable = false;

	if (value_of(journal->db, NONCE_OF, erasure->entry, &nonce) == E_OK &&
	    value_of(journal->db, BODIES_OF, erasure->entry, &bodies) == E_OK &&
	    vault_slot_open(journal->vault, erasure->entry, nonce.data, &slot, NULL) == E_OK)
		readable = vault_decrypt(slot, buffer_view(&bodies), erasure->index, &body, NULL) == E_OK;
	vault_slot_close(slot);
	buffer_free(&nonce);
	buffer_free(&bodies);
	buffer_free(&body);
	return readable;
}

static void erasures_check(struct inspection *inspection)
{
	const struct journal_life *life = inspection->life;

	for (size_t i = 0; i < life->erasure_count; i++) {
		const struct erasure_promise *erasure = &life->erasures[i];

		if (!promise_must_be(&erasure->promise, inspection->at))
			continue;
		if (can_be_read(inspection, erasure))
			found(inspection->findings, FOUND_LEAKED, "the erased body of entry %llu",
			      (unsigned long long)erasure->entry);
		if (stands_in(life, VAULT_FILE, erasure->slot) || stands_in(life, VAULT_FILE "-wal", erasure->slot))
			found(inspection->findings, FOUND_LEAKED, "the key of an erased body of entry %llu",
			      (unsigned long long)erasure->entry);
	}
}

/* ---------------------------------------------------------------------------- the files, and going on */

static void file_check(struct inspection *inspection, const char *name)
{
	char *path = memory_format("%s/%s", inspection->life->ledger.path, name);
	sqlite3_stmt *ask = NULL;
	sqlite3 *db;

	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &ask, NULL) != SQLITE_OK ||
	    sqlite3_step(ask) != SQLITE_ROW || strcmp(column_text(ask, 0), "ok") != 0)
		found(inspection->findings, FOUND_LOST, "%s: integrity_check: %s", name,
		      ask != NULL ? column_text(ask, 0) : sqlite3_errmsg(db));
	sqlite3_finalize(ask);
	sqlite3_close(db);
	free(path);
}

static void chain_check(struct inspection *inspection)
{
	const struct position *held = inspection->last != NULL ? &inspection->last->position : NULL;
	struct journal_verdict verdict;
	struct fault fault = {0};
	enum error error = journal_verify(&inspection->life->ledger.options, held, &verdict, &fault);

	if (error != E_OK || verdict.bad_entry != 0)
		found(inspection->findings, FOUND_LOST, "journal verify: entry %llu: %s %s",
		      (unsigned long long)verdict.bad_entry, verdict.what, error_name(fault.code));
}

static void last_note(void *context, const struct report_name *last, const struct hash *digest)
{
	uint64_t *number = context;

	(void)digest;
	if (strcmp(last->origin, ledger_nodes[POLICE]) == 0 && last->stream == 0)
		*number = last->number;
}

static void ignore_entry(void *context, Simpul__EntryType type, uint64_t entry, wall_ms at, struct bytes content)
{
	(void)context, (void)type, (void)entry, (void)at, (void)content;
}

static void ignore_audience(void *context, const struct audience *audience)
{
	(void)context, (void)audience;
}

static void ignore_cursor(void *context, const char *node, uint64_t entry)
{
	(void)context, (void)node, (void)entry;
}

static void ignore_position(void *context, const struct position *position, const uint8_t signature[SIGNATURE_SIZE])
{
	(void)context, (void)position, (void)signature;
}

/* Loads as the broker does, and takes the next report. */
static void going_on_check(struct inspection *inspection)
{
	uint64_t last = 0;
	const struct journal_visitor visitor = {&last,	   ignore_entry,  ignore_audience,
						last_note, ignore_cursor, ignore_position};
	struct journal_append *append;
	enum error error = journal_load(inspection->journal, &visitor, NULL);

	append = ledger_append(&inspection->life->ledger,
			       &(struct saying){.origin = POLICE, .first = last + 1, .audience = TO(ARMY)});
	if (error == E_OK)
		error = journal_commit(inspection->journal, append, inspection->life->ledger.now);
	if (error == E_OK)
		error = append->result.code;
	if (error != E_OK)
		found(inspection->findings, FOUND_LOST, "the next append: %s", error_name(error));
	journal_append_free(append);
}

/* What a founding that was cut short left is a journal, or becomes one when it is founded again. */
static bool foundation_check(struct inspection *inspection)
{
	struct ledger *ledger = &inspection->life->ledger;
	struct fault fault = {0};

	if (journal_open(&inspection->journal, &ledger->options, NULL) == E_OK)
		return true;
	if (journal_create(&ledger->options, ledger->exchange, ledger->authority.public_key, LEDGER_START, &fault) ==
		    E_OK &&
	    journal_open(&inspection->journal, &ledger->options, &fault) == E_OK)
		return true;
	found(inspection->findings, FOUND_LOST, "founding again: %s %s", error_name(fault.code), fault.field);
	return false;
}

static bool opening_check(struct inspection *inspection)
{
	struct fault fault = {0};

	if (journal_open(&inspection->journal, &inspection->life->ledger.options, &fault) == E_OK)
		return true;
	found(inspection->findings, FOUND_LOST, "the journal does not open: %s %s", error_name(fault.code),
	      fault.field);
	return false;
}

void journal_life_check(struct journal_life *life, uint64_t at, struct findings *findings)
{
	struct inspection inspection = {.life = life, .at = at, .findings = findings};
	const bool founded = at >= life->founded;

	if (!(founded ? opening_check(&inspection) : foundation_check(&inspection)))
		return;
	if (founded) {
		end_check(&inspection);
		entries_check(&inspection);
		cursors_check(&inspection);
		erasures_check(&inspection);
	}
	chain_check(&inspection);
	if (founded)
		going_on_check(&inspection);
	journal_close(inspection.journal);
	file_check(&inspection, JOURNAL_FILE);
	file_check(&inspection, VAULT_FILE);
}
