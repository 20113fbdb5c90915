/* journal_inherit - the audience of one append: completed by that of the report referred to, then given its number. */
#include "broker/journal_sqlite.h"
#include <stdio.h>
#include <string.h>

/* ---------------------------------------------------------------------------- inheriting an audience */

/* Whether an entry with this audience is one that can be referred to. A VOID is accepted too, but is no report and went to
 * nobody; it can be taken back all the same, where the core says to whom that goes. */
static bool may_be_target(const struct journal_append *append, uint32_t audience_id)
{
	return audience_id != 0 || (append->effect == EFFECT_RETRACT && append->audience.count > 0);
}

/* The audience of the report referred to, when that is one that was accepted; 0: a VOID's. */
static enum error target_find(struct draft *draft, uint32_t *audience_id)
{
	const struct report_name *name = &draft->append->reference;
	sqlite3_stmt *find = journal_statement(draft->journal, SQL_SUBMISSION_FIND);
	sqlite3_stmt *get = journal_statement(draft->journal, SQL_ENTRY_GET);
	struct entry_row row;
	struct arena arena;
	Simpul__Receipt *outcome;
	uint64_t entry;
	enum error error;

	bind_number(find, 1, draft->origin_id);
	bind_number(find, 2, name->epoch);
	bind_number(find, 3, name->stream);
	bind_number(find, 4, name->number);
	error = journal_number(find, 0, &entry, draft->fault);
	if (error != E_OK || entry == 0)
		return error;
	bind_number(get, 1, entry);
	error = journal_row_step(get, draft->fault);
	if (error != E_OK)
		return error == E_NOT_FOUND ? fault_at(draft->fault, E_CORRUPT, "journal.db: submission_of") : error;
	arena_init(&arena);
	if (!row_load(get, &row) || (outcome = outcome_unpack(row.outcome, &arena)) == NULL) {
		error = fault_at(draft->fault, E_CORRUPT, "journal.db: entry");
	} else if (may_be_target(draft->append, row.audience_id) && name->number < row.first + row.count &&
		   outcome_verdict(outcome, name->number) == E_OK) {
		draft->target = entry;
		*audience_id = row.audience_id;
	}
	arena_fini(&arena);
	sqlite3_reset(get);
	return error;
}

static enum error audience_inherit(struct draft *draft, uint32_t id)
{
	const struct audience *more = audience_set_get(&draft->journal->audiences, id);

	if (more == NULL)
		return fault_at(draft->fault, E_CORRUPT, "journal.db: audience");
	audience_merge(&draft->append->audience, more);
	return E_OK;
}

/* Who received the report itself, or the newest update of it: that one went to whoever received those before it, so a
 * report with very many updates costs no more than one with few. */
static enum error audiences_inherit(struct draft *draft, uint32_t audience_id)
{
	sqlite3_stmt *find = journal_statement(draft->journal, SQL_REFERENCE_NEWEST);
	uint64_t newest;
	enum error error;

	bind_number(find, 1, draft->target);
	bind_number(find, 2, draft->append->reference.number);
	error = journal_number(find, audience_id, &newest, draft->fault);
	return error == E_OK ? audience_inherit(draft, (uint32_t)newest) : error;
}

/* Who was named, could not be reached by the policy, and is reached now because they know the original. */
static void unreachable_narrow(struct journal_append *append)
{
	size_t kept = 0;

	for (size_t i = 0; i < append->unreachable_count; i++)
		if (!audience_reaches(&append->audience, append->unreachable[i]))
			memmove(append->unreachable[kept++], append->unreachable[i], sizeof(append->unreachable[0]));
	append->unreachable_count = kept;
}

static void report_refuse(struct draft *draft, enum error verdict, const char *field)
{
	struct stored_report *report = &draft->append->reports[0];

	report->verdict = verdict;
	snprintf(report->field, sizeof(report->field), "%s", field);
	audience_clear(&draft->append->audience);
	draft->append->unreachable_count = 0;
	draft->target = 0;
}

enum error draft_audience_inherit(struct draft *draft)
{
	struct journal_append *append = draft->append;
	uint32_t audience_id = 0;
	enum error error;

	if (append->inherit == INHERIT_NONE || append->reports[0].verdict != E_OK)
		return E_OK;
	error = target_find(draft, &audience_id);
	if (error == E_OK && draft->target == 0) {
		report_refuse(draft, E_REFERENCE_UNKNOWN, "header.references[0]");
		return E_OK;
	}
	if (append->inherit == INHERIT_ONLY && audience_id != 0)
		audience_clear(&append->audience);
	if (error == E_OK && audience_id != 0)
		error = audiences_inherit(draft, audience_id);
	unreachable_narrow(append);
	return error;
}

/* ---------------------------------------------------------------------------- storing an audience */

static enum error audience_insert(struct journal *journal, const struct audience *audience, uint32_t id,
				  struct fault *fault)
{
	sqlite3_stmt *add = journal_statement(journal, SQL_AUDIENCE_ADD);
	struct buffer nodes = {0};
	enum error error;

	for (size_t i = 0; i < audience->count; i++) {
		buffer_text(&nodes, i > 0 ? "\n" : "");
		buffer_text(&nodes, audience->nodes[i]);
	}
	buffer_u8(&nodes, 0);
	bind_number(add, 1, id);
	bind_number(add, 2, (uint64_t)audience->class.kind);
	bind_text(add, 3, audience->class.category);
	bind_text(add, 4, audience->class.region);
	bind_number(add, 5, (uint64_t)audience->class.label);
	bind_number(add, 6, audience->class.protection);
	bind_text(add, 7, (const char *)nodes.data);
	error = database_step(add, fault);
	for (size_t i = 0; error == E_OK && i < audience->count; i++) {
		add = journal_statement(journal, SQL_MEMBER_ADD);
		bind_text(add, 1, audience->nodes[i]);
		bind_number(add, 2, id);
		error = database_step(add, fault);
	}
	sqlite3_clear_bindings(add);
	buffer_free(&nodes);
	return error;
}

enum error draft_audience_intern(struct draft *draft)
{
	struct audience *audience = &draft->append->audience;
	struct audience_set *all = &draft->journal->audiences;

	audience->id = 0;
	if (audience->count == 0)
		return E_OK;
	audience->id = audience_set_find(all, audience);
	if (audience->id != 0)
		return E_OK;
	audience->id = audience_set_add(all, audience);
	return audience_insert(draft->journal, audience, audience->id, draft->fault);
}
