/* outbox_since - sees to updates and cancels of the present epoch that speak of reports which move behind them.
 *
 * Two disks were lost for that: the office's, which began the epoch, and then the broker's, which had accepted both the
 * report and what was said of it. The broker knows the report's name no more, and nobody may get as current what was
 * taken back, or older words after the newer ones. */
#include "agents/reports/outbox.h"
#include "agents/reports/outbox_moves.h"
#include "common/log.h"
#include "common/memory.h"

#include <stdlib.h>
#include <string.h>

/* An update or cancel of the present epoch that the broker does not have. */
struct word {
	struct report_name name, about;
	Simpul__Kind kind;
};

struct words {
	struct word *list;
	size_t count, capacity;
};

/* ---- what was said */

/* An own cancel that has expired meanwhile holds as ever; one that was refused never did. ?2 is E_EXPIRED. */
#define CANCELS(row) row ".kind = 4 AND (" row ".code = 0 OR (" row ".code = ?2 AND " row ".erased_at > 0))"

static void words_add(struct words *words, const struct word *word)
{
	if (words->count == words->capacity) {
		words->capacity = words->capacity > 0 ? 2 * words->capacity : 16;
		words->list = memory_grow(words->list, words->capacity, sizeof *words->list);
	}
	words->list[words->count++] = *word;
}

static enum error words_read(struct store *store, struct words *words, struct fault *fault)
{
	static const char sql[] =
		"SELECT o.epoch, o.stream, o.number, o.kind, o.reference FROM stream s CROSS JOIN outbox_report o"
		" ON o.epoch = s.epoch AND o.stream = s.stream AND o.number > s.receipted WHERE s.epoch = ?1"
		" AND o.reference <> '' AND ((o.kind = 3 AND o.code = 0) OR"
		" (" CANCELS("o") ")) ORDER BY o.stream, o.number";
	sqlite3_stmt *rows = store_statement(store, sql);
	struct word word;
	enum error error;

	bind_number(rows, 1, store->epoch);
	bind_number(rows, 2, E_EXPIRED);
	while ((error = store_ask(store, rows, fault)) == E_OK) {
		word.name = own_name_column(rows, 0, store->node);
		word.kind = (Simpul__Kind)column_number(rows, 3);
		if (report_name_parse(column_text(rows, 4), &word.about))
			words_add(words, &word);
	}
	sqlite3_reset(rows);
	return error == E_NOT_FOUND ? E_OK : error;
}

/* The cancel that takes back a report which is to be sent, or what that is an update of; E_NOT_FOUND. */
static enum error cancel_find(struct store *store, const struct report_name *name, struct report_name *cancel,
			      struct fault *fault)
{
	static const char sql[] =
		"SELECT c.epoch, c.stream, c.number FROM outbox_report o CROSS JOIN outbox_report c"
		" INDEXED BY outbox_reference ON c.reference <> ''"
		" AND c.reference IN (?6, CASE o.kind WHEN 3 THEN o.reference END) WHERE o.epoch = ?3 AND o.stream = ?4"
		" AND o.number = ?5 AND o.code = 0 AND c.epoch = ?1 AND " CANCELS("c") " LIMIT 1";
	sqlite3_stmt *get = store_statement(store, sql);
	char text[REPORT_NAME_SIZE];
	enum error error;

	bind_number(get, 1, store->epoch);
	bind_number(get, 2, E_EXPIRED);
	own_name_bind(get, 3, name);
	bind_text(get, 6, report_name_text(name, text));
	error = store_ask(store, get, fault);
	if (error == E_OK)
		*cancel = own_name_column(get, 0, store->node);
	sqlite3_reset(get);
	return error;
}

/* ---- what becomes of the reports */

/* Why stands in `field`: the name that counts in its place. */
static enum error withdraw(struct store *store, const struct report_name *name, const char *field, struct fault *fault)
{
	static const char sql[] =
		"UPDATE outbox_report SET code = ?4, field = ?5 WHERE epoch = ?1 AND stream = ?2 AND number = ?3";
	sqlite3_stmt *put = store_statement(store, sql);
	char text[REPORT_NAME_SIZE];

	own_name_bind(put, 1, name);
	bind_number(put, 4, E_WITHDRAWN);
	bind_text(put, 5, field);
	log_event(LOG_LEVEL_WARNING, "report.refused", F_TEXT("name", report_name_text(name, text)),
		  F_TEXT("code", error_name(E_WITHDRAWN)), F_TEXT("field", field));
	return database_step(put, fault);
}

static struct report_name name_of(const struct store *store, const struct move *move)
{
	struct report_name name = {.epoch = move->epoch, .stream = move->stream, .number = move->number};

	strcpy(name.origin, store->node);
	return name;
}

static enum error cancelled_withdraw(struct store *store, struct move *move, struct fault *fault)
{
	const struct report_name name = name_of(store, move);
	struct report_name cancel;
	char text[REPORT_NAME_SIZE];
	enum error error = cancel_find(store, &name, &cancel, fault);

	if (error == E_OK)
		error = withdraw(store, &name, report_name_text(&cancel, text), fault);
	else if (error == E_NOT_FOUND)
		return E_OK;
	move->is_void = true;
	return error;
}

