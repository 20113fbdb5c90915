/* ctl_hold_open - writes a report that an order keeps for the authority that gave it: a Proof, which anybody can check.
 */
#include "broker/ctl/ctl_hold.h"

#include "common/memory.h"
#include "common/proof_file.h"
#include "common/submission.h"
#include "common/wire.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A proof, and what it is put together from. */
struct ctl_opening {
	Simpul__Proof proof;
	struct journal_case *c;
	struct journal_reader *reader;
	struct broker_identity identity;
	struct arena arena;
	struct fault *fault; /* while it is read */
};

static enum error opening_begin(const struct ctl *ctl, struct ctl_opening *o)
{
	struct broker_settings settings;
	struct journal_options options;
	enum error error = broker_settings_load(ctl->config, &settings, o->fault);

	if (error == E_OK)
		error = broker_identity_load(&settings, &o->identity, o->fault);
	if (error == E_OK) {
		options = broker_journal_options(&settings, &o->identity);
		error = journal_reader_open(&o->reader, &options, o->fault);
		keys_wipe(&options, sizeof(options));
	}
	broker_settings_free(&settings);
	return error == E_OK ? ctl_case_open(ctl, &o->c, o->fault) : error;
}

/* The other reports of the submission are nobody's business: of them the leaf alone. */
static void leaf_only(const Simpul__Delivery *delivery, size_t index, struct arena *arena)
{
	Simpul__DeliveredReport *report = delivery->reports[index];
	const struct hash header = hash_of(BYTES(report->header.data, report->header.len));
	struct hash routing, body, *leaf = arena_alloc(arena, sizeof(*leaf));

	if (report->leaf.len > 0)
		return;
	hash_load(&routing, BYTES(delivery->routing_hash.data, delivery->routing_hash.len));
	if (report->body_hash.len > 0)
		hash_load(&body, BYTES(report->body_hash.data, report->body_hash.len));
	else
		body = hash_of(BYTES(report->body.data, report->body.len));
	*leaf = leaf_of(&routing, &header, &body);
	simpul__delivered_report__init(report);
	report->leaf = (ProtobufCBinaryData){HASH_SIZE, leaf->bytes};
}

static enum error delivery_read(struct ctl_opening *o, const struct report_name *name, const struct case_report *report,
				Simpul__Proof *proof)
{
	struct journal_item item;
	const Simpul__Entry *entry = NULL;
	enum error error = journal_read_held(o->reader, name->origin, report->entry, &item, o->fault);

	if (error == E_OK)
		entry = simpul__entry__unpack(&o->arena.protobuf, item.encoded.size, item.encoded.data);
	if (item.encoded.data != NULL)
		keys_wipe(item.encoded.data, item.encoded.size);
	buffer_free(&item.encoded);
	if (error != E_OK)
		return error;
	if (entry == NULL || entry->content_case != SIMPUL__ENTRY__CONTENT_DELIVERY)
		return fault_at(o->fault, E_CORRUPT, "journal.db: entry");
	proof->delivery = entry->delivery;
	for (size_t i = 0; i < proof->delivery->n_reports; i++)
		if (i != report->place)
			leaf_only(proof->delivery, i, &o->arena);
	return report->place < proof->delivery->n_reports && proof->delivery->reports[report->place]->body.len > 0
		       ? E_OK
		       : fault_at(o->fault, E_ERASED, "report");
}

static enum error member_read(struct ctl_opening *o, const struct report_name *name, Simpul__Proof *proof)
{
	const Simpul__MemberRecord *record;
	const Simpul__MemberStanding *standing;
	const enum error error = journal_case_member(o->c, name->origin, proof->delivery->key_id, proof->entry, &record,
						     &proof->member_entry, &standing, o->fault);

	proof->member = (Simpul__MemberRecord *)(uintptr_t)record;
	proof->standing = (Simpul__MemberStanding *)(uintptr_t)standing;
	return error;
}

static enum error proof_make(struct ctl_opening *o, const struct report_name *name, Simpul__Proof *proof)
{
	struct case_report report;
	enum error error = journal_case_report(o->c, name, &report, o->fault);

	if (error != E_OK)
		return error;
	simpul__proof__init(proof);
	proof->exchange = (ProtobufCBinaryData){EXCHANGE_SIZE, o->identity.exchange.id};
	proof->entry = report.entry;
	proof->accepted_at = report.accepted_at;
	proof->index = report.place;
	error = delivery_read(o, name, &report, proof);
	return error == E_OK ? member_read(o, name, proof) : error;
}

enum error ctl_hold_read(const struct ctl *ctl, const struct report_name *report, struct ctl_opening **opening,
			 struct fault *fault)
{
	struct ctl_opening *o = *opening = memory_zero(1, sizeof(*o));
	enum error error;

	o->fault = fault;
	arena_init(&o->arena);
	error = opening_begin(ctl, o);
	return error == E_OK ? proof_make(o, report, &o->proof) : error;
}

enum error ctl_hold_write(const struct ctl_opening *opening, const char *path, struct fault *fault)
{
	return proof_file_save(&opening->proof, path, fault);
}

void ctl_hold_close(struct ctl_opening *opening)
{
	if (opening == NULL)
		return;
	journal_reader_close(opening->reader);
	journal_case_close(opening->c);
	broker_identity_wipe(&opening->identity);
	arena_fini(&opening->arena);
	free(opening);
}
