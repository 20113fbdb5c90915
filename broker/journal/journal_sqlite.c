/* journal_sqlite - makes, opens and closes a journal; cursors; what is done about a disk that fills up. */
#include "broker/journal/journal_sqlite.h"
#include "common/backup.h"
#include "common/memory.h"
#include "common/wire.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

sqlite3_stmt *journal_statement(struct journal *journal, enum journal_statement which)
{
	sqlite3_stmt *statement = journal->statements[which];

	sqlite3_reset(statement);
	sqlite3_clear_bindings(statement);
	return statement;
}

enum error journal_row_step(sqlite3_stmt *statement, struct fault *fault)
{
	int result = sqlite3_step(statement);

	if (result == SQLITE_ROW)
		return E_OK;
	return result == SQLITE_DONE ? E_NOT_FOUND : database_fault(sqlite3_db_handle(statement), fault);
}

enum error journal_number(sqlite3_stmt *statement, uint64_t otherwise, uint64_t *value, struct fault *fault)
{
	enum error error = journal_row_step(statement, fault);

	*value = otherwise;
	if (error == E_OK && sqlite3_column_type(statement, 0) != SQLITE_NULL)
		*value = column_number(statement, 0);
	sqlite3_reset(statement);
	return error == E_NOT_FOUND ? E_OK : error;
}

/* ---------------------------------------------------------------------------- opening */

static char *file_in(const char *folder, const char *name)
{
	return memory_format("%s/%s", folder, name);
}

static void statements_prepare(struct journal *journal)
{
	static const char *const sql[] = {
#define X(name, text) text,
		JOURNAL_STATEMENTS(X)
#undef X
	};

	for (size_t i = 0; i < SQL_COUNT; i++)
		journal->statements[i] = database_prepare(journal->db, sql[i]);
}

static enum error files_open(struct journal **journal, const struct journal_options *options, struct fault *fault)
{
	struct journal *j = memory_zero(1, sizeof(*j));
	char *file = file_in(options->path, JOURNAL_FILE);
	enum error error;

	*journal = j;
	j->options = *options;
	j->options.path = memory_string(options->path);
	error = database_open(&j->db, file, DATABASE_WRITE, JOURNAL_VERSION, JOURNAL_SCHEMA, fault);
	if (error == E_OK) {
		statements_prepare(j);
		journal_log_watch(j);
		error = vault_open(&j->vault, options->path, options->master, true, fault);
	}
	free(file);
	return error;
}

static bool file_exists(const struct journal_options *options, const char *name)
{
	char *file = file_in(options->path, name);
	bool exists = access(file, F_OK) == 0;

	free(file);
	return exists;
}

/* Opening would make what is not there: a new keys.db would hide that every body is lost. */
static enum error files_find(const struct journal_options *options, struct fault *fault)
{
	if (!file_exists(options, JOURNAL_FILE))
		return fault_at(fault, E_NOT_FOUND, "%s", JOURNAL_FILE);
	return file_exists(options, VAULT_FILE) ? E_OK : fault_at(fault, E_CORRUPT, "%s: missing", VAULT_FILE);
}

/* Slots are synced before the entries that use them, so they end before the journal only in an older copy; new ones in
 * their place would not open what is stored. */
static enum error slots_check(const struct journal *journal, struct fault *fault)
{
	if (vault_top(journal->vault) >= journal->state.position.entry)
		return E_OK;
	return fault_at(fault, E_CORRUPT, "%s: older than %s", VAULT_FILE, JOURNAL_FILE);
}

static enum error open_once(struct journal **journal, const struct journal_options *options, struct fault *fault)
{
	struct journal *opened = NULL;
	enum error error = files_open(&opened, options, fault);

	if (error == E_OK)
		error = journal_state_load(opened, fault);
	if (error == E_OK)
		error = slots_check(opened, fault);
	if (error == E_DISK_FULL)
		journal_ballast_release(opened);
	if (error != E_OK) {
		journal_close(opened);
		return error;
	}
	*journal = opened;
	return E_OK;
}

enum error journal_open_marked(struct journal **journal, const struct journal_options *options, struct fault *fault)
{
	enum error error = files_find(options, fault);

	*journal = NULL;
	if (error == E_OK)
		error = open_once(journal, options, fault);
	/* SQLite needs a little room to open at all: that of the ballast, when there is no other. */
	if (error == E_DISK_FULL)
		error = open_once(journal, options, fault);
	if (error == E_OK) {
		journal_disk_watch(*journal);
		(*journal)->erasing = ERASING_KEYS; /* it may have ended between a tombstone and the keys */
	}
	return error;
}

/* Others may have seen more than a backup holds, and what they saw would get its numbers a second time. */
static enum error mark_check(const struct journal *journal, struct fault *fault)
{
	sqlite3_stmt *get = database_prepare(journal->db, "SELECT 1 FROM meta WHERE key = '" BACKUP_MARK "'");
	enum error error = journal_row_step(get, fault);

