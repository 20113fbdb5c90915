/* journal_append - one append: compared with the journal, its audience completed, its rows written. */
#include "broker/journal/journal_sqlite.h"
#include "common/memory.h"
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct journal_append *journal_append_new(void)
{
	return memory_zero(1, sizeof(struct journal_append));
}

void journal_append_free(struct journal_append *append)
{
	if (append == NULL)
		return;
	audience_clear(&append->audience);
	free(append->reports);
	free(append->unreachable);
	buffer_free(&append->content);
	buffer_free(&append->delivery);
	buffer_free(&append->routing);
	buffer_free(&append->receipt);
	buffer_free(&append->bulletin);
	free(append->published);
	broker_keys_free(append->newer);
	free(append);
}

static bool is_submission(const struct journal_append *append)
{
	return append->type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBMISSION;
}

static enum error refuse(struct draft *draft, enum error code, const char *field)
{
	fault_at(&draft->append->result, code, "%s", field);
	return E_OK;
}

/* ---------------------------------------------------------------------------- comparing */

static enum error number_compare(struct draft *draft, uint64_t last)
{
	struct journal_append *append = draft->append;

	if (append->first.number == last + 1)
		return E_OK;
	refuse(draft, append->first.number > last ? E_GAP : E_NUMBER_REUSED, "first");
	append->result.expected = last + 1;
	return E_OK;
}

static enum error submission_compare(struct draft *draft)
{
	const struct report_name *first = &draft->append->first;
	sqlite3_stmt *find = journal_statement(draft->journal, SQL_ORIGIN_FIND);
	uint64_t highest, last;
	enum error error;

	if (draft->append->count == 0 || draft->append->count > LIMIT_SUBMISSION_REPORTS)
		return refuse(draft, E_INVALID, "reports");
	bind_text(find, 1, first->origin);
	error = journal_number(find, 0, &draft->origin_id, draft->fault);
	if (error != E_OK)
		return error;
	find = journal_statement(draft->journal, SQL_EPOCH_HIGHEST);
	bind_number(find, 1, draft->origin_id);
	error = journal_number(find, 0, &highest, draft->fault);
	if (error != E_OK)
		return error;
	if (first->epoch < highest)
		return refuse(draft, E_EPOCH, "epoch");
	find = journal_statement(draft->journal, SQL_STREAM_LAST);
	bind_number(find, 1, draft->origin_id);
	bind_number(find, 2, first->epoch);
	bind_number(find, 3, first->stream);
	error = journal_number(find, 0, &last, draft->fault);
	return error == E_OK ? number_compare(draft, last) : error;
}

static enum error policy_compare(struct draft *draft)
{
	struct arena arena;
	Simpul__PolicyVersion *policy;

	arena_init(&arena);
	policy = stored_unpack(&simpul__policy_version__descriptor, buffer_view(&draft->append->content), &arena);
	if (policy == NULL || !hash_load(&draft->new_policy, BYTES(policy->hash.data, policy->hash.len)))
		refuse(draft, E_INVALID, "policy");
	else if (policy->version <= draft->journal->state.policy_version)
		refuse(draft, E_STALE_POLICY, "version");
	else
		draft->new_version = policy->version;
	arena_fini(&arena);
	return E_OK;
}

/* A refusal stands in append->result afterwards. */
static enum error append_compare(struct draft *draft)
{
	struct journal_append *append = draft->append;

	append->result = (struct fault){0};
	if (append->policy_version != 0 && append->policy_version != draft->journal->state.policy_version)
		return refuse(draft, E_STALE_POLICY, "policy_version");
	switch (append->type) {
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_POLICY:
		return policy_compare(draft);
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_HOLD:
		return draft_hold_compare(draft);
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_TOMBSTONE:
		return draft_tombstone_compare(draft);
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBMISSION:
		return submission_compare(draft);
	default:
		return E_OK;
	}
}

/* ---------------------------------------------------------------------------- the entry's rows */

