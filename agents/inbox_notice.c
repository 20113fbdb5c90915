/* inbox_notice - checks what a stub says of a report, and writes the row of it. */
#include "agents/inbox_notice.h"
#include "agents/erase.h"
#include "agents/view.h"
#include "common/content.h"
#include "common/superseded.h"
#include "common/wire.h"

#include <string.h>

/* ---- whether it holds */

static enum error notice_verify(struct store *store, const Simpul__Entry *entry, enum error *why, struct fault *fault)
{
	const Simpul__Superseded *said = entry->stub->superseded;
	struct member_key key;

	*why = E_BAD_SIGNATURE;
	if (said->report == NULL)
		return E_OK;
	*why = store_key(store, said->report->origin, said->key_id, entry->entry, &key, fault);
	if (*why != E_OK)
		return *why == E_KEY_UNKNOWN || *why == E_KEY_EXPIRED ? E_OK : *why;
	if (!superseded_verify(store->exchange, key.member.signing_key, said->report,
			       BYTES(said->signature.data, said->signature.len)))
		*why = E_BAD_SIGNATURE;
	else if (key.standing == SIMPUL__STANDING__STANDING_COMPROMISED && entry->accepted_at >= key.doubtful_since)
		*why = E_KEY_REVOKED;
	return E_OK;
}

/* ---- the report that is meant */

struct meant {
	struct report_name name;
	struct arena *arena;
	bool is_here;		      /* it or an update of it, whether that verified or not */
	const Simpul__Header *header; /* of one of them that did; NULL: none */
};

static bool row_find(void *context, const struct inbox_row *row)
{
	struct meant *meant = context;

	meant->is_here = meant->is_here || !row->is_notice;
	if (row->trust != TRUST_BAD && !row->is_notice)
		meant->header = wire_unpack(&simpul__header__descriptor, row->header, meant->arena, NULL);
	return meant->header == NULL;
}

/* Who is in the audience of an update alone has that, and never had the report. */
static enum error update_find(struct store *store, struct meant *meant, struct fault *fault)
{
	static const char sql[] =
		"SELECT i.header, i.trust FROM mark m CROSS JOIN inbox i ON i.row = m.row WHERE m.origin = ?1"
		" AND m.epoch = ?2 AND m.stream = ?3 AND m.number = ?4 AND m.kind = 3"
		" ORDER BY i.trust = 2, m.place DESC LIMIT 1";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	name_bind(get, 1, &meant->name);
	error = store_ask(store, get, fault);
	meant->is_here = meant->is_here || error == E_OK;
	if (error == E_OK && column_number(get, 1) != TRUST_BAD)
		meant->header =
			wire_unpack(&simpul__header__descriptor, column_bytes(get, 0), meant->arena, NULL);
	sqlite3_reset(get);
	return error == E_NOT_FOUND ? E_OK : error;
}

static enum error meant_find(struct store *store, struct meant *meant, struct fault *fault)
{
	enum error error = view_inbox_by_name(store, &meant->name, row_find, meant, fault);

	return error == E_OK && meant->header == NULL ? update_find(store, meant, fault) : error;
}

/* A cancel's header, as far as this office may know it: all that it has is of the report that it got. Empty where none
 * of what it got can be trusted: no sink has anything of that, and none gets this. */
static void header_make(const struct meant *meant, Simpul__Name *report, struct buffer *out)
{
	Simpul__Header header;

	if (meant->header == NULL)
		return;
	header = *meant->header;
	header.name = report;
	header.kind = SIMPUL__KIND__KIND_CANCEL;
	header.msg_type = msg_type_of(header.kind);
	header.about = meant->header->kind == SIMPUL__KIND__KIND_UPDATE ? meant->header->about : meant->header->kind;
	header.n_references = 1;
	header.references = &report;
	header.expires = 0;
	wire_pack(&header, out);
}

/* ---- writing */

