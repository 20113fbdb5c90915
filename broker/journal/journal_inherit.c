/* journal_inherit - the audience of one append: completed by that of the report referred to, then given its number. */
#include "broker/journal/journal_sqlite.h"
#include "common/wire.h"
#include <stdio.h>
#include <string.h>

/* ---------------------------------------------------------------------------- inheriting an audience */

enum error draft_report_find(struct draft *draft, const struct report_name *name, struct entry_row *row, bool *found)
{
	sqlite3_stmt *origin = journal_statement(draft->journal, SQL_ORIGIN_FIND);
	sqlite3_stmt *find = journal_statement(draft->journal, SQL_SUBMISSION_FIND);
	sqlite3_stmt *get = journal_statement(draft->journal, SQL_ENTRY_GET);
	uint64_t origin_id, entry;
	Simpul__Receipt *outcome;
	struct arena arena;
	enum error error;

	*found = false;
	bind_text(origin, 1, name->origin);
	error = journal_number(origin, 0, &origin_id, draft->fault);
	if (error != E_OK)
		return error;
	bind_number(find, 1, origin_id);
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
	if (!row_load(get, row) || (outcome = outcome_unpack(row->outcome, &arena)) == NULL)
		error = fault_at(draft->fault, E_CORRUPT, "journal.db: entry");
	else
		*found = name->number < row->first + row->count && outcome_verdict(outcome, name->number) == E_OK;
	arena_fini(&arena);
	sqlite3_reset(get);
	return error;
}

/* The report referred to. */
struct target {
	uint64_t entry; /* 0: none that was accepted */
	uint64_t index; /* of the report within its submission */
	uint32_t audience_id; /* 0: a VOID's */
	bool kept_from_some;  /* of an UPDATE: by its origin */
};

/* Whether an entry with this audience is one that can be referred to. A VOID is accepted too, but is no report and went to
 * nobody; it can be taken back all the same, where the core says to whom that goes. */
static bool may_be_target(const struct journal_append *append, uint32_t audience_id)
{
	return audience_id != 0 || (append->effect == EFFECT_RETRACT && append->audience.count > 0);
}

static enum error target_find(struct draft *draft, struct target *target)
{
	const struct report_name *name = &draft->append->reference;
	struct entry_row row;
	bool found;
	enum error error = draft_report_find(draft, name, &row, &found);

	*target = (struct target){0};
	if (error == E_OK && found && may_be_target(draft->append, row.audience_id))
		*target = (struct target){row.entry, name->number - row.first, row.audience_id, false};
	return error;
}

/* The status of a report of a submission; UNSPECIFIED when that cannot be read. */
static Simpul__Status status_in(const Simpul__StoredSubmission *stored, uint64_t index, struct arena *arena)
{
	const Simpul__Header *header = stored == NULL || index >= stored->n_headers
					       ? NULL
					       : stored_unpack(&simpul__header__descriptor,
							       of_binary(stored->headers[index]), arena);

	return header == NULL ? SIMPUL__STATUS__STATUS_UNSPECIFIED : header->status;
}

/* Whether what is said is as much in earnest as what it is about; and from whom that was kept. */
static enum error target_compare(struct draft *draft, struct target *target, bool *same)
{
	sqlite3_stmt *get = journal_statement(draft->journal, SQL_CONTENT_GET);
	const Simpul__StoredSubmission *said, *about;
	struct arena arena;
	enum error error;

	bind_number(get, 1, target->entry);
	error = journal_row_step(get, draft->fault);
	if (error != E_OK)
		return error == E_NOT_FOUND ? fault_at(draft->fault, E_CORRUPT, "journal.db: content") : error;
	arena_init(&arena);
	about = stored_unpack(&simpul__stored_submission__descriptor, column_bytes(get, 0), &arena);
	said = stored_unpack(&simpul__stored_submission__descriptor, buffer_view(&draft->append->content), &arena);
	*same = status_in(about, target->index, &arena) == status_in(said, 0, &arena);
	target->kept_from_some = about == NULL || stored_is_kept_from_some(about, &arena);
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

/* Those of an UPDATE's audience that its origin did not keep it from. */
static enum error given_inherit(struct draft *draft, uint64_t entry, uint32_t id)
{
	sqlite3_stmt *get = journal_statement(draft->journal, SQL_CONTENT_GET);
	const struct audience *all = audience_set_get(&draft->journal->audiences, id);
	const Simpul__StoredSubmission *stored;
	struct audience given = {0};
	struct arena arena;
	enum error error;