static void row_fill(struct draft *draft)
{
	const struct journal_append *append = draft->append;
	const struct journal_state *state = &draft->journal->state;
	struct entry_row *row = &draft->written->row;

	*row = (struct entry_row){.entry = state->position.entry + 1,
				  .type = (uint32_t)append->type,
				  .accepted_at = draft->accepted_at,
				  .policy_version = state->policy_version,
				  .digest = append->digest,
				  .audience_id = append->audience.id};
	if (is_submission(append)) {
		row->origin_id = draft->origin_id;
		row->epoch = append->first.epoch;
		row->stream = append->first.stream;
		row->first = append->first.number;
		row->count = append->count;
	} else {
		row->digest = chain_content_digest(row->type, buffer_view(&append->content));
	}
}

static void row_chain(struct draft *draft)
{
	struct written *written = draft->written;
	const struct journal_state *state = &draft->journal->state;
	struct arena arena;

	arena_init(&arena);
	outcome_pack(draft->append, &written->outcome);
	written->row.entry_hash =
		row_hash(&written->row, draft->journal->options.broker.public_key,
			 outcome_unpack(buffer_view(&written->outcome), &arena), &draft->append->audience);
	written->policy_hash = state->policy_hash;
	written->previous_head = state->position.head;
	written->row.head = chain_head(&state->position.head, &written->row.entry_hash);
	arena_fini(&arena);
}

/* Zero stands for NULL in these columns. */
static void bind_optional(sqlite3_stmt *statement, int index, bool given, uint64_t value)
{
	if (given)
		bind_number(statement, index, value);
	else
		sqlite3_bind_null(statement, index);
}

static enum error entry_insert(struct draft *draft)
{
	const struct entry_row *row = &draft->written->row;
	const struct buffer *outcome = &draft->written->outcome;
	const bool submission = is_submission(draft->append);
	sqlite3_stmt *add = journal_statement(draft->journal, SQL_ENTRY_ADD);
	enum error error;

	bind_number(add, 1, row->entry);
	bind_number(add, 2, row->type);
	bind_number(add, 3, row->accepted_at);
	bind_number(add, 4, row->policy_version);
	bind_bytes(add, 5, BYTES(row->digest.bytes, HASH_SIZE));
	bind_bytes(add, 6, BYTES(row->entry_hash.bytes, HASH_SIZE));
	bind_bytes(add, 7, BYTES(row->head.bytes, HASH_SIZE));
	sqlite3_bind_null(add, 8);
	bind_optional(add, 9, row->audience_id != 0, row->audience_id);
	bind_optional(add, 10, submission, row->origin_id);
	bind_optional(add, 11, submission, row->epoch);
	bind_optional(add, 12, submission, row->stream);
	bind_optional(add, 13, submission, row->first);
	bind_optional(add, 14, submission, row->count);
	if (outcome->size > 0)
		bind_bytes(add, 15, buffer_view(outcome));
	error = database_step(add, draft->fault);
	sqlite3_clear_bindings(add);
	return error;
}

/* A refused report's body is not stored: nobody will ever receive it. */
static enum error bodies_encrypt(struct draft *draft, const uint8_t nonce[VAULT_NONCE_SIZE], struct buffer *out)
{
	const struct journal_append *append = draft->append;
	struct bytes *bodies = memory_zero(append->count, sizeof(*bodies));
	enum error error;

	for (size_t i = 0; i < append->count; i++)
		if (append->reports[i].verdict == E_OK)
			bodies[i] = append->reports[i].body;
	error = vault_encrypt(draft->journal->vault, draft->written->row.entry, nonce, bodies, append->count, out,
			      draft->fault);
	free(bodies);
	return error;
}

static enum error content_insert(struct draft *draft)
{
	sqlite3_stmt *add = journal_statement(draft->journal, SQL_CONTENT_ADD);
	uint8_t nonce[VAULT_NONCE_SIZE];
	struct buffer bodies = {0};
	enum error error = E_OK;

	bind_number(add, 1, draft->written->row.entry);
	bind_bytes(add, 2, buffer_view(&draft->append->content));
	if (is_submission(draft->append)) {
		randombytes_buf(nonce, sizeof(nonce));
		error = bodies_encrypt(draft, nonce, &bodies);
		bind_bytes(add, 3, BYTES(nonce, sizeof(nonce)));
		bind_bytes(add, 4, buffer_view(&bodies));
	}
	if (error == E_OK)
		error = database_step(add, draft->fault);
	sqlite3_clear_bindings(add);
	buffer_free(&bodies);
	return error;
}

