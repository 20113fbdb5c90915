/* proof - puts a report back among the leaves of its submission, and checks such a file. */
#include "agents/reports/proof.h"
#include "common/seal.h"
#include "common/submission.h"
#include "common/wire.h"
#include <string.h>

/* ------------------------------------------------------------------ making */

/* The body string as it was signed. */
static ProtobufCBinaryData signed_body(const Simpul__Proof *proof, const struct report_name *name, struct bytes body,
				       struct arena *arena)
{
	const struct body_place place = {.exchange = proof->exchange.data, .name = *name};
	struct buffer sealed = {0};
	ProtobufCBinaryData result;

	if (proof->content_key.len != KEY_SIZE)
		return to_binary(arena_bytes(arena, body));
	body_seal(proof->content_key.data, &place, body, &sealed);
	result = to_binary(arena_bytes(arena, buffer_view(&sealed)));
	buffer_free(&sealed);
	return result;
}

/* Puts header and body where the delivery has their leaf, or the hash that stands for a body that was erased. A report
 * that is kept whole as evidence stays as it is. */
static enum error report_put_back(Simpul__Proof *proof, const struct report_name *name, struct bytes header,
				  struct bytes body, struct bytes body_hash, struct arena *arena, struct fault *fault)
{
	Simpul__DeliveredReport *report;

	if (proof->index >= proof->delivery->n_reports)
		return fault_at(fault, E_CORRUPT, "index");
	report = proof->delivery->reports[proof->index];
	if (report->leaf.len == 0)
		return E_OK;
	if (body.size == 0 && body_hash.size != HASH_SIZE)
		return fault_at(fault, E_NOT_FOUND, "its content cannot be opened");
	report->leaf = (ProtobufCBinaryData){0};
	report->header = to_binary(arena_bytes(arena, header));
	if (body.size > 0)
		report->body = signed_body(proof, name, body, arena);
	else
		report->body_hash = to_binary(arena_bytes(arena, body_hash));
	return E_OK;
}

/* From a row (idx, accepted_at, entry, content_key, proof, header, body, body_hash). */
static enum error proof_read(sqlite3_stmt *row, const uint8_t exchange[EXCHANGE_SIZE], const struct report_name *name,
			     struct arena *arena, Simpul__Proof *proof, struct fault *fault)
{
	simpul__proof__init(proof);
	proof->exchange = to_binary(arena_bytes(arena, BYTES(exchange, EXCHANGE_SIZE)));
	proof->index = (uint32_t)column_number(row, 0);
	proof->accepted_at = column_number(row, 1);
	proof->entry = column_number(row, 2);
	/* The key opens other reports of the delivery: with one that says nothing any more it has nothing to do. */
	if (column_bytes(row, 7).size == 0)
		proof->content_key = to_binary(arena_bytes(arena, column_bytes(row, 3)));
	proof->delivery = wire_unpack(&simpul__delivery__descriptor, column_bytes(row, 4), arena, fault);
	if (proof->delivery == NULL)
		return fault_at(fault, E_CORRUPT, "delivery");
	return report_put_back(proof, name, column_bytes(row, 5), column_bytes(row, 6), column_bytes(row, 7), arena,
			       fault);
}

enum error proof_member_put(struct store *store, const struct report_name *name, struct arena *arena,
			    Simpul__Proof *proof, struct fault *fault)
{
	struct member_key *key = arena_alloc(arena, sizeof(*key));
	enum error error = store_key(store, name->origin, proof->delivery->key_id, proof->entry, key, fault);

	/* A key that was not in force is for the checker to see, not a reason to hold the proof back. */
	if (error != E_OK && error != E_KEY_EXPIRED)
		return error;
	proof->member = arena_alloc(arena, sizeof(*proof->member));
	member_to_message(&key->member, proof->member);
	proof->member_entry = key->valid_from;
	if (key->standing == SIMPUL__STANDING__STANDING_ACTIVE)
		return E_OK;
	proof->standing = arena_alloc(arena, sizeof(*proof->standing));
	simpul__member_standing__init(proof->standing);
	proof->standing->node = key->member.node;
	proof->standing->key_id = key->member.key_id;
	proof->standing->standing = key->standing;
	proof->standing->since = key->doubtful_since;
	return E_OK;
}

