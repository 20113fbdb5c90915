/* journal_write - commits: a transaction for a list of appends, one signature, one sync, then the receipts. */
#include "broker/journal/journal_sqlite.h"
#include "common/log.h"
#include "common/memory.h"
#include <stdlib.h>
#include <string.h>

/* What is under way between BEGIN and COMMIT. */
struct commit {
	struct journal_append *appends;
	struct written *written;
	size_t count; /* written */
	struct fault fault;
};

static struct journal_append *next_of(const struct journal_append *append)
{
	return (struct journal_append *)append->letter.next;
}

static size_t append_count(const struct journal_append *appends)
{
	size_t count = 0;

	for (; appends != NULL; appends = next_of(appends))
		count++;
	return count;
}

/* ---------------------------------------------------------------------------- inside the transaction */

static enum error head_sign(struct journal *journal, struct fault *fault)
{
	sqlite3_stmt *set = journal_statement(journal, SQL_SIGNATURE_SET);
	struct journal_state *state = &journal->state;

	chain_sign(&journal->options.broker, journal->exchange, &state->position, state->signature);
	bind_number(set, 1, state->position.entry);
	bind_bytes(set, 2, BYTES(state->signature, SIGNATURE_SIZE));
	return database_step(set, fault);
}

static enum error commit_write(struct journal *journal, struct commit *commit, wall_ms now)
{
	struct fault *fault = &commit->fault;
	enum error error;

	error = vault_reserve(journal->vault, journal->state.position.entry + append_count(commit->appends), fault);
	if (error == E_OK)
		error = database_run(journal->db, "BEGIN IMMEDIATE", fault);
	for (struct journal_append *append = commit->appends; error == E_OK && append != NULL;
	     append = next_of(append)) {
		struct written *written = &commit->written[commit->count];
		bool stored = false;

		error = append_write(journal, append, now, written, &stored, fault);
		commit->count += stored;
	}
	if (error == E_OK && commit->count > 0)
		error = head_sign(journal, fault);
	if (error == E_OK)
		error = journal_notes_write(journal, fault);
	if (error == E_OK)
		error = database_run(journal->db, "COMMIT", fault);
	return error;
}

/* ---------------------------------------------------------------------------- after it */

static void receipt_give(const struct journal *journal, const struct commit *commit, const struct hash *hashes,
			 size_t index)
{
	struct written *written = &commit->written[index];
	const struct receipt_parts parts = {.row = &written->row,
					    .incarnation = journal->state.position.incarnation,
					    .policy_hash = written->policy_hash,
					    .previous_head = written->previous_head,
					    .audience = &written->append->audience,
					    .later = hashes + index + 1,
					    .later_count = commit->count - index - 1,
					    .signature = journal->state.signature};

	written->row.outcome = buffer_view(&written->outcome);
	receipt_build(&parts, &written->append->receipt);
}

static void commit_answer(const struct journal *journal, const struct commit *commit)
{
	struct hash *hashes = memory_alloc(commit->count * sizeof(*hashes));

	for (size_t i = 0; i < commit->count; i++)
		hashes[i] = commit->written[i].row.entry_hash;
	for (size_t i = 0; i < commit->count; i++) {
		const struct entry_row *row = &commit->written[i].row;
		struct journal_append *append = commit->written[i].append;

		append->entry = row->entry;
		append->accepted_at = row->accepted_at;
		append->entry_hash = row->entry_hash;
		append->head = row->head;
		append->head_signed = i == commit->count - 1;
		if (append->head_signed)
			memcpy(append->signature, journal->state.signature, SIGNATURE_SIZE);
		if (append->type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBMISSION)
			receipt_give(journal, commit, hashes, i);
	}
	free(hashes);
}

/* The first reason is the true one. */
void journal_die(struct journal *journal, const struct fault *fault)
{
	if (!journal->dead)
		journal->failure = *fault;
	journal->dead = true;
}

const struct fault *journal_failure(const struct journal *journal)
{
	return &journal->failure;
}

/* E_DISK_FULL when the journal can go on as if nothing had been tried, E_IO when nothing is certain any more. */
static enum error commit_abort(struct journal *journal, struct commit *commit, enum error error)
{
	bool undone = sqlite3_get_autocommit(journal->db) || database_run(journal->db, "ROLLBACK", NULL) == E_OK;