	sqlite3_finalize(get);
	if (error == E_OK)
		return fault_at(fault, E_HISTORY_DIFFERS,
				JOURNAL_FILE " is from a backup; simpulctl journal recover begins a new incarnation");
	return error == E_NOT_FOUND ? E_OK : error;
}

enum error journal_open(struct journal **journal, const struct journal_options *options, struct fault *fault)
{
	enum error error = journal_open_marked(journal, options, fault);

	if (error == E_OK)
		error = mark_check(*journal, fault);
	if (error != E_OK) {
		journal_close(*journal);
		*journal = NULL;
	}
	return error;
}

void journal_close(struct journal *journal)
{
	if (journal == NULL)
		return;
	vault_close(journal->vault);
	for (size_t i = 0; i < SQL_COUNT; i++)
		sqlite3_finalize(journal->statements[i]);
	database_close(journal->db);
	audience_set_free(&journal->audiences);
	free(journal->cursors.list);
	free(journal->withheld.list);
	free((char *)(uintptr_t)journal->options.path);
	keys_wipe(journal, sizeof(*journal));
	free(journal);
}

/* ---------------------------------------------------------------------------- creating */

static enum error meta_set(struct journal *journal, const char *key, struct bytes value, struct fault *fault)
{
	sqlite3_stmt *set = database_prepare(journal->db, "INSERT OR REPLACE INTO meta(key, value) VALUES(?1, ?2)");
	enum error error;

	bind_text(set, 1, key);
	bind_bytes(set, 2, value);
	error = database_step(set, fault);
	sqlite3_finalize(set);
	return error;
}

enum error journal_broker_write(struct journal *journal, struct fault *fault)
{
	return meta_set(journal, "broker", BYTES(journal->options.broker.public_key, KEY_SIZE), fault);
}

static enum error meta_write(struct journal *journal, struct fault *fault)
{
	enum error error = meta_set(journal, "exchange", BYTES(journal->exchange, EXCHANGE_SIZE), fault);

	if (error == E_OK)
		error = meta_set(journal, "authority", BYTES(journal->authority, KEY_SIZE), fault);
	return error == E_OK ? journal_broker_write(journal, fault) : error;
}

enum error journal_incarnation_write(struct journal *journal, struct fault *fault)
{
	struct buffer number = {0};
	enum error error;

	buffer_u32(&number, journal->state.position.incarnation);
	error = meta_set(journal, "incarnation", buffer_view(&number), fault);
	buffer_free(&number);
	if (error != E_OK)
		return error;
	return database_run(journal->db, "DELETE FROM meta WHERE key = '" BACKUP_MARK "'", fault);
}

static enum error genesis_append(struct journal *journal, wall_ms now, struct fault *fault)
{
	struct journal_append *append = journal_append_new();
	Simpul__Genesis genesis = SIMPUL__GENESIS__INIT;
	enum error error;

	genesis.exchange = (ProtobufCBinaryData){EXCHANGE_SIZE, journal->exchange};
	genesis.incarnation = 1;
	genesis.authority_key = (ProtobufCBinaryData){KEY_SIZE, journal->authority};
	genesis.broker_key = (ProtobufCBinaryData){KEY_SIZE, journal->options.broker.public_key};
	append->type = SIMPUL__ENTRY_TYPE__ENTRY_TYPE_GENESIS;
	wire_pack(&genesis, &append->content);
	error = journal_commit_told(journal, append, now, fault);
	journal_append_free(append);
	return error;
}

/* A folder of which creation was cut short has no entry yet and is taken as new. */
static enum error emptiness_check(struct journal *journal, struct fault *fault)
{
	sqlite3_stmt *any = database_prepare(journal->db, "SELECT entry FROM entry LIMIT 1");
	enum error error = journal_row_step(any, fault);

	sqlite3_finalize(any);
	if (error == E_OK)
		return fault_at(fault, E_EXISTS, "%s", JOURNAL_FILE);
	return error == E_NOT_FOUND ? E_OK : error;
}

enum error journal_create(const struct journal_options *options, const uint8_t exchange[EXCHANGE_SIZE],
			  const uint8_t authority[KEY_SIZE], wall_ms now, struct fault *fault)
{
	struct journal *journal = NULL;
	enum error error;

	if (mkdir(options->path, 0700) != 0 && errno != EEXIST)
		return fault_at(fault, E_IO, "%s", options->path);
	error = files_open(&journal, options, fault);
	memcpy(journal->exchange, exchange, EXCHANGE_SIZE);
	memcpy(journal->authority, authority, KEY_SIZE);
	journal->state.position.incarnation = 1;
	if (error == E_OK)
		error = emptiness_check(journal, fault);
	if (error == E_OK)
		error = meta_write(journal, fault);
	if (error == E_OK)
		error = genesis_append(journal, now, fault);
	journal_close(journal);
	return error;
}

/* ---------------------------------------------------------------------------- notes */

static void notes_grow(struct journal_notes *notes)
{
	notes->capacity = notes->capacity > 0 ? 2 * notes->capacity : 16;
	notes->list = memory_grow(notes->list, notes->capacity, sizeof(*notes->list));
}