/* ---- updates that are newer than what moves */

/* Whether an older update of `about` moves: it would come after the newer one, and take its place. */
static enum error older_find(struct store *store, const struct moves *moves, const struct report_name *about,
			     bool *found, struct fault *fault)
{
	static const char sql[] = "SELECT epoch, stream, number FROM outbox_report WHERE reference = ?1"
				  " AND reference <> '' AND kind = 3 AND code = 0 AND epoch < ?2";
	sqlite3_stmt *rows = store_statement(store, sql);
	char text[REPORT_NAME_SIZE];
	enum error error;

	*found = false;
	bind_text(rows, 1, report_name_text(about, text));
	bind_number(rows, 2, store->epoch);
	while (!*found && (error = store_ask(store, rows, fault)) == E_OK) {
		const struct report_name name = own_name_column(rows, 0, store->node);

		*found = moves_seek(moves, &name) != NULL;
	}
	sqlite3_reset(rows);
	return error == E_NOT_FOUND ? E_OK : error;
}

/* An update stays where it is when it was cancelled, or when nothing is left of what it is about. */
static enum error update_follow(struct store *store, struct moves *moves, const struct word *word, struct fault *fault)
{
	const struct move *move = moves_seek(moves, &word->about);
	struct report_name cancel;
	bool follows = move != NULL && !move->is_void;
	enum error error = cancel_find(store, &word->name, &cancel, fault);

	if (error != E_NOT_FOUND)
		return error;
	error = move == NULL ? older_find(store, moves, &word->about, &follows, fault) : E_OK;
	if (error == E_OK && follows)
		moves_add(moves, (struct move){.epoch = word->name.epoch,
					       .stream = word->name.stream,
					       .number = word->name.number});
	return error;
}

/* The broker will refuse it, as it does not know what it is about. */
static void lost_log(const struct moves *moves, const struct word *word)
{
	char name[REPORT_NAME_SIZE], about[REPORT_NAME_SIZE];

	if (moves_seek(moves, &word->about) != NULL && moves_seek(moves, &word->name) == NULL)
		log_event(LOG_LEVEL_WARNING, "outbox.reference_lost",
			  F_TEXT("name", report_name_text(&word->name, name)),
			  F_TEXT("reference", report_name_text(&word->about, about)));
}

static enum error words_heed(struct store *store, struct moves *moves, const struct words *words, struct fault *fault)
{
	enum error error = E_OK;

	for (size_t i = 0; error == E_OK && i < moves->count; i++)
		error = cancelled_withdraw(store, &moves->list[i], fault);
	for (size_t i = 0; error == E_OK && i < words->count; i++)
		if (words->list[i].kind == SIMPUL__KIND__KIND_UPDATE)
			error = update_follow(store, moves, &words->list[i], fault);
	for (size_t i = 0; error == E_OK && i < words->count; i++)
		lost_log(moves, &words->list[i]);
	return error;
}

enum error moves_heed(struct store *store, struct moves *moves, struct fault *fault)
{
	struct words words = {0};
	enum error error = moves->count > 0 ? words_read(store, &words, fault) : E_OK;

	if (error == E_OK && words.count > 0)
		error = words_heed(store, moves, &words, fault);
	free(words.list);
	return error;
}

/* ---- under another number */

/* The row of the old number is then about the new one: what erases that erases both. */
static enum error old_withdraw(struct store *store, const struct report_name *name, const char *now,
			       struct fault *fault)
{
	static const char sql[] =
		"UPDATE outbox_report SET reference = ?4 WHERE epoch = ?1 AND stream = ?2 AND number = ?3";
	sqlite3_stmt *put = store_statement(store, sql);
	enum error error;

	own_name_bind(put, 1, name);
	bind_text(put, 4, now);
	error = database_step(put, fault);
	if (error == E_OK)
		error = withdraw(store, name, now, fault);
	return error == E_OK ? outbox_unfreeze(store, name, fault) : error;
}

enum error moves_repeat(struct store *store, const struct move *move, struct bytes header, const char *reference,
			struct fault *fault)
{
	static const char sql[] =
		"INSERT INTO outbox_report(epoch, stream, number, routing_key, alone, sealed, kind, label, category,"
		" region, taken_at, source, routing, header, body, reference, expires) SELECT epoch, stream, ?4,"
		" routing_key, alone, sealed, kind, label, category, region, taken_at, source, routing, ?5, body, ?6,"
		" expires FROM outbox_report WHERE epoch = ?1 AND stream = ?2 AND number = ?3";
	sqlite3_stmt *put = store_statement(store, sql);
	const struct report_name name = name_of(store, move);
	struct report_name now = name;
	char text[REPORT_NAME_SIZE];
	enum error error;

	now.number = move->becomes;
	own_name_bind(put, 1, &name);
	bind_number(put, 4, move->becomes);
	bind_bytes(put, 5, header);
	bind_text(put, 6, reference);
	error = database_step(put, fault);
	return error == E_OK ? old_withdraw(store, &name, report_name_text(&now, text), fault) : error;
}
