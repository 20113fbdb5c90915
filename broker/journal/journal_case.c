/* journal_case - looks up in journal.db what an explanation needs. */
#include "broker/journal/journal_case_state.h"
#include "broker/journal/journal_sqlite.h"
#include "common/memory.h"
#include <stdlib.h>
#include <string.h>

enum { STEPS = 4096 }; /* of SQLite's machine, between two looks at the end */

/* ---------------------------------------------------------------------------- life */

struct bytes case_keep(struct journal_case *c, struct bytes bytes)
{
	uint8_t *copy = arena_alloc(&c->arena, bytes.size + 1);

	if (bytes.size > 0)
		memcpy(copy, bytes.data, bytes.size);
	return BYTES(copy, bytes.size);
}

static enum error end_read(struct journal_case *c, struct fault *fault)
{
	sqlite3_stmt *get = database_prepare(c->db, "SELECT max(entry) FROM entry");
	enum error error = journal_number(get, 0, &c->end, fault);

	sqlite3_finalize(get);
	return error;
}

enum error journal_case_open(struct journal_case **opened, const char *folder, struct fault *fault)
{
	struct journal_case *c = memory_zero(1, sizeof(*c));
	char *file = memory_format("%s/%s", folder, JOURNAL_FILE);
	enum error error = database_open(&c->db, file, DATABASE_READ, JOURNAL_VERSION, NULL, fault);

	free(file);
	arena_init(&c->arena);
	if (error == E_OK)
		error = database_run(c->db, "BEGIN", fault);
	if (error == E_OK)
		error = audience_set_load(&c->audiences, c->db, fault);
	if (error == E_OK)
		error = end_read(c, fault);
	*opened = c;
	if (error != E_OK) {
		journal_case_close(c);
		*opened = NULL;
	}
	return error;
}

void journal_case_close(struct journal_case *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->policy_count; i++)
		policy_free(c->policies[i]);
	free(c->graves);
	sqlite3_finalize(c->purged);
	sqlite3_finalize(c->cursor);
	sqlite3_finalize(c->withheld);
	audience_set_free(&c->audiences);
	arena_fini(&c->arena);
	database_close(c->db);
	free(c);
}

sqlite3_stmt *case_statement(struct journal_case *c, sqlite3_stmt **kept, const char *sql)
{
	if (*kept == NULL)
		*kept = database_prepare(c->db, sql);
	sqlite3_reset(*kept);
	return *kept;
}

static int look_at_end(void *context)
{
	const struct journal_case *c = context;

	return c->ended(c->ended_context);
}

void journal_case_watch(struct journal_case *c, case_ended *ended, void *context)
{
	c->ended = ended;
	c->ended_context = context;
	sqlite3_progress_handler(c->db, STEPS, look_at_end, c);
}

enum error case_goes_on(const struct journal_case *c, struct fault *fault)
{
	return c->ended != NULL && c->ended(c->ended_context) ? fault_at(fault, E_STOPPING, "%s", "") : E_OK;
}

uint64_t journal_case_end(const struct journal_case *c)
{
	return c->end;
}

/* ---------------------------------------------------------------------------- policy */

static enum error policy_take(struct journal_case *c, struct bytes content, const struct policy **policy,
			      uint32_t *version, struct fault *fault)
{
	const Simpul__PolicyVersion *stored = stored_unpack(&simpul__policy_version__descriptor, content, &c->arena);
	enum error error;

	if (stored == NULL || c->policy_count == CASE_POLICIES_MOST)
		return fault_at(fault, E_CORRUPT, "journal.db: policy");
	error = policy_parse(BYTES(stored->text.data, stored->text.len), "policy", &c->policies[c->policy_count],
			     fault);
	if (error != E_OK)
		return error;
	*policy = c->policies[c->policy_count++];
	*version = stored->version;
	return E_OK;
}

enum error journal_case_policy(struct journal_case *c, uint64_t at, const struct policy **policy, uint32_t *version,
			       struct fault *fault)
{
	sqlite3_stmt *get =
		database_prepare(c->db, "SELECT content FROM entry INDEXED BY entry_other JOIN content USING(entry) "
					"WHERE type = 5 AND type <> 2 AND entry <= ?1 ORDER BY entry DESC LIMIT 1");
	enum error error;

	*policy = NULL;
	*version = 0;
	bind_number(get, 1, at);
	error = journal_row_step(get, fault);
	if (error == E_OK)
		error = policy_take(c, case_keep(c, column_bytes(get, 0)), policy, version, fault);
	sqlite3_finalize(get);
	return error == E_NOT_FOUND ? E_OK : error;
}

/* ---------------------------------------------------------------------------- nodes */

/* As the core does when it starts: a suspension outlives a change of keys. */
static void member_note(const Simpul__MemberRecord *record, const char *node, struct case_node *out)
{
	if (record == NULL || strcmp(record->node, node) != 0)
		return;
	out->member = true;
	out->key_id = record->key_id;
	out->expires_at = record->expires_at;
	if (out->standing != SIMPUL__STANDING__STANDING_SUSPENDED)
		out->standing = SIMPUL__STANDING__STANDING_ACTIVE;
}

