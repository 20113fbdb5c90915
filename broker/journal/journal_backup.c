/* journal_backup - copies of journal.db and keys.db and the way back. */
#include "broker/journal/journal_sqlite.h"
#include "common/backup.h"
#include "common/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum error copy_checked(const char *folder, const char *name, const char *to, int version, bool marked,
			       struct fault *fault)
{
	char *from = memory_format("%s/%s", folder, name);
	enum error error = backup_database(from, to, version, marked, fault);

	free(from);
	return error;
}

/* ---- what a copy must hold */

static enum error last_read(sqlite3 *db, const uint8_t exchange[EXCHANGE_SIZE], const uint8_t broker[KEY_SIZE],
			    struct position *last, struct fault *fault)
{
	sqlite3_stmt *get =
		database_prepare(db, "SELECT entry, head, signature FROM entry ORDER BY entry DESC LIMIT 1");
	enum error error = journal_row_step(get, fault);

	if (error == E_OK) {
		last->entry = column_number(get, 0);
		if (!hash_load(&last->head, column_bytes(get, 1)) ||
		    !chain_verify(broker, exchange, last, column_bytes(get, 2)))
			error = fault_at(fault, E_CORRUPT, "journal.db: signature of the last entry");
	} else if (error == E_NOT_FOUND) {
		fault_at(fault, error, "journal.db: no entry");
	}
	sqlite3_finalize(get);
	return error;
}

static enum error journal_file_check(const char *path, const uint8_t broker[KEY_SIZE], struct position *last,
				     struct fault *fault)
{
	uint8_t exchange[EXCHANGE_SIZE], number[4];
	sqlite3 *db;
	enum error error = database_open(&db, path, DATABASE_READ, JOURNAL_VERSION, NULL, fault);

	if (error != E_OK)
		return error;
	error = journal_meta_get(db, "exchange", exchange, sizeof(exchange), fault);
	if (error == E_OK)
		error = journal_meta_get(db, "incarnation", number, sizeof(number), fault);
	if (error == E_OK) {
		*last = (struct position){.incarnation = (uint32_t)number[0] << 24 | (uint32_t)number[1] << 16 |
							 (uint32_t)number[2] << 8 | number[3]};
		error = last_read(db, exchange, broker, last, fault);
	}
	database_close(db);
	return error;
}

static enum error keys_file_check(const char *path, uint64_t entry, struct fault *fault)
{
	sqlite3 *db;
	sqlite3_stmt *top;
	uint64_t last = 0;
	enum error error = database_open(&db, path, DATABASE_READ, VAULT_VERSION, NULL, fault);

	if (error != E_OK)
		return error;
	top = database_prepare(db, "SELECT max(entry) FROM slot");
	error = journal_number(top, 0, &last, fault);
	if (error == E_OK && last < entry)
		error = fault_at(fault, E_CORRUPT, "%s: older than %s", VAULT_FILE, JOURNAL_FILE);
	database_close(db);
	return error;
}

/* ---- what a copy of the data keys may take the place of */

/* Slots are laid in and erased, wholly or in part, and nothing else: 32 bytes stay the same or become something else,
 * and nothing becomes 32 bytes (vault.h). */
static enum error slots_compare(sqlite3 *db, bool *follows, struct fault *fault)
{
	sqlite3_stmt *get = database_prepare(
		db, "SELECT 1 FROM earlier.slot e LEFT JOIN main.slot k ON k.entry = e.entry WHERE k.entry IS NULL "
		    "OR (length(k.value) = 32 AND k.value <> e.value) LIMIT 1");
	enum error error = journal_row_step(get, fault);

	*follows = error == E_NOT_FOUND;
	sqlite3_finalize(get);
	return error == E_NOT_FOUND ? E_OK : error;
}

#define LISTED 34 /* bytes of a part in a list: its u16 index, and the part (vault.h) */

