/* journal_verify - walks a whole journal in pages and finds the first entry that is not what it should be. */
#include "broker/journal/journal_check.h"
#include "broker/journal/journal_sqlite.h"
#include "common/memory.h"
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	PAGE = 64,     /* entries read in one go: a long read would keep the log from beginning anew */
	STEPS = 10000, /* of SQLite's machine between two looks at `stop` */
};

/* ---------------------------------------------------------------------------- one entry */

static bool chain_check(struct check *check)
{
	const struct entry_row *row = &check->row;
	const struct hash hash = row_hash(row, check->broker_key, check->outcome, check->audience);
	const struct hash head = chain_head(&check->verdict->last.head, &hash);

	if (!hash_equal(&hash, &row->entry_hash))
		return check_bad(check, "the entry has another hash than is stored: it was edited");
	if (!hash_equal(&head, &row->head))
		return check_bad(check, "the head does not follow from the entry before");
	check->verdict->last.entry = row->entry;
	check->verdict->last.head = head;
	return true;
}

static bool head_signature_check(struct check *check)
{
	check->unsigned_run = check->row.is_signed ? 0 : check->unsigned_run + 1;
	if (check->unsigned_run >= LIMIT_COMMIT_ENTRIES)
		return check_bad(check, "no signature where a commit must have ended");
	if (check->row.is_signed && !chain_verify(check->broker_key, check->exchange, &check->verdict->last,
						  BYTES(check->row.signature, SIGNATURE_SIZE)))
		return check_bad(check, "the broker's signature does not verify");
	return true;
}

static bool held_check(struct check *check, const struct position *held)
{
	const struct position *last = &check->verdict->last;

	if (held == NULL || held->entry != last->entry)
		return true;
	if (held->incarnation != last->incarnation || !hash_equal(&held->head, &last->head))
		return check_bad(check, "the head is not the one that is held: this is another history");
	return true;
}

static bool frame_check(struct check *check)
{
	const struct entry_row *row = &check->row;

	check->outcome = outcome_unpack(row->outcome, &check->arena);
	if (check->outcome == NULL)
		return check_bad(check, "the verdicts cannot be read");
	if (row->audience_id > check->audiences.count &&
	    audience_set_load(&check->audiences, check->db, check->fault) != E_OK)
		return check_bad(check, "the audiences cannot be read");
	check->audience = audience_set_get(&check->audiences, row->audience_id);
	if (check->audience == NULL)
		return check_bad(check, "the audience does not exist");
	if (row->accepted_at < check->accepted_at)
		return check_bad(check, "accepted earlier than the entry before");
	if (row->policy_version != check->policy_version)
		return check_bad(check, "another policy was in force");
	if ((row->type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_GENESIS) < (row->entry == 1))
		return check_bad(check, "the journal does not begin with a genesis");
	check->accepted_at = row->accepted_at;
	return true;
}

static bool entry_check(struct check *check, const struct position *held)
{
	const uint64_t expected = check->verdict->last.entry + 1;
	const bool whole = row_load(check->page, &check->row);
	const uint64_t found = check->row.entry;

	check->row.entry = expected; /* what check_bad names */
	if (found != expected)
		return check_bad(check, "the entry is missing");
	if (!whole || sqlite3_column_type(check->page, ENTRY_COLUMN_COUNT) == SQLITE_NULL)
		return check_bad(check, "a column has not the form it must have");
	check->content = column_bytes(check->page, ENTRY_COLUMN_COUNT);
	check->nonce = column_bytes(check->page, ENTRY_COLUMN_COUNT + 1);
	check->bodies = column_bytes(check->page, ENTRY_COLUMN_COUNT + 2);
	if (!frame_check(check))
		return false;
	check->begins = check->begins && check->row.type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_TOMBSTONE;
	if (!(check->row.type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBMISSION ? check_submission(check)
									   : check_other(check)))
		return false;
	check->verdict->entries++;
	return chain_check(check) && head_signature_check(check) && held_check(check, held);
}

