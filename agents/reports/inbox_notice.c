/* inbox_notice - checks what a stub says of a report, and writes the row of it. */
#include "agents/reports/inbox_notice.h"
#include "agents/reports/view.h"
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
	if (said->report == NULL || !node_name_valid(said->report->origin))
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
	uint64_t delivery_id; /* of what says so */
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
		meant->header = wire_unpack(&simpul__header__descriptor, column_bytes(get, 0), meant->arena, NULL);
	sqlite3_reset(get);
	return error == E_NOT_FOUND ? E_OK : error;
}

static enum error meant_find(struct store *store, struct meant *meant, struct fault *fault)
{
	enum error error = view_inbox_by_name(store, &meant->name, row_find, meant, fault);

	return error == E_OK && meant->header == NULL ? update_find(store, meant, fault) : error;
}

/* A cancel's header, as far as this office may know it: all that it has is of what it got. Where none of that can be
 * trusted there is no header: no sink has anything of it, and none gets this. */
static void header_make(const Simpul__Header *known, Simpul__Name *report, struct buffer *out)
{
	Simpul__Header header = *known;

	header.name = report;
	header.kind = SIMPUL__KIND__KIND_CANCEL;
	header.msg_type = msg_type_of(header.kind);
	header.about = known->kind == SIMPUL__KIND__KIND_UPDATE ? known->about : known->kind;
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
			    enum inbox_trust trust, struct fault *fault)
{
	static const char sql[] =
		"INSERT INTO inbox(entry, idx, origin, epoch, stream, number, accepted_at, received_at,"
		" trust, kind, label, category, region, delivery_id, notice, header, body)"
		" VALUES(?1, 0, ?2, ?3, ?4, ?5, ?6, ?7, ?13, 4, ?8, ?9, ?10, ?11, 1, ?12, x'')";
	sqlite3_stmt *put = store_statement(store, sql);
	const Simpul__Header *known = trust == TRUST_GOOD ? meant->header : NULL;
	struct buffer header = {0};
	enum error error;

	if (known != NULL)
		header_make(known, entry->stub->superseded->report, &header);
	bind_number(put, 1, entry->entry);
	name_bind(put, 2, &meant->name);
	bind_number(put, 6, entry->accepted_at);
	bind_number(put, 7, clock_now().wall);
	bind_number(put, 8, known != NULL ? known->label : 0);
	bind_text(put, 9, known != NULL ? known->category : "");
	bind_text(put, 10, known != NULL ? known->region : "");
	bind_number(put, 11, meant->delivery_id);
	bind_bytes(put, 12, buffer_view(&header));
	bind_number(put, 13, trust);
	error = database_step(put, fault);
	buffer_free(&header);
	return error;
}

static enum error mark_store(struct store *store, const struct meant *meant, uint64_t row, struct fault *fault)
{
	sqlite3_stmt *put = store_statement(store, "INSERT INTO mark(origin, epoch, stream, number, kind, place, row)"
						   " SELECT ?1, ?2, ?3, ?4, 0, place, row FROM inbox WHERE row = ?5");

	name_bind(put, 1, &meant->name);
	bind_number(put, 5, row);
	return database_step(put, fault);
}

/* Of a delivery that is stored; *row receives the number. What does not verify means nothing, and has no mark. */
static enum error notice_put(struct store *store, const Simpul__Entry *entry, const struct meant *meant,
			     enum inbox_trust trust, uint64_t *row, struct fault *fault)
{
	enum error error = row_store(store, entry, meant, trust, fault);

	*row = (uint64_t)sqlite3_last_insert_rowid(store->db);
	return error == E_OK && trust == TRUST_GOOD ? mark_store(store, meant, *row, fault) : error;
}

/* A broker that was restored brings again what this office has: a notice that it lost (inbox_store_rewind) is the one
 * that came again, and stays in its place. The statement alone would not tell it from that of a later update, which is
 * the same. */
static enum error repeat_take(struct store *store, const Simpul__Entry *entry, uint32_t incarnation,
			      const struct meant *meant, bool *is_repeat, struct fault *fault)
{
	static const char sql[] =
		"UPDATE inbox_delivery SET incarnation = ?5, entry = ?6 WHERE delivery_id = (SELECT min(d.delivery_id)"
		" FROM inbox i CROSS JOIN inbox_delivery d ON d.delivery_id = i.delivery_id WHERE i.origin = ?1"
		" AND i.epoch = ?2 AND i.stream = ?3 AND i.number = ?4 AND i.notice = 1 AND i.trust = 0"
		" AND d.incarnation = 0 AND d.proof = ?7)";
	sqlite3_stmt *put = store_statement(store, sql);
	struct buffer proof = {0};
	enum error error;

	wire_pack(entry->stub->superseded, &proof);
	name_bind(put, 1, &meant->name);
	bind_number(put, 5, incarnation);
	bind_number(put, 6, entry->entry);
	bind_bytes(put, 7, buffer_view(&proof));
	error = database_step(put, fault);
	*is_repeat = error == E_OK && sqlite3_changes(store->db) > 0;
	buffer_free(&proof);
	return error;
}