	if (error == E_DISK_FULL && undone) {
		journal_ballast_release(journal);
	} else {
		error = E_IO;
	}
	commit->fault.code = error;
	if (error == E_IO)
		journal_die(journal, &commit->fault);
	for (struct journal_append *append = commit->appends; append != NULL; append = next_of(append)) {
		append->result = commit->fault;
		append->audience.id = 0;
	}
	return error;
}

/* The entry that puts newer keys in force is the first under them: the journal has them from here on. */
static enum error commit_sign_and_write(struct journal *journal, struct commit *commit, wall_ms now)
{
	const struct journal_append *first = commit->appends;

	if (journal->dead)
		return fault_at(&commit->fault, E_IO, "journal");
	if (first != NULL && first->newer != NULL)
		journal->options.broker = first->newer->signing;
	return commit_write(journal, commit, now);
}

static enum error commit_try(struct journal *journal, struct commit *commit, wall_ms now)
{
	const struct journal_state before = journal->state;
	const size_t audiences_before = journal->audiences.count;
	struct signing_key former = journal->options.broker;
	enum error error = commit_sign_and_write(journal, commit, now);

	if (error == E_OK) {
		journal_notes_forget(journal);
		commit_answer(journal, commit);
	} else {
		journal->state = before;
		journal->options.broker = former;
		audience_set_cut(&journal->audiences, audiences_before);
		error = commit_abort(journal, commit, error);
	}
	keys_wipe(&former, sizeof(former));
	return error;
}

/* That what is buried goes to nobody does not make it erased: who answers for the disk is told, once. */
static void keys_tell(struct journal *journal, bool full)
{
	const bool wait = full || (journal->keys_wait && journal->erasing != ERASING_NOTHING);

	if (wait == journal->keys_wait)
		return;
	journal->keys_wait = wait;
	log_event(wait ? LOG_LEVEL_ALARM : LOG_LEVEL_NOTICE, wait ? "keys.undestroyed" : "keys.destroyed",
		  F_NUM("entry", journal->state.position.entry));
}

/* What was committed stays so, whatever comes of the keys: on a full disk they get the room of the ballast; they are
 * tried again, or the broker stops. */
static enum error keys_follow(struct journal *journal)
{
	struct fault fault = {0};
	enum error error = journal_keys_erase(journal, &fault);

	if (error == E_DISK_FULL) {
		journal_ballast_release(journal);
		error = journal_keys_erase(journal, &fault);
	}
	if (error == E_OK || error == E_DISK_FULL) {
		keys_tell(journal, error == E_DISK_FULL);
		return E_OK;
	}
	journal_die(journal, &fault);
	return E_IO;
}

enum error journal_commit(struct journal *journal, struct journal_append *appends, wall_ms now)
{
	struct commit commit = {.appends = appends};
	enum error error;

	journal_tend(journal);
	commit.written = memory_zero(append_count(appends), sizeof(*commit.written));
	error = commit_try(journal, &commit, now);
	/* A reader that kept the log from being cut off does not hold up every commit: that is tried again by the next
	 * flush. */
	if (error == E_OK && journal->erasing == ERASING_KEYS)
		error = keys_follow(journal);
	for (size_t i = 0; i < commit.count; i++)
		buffer_free(&commit.written[i].outcome);
	free(commit.written);
	if (error == E_DISK_FULL) /* else the next flush looks: receipts do not wait for it */
		journal_disk_watch(journal);
	return error;
}

/* What was committed has no fault of its own when it is the keys that could not be destroyed. */
enum error journal_commit_told(struct journal *journal, struct journal_append *appends, wall_ms now, struct fault *fault)
{
	const enum error error = journal_commit(journal, appends, now);

	if (error != E_OK && fault != NULL) {
		*fault = appends->result.code != E_OK ? appends->result : *journal_failure(journal);
		fault->code = error;
	}
	return error;
}

enum error journal_flush(struct journal *journal)
{
	enum { AHEAD = 2048 };
	struct fault fault = {0};
	enum error error = E_OK;

	if (journal->dead)
		return E_IO;
	if (journal->cursors.count > 0 || journal->withheld.count > 0)
		error = journal_commit(journal, NULL, 0);
	journal_disk_watch(journal);
	/* Also where the notes find no room: keys need less. */
	if (error != E_IO && keys_follow(journal) != E_OK)
		error = E_IO;
	/* Slots are laid in now, so that a commit seldom waits for a second sync. */
	if (error == E_OK)
		error = vault_reserve(journal->vault, journal->state.position.entry + AHEAD, &fault);
	if (error == E_OK || error == E_DISK_FULL)
		return error;
	journal_die(journal, &fault);
	return E_IO;
}