/* ---------------------------------------------------------------------------- the walk */

static bool stopped(const struct check *check)
{
	return check->watch != NULL && atomic_load(&check->watch->stop);
}

/* True when a page was full and good: there may be more. */
static bool page_check(struct check *check, const struct position *held)
{
	size_t rows = 0;
	bool good = true;
	enum error error = E_OK;

	bind_number(check->page, 1, check->verdict->last.entry);
	bind_number(check->page, 2, PAGE);
	while (good && !stopped(check) && (error = journal_row_step(check->page, check->fault)) == E_OK) {
		if (check->watch != NULL)
			sched_yield(); /* somebody is served meanwhile, and goes first */
		good = entry_check(check, held);
		arena_reset(&check->arena);
		rows++;
	}
	sqlite3_reset(check->page);
	if (good && error == E_CORRUPT) {
		check->row.entry = check->verdict->last.entry + 1;
		check_bad(check, "the database file is damaged");
	}
	return good && error == E_NOT_FOUND && rows == PAGE;
}

static bool going_well(const struct check *check)
{
	return check->verdict->bad_entry == 0 && check->fault->code == E_OK && !stopped(check);
}

/* ---------------------------------------------------------------------------- the end and the other tables */

static bool end_check(struct check *check, const struct position *held)
{
	const struct position *last = &check->verdict->last;

	check->row.entry = last->entry > 0 ? last->entry : 1;
	if (last->entry == 0)
		return check_bad(check, "the journal is empty");
	if (check->unsigned_run > 0)
		return check_bad(check, "the last entry is not signed: what followed was cut off");
	if (check->options != NULL && memcmp(check->broker_key, check->options->broker.public_key, KEY_SIZE) != 0 &&
	    !bytes_all_zero(BYTES(check->options->broker.public_key, KEY_SIZE)))
		return check_bad(check, "the journal was signed by another broker");
	if (held != NULL && held->entry > last->entry) {
		check->row.entry = last->entry + 1;
		return check_bad(check, "the journal ends before the position that is held: it was cut or rolled back");
	}
	return true;
}

static uint64_t count_of(struct check *check, const char *sql)
{
	sqlite3_stmt *count = database_prepare(check->db, sql);
	uint64_t value = 0;

	journal_number(count, 0, &value, check->fault);
	sqlite3_finalize(count);
	return value;
}

static bool sequences_check(struct check *check)
{
	sqlite3_stmt *find = database_prepare(check->db, "SELECT last, digest FROM stream "
							 "WHERE origin_id = ?1 AND epoch = ?2 AND stream = ?3");
	bool good = count_of(check, "SELECT count(*) FROM stream") == check->sequence_count;

	for (size_t i = 0; good && i < check->sequence_count; i++) {
		const struct sequence *sequence = &check->sequences[i];

		bind_number(find, 1, sequence->origin_id);
		bind_number(find, 2, sequence->epoch);
		bind_number(find, 3, sequence->stream);
		good = journal_row_step(find, check->fault) == E_OK && column_number(find, 0) == sequence->last &&
		       bytes_equal(column_bytes(find, 1), BYTES(sequence->digest.bytes, HASH_SIZE));
		sqlite3_reset(find);
	}
	sqlite3_finalize(find);
	return good || check_bad(check, "table stream does not agree with the entries");
}

static bool memberships_check(struct check *check)
{
	sqlite3_stmt *find =
		database_prepare(check->db, "SELECT 1 FROM member_of WHERE node = ?1 AND audience_id = ?2");
	uint64_t count = 0;
	bool good = audience_set_load(&check->audiences, check->db, check->fault) == E_OK;

	for (size_t i = 0; good && i < check->audiences.count; i++) {
		const struct audience *audience = &check->audiences.list[i];

		for (size_t n = 0; good && n < audience->count; n++, count++) {
			bind_text(find, 1, audience->nodes[n]);
			bind_number(find, 2, audience->id);
			good = journal_row_step(find, check->fault) == E_OK;
			sqlite3_reset(find);
		}
	}
	sqlite3_finalize(find);
	good = good && count == count_of(check, "SELECT count(*) FROM member_of");
	return good || check_bad(check, "table member_of does not agree with the audiences");
}