/* Nor does it say anything of the present key that a former one was compromised. */
static void standing_note(const Simpul__MemberStanding *standing, const char *node, struct case_node *out)
{
	if (standing == NULL || strcmp(standing->node, node) != 0)
		return;
	if (standing->standing != SIMPUL__STANDING__STANDING_COMPROMISED || standing->key_id >= out->key_id)
		out->standing = standing->standing;
}

/* Of this nothing but what is found is kept: there may be very many rows, nearly all of them about others. */
static void node_note(struct journal_case *c, uint64_t type, struct bytes content, const char *node, struct arena *row,
		      struct case_node *out)
{
	const Simpul__NodeSubscription *stored;

	if (type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_MEMBER) {
		member_note(stored_unpack(&simpul__member_record__descriptor, content, row), node, out);
	} else if (type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_STANDING) {
		standing_note(stored_unpack(&simpul__member_standing__descriptor, content, row), node, out);
	} else if (type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBSCRIPTION) {
		stored = stored_unpack(&simpul__node_subscription__descriptor, content, row);
		if (stored == NULL || strcmp(stored->node, node) != 0)
			return;
		stored = stored_unpack(&simpul__node_subscription__descriptor, content, &c->arena);
		out->wants = stored->subscription;
	}
}

static enum error node_read(struct journal_case *c, const char *node, uint64_t at, struct case_node *out,
			    struct fault *fault)
{
	sqlite3_stmt *rows = database_prepare(
		c->db, "SELECT type, content FROM entry INDEXED BY entry_other JOIN content USING(entry) "
		       "WHERE type <> 2 AND type IN (3, 4, 6) AND entry <= ?1 ORDER BY entry");
	struct arena row;
	enum error error;

	*out = (struct case_node){.member = false};
	arena_init(&row);
	bind_number(rows, 1, at);
	while ((error = journal_row_step(rows, fault)) == E_OK) {
		node_note(c, column_number(rows, 0), column_bytes(rows, 1), node, &row, out);
		arena_reset(&row);
	}
	sqlite3_finalize(rows);
	arena_fini(&row);
	return error == E_NOT_FOUND ? E_OK : error;
}

/* Who asks about all copies of a report asks about the same nodes again and again. */
enum error journal_case_node(struct journal_case *c, const char *node, uint64_t at, struct case_node *out,
			     struct fault *fault)
{
	const struct seen_node *seen = c->nodes;
	struct seen_node *made;
	enum error error;

	while (seen != NULL && (seen->at != at || strcmp(seen->node, node) != 0))
		seen = seen->next;
	if (seen != NULL) {
		*out = seen->as;
		return E_OK;
	}
	error = node_read(c, node, at, out, fault);
	if (error != E_OK)
		return error;
	made = arena_alloc(&c->arena, sizeof(*made));
	*made = (struct seen_node){c->nodes, arena_text(&c->arena, node), at, *out};
	c->nodes = made;
	return E_OK;
}

/* A key that was replaced has no standing any more but the one that it had; one that was compromised is so for good, and
 * since the earliest time given. */
static const Simpul__MemberStanding *bad_standing(struct journal_case *c, struct bytes content, const char *node,
						  uint32_t key_id, const Simpul__MemberStanding *before)
{
	const Simpul__MemberStanding *standing =
		stored_unpack(&simpul__member_standing__descriptor, content, &c->arena);

	if (standing == NULL || strcmp(standing->node, node) != 0 || standing->key_id != key_id)
		return before;
	if (before != NULL && before->standing == SIMPUL__STANDING__STANDING_COMPROMISED &&
	    (standing->standing != SIMPUL__STANDING__STANDING_COMPROMISED || standing->since >= before->since))
		return before;
	return standing->standing == SIMPUL__STANDING__STANDING_RETIRED ||
			       standing->standing == SIMPUL__STANDING__STANDING_COMPROMISED
		       ? standing
		       : NULL;
}

enum error journal_case_member(struct journal_case *c, const char *node, uint32_t key_id, uint64_t at,
			       const Simpul__MemberRecord **record, uint64_t *entry,
			       const Simpul__MemberStanding **standing, struct fault *fault)
{
	sqlite3_stmt *rows = database_prepare(
		c->db, "SELECT entry, type, content FROM entry INDEXED BY entry_other JOIN content USING(entry) "
		       "WHERE type <> 2 AND type IN (3, 4) ORDER BY entry");
	enum error error;

	*record = NULL;
	*standing = NULL;
	while ((error = journal_row_step(rows, fault)) == E_OK) {
		const struct bytes content = case_keep(c, column_bytes(rows, 2));
		const Simpul__MemberRecord *one;

		if (column_number(rows, 1) == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_STANDING) {
			*standing = bad_standing(c, content, node, key_id, *standing);
			continue;
		}
		one = stored_unpack(&simpul__member_record__descriptor, content, &c->arena);
		if (one == NULL || strcmp(one->node, node) != 0 || one->key_id != key_id || column_number(rows, 0) > at)
			continue;
		*record = one;
		*entry = column_number(rows, 0);
	}
	sqlite3_finalize(rows);
	if (error != E_NOT_FOUND)
		return error;
	return *record != NULL ? E_OK : fault_at(fault, E_KEY_UNKNOWN, "node");
}