static enum error notice_store(struct store *store, const Simpul__Entry *entry, uint32_t incarnation,
			       struct meant *meant, struct quarantine_item *item, struct fault *fault)
{
	bool is_repeat = false;
	enum error error = meant_find(store, meant, fault);

	if (error == E_OK && item->code == E_OK)
		error = repeat_take(store, entry, incarnation, meant, &is_repeat, fault);
	if (error != E_OK || !meant->is_here || is_repeat)
		return error;
	error = proof_store(store, entry, incarnation, fault);
	meant->delivery_id = (uint64_t)sqlite3_last_insert_rowid(store->db);
	if (error == E_OK)
		error = notice_put(store, entry, meant, item->code == E_OK ? TRUST_GOOD : TRUST_BAD, &item->row, fault);
	item->cause = QUARANTINE_NOTICE;
	item->name = meant->name;
	return error;
}

static bool name_take(const Simpul__Name *report, struct report_name *name)
{
	if (report == NULL || !node_name_valid(report->origin))
		return false;
	*name = (struct report_name){
		.epoch = report->epoch, .stream = (uint32_t)report->stream, .number = report->number};
	strcpy(name->origin, report->origin);
	return true;
}

enum error inbox_store_notice(struct store *store, const Simpul__Entry *entry, uint32_t incarnation,
			      struct quarantine_item *item, struct fault *fault)
{
	struct meant meant = {.is_here = false};
	struct arena arena;
	enum error error = notice_verify(store, entry, &item->code, fault);

	if (error != E_OK || !name_take(entry->stub->superseded->report, &meant.name))
		return error;
	arena_init(&arena);
	meant.arena = &arena;
	error = notice_store(store, entry, incarnation, &meant, item, fault);
	arena_fini(&arena);
	return error;
}

/* ---- once more */

/* The stub, as far as it is kept. */
struct kept_stub {
	struct arena arena;
	uint64_t delivery_id;
	Simpul__Entry entry;
	Simpul__Stub stub;
};

static enum error stub_read(struct store *store, uint64_t row, struct kept_stub *kept, struct fault *fault)
{
	static const char sql[] = "SELECT d.delivery_id, d.entry, d.accepted_at, d.proof FROM inbox i"
				  " JOIN inbox_delivery d USING(delivery_id)"
				  " WHERE i.row = ?1 AND i.trust = 2 AND i.notice = 1";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	simpul__entry__init(&kept->entry);
	simpul__stub__init(&kept->stub);
	kept->entry.stub = &kept->stub;
	bind_number(get, 1, row);
	error = store_ask(store, get, fault);
	if (error == E_OK) {
		kept->delivery_id = column_number(get, 0);
		kept->entry.entry = column_number(get, 1);
		kept->entry.accepted_at = column_number(get, 2);
		kept->stub.superseded =
			wire_unpack(&simpul__superseded__descriptor, column_bytes(get, 3), &kept->arena, fault);
		if (kept->stub.superseded == NULL)
			error = fault_at(fault, E_CORRUPT, "inbox_delivery.proof");
	} else if (error == E_NOT_FOUND) {
		fault_at(fault, error, "row");
	}
	sqlite3_reset(get);
	return error;
}

/* The row gives way to one behind all others; its place stays, for that is the delivery's. */
static enum error row_renew(struct store *store, const struct kept_stub *kept, uint64_t row, struct meant *meant,
			    struct fault *fault)
{
	sqlite3_stmt *drop = store_statement(store, "DELETE FROM inbox WHERE row = ?1");
	uint64_t renewed = 0;
	enum error error = meant_find(store, meant, fault);

	bind_number(drop, 1, row);
	if (error == E_OK)
		error = database_step(drop, fault);
	if (error == E_OK)
		error = notice_put(store, &kept->entry, meant, TRUST_GOOD, &renewed, fault);
	return error == E_OK ? quarantine_move(store, row, renewed, fault) : error;
}

enum error inbox_notice_again(struct store *store, uint64_t row, enum error *why, struct fault *fault)
{
	struct kept_stub kept = {.delivery_id = 0};
	struct meant meant = {.arena = &kept.arena};
	enum error error;

	arena_init(&kept.arena);
	error = stub_read(store, row, &kept, fault);
	if (error == E_OK)
		error = notice_verify(store, &kept.entry, why, fault);
	if (error == E_OK && *why == E_OK && name_take(kept.stub.superseded->report, &meant.name)) {
		meant.delivery_id = kept.delivery_id;
		error = row_renew(store, &kept, row, &meant, fault);
	}
	arena_fini(&kept.arena);
	return error;
}