static bool tables_check(struct check *check)
{
	if (count_of(check, "SELECT count(*) FROM submission_of") != check->verdict->submissions)
		return check_bad(check, "table submission_of leads to entries that are not there");
	if (count_of(check, "SELECT count(*) FROM reference") != check->references)
		return check_bad(check, "table reference leads to entries that are not there");
	if (count_of(check, "SELECT count(*) FROM hold") != check->holds.count)
		return check_bad(check, "table hold does not agree with the entries");
	if (count_of(check, "SELECT count(*) FROM kept") != check->kept.count)
		return check_bad(check, "table kept does not agree with the tombstones");
	return sequences_check(check) && memberships_check(check);
}

/* ---------------------------------------------------------------------------- all of it */

static void statements_prepare(struct check *check)
{
	check->page =
		database_prepare(check->db, "SELECT " ENTRY_COLUMNS ", content, nonce, bodies FROM entry "
					    "LEFT JOIN content USING(entry) WHERE entry > ?1 ORDER BY entry LIMIT ?2");
	check->origin_name = database_prepare(check->db, "SELECT node FROM origin WHERE id = ?1");
	check->submission_entry = database_prepare(check->db, "SELECT entry FROM submission_of WHERE origin_id = ?1 "
							      "AND epoch = ?2 AND stream = ?3 AND first = ?4");
	check->target =
		database_prepare(check->db, "SELECT entry FROM submission_of WHERE origin_id = ?1 AND epoch = ?2 "
					    "AND stream = ?3 AND first <= ?4 ORDER BY first DESC LIMIT 1");
	check->submission = database_prepare(check->db, "SELECT origin_id, outcome, content FROM entry "
							"JOIN content USING(entry) WHERE entry = ?1 AND type = 2");
	check->other = database_prepare(check->db, "SELECT type, content FROM entry JOIN content USING(entry) "
						   "WHERE entry = ?1 AND type <> 2");
	check->named = database_prepare(check->db,
					"SELECT entry, entry.first, count FROM submission_of JOIN entry USING(entry) "
					"WHERE submission_of.origin_id = (SELECT id FROM origin WHERE node = ?1) "
					"AND submission_of.epoch = ?2 AND submission_of.stream = ?3 "
					"AND submission_of.first <= ?4 ORDER BY submission_of.first DESC LIMIT 1");
	check->reference = database_prepare(check->db, "SELECT 1 FROM reference "
						       "WHERE target = ?1 AND number = ?2 AND entry = ?3");
}

static int look_at_stop(void *context)
{
	return stopped(context);
}

enum error journal_file_open(sqlite3 **db, const char *file, struct fault *fault)
{
	char *log = memory_format("%s-wal", file);
	const bool alone = access(log, F_OK) != 0;

	free(log);
	return database_open(db, file, alone ? DATABASE_COPY : DATABASE_READ, JOURNAL_VERSION, NULL, fault);
}

static enum error journal_open_here(struct check *check)
{
	char *file = memory_format("%s/%s", check->options->path, JOURNAL_FILE);
	enum error error = database_open(&check->db, file, DATABASE_READ, JOURNAL_VERSION, NULL, check->fault);

	free(file);
	return error;
}

static enum error check_open(struct check *check)
{
	enum error error = check->file != NULL ? journal_file_open(&check->db, check->file, check->fault)
					       : journal_open_here(check);

	if (error == E_OK)
		error = journal_meta_get(check->db, "exchange", check->exchange, EXCHANGE_SIZE, check->fault);
	if (error == E_OK)
		error = journal_meta_get(check->db, "authority", check->authority, KEY_SIZE, check->fault);
	if (error == E_OK && check->options != NULL)
		error = vault_open(&check->vault, check->options->path, check->options->master, false, check->fault);
	if (error == E_OK) {
		statements_prepare(check);
		sqlite3_progress_handler(check->db, STEPS, look_at_stop, check);
	}
	return error;
}