static enum error origin_insert(struct draft *draft)
{
	sqlite3_stmt *add = journal_statement(draft->journal, SQL_ORIGIN_ADD);
	enum error error;

	if (!is_submission(draft->append) || draft->origin_id != 0)
		return E_OK;
	bind_text(add, 1, draft->append->first.origin);
	error = database_step(add, draft->fault);
	draft->origin_id = (uint64_t)sqlite3_last_insert_rowid(draft->journal->db);
	return error;
}

static void bind_sequence(sqlite3_stmt *statement, const struct entry_row *row)
{
	bind_number(statement, 1, row->origin_id);
	bind_number(statement, 2, row->epoch);
	bind_number(statement, 3, row->stream);
}

/* What makes the submission findable by its name, and the next number known. */
static enum error sequence_write(struct draft *draft)
{
	const struct entry_row *row = &draft->written->row;
	sqlite3_stmt *statement = journal_statement(draft->journal, SQL_SUBMISSION_ADD);
	enum error error;

	bind_sequence(statement, row);
	bind_number(statement, 4, row->first);
	bind_number(statement, 5, row->entry);
	error = database_step(statement, draft->fault);
	if (error != E_OK)
		return error;
	statement = journal_statement(draft->journal, SQL_STREAM_SET);
	bind_sequence(statement, row);
	bind_number(statement, 4, row->first + row->count - 1);
	bind_bytes(statement, 5, BYTES(row->digest.bytes, HASH_SIZE));
	error = database_step(statement, draft->fault);
	sqlite3_clear_bindings(statement);
	return error;
}

static enum error reference_write(struct draft *draft)
{
	sqlite3_stmt *add = journal_statement(draft->journal, SQL_REFERENCE_ADD);

	if (draft->target == 0)
		return E_OK;
	bind_number(add, 1, draft->target);
	bind_number(add, 2, draft->append->reference.number);
	bind_number(add, 3, draft->written->row.entry);
	return database_step(add, draft->fault);
}

static enum error rows_write(struct draft *draft)
{
	enum error error = entry_insert(draft);

	if (error == E_OK)
		error = content_insert(draft);
	if (error == E_OK && is_submission(draft->append))
		error = sequence_write(draft);
	if (error == E_OK && draft->append->type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_GENESIS)
		error = journal_incarnation_write(draft->journal, draft->fault);
	if (error == E_OK && draft->append->type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_BROKER_KEY)
		error = journal_broker_write(draft->journal, draft->fault);
	if (error == E_OK && draft->append->type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_TOMBSTONE)
		error = draft_tombstone_write(draft);
	if (error == E_OK && draft->append->type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_HOLD)
		error = draft_hold_write(draft);
	if (error == E_OK)
		error = reference_write(draft);
	if (error == E_OK)
		error = draft_due_write(draft);
	return error == E_OK ? draft_purges_write(draft) : error;
}

static void state_advance(const struct draft *draft)
{
	struct journal_state *state = &draft->journal->state;

	state->position.entry = draft->written->row.entry;
	state->position.head = draft->written->row.head;
	state->accepted_at = draft->written->row.accepted_at;
	state->begins = draft->append->type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_GENESIS ? state->position.entry > 1
										      : draft->begins;
	if (draft->append->type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_POLICY) {
		state->policy_version = draft->new_version;
		state->policy_hash = draft->new_policy;
	}
}

enum error append_write(struct journal *journal, struct journal_append *append, wall_ms now, struct written *written,
			bool *stored, struct fault *fault)
{
	struct draft draft = {.journal = journal,
			      .append = append,
			      .written = written,
			      .now = now,
			      .accepted_at = now > journal->state.accepted_at ? now : journal->state.accepted_at,
			      .fault = fault};
	enum error error = append_compare(&draft);

	if (error != E_OK || append->result.code != E_OK)
		return error;
	/* From here on whatever fails ends the transaction, so nothing has to be taken back. */
	*stored = true;
	written->append = append;
	error = draft_audience_inherit(&draft);
	if (error == E_OK)
		error = draft_audience_intern(&draft);
	if (error == E_OK)
		error = origin_insert(&draft);
	if (error != E_OK)
		return error;
	row_fill(&draft);
	row_chain(&draft);
	error = rows_write(&draft);
	if (error == E_OK)
		state_advance(&draft);
	return error;
}