	bind_number(get, 1, entry);
	error = journal_row_step(get, draft->fault);
	if (error != E_OK && error != E_NOT_FOUND)
		return error;
	arena_init(&arena);
	stored = error != E_OK ? NULL
			       : stored_unpack(&simpul__stored_submission__descriptor, column_bytes(get, 0), &arena);
	if (all != NULL)
		audience_copy(&given, all);
	if (all == NULL || stored == NULL || !stored_kept_remove(stored, &given, &arena))
		error = fault_at(draft->fault, E_CORRUPT, "journal.db: update");
	else
		audience_merge(&draft->append->audience, &given);
	audience_clear(&given);
	arena_fini(&arena);
	sqlite3_reset(get);
	return error;
}

/* Whoever received the report, an update of it, or an update of that. Who has only heard that an update supersedes
 * what it has must not learn more of that one from the end of it; who has the report as well hears of the report's end. */
static enum error family_inherit(struct draft *draft, bool of_update)
{
	sqlite3_stmt *family = journal_statement(draft->journal, SQL_FAMILY);
	uint32_t last = 0;
	enum error error;

	bind_number(family, 1, draft->target);
	bind_number(family, 2, draft->append->reference.number);
	while ((error = journal_row_step(family, draft->fault)) == E_OK) {
		const uint32_t id = (uint32_t)column_number(family, 2);

		if (of_update)
			error = given_inherit(draft, column_number(family, 0), id);
		else if (id != last)
			error = audience_inherit(draft, id);
		if (error != E_OK)
			break;
		last = id;
	}
	sqlite3_reset(family);
	return error == E_NOT_FOUND ? E_OK : error;
}

/* Whether the report was taken back: nothing is added to it then. */
static enum error retracted_find(struct draft *draft, const struct target *target, bool *retracted)
{
	sqlite3_stmt *find = journal_statement(draft->journal, SQL_RETRACTED_FIND);
	uint64_t found;
	enum error error;

	bind_number(find, 1, target->entry);
	bind_number(find, 2, draft->append->reference.number);
	error = journal_number(find, 0, &found, draft->fault);
	*retracted = found != 0;
	return error;
}

/* Who received the report itself, or the newest update of it: that one went to whoever received those before it, so
 * another update of a report with very many costs no more than one of a report with few. */
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

/* Who answers must have been told: whoever was not learns nothing, not even that there is such a report. */
static bool was_told(const struct draft *draft, const struct target *target)
{
	const struct audience *told = audience_set_get(&draft->journal->audiences, target->audience_id);

	return told != NULL && audience_reaches(told, draft->append->first.origin);
}

/* Finds what is referred to, or makes that it may not be the verdict. */
static enum error target_check(struct draft *draft, struct target *target)
{
	const bool answers = draft->append->inherit == INHERIT_HEARD;
	bool same = true, retracted = false;
	enum error error = target_find(draft, target);

	if (error == E_OK && draft->append->inherit == INHERIT_ADD)
		error = retracted_find(draft, target, &retracted);
	if (error == E_OK && (target->entry == 0 || retracted || (answers && !was_told(draft, target)))) {
		report_refuse(draft, E_REFERENCE_UNKNOWN, "header.references[0]");
		return E_OK;
	}
	if (error == E_OK && target->audience_id != 0)
		error = target_compare(draft, target, &same);
	if (error == E_OK && !same)
		report_refuse(draft, E_INVALID, "header.status");
	return error;
}

/* Whether what is referred to refers to something itself: an UPDATE, or a CANCEL. */
static enum error refers_find(struct draft *draft, const struct target *target, bool *refers)
{
	sqlite3_stmt *find = journal_statement(draft->journal, SQL_REFERENCE_OF);
	uint64_t found;
	enum error error;

	bind_number(find, 1, target->entry);
	error = journal_number(find, 0, &found, draft->fault);
	*refers = found != 0;
	return error;
}

/* What is answered is not tied to its answers, as it is to its updates: its audience is none of theirs. */
enum error draft_audience_inherit(struct draft *draft)
{
	struct journal_append *append = draft->append;
	struct target target = {0};
	bool refers = false;
	enum error error;

	if (append->inherit == INHERIT_NONE || append->reports[0].verdict != E_OK)
		return E_OK;
	error = target_check(draft, &target);
	if (error != E_OK || append->reports[0].verdict != E_OK || append->inherit == INHERIT_HEARD)
		return error;
	draft->target = target.entry;
	if (target.audience_id == 0)
		return E_OK;
	error = refers_find(draft, &target, &refers);
	if (error == E_OK && append->inherit == INHERIT_ONLY) {
		audience_clear(&append->audience);
		error = family_inherit(draft, refers && target.kept_from_some);
	} else if (error == E_OK) {
		error = audiences_inherit(draft, target.audience_id);
		append->updated = (struct updated){refers && target.kept_from_some ? 0 : target.audience_id, refers};
	}
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
