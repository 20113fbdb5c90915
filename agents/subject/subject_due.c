/* subject_due - counts what is due, and says it once a day. */
#include "agents/subject/subject_due.h"
#include "agents/store/reference.h"
#include "agents/subject/subject_book.h"
#include "agents/subject/subject_record.h"
#include "common/content.h"
#include "common/log.h"
#include "common/wire.h"
#include <stdio.h>
#include <string.h>

#define MINUTE_MS 60000

struct counting {
	struct store *store;
	struct subject_due *due;
	wall_ms now, first;
	json_t *answered; /* by the name of a query: true */
	struct arena arena;
};

/* Of what is to be answered; `name` is its name. */
static void count_add(struct counting *counting, wall_ms deadline, const char *name)
{
	struct subject_due *due = counting->due;

	if (due->first[0] == '\0' || deadline < counting->first ||
	    (deadline == counting->first && strcmp(name, due->first) < 0)) {
		snprintf(due->first, sizeof(due->first), "%s", name);
		counting->first = deadline;
	}
	if (counting->now >= deadline)
		due->overdue++;
	else if (deadline - counting->now <= SUBJECT_URGENT_MS)
		due->urgent++;
	else
		due->open++;
}

/* The name in the first four columns of a row. */
static void name_text_of(sqlite3_stmt *row, char text[REPORT_NAME_SIZE])
{
	const struct report_name name = name_column(row, 0);

	report_name_text(&name, text);
}

/* The fifth column; NULL when it is none. */
static const Simpul__Header *header_of(struct counting *counting, sqlite3_stmt *row)
{
	return wire_unpack(&simpul__header__descriptor, column_bytes(row, 4), &counting->arena, NULL);
}

/* An own answer, or a part of one: the query that it is to, and whether all of it was said by now. */
static bool answer_ends(struct counting *counting, sqlite3_stmt *row, struct subject_parts *parts,
			char query[REPORT_NAME_SIZE])
{
	struct arena *arena = &counting->arena;
	const Simpul__Header *header = wire_unpack(&simpul__header__descriptor, column_bytes(row, 0), arena, NULL);
	const Simpul__Body *body = wire_unpack(&simpul__body__descriptor, column_bytes(row, 2), arena, NULL);
	const Simpul__Answer *answer =
		body != NULL && body->content_case == SIMPUL__BODY__CONTENT_ANSWER ? body->answer : NULL;
	const Simpul__SubjectHoldings *said =
		answer != NULL && answer->reply_case == SIMPUL__ANSWER__REPLY_SUBJECT_ACCESS ? answer->subject_access
											     : NULL;
	struct report_name asked;

	if (header == NULL || said == NULL || !reference_read(header, &asked))
		return false;
	report_name_text(&asked, query);
	return subject_parts_end(parts, query, said->part, said->parts, column_number(row, 1) != 0);
}

/* To what this office answered. */
static enum error answered_read(struct counting *counting, struct fault *fault)
{
	static const char sql[] = "SELECT header, code, body FROM outbox_report WHERE kind IN (10, 11) AND kind = 11"
				  " AND erased_at = 0 ORDER BY epoch, stream, number";
	sqlite3_stmt *get = store_statement(counting->store, sql);
	struct subject_parts parts = {.whole = false};
	char query[REPORT_NAME_SIZE];
	enum error error;

	while ((error = store_ask(counting->store, get, fault)) == E_OK) {
		if (answer_ends(counting, get, &parts, query))
			json_object_set_new(counting->answered, query, json_true());
		arena_reset(&counting->arena);
	}
	sqlite3_reset(get);
	return error == E_NOT_FOUND ? E_OK : error;
}