/* Whether a record of `list` begins with these bytes. */
static bool is_listed(struct bytes list, const uint8_t *bytes, size_t size)
{
	for (size_t at = 0; at + LISTED <= list.size; at += LISTED)
		if (memcmp(list.data + at, bytes, size) == 0)
			return true;
	return false;
}

/* Parts are taken out of a list and none is put in: one that has a part more, and others that are the same, is older. After a
 * recovery an entry may have another list, of which no part is the same. */
static bool list_goes_back(struct bytes list, struct bytes earlier)
{
	bool same = false, more = false;

	for (size_t at = 0; at + LISTED <= list.size; at += LISTED) {
		same = same || is_listed(earlier, list.data + at, LISTED);
		more = more || !is_listed(earlier, list.data + at, 2);
	}
	return same && more;
}

static enum error lists_compare(sqlite3 *db, bool *follows, struct fault *fault)
{
	sqlite3_stmt *both = database_prepare(
		db, "SELECT k.value, e.value FROM earlier.slot e JOIN main.slot k USING(entry) "
		    "WHERE length(e.value) > 32 AND length(k.value) > 32 AND k.value <> e.value");
	enum error error = E_OK;

	while (*follows && (error = journal_row_step(both, fault)) == E_OK)
		*follows = !list_goes_back(column_bytes(both, 0), column_bytes(both, 1));
	sqlite3_finalize(both);
	return error == E_NOT_FOUND ? E_OK : error;
}

enum error journal_keys_follow(const char *keys_file, const char *earlier, struct fault *fault)
{
	sqlite3 *db;
	sqlite3_stmt *attach;
	bool follows = false;
	enum error error;

	if (access(earlier, F_OK) != 0)
		return E_OK;
	error = database_open(&db, keys_file, DATABASE_READ, VAULT_VERSION, NULL, fault);
	if (error != E_OK)
		return error;
	attach = database_prepare(db, "ATTACH ?1 AS earlier");
	bind_text(attach, 1, earlier);
	error = database_step(attach, fault);
	sqlite3_finalize(attach);
	if (error == E_OK)
		error = slots_compare(db, &follows, fault);
	if (error == E_OK)
		error = lists_compare(db, &follows, fault);
	database_close(db);
	if (error == E_OK && !follows)
		error = fault_at(fault, E_EXISTS, "%s: keys that this broker does not have, or has no more", earlier);
	return error;
}

/* ---- there and back */

enum error journal_backup(const struct journal_options *options, const char *journal_file, const char *keys_file,
			  struct position *last, struct fault *fault)
{
	enum error error = copy_checked(options->path, JOURNAL_FILE, journal_file, JOURNAL_VERSION, true, fault);

	if (error == E_OK)
		error = copy_checked(options->path, VAULT_FILE, keys_file, VAULT_VERSION, false, fault);
	if (error == E_OK)
		error = journal_file_check(journal_file, options->broker.public_key, last, fault);
	return error == E_OK ? keys_file_check(keys_file, last->entry, fault) : error;
}

enum error journal_restore(const struct journal_options *options, const char *journal_file, const char *keys_file,
			   struct journal_verdict *verdict, struct fault *fault)
{
	char *keys = memory_format("%s/%s", options->path, VAULT_FILE);
	char *journal = memory_format("%s/%s", options->path, JOURNAL_FILE);
	struct erasures former = {0};
	const struct journal_watch watch = {.former = &former};
	enum error error = E_OK;

	if (mkdir(options->path, 0700) != 0 && errno != EEXIST)
		error = fault_at(fault, E_IO, "%s", options->path);
	/* The journal last: without it there is none. */
	if (error == E_OK)
		error = backup_database(keys_file, keys, VAULT_VERSION, false, fault);
	if (error == E_OK)
		error = backup_database(journal_file, journal, JOURNAL_VERSION, true, fault);
	if (error == E_OK)
		error = journal_verify_until(options, NULL, &watch, verdict, fault);
	if (error == E_OK && verdict->bad_entry == 0)
		error = keys_file_check(keys, verdict->last.entry, fault);
	free(former.list);
	free(keys);
	free(journal);
	return error;
}