static void check_close(struct check *check)
{
	vault_close(check->vault);
	database_close(check->db); /* and its statements */
	audience_set_free(&check->audiences);
	free(check->members);
	free(check->sequences);
	free(check->gone);
	check_holds_free(check);
	arena_fini(&check->arena);
}

/* What is damaged is found where it stands: here it is no fault. */
static uint64_t last_entry(const struct check *check)
{
	sqlite3_stmt *last = database_prepare(check->db, "SELECT ifnull(max(entry), 0) FROM entry");
	struct fault unheeded = {0};
	uint64_t entry = 0;

	journal_number(last, 0, &entry, &unheeded);
	sqlite3_finalize(last);
	return entry;
}

/* Begins to read as of one moment, and looks at what is left. A body that is found gone may have its tombstone behind
 * that moment, for the data keys are always those of now. The tombstone was committed first, though: then a later
 * moment is taken, until one is in which there is nothing more to look at. */
static bool moment_take(struct check *check, const struct position *held)
{
	uint64_t before;

	for (;;) {
		before = check->verdict->last.entry;
		if (database_run(check->db, "BEGIN", check->fault) != E_OK)
			return false;
		while (page_check(check, held))
			;
		if (!going_well(check) || !check_gone_any(check) || check->verdict->last.entry == before)
			return true;
		database_run(check->db, "ROLLBACK", NULL);
	}
}

/* Whole pages first, each a short read, up to where the journal ended when this began, for it may grow as fast as it is
 * read; then what is left and the other tables, as of one moment. */
static void check_run(struct check *check, const struct position *held)
{
	const uint64_t end = last_entry(check);

	check->row.entry = 1;
	if (check->given_authority != NULL && memcmp(check->authority, check->given_authority, KEY_SIZE) != 0)
		check_bad(check, "the journal is of another authority");
	while (going_well(check) && check->verdict->last.entry < end && page_check(check, held))
		;
	if (check->watch != NULL && check->watch->hurry != NULL)
		check->watch->hurry();
	if (!going_well(check) || !moment_take(check, held))
		return;
	if (going_well(check) && end_check(check, held) && check_gone_all(check))
		tables_check(check);
	database_run(check->db, "ROLLBACK", NULL);
}

static enum error check_all(struct check *check, const struct position *held, struct journal_verdict *verdict,
			    struct fault *fault)
{
	struct fault own = {0};
	enum error error;

	*verdict = (struct journal_verdict){0};
	check->verdict = verdict;
	check->fault = &own;
	arena_init(&check->arena);
	error = check_open(check);
	if (error == E_OK) {
		check_run(check, held);
		/* What is wrong with an entry is the answer; only what keeps the check from going on is a fault. */
		error = verdict->bad_entry != 0 ? E_OK : own.code;
	}
	/* What was cut short may look like damage. */
	if (stopped(check)) {
		verdict->bad_entry = 0;
		error = fault_at(&own, E_STOPPING, "%s", "");
	}
	check_close(check);
	if (error != E_OK && fault != NULL)
		*fault = own;
	return error;
}

enum error journal_verify_until(const struct journal_options *options, const struct position *held,
				const struct journal_watch *watch, struct journal_verdict *verdict, struct fault *fault)
{
	struct check check = {.options = options, .watch = watch};

	return check_all(&check, held, verdict, fault);
}

enum error journal_verify(const struct journal_options *options, const struct position *held,
			  struct journal_verdict *verdict, struct fault *fault)
{
	return journal_verify_until(options, held, NULL, verdict, fault);
}

enum error journal_audit(const char *file, const uint8_t authority[KEY_SIZE], const struct position *held,
			 struct journal_verdict *verdict, struct fault *fault)
{
	struct check check = {.file = file, .given_authority = authority};

	return check_all(&check, held, verdict, fault);
}