enum error proof_make_row(struct store *store, uint64_t row, const struct report_name *name, struct arena *arena,
			  Simpul__Proof **proof, struct fault *fault)
{
	static const char sql[] =
		"SELECT i.idx, i.accepted_at, i.entry, d.content_key, d.proof, i.header, i.body, i.body_hash"
		" FROM inbox i JOIN inbox_delivery d ON d.delivery_id = i.delivery_id WHERE i.row = ?1";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	*proof = arena_alloc(arena, sizeof(**proof));
	bind_number(get, 1, row);
	error = store_ask(store, get, fault);
	if (error == E_OK)
		error = proof_read(get, store->exchange, name, arena, *proof, fault);
	sqlite3_reset(get);
	return error == E_OK ? proof_member_put(store, name, arena, *proof, fault) : error;
}

enum error proof_make(struct store *store, const struct report_name *name, struct arena *arena, Simpul__Proof **proof,
		      struct fault *fault)
{
	static const char sql[] =
		"SELECT row FROM inbox WHERE origin = ?1 AND epoch = ?2 AND stream = ?3 AND number = ?4"
		" AND notice = 0 ORDER BY trust = 2, row LIMIT 1";
	sqlite3_stmt *get = store_statement(store, sql);
	uint64_t row = 0;
	enum error error;

	name_bind(get, 1, name);
	error = store_ask(store, get, fault);
	if (error == E_OK)
		row = column_number(get, 0);
	else if (error == E_NOT_FOUND)
		fault_at(fault, error, "%s", "");
	sqlite3_reset(get);
	return error == E_OK ? proof_make_row(store, row, name, arena, proof, fault) : error;
}

/* ------------------------------------------------------------------ checking */

static enum error key_check(const Simpul__Proof *proof, const uint8_t *exchange, const uint8_t *authority,
			    struct proof_finding *finding, struct fault *fault)
{
	enum error error;

	if (proof->exchange.len != EXCHANGE_SIZE)
		return fault_at(fault, E_INVALID, "exchange");
	if (exchange != NULL && memcmp(proof->exchange.data, exchange, EXCHANGE_SIZE) != 0)
		return fault_at(fault, E_EXCHANGE, "exchange");
	if (proof->member == NULL)
		return fault_at(fault, E_MISSING, "member");
	error = member_of_message(&finding->member, proof->member, fault);
	if (error == E_OK)
		error = member_check(&finding->member, proof->exchange.data, authority, fault);
	if (error != E_OK)
		fault_within(fault, "member");
	finding->countersigned = error == E_OK && authority != NULL;
	return error;
}

static enum error signature_check(const Simpul__Proof *proof, const struct member *member, struct fault *fault)
{
	const Simpul__Delivery *delivery = proof->delivery;
	struct hash digest;
	enum error error;

	if (delivery == NULL)
		return fault_at(fault, E_MISSING, "delivery");
	if (strcmp(delivery->origin, member->node) != 0)
		return fault_at(fault, E_INVALID, "delivery.origin");
	if (delivery->key_id != member->key_id)
		return fault_at(fault, E_INVALID, "delivery.key_id");
	error = delivery_digest(delivery, member->exchange, &digest, fault);
	if (error != E_OK) {
		fault_within(fault, "delivery");
		return error;
	}
	if (!digest_verify(member->signing_key, SIGN_TAG_SUBMISSION, &digest,
			   BYTES(delivery->signature.data, delivery->signature.len)))
		return fault_at(fault, E_BAD_SIGNATURE, "delivery.signature");
	return E_OK;
}