static struct journal_note *note_add(struct journal_notes *notes)
{
	if (notes->count == notes->capacity)
		notes_grow(notes);
	return &notes->list[notes->count++];
}

static void note_fill(struct journal_note *note, const char *node, uint64_t entry, uint32_t policy_version)
{
	*note = (struct journal_note){.entry = entry, .policy_version = policy_version};
	strncpy(note->node, node, LIMIT_NODE_NAME);
}

void journal_note_cursor(struct journal *journal, const char *node, uint64_t entry)
{
	struct journal_notes *notes = &journal->cursors;

	for (size_t i = 0; i < notes->count; i++) {
		if (strcmp(notes->list[i].node, node) == 0) {
			notes->list[i].entry = entry;
			return;
		}
	}
	note_fill(note_add(notes), node, entry, 0);
}

static int notes_compare(const void *left, const void *right)
{
	const struct journal_note *a = left, *b = right;
	const int order = strcmp(a->node, b->node);

	if (order != 0 || a->entry != b->entry)
		return order != 0 ? order : (a->entry > b->entry) - (a->entry < b->entry);
	return (a->policy_version > b->policy_version) - (a->policy_version < b->policy_version);
}

/* Who fetches again while the disk is full is noted again, and would be for ever. */
static void doubles_drop(struct journal_notes *notes)
{
	size_t kept = 0;

	if (notes->count == 0)
		return;
	qsort(notes->list, notes->count, sizeof(*notes->list), notes_compare);
	for (size_t i = 1; i < notes->count; i++)
		if (notes_compare(&notes->list[i], &notes->list[kept]) != 0)
			notes->list[++kept] = notes->list[i];
	notes->count = kept + 1;
}

void journal_note_withheld(struct journal *journal, const char *node, uint64_t entry, uint32_t policy_version)
{
	struct journal_notes *notes = &journal->withheld;

	if (notes->count == notes->capacity) {
		doubles_drop(notes);
		if (notes->count > notes->capacity / 2)
			notes_grow(notes); /* or it would be full again at once */
	}
	note_fill(note_add(&journal->withheld), node, entry, policy_version);
}

static enum error withheld_write(struct journal *journal, const struct journal_note *note, wall_ms now,
				 struct fault *fault)
{
	sqlite3_stmt *add = journal_statement(journal, SQL_WITHHELD_ADD);

	bind_text(add, 1, note->node);
	bind_number(add, 2, note->entry);
	bind_number(add, 3, note->policy_version);
	bind_number(add, 4, now);
	return database_step(add, fault);
}

enum error journal_notes_write(struct journal *journal, struct fault *fault)
{
	const wall_ms now = clock_now().wall;
	enum error error = E_OK;

	for (size_t i = 0; error == E_OK && i < journal->cursors.count; i++) {
		sqlite3_stmt *set = journal_statement(journal, SQL_CURSOR_SET);

		bind_text(set, 1, journal->cursors.list[i].node);
		bind_number(set, 2, journal->cursors.list[i].entry);
		error = database_step(set, fault);
	}
	for (size_t i = 0; error == E_OK && i < journal->withheld.count; i++)
		error = withheld_write(journal, &journal->withheld.list[i], now, fault);
	return error;
}

void journal_notes_forget(struct journal *journal)
{
	journal->cursors.count = 0;
	journal->withheld.count = 0;
}

/* ---------------------------------------------------------------------------- space */

static uint64_t space_free(const struct journal *journal)
{
	struct statvfs status;

	/* A file system that does not answer is not taken for a full one. */
	if (statvfs(journal->options.path, &status) != 0)
		return UINT64_MAX;
	return (uint64_t)status.f_bavail * status.f_frsize;
}

void journal_ballast_release(struct journal *journal)
{
	char *file = file_in(journal->options.path, JOURNAL_BALLAST);

	unlink(file);
	free(file);
}

static bool ballast_exists(const char *file, uint64_t size)
{
	struct stat status;

	return stat(file, &status) == 0 && (uint64_t)status.st_size == size;
}

/* Half a ballast is none. */
static void ballast_lay_in(const char *file, uint64_t size)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		return;
	if (posix_fallocate(fd, 0, (off_t)size) != 0)
		unlink(file);
	close(fd);
}

void journal_disk_watch(struct journal *journal)
{
	const uint64_t reserve = journal->options.reserve_bytes;
	/* Once low, a quarter more must be free, or intake would open and close with every page that is written. */
	const uint64_t needed = journal_disk_low(journal) ? reserve + reserve / 4 : reserve;
	char *file;
	bool there;

	if (reserve == 0)
		return;
	file = file_in(journal->options.path, JOURNAL_BALLAST);
	there = ballast_exists(file, reserve);
	/* Twice and not once: without that the ballast itself would at once make the disk full again. */
	if (!there && space_free(journal) / 2 >= reserve) {
		ballast_lay_in(file, reserve);
		there = ballast_exists(file, reserve);
	}
	atomic_store(&journal->disk_low, !there || space_free(journal) < needed);
	free(file);
}

bool journal_disk_low(const struct journal *journal)
{
	return atomic_load(&journal->disk_low);
}