/* ---------------------------------------------------------------------------- reports */

static enum error entry_find(struct journal_case *c, const struct report_name *name, uint64_t *entry,
			     struct fault *fault)
{
	sqlite3_stmt *find = database_prepare(c->db, "SELECT entry FROM submission_of JOIN origin ON id = origin_id "
						     "WHERE node = ?1 AND epoch = ?2 AND stream = ?3 AND first <= ?4 "
						     "ORDER BY first DESC LIMIT 1");
	enum error error;

	bind_text(find, 1, name->origin);
	bind_number(find, 2, name->epoch);
	bind_number(find, 3, name->stream);
	bind_number(find, 4, name->number);
	error = journal_number(find, 0, entry, fault);
	sqlite3_finalize(find);
	return error == E_OK && *entry == 0 ? fault_at(fault, E_NOT_FOUND, "report") : error;
}

/* The verdict's field; "" when there is none. */
static const char *verdict_field(const Simpul__Receipt *outcome, uint64_t number)
{
	for (size_t i = 0; i < outcome->n_verdicts; i++)
		if (outcome->verdicts[i]->number == number)
			return outcome->verdicts[i]->field;
	return "";
}

/* Takes the report apart that stands `number` - row->first behind the submission's begin. Of the submission, which may
 * have many more, nothing else is kept. */
static enum error report_take(struct journal_case *c, const struct entry_row *row, struct bytes content,
			      uint64_t number, struct arena *whole, struct case_report *out, struct fault *fault)
{
	const Simpul__StoredSubmission *stored = stored_unpack(&simpul__stored_submission__descriptor, content, whole);
	const Simpul__Receipt *outcome = outcome_unpack(row->outcome, whole);
	const uint64_t index = number - row->first;

	if (index >= row->count)
		return fault_at(fault, E_NOT_FOUND, "report");
	if (stored == NULL || outcome == NULL || index >= stored->n_headers)
		return entry_corrupt(row->entry, fault);
	*out = (struct case_report){.entry = row->entry,
				    .place = (uint32_t)index,
				    .accepted_at = row->accepted_at,
				    .policy_version = row->policy_version,
				    .verdict = outcome_verdict(outcome, number),
				    .field = arena_text(&c->arena, verdict_field(outcome, number)),
				    .audience = audience_set_get(&c->audiences, row->audience_id)};
	out->header = stored_unpack(&simpul__header__descriptor,
				    BYTES(stored->headers[index].data, stored->headers[index].len), &c->arena);
	out->routing = stored_unpack(&simpul__routing__descriptor, BYTES(stored->routing.data, stored->routing.len),
				     &c->arena);
	return out->header == NULL || out->routing == NULL || out->audience == NULL ? entry_corrupt(row->entry, fault)
										    : E_OK;
}

enum error journal_case_report(struct journal_case *c, const struct report_name *name, struct case_report *out,
			       struct fault *fault)
{
	sqlite3_stmt *get =
		database_prepare(c->db, "SELECT " ENTRY_COLUMNS ", content FROM entry JOIN content USING(entry) "
					"WHERE entry = ?1");
	struct entry_row row;
	struct arena whole;
	uint64_t entry;
	enum error error = entry_find(c, name, &entry, fault);

	arena_init(&whole);
	if (error == E_OK) {
		bind_number(get, 1, entry);
		error = journal_row_step(get, fault);
	}
	if (error == E_OK && !row_load(get, &row))
		error = entry_corrupt(entry, fault);
	if (error == E_OK)
		error = report_take(c, &row, column_bytes(get, ENTRY_COLUMN_COUNT), name->number, &whole, out, fault);
	sqlite3_finalize(get);
	arena_fini(&whole);
	return error;
}

enum error journal_case_delivery(struct journal_case *c, const char *node, uint64_t entry, bool *acknowledged,
				 uint32_t *withheld, struct fault *fault)
{
	sqlite3_stmt *cursor = case_statement(c, &c->cursor, "SELECT entry FROM cursor WHERE node = ?1");
	sqlite3_stmt *held = case_statement(
		c, &c->withheld, "SELECT max(policy_version) FROM withheld WHERE node = ?1 AND entry = ?2");
	uint64_t upto = 0, version = 0;
	enum error error;

	bind_text(cursor, 1, node);
	bind_text(held, 1, node);
	bind_number(held, 2, entry);
	error = journal_number(cursor, 0, &upto, fault);
	if (error == E_OK)
		error = journal_number(held, 0, &version, fault);
	*acknowledged = upto >= entry;
	*withheld = (uint32_t)version;
	return error;
}
