/* reference - looks in inbox and outbox for what a header refers to. */
#include "agents/store/reference.h"
#include "common/content.h"

#include <string.h>

bool name_read(const Simpul__Name *message, struct report_name *name)
{
	if (strlen(message->origin) > LIMIT_NODE_NAME)
		return false;
	*name = (struct report_name){
		.epoch = message->epoch, .stream = (uint32_t)message->stream, .number = message->number};
	strcpy(name->origin, message->origin);
	return true;
}

bool reference_read(const Simpul__Header *header, struct report_name *meant)
{
	return header->n_references == 1 && name_read(header->references[0], meant);
}

bool reference_of(const Simpul__Header *header, const char *origin, struct report_name *meant)
{
	return reference_read(header, meant) && strcmp(meant->origin, origin) == 0;
}

/* In the inbox, under a name that its origin signed. */
static enum error received_find(struct store *store, const struct report_name *name, struct fault *fault)
{
	static const char sql[] = "SELECT 1 FROM inbox WHERE origin = ?1 AND epoch = ?2 AND stream = ?3 AND number = ?4"
				  " AND trust <> 2 AND notice = 0 LIMIT 1";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	name_bind(get, 1, name);
	error = store_ask(store, get, fault);
	sqlite3_reset(get);
	return error;
}

/* Whoever got an update alone has with it all that the report says by now. */
static enum error update_find(struct store *store, const struct report_name *name, struct fault *fault)
{
	static const char sql[] = "SELECT 1 FROM mark m CROSS JOIN inbox i ON i.row = m.row WHERE m.origin = ?1"
				  " AND m.epoch = ?2 AND m.stream = ?3 AND m.number = ?4 AND m.kind = 3 AND i.trust <> 2"
				  " LIMIT 1";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	name_bind(get, 1, name);
	error = store_ask(store, get, fault);
	sqlite3_reset(get);
	return error;
}

enum error own_report_find(struct store *store, const Simpul__Name *name, struct fault *fault)
{
	static const char sql[] = "SELECT 1 FROM outbox_report WHERE epoch = ?1 AND stream = ?2 AND number = ?3";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	if (strcmp(name->origin, store->node) != 0)
		return E_NOT_FOUND;
	bind_number(get, 1, name->epoch);
	bind_number(get, 2, name->stream);
	bind_number(get, 3, name->number <= INT64_MAX ? name->number : 0);
	error = store_ask(store, get, fault);
	sqlite3_reset(get);
	return error;
}

enum error reference_find(struct store *store, const char *origin, const Simpul__Header *header, struct fault *fault)
{
	struct report_name meant;
	enum error error;

	if (header->kind == SIMPUL__KIND__KIND_PURGE_RECEIPT ||
	    (header->kind == SIMPUL__KIND__KIND_CANCEL && header->erase))
		return E_OK;
	if (kind_is_answer(header->kind))
		return header->n_references == 1 ? own_report_find(store, header->references[0], fault) : E_NOT_FOUND;
	if (header->kind != SIMPUL__KIND__KIND_CANCEL)
		return E_OK;
	if (!reference_of(header, origin, &meant))
		return E_NOT_FOUND;
	error = received_find(store, &meant, fault);
	return error == E_NOT_FOUND ? update_find(store, &meant, fault) : error;
}