static enum error proof_store(struct store *store, const Simpul__Entry *entry, uint32_t incarnation,
			      struct fault *fault)
{
	static const char sql[] = "INSERT INTO inbox_delivery(incarnation, entry, origin, key_id, accepted_at,"
				  " policy_version, content_key, proof) VALUES(?1, ?2, ?3, ?4, ?5, ?6, x'', ?7)";
	const Simpul__Superseded *said = entry->stub->superseded;
	sqlite3_stmt *put = store_statement(store, sql);
	struct buffer proof = {0};
	enum error error;

	wire_pack(said, &proof);
	bind_number(put, 1, incarnation);
	bind_number(put, 2, entry->entry);
	bind_text(put, 3, said->report->origin);
	bind_number(put, 4, said->key_id);
	bind_number(put, 5, entry->accepted_at);
	bind_number(put, 6, entry->stub->policy_version);
	bind_bytes(put, 7, buffer_view(&proof));
	error = database_step(put, fault);
	buffer_free(&proof);
	return error;
}

static enum error row_store(struct store *store, const Simpul__Entry *entry, const struct meant *meant,
			    struct fault *fault)
{
	static const char sql[] = "INSERT INTO inbox(entry, idx, origin, epoch, stream, number, accepted_at, received_at,"
				  " trust, kind, label, category, region, delivery_id, notice, header, body)"
				  " VALUES(?1, 0, ?2, ?3, ?4, ?5, ?6, ?7, 0, 4, ?8, ?9, ?10, ?11, 1, ?12, x'')";
	sqlite3_stmt *put = store_statement(store, sql);
	const Simpul__Header *known = meant->header;
	struct buffer header = {0};
	enum error error;

	header_make(meant, entry->stub->superseded->report, &header);
	bind_number(put, 1, entry->entry);
	name_bind(put, 2, &meant->name);
	bind_number(put, 6, entry->accepted_at);
	bind_number(put, 7, clock_now().wall);
	bind_number(put, 8, known != NULL ? known->label : 0);
	bind_text(put, 9, known != NULL ? known->category : "");
	bind_text(put, 10, known != NULL ? known->region : "");
	bind_number(put, 11, (uint64_t)sqlite3_last_insert_rowid(store->db));
	bind_bytes(put, 12, buffer_view(&header));
	error = database_step(put, fault);
	buffer_free(&header);
	return error;
}

static enum error mark_store(struct store *store, const struct meant *meant, struct fault *fault)
{
	sqlite3_stmt *put = store_statement(store, "INSERT INTO mark(origin, epoch, stream, number, kind, place, row)"
						   " SELECT ?1, ?2, ?3, ?4, 0, place, row FROM inbox WHERE row = ?5");

	name_bind(put, 1, &meant->name);
	bind_number(put, 5, (uint64_t)sqlite3_last_insert_rowid(store->db));
	return database_step(put, fault);
}

static enum error notice_store(struct store *store, const Simpul__Entry *entry, uint32_t incarnation,
			       const struct meant *meant, struct fault *fault)
{
	enum error error = proof_store(store, entry, incarnation, fault);

	if (error == E_OK)
		error = row_store(store, entry, meant, fault);
	return error == E_OK ? mark_store(store, meant, fault) : error;
}

enum error inbox_store_notice(struct store *store, const Simpul__Entry *entry, uint32_t incarnation, enum error *why,
			      struct fault *fault)
{
	const Simpul__Name *report = entry->stub->superseded->report;
	struct meant meant = {.is_here = false};
	struct arena arena;
	enum error error = notice_verify(store, entry, why, fault);

	if (error != E_OK || *why != E_OK)
		return error;
	arena_init(&arena);
	meant.arena = &arena;
	meant.name = (struct report_name){
		.epoch = report->epoch, .stream = (uint32_t)report->stream, .number = report->number};
	strcpy(meant.name.origin, report->origin); /* a node's name, or no signature would hold */
	error = meant_find(store, &meant, fault);
	if (error == E_OK && meant.is_here)
		error = notice_store(store, entry, incarnation, &meant, fault);
	arena_fini(&arena);
	return error;
}