/* The header of the report that is proven, and that it stands where its name says. */
static enum error header_read(const Simpul__Proof *proof, struct arena *arena, struct proof_finding *finding,
			      struct fault *fault)
{
	const Simpul__Delivery *delivery = proof->delivery;
	const Simpul__DeliveredReport *report;
	const Simpul__Name *name;

	if (proof->index >= delivery->n_reports)
		return fault_at(fault, E_INVALID, "index");
	report = delivery->reports[proof->index];
	if (report->header.len == 0 || (report->body.len == 0) == (report->body_hash.len == 0))
		return fault_at(fault, E_MISSING, "delivery.reports[%u]", proof->index);
	finding->header =
		wire_unpack(&simpul__header__descriptor, BYTES(report->header.data, report->header.len), arena, fault);
	if (finding->header == NULL) {
		fault_within(fault, "delivery.reports[%u].header", proof->index);
		return fault == NULL ? E_INVALID : fault->code;
	}
	name = finding->header->name;
	if (name == NULL || strcmp(name->origin, delivery->origin) != 0 || name->epoch != delivery->epoch ||
	    name->stream != delivery->stream || name->number != delivery->first + proof->index)
		return fault_at(fault, E_INVALID, "delivery.reports[%u].header.name", proof->index);
	strcpy(finding->name.origin, finding->member.node); /* equal, and known to fit */
	finding->name.epoch = name->epoch;
	finding->name.stream = name->stream;
	finding->name.number = name->number;
	return E_OK;
}

static enum error body_read(const Simpul__Proof *proof, struct arena *arena, struct proof_finding *finding,
			    struct fault *fault)
{
	const Simpul__DeliveredReport *report = proof->delivery->reports[proof->index];
	const struct body_place place = {.exchange = proof->exchange.data, .name = finding->name};
	struct bytes body = BYTES(report->body.data, report->body.len);
	enum error error = E_OK;

	if (report->body_hash.len > 0)
		return E_OK;
	if (finding->header->form == SIMPUL__BODY_FORM__BODY_FORM_SEALED) {
		if (proof->content_key.len != KEY_SIZE)
			return fault_at(fault, E_MISSING, "content_key");
		error = body_open(proof->content_key.data, &place, body, arena, &body, fault);
	}
	if (error == E_OK) {
		finding->body = wire_unpack(&simpul__body__descriptor, body, arena, fault);
		error = finding->body != NULL ? E_OK : fault == NULL ? E_INVALID : fault->code;
	}
	if (error != E_OK)
		fault_within(fault, "delivery.reports[%u].body", proof->index);
	return error;
}

static enum error standing_read(const Simpul__Proof *proof, struct proof_finding *finding, struct fault *fault)
{
	const Simpul__MemberStanding *standing = proof->standing;

	if (standing == NULL)
		return E_OK;
	if (strcmp(standing->node, finding->member.node) != 0 || standing->key_id != finding->member.key_id)
		return fault_at(fault, E_INVALID, "standing");
	finding->retired = standing->standing == SIMPUL__STANDING__STANDING_RETIRED;
	finding->doubtful = standing->standing == SIMPUL__STANDING__STANDING_COMPROMISED &&
			    (finding->header->created_at >= standing->since || proof->accepted_at >= standing->since);
	return E_OK;
}

enum error proof_check(const Simpul__Proof *proof, const uint8_t *exchange, const uint8_t *authority,
		       struct arena *arena, struct proof_finding *finding, struct fault *fault)
{
	enum error error;

	memset(finding, 0, sizeof(*finding));
	error = key_check(proof, exchange, authority, finding, fault);
	if (error == E_OK)
		error = signature_check(proof, &finding->member, fault);
	if (error == E_OK)
		error = header_read(proof, arena, finding, fault);
	if (error == E_OK)
		error = body_read(proof, arena, finding, fault);
	if (error == E_OK)
		error = standing_read(proof, finding, fault);
	return error;
}