/* What others ask. */
static enum error received_count(struct counting *counting, struct fault *fault)
{
	static const char sql[] =
		"SELECT origin, epoch, stream, number, header, body FROM inbox q WHERE kind IN (10, 11) AND kind = 10"
		" AND category = '" CATEGORY_SUBJECT_ACCESS "' AND trust = 0 AND erased_at = 0 AND NOT EXISTS("
		"SELECT 1 FROM mark m CROSS JOIN inbox i ON i.row = m.row WHERE m.origin = q.origin AND m.epoch = "
		"q.epoch"
		" AND m.stream = q.stream AND m.number = q.number AND m.kind = 4 AND i.trust = 0)";
	sqlite3_stmt *get = store_statement(counting->store, sql);
	const Simpul__Header *header;
	char name[REPORT_NAME_SIZE];
	enum error error;

	while ((error = store_ask(counting->store, get, fault)) == E_OK) {
		header = header_of(counting, get);
		name_text_of(get, name);
		if (header != NULL && !json_is_true(json_object_get(counting->answered, name)) &&
		    subject_is_sound(header, column_bytes(get, 5), &counting->arena))
			count_add(counting, header->deadline, name);
		arena_reset(&counting->arena);
	}
	sqlite3_reset(get);
	return error == E_NOT_FOUND ? E_OK : error;
}

/* What this office asked. */
static enum error own_count(struct counting *counting, struct fault *fault)
{
	static const char sql[] = "SELECT ?1, epoch, stream, number, header FROM outbox_report"
				  " WHERE kind IN (10, 11) AND kind = 10 AND category = '" CATEGORY_SUBJECT_ACCESS
				  "' AND code = 0 AND erased_at = 0";
	sqlite3_stmt *get = store_statement(counting->store, sql);
	const Simpul__Header *header;
	char name[REPORT_NAME_SIZE];
	enum error error;

	bind_text(get, 1, counting->store->node);
	while ((error = store_ask(counting->store, get, fault)) == E_OK) {
		bool done = true;

		header = header_of(counting, get);
		name_text_of(get, name);
		if (header != NULL)
			error = subject_taken_back(counting->store, name, &done, fault);
		if (error == E_OK && !done)
			error = subject_record_done(counting->store, name, header->deadline, &done, fault);
		if (error != E_OK)
			break;
		if (!done)
			count_add(counting, header->deadline, name);
		arena_reset(&counting->arena);
	}
	sqlite3_reset(get);
	return error == E_NOT_FOUND ? E_OK : error;
}

/* Of the answers of others, which are long and come as often as they like, nothing is read. */
enum error subject_due_count(struct store *store, wall_ms now, struct subject_due *due, struct fault *fault)
{
	struct counting counting = {.store = store, .due = due, .now = now, .answered = json_object()};
	enum error error;

	*due = (struct subject_due){0};
	arena_init(&counting.arena);
	error = answered_read(&counting, fault);
	if (error == E_OK)
		error = received_count(&counting, fault);
	if (error == E_OK)
		error = own_count(&counting, fault);
	arena_fini(&counting.arena);
	json_decref(counting.answered);
	return error;
}

void subject_due_step(struct subject_watch *watch, struct store *store, const struct now *now)
{
	struct subject_due due;

	if (watch->asked != 0 && now->steady - watch->asked < MINUTE_MS)
		return;
	watch->asked = now->steady;
	if (subject_due_count(store, now->wall, &due, NULL) != E_OK)
		return;
	if (due.urgent + due.overdue == 0) {
		watch->told = 0;
		watch->said = due;
		return;
	}
	/* A clock that was set back is no reason to be silent. */
	if (watch->told != 0 && now->wall >= watch->told && now->wall - watch->told < DAY_MS &&
	    due.overdue <= watch->said.overdue && due.urgent <= watch->said.urgent)
		return;
	watch->told = now->wall;
	watch->said = due;
	log_event(LOG_LEVEL_WARNING, "subject.due", F_TEXT("node", store->node), F_TEXT("request", due.first),
		  F_NUM("urgent", due.urgent), F_NUM("overdue", due.overdue));
}
