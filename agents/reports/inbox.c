/* inbox - applies batches: members, standings, deliveries and cursor in one transaction, or nothing of them. */
#include "agents/reports/inbox.h"
#include "agents/reports/inbox_store.h"
#include "agents/reports/inbox_verify.h"
#include "agents/reports/purge_receipt.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/seal.h"
#include "common/wire.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* A batch without entries moves only the cursor. Syncing each would wake the disk every second for nothing, so the
 * cursor on disk follows at the latest after this long, or this many bytes of the broker's window. Until then it is
 * not acknowledged, for the broker gives nothing out again below what was. */
#define CURSOR_DELAY_MS 10000
#define CURSOR_DELAY_BYTES (64 * 1024)

struct inbox {
	struct store *store;
	const struct node_keys *keys;
	const struct keyring *ring; /* NULL: these keys alone */
	struct broker_ring *broker; /* NULL: the keys of `join` */
	struct join join;
	struct position cursor; /* on disk */
	uint32_t incarnation;	/* that the broker went on in, as this session proved; 0: that of the cursor */
	struct position seen;	/* everything up to here was applied; not before `cursor` */
	size_t seen_bytes;	/* of batches that moved `seen` only */
	steady_ms written_at;	/* when the cursor was last written */
	struct fault broken;	/* E_OK, or why the cursor could not be read */
	struct arena arena;	/* for one batch */
};

struct inbox *inbox_new(struct store *store, const struct node_keys *keys, const struct join *join)
{
	struct inbox *inbox = memory_zero(1, sizeof *inbox);

	inbox->store = store;
	inbox->keys = keys;
	inbox->join = *join;
	arena_init(&inbox->arena);
	if (store_cursor(store, &inbox->cursor, &inbox->broken) != E_OK)
		log_event(LOG_LEVEL_ALARM, "inbox.cursor", F_TEXT("code", error_name(inbox->broken.code)));
	inbox->seen = inbox->cursor;
	inbox->written_at = clock_now().steady;
	return inbox;
}

void inbox_former_keys(struct inbox *inbox, const struct keyring *ring)
{
	inbox->ring = ring;
}

void inbox_broker(struct inbox *inbox, struct broker_ring *broker)
{
	inbox->broker = broker;
}

struct position inbox_cursor(const struct inbox *inbox)
{
	return inbox->cursor;
}

void inbox_begin(struct inbox *inbox)
{
	inbox->seen = inbox->cursor;
	inbox->seen_bytes = 0;
	inbox->incarnation = 0;
}

enum error inbox_recover(struct inbox *inbox, uint32_t incarnation, const struct position *place, struct fault *fault)
{
	enum error error = E_OK;

	if (place->entry < inbox->cursor.entry) {
		error = store_begin(inbox->store, fault);
		if (error != E_OK)
			return error;
		error = inbox_store_rewind(inbox->store, place, fault);
		error = store_end(inbox->store, error, fault);
	}
	if (error != E_OK)
		return error;
	if (place->entry < inbox->cursor.entry)
		inbox->cursor = *place;
	inbox->seen = inbox->cursor;
	inbox->seen_bytes = 0;
	inbox->incarnation = incarnation;
	return E_OK;
}

/* ---- entries */

static enum error member_apply(struct inbox *inbox, const Simpul__Entry *entry, struct fault *fault)
{
	struct member member;
	enum error error = member_of_message(&member, entry->member, fault);

	if (error == E_OK)
		error = member_check(&member, inbox->join.exchange, inbox->join.authority, fault);
	if (error == E_OK)
		return store_member(inbox->store, entry->entry, &member, fault);
	log_event(LOG_LEVEL_ALARM, "inbox.bad_member", F_NUM("entry", entry->entry), F_TEXT("code", error_name(error)));
	return fault_at(fault, E_BAD_SIGNATURE, "member");
}

static enum error standing_apply(struct inbox *inbox, const Simpul__Entry *entry, struct fault *fault)
{
	enum error error = store_standing(inbox->store, entry->entry, entry->standing, fault);

	if (error == E_OK && entry->standing->standing == SIMPUL__STANDING__STANDING_COMPROMISED)
		error = inbox_doubt(inbox->store, entry->standing, fault);
	if (error == E_OK && entry->standing->standing == SIMPUL__STANDING__STANDING_COMPROMISED)
		error = purge_receipts_doubt(inbox->store, entry->standing, fault);
	return error;
}

static enum error broker_key_apply(struct inbox *inbox, const Simpul__Entry *entry, struct fault *fault)
{
	enum error error;

	if (inbox->broker == NULL)
		return E_OK;
	error = broker_ring_heard(inbox->broker, entry->entry, entry->broker_key, fault);
	/* What fails in this office's own store is no fault of the broker's. */
	if (error == E_OK || error_remedy(error) == REMEDY_RETRY || error == E_CORRUPT || error == E_IO)
		return error;
	log_event(LOG_LEVEL_ALARM, "inbox.bad_broker_key", F_NUM("entry", entry->entry),
		  F_TEXT("code", error_name(error)));
	return fault_at(fault, E_BAD_SIGNATURE, "broker_key");
}

/* The content key that the batch wraps for this node. */
static void delivery_key_take(const struct inbox *inbox, const Simpul__Batch *batch, uint64_t entry,
			      struct delivery_key *key)
{
	*key = (struct delivery_key){.is_open = false};
	for (size_t i = 0; i < batch->n_wraps && !key->is_open; i++) {
		const Simpul__EntryWrap *wrap = batch->wraps[i];

		if (wrap->entry != entry)
			continue;
		key->wrap_key_id = wrap->key_id;
		key->wrap = BYTES(wrap->wrapped.data, wrap->wrapped.len);
		delivery_key_open(key, inbox->keys, inbox->ring);
	}
}

/* One line for a delivery, however many of its reports are bad. */
static void bad_log(const Simpul__Entry *entry, const struct verified_report *reports)
{
	const Simpul__Delivery *delivery = entry->delivery;
	const struct verified_report *worst = NULL;
	struct report_name name = {.epoch = delivery->epoch, .stream = delivery->stream};
	char text[REPORT_NAME_SIZE];
	uint64_t count = 0;

	for (size_t i = 0; i < delivery->n_reports; i++) {
		if (!reports[i].is_present || reports[i].trust == TRUST_GOOD)
			continue;
		count++;
		if (worst && reports[i].trust <= worst->trust)
			continue;
		worst = &reports[i];
		name.number = delivery->first + i;
	}
	if (!worst)
		return;
	strcpy(name.origin, delivery->origin);
	log_event(worst->trust == TRUST_BAD ? LOG_LEVEL_ALARM : LOG_LEVEL_WARNING,
		  worst->trust == TRUST_BAD ? "inbox.bad_report" : "inbox.doubtful_report",
		  F_TEXT("name", report_name_text(&name, text)), F_NUM("entry", entry->entry),
		  F_TEXT("code", error_name(worst->why)), F_NUM("reports", count));
}

static enum error delivery_apply(struct inbox *inbox, const Simpul__Batch *batch, const Simpul__Entry *entry,
				 uint32_t incarnation, struct fault *fault)
{
	const Simpul__Delivery *delivery = entry->delivery;
	struct verified_delivery whole;
	struct verified_report *reports;
	struct delivery_key key;
	enum error error = delivery_verify(inbox->store, entry, &whole, fault);

	delivery_key_take(inbox, batch, entry->entry, &key);
	if (error == E_OK) {
		reports = arena_alloc(&inbox->arena, delivery->n_reports * sizeof *reports);
		for (size_t i = 0; i < delivery->n_reports; i++)
			report_verify(inbox->store, delivery, i, &whole, key.is_open ? key.content : NULL,
				      &inbox->arena, &reports[i]);
		error = inbox_unrepeat(inbox->store, delivery, whole.leaves, reports, &inbox->arena, fault);
	}
	if (error == E_OK)
		error = purge_receipts_take(inbox->store, entry, reports, &inbox->arena, fault);
	if (error == E_OK) {
		bad_log(entry, reports);
		purge_receipts_hide(delivery, reports);
		error = inbox_store_delivery(inbox->store, entry, incarnation, whole.leaves, reports, &key,
					     &inbox->arena, fault);
	}
	sodium_memzero(&key, sizeof key);
	return error;
}

static enum error entry_apply(struct inbox *inbox, const Simpul__Batch *batch, const Simpul__Entry *entry,
			      struct fault *fault)
{
	switch (entry->content_case) {
	case SIMPUL__ENTRY__CONTENT_DELIVERY:
		return delivery_apply(inbox, batch, entry, batch->upto->incarnation, fault);
	case SIMPUL__ENTRY__CONTENT_MEMBER:
		return member_apply(inbox, entry, fault);
	case SIMPUL__ENTRY__CONTENT_STANDING:
		return standing_apply(inbox, entry, fault);
	case SIMPUL__ENTRY__CONTENT_BROKER_KEY:
		return broker_key_apply(inbox, entry, fault);
	case SIMPUL__ENTRY__CONTENT_STUB:
		log_event(LOG_LEVEL_NOTICE, "inbox.withheld", F_NUM("entry", entry->entry),
			  F_NUM("policy_version", entry->stub->policy_version));
		return inbox_store_withheld(inbox->store, entry, batch->upto->incarnation, fault);
	default:
		return fault_at(fault, E_MISSING, "content");
	}
}

/* ---- batches */

/* Entries must ascend within (after, upto]: an entry beside that could never be fetched again, or was skipped. */
static enum error entries_check(const Simpul__Batch *batch, struct fault *fault)
{
	uint64_t previous = batch->after;

	for (size_t i = 0; i < batch->n_entries; i++) {
		const uint64_t entry = batch->entries[i]->entry;

		if (entry <= previous || entry > batch->upto->entry)
			return fault_at(fault, E_INVALID, "entries[%zu].entry", i);
		previous = entry;
	}
	return E_OK;
}

/* True in the incarnation that was seen; after a recovery that the broker proved also in those up to the new one. */
static bool incarnation_follows(const struct inbox *inbox, const struct position *upto)
{
	const uint32_t last = inbox->incarnation != 0 ? inbox->incarnation : inbox->seen.incarnation;

	return upto->incarnation >= inbox->seen.incarnation && upto->incarnation <= last;
}

static const uint8_t *broker_key_of(const struct inbox *inbox)
{
	return inbox->broker != NULL ? inbox->broker->join->broker_signing : inbox->join.broker_signing;
}

/* Where the batch stands against what was seen; INBOX_APPLIED: it is to be applied. */
static enum inbox_result batch_place(const struct inbox *inbox, const Simpul__Batch *batch, struct position *upto,
				     struct fault *fault)
{
	const struct position *seen = &inbox->seen;

	if (position_of_message(upto, batch->upto) != E_OK || upto->incarnation == 0 || upto->entry > INT64_MAX) {
		fault_at(fault, E_INVALID, "upto");
		return INBOX_FAILED;
	}
	if ((seen->incarnation != 0 && !incarnation_follows(inbox, upto)) ||
	    (upto->entry == seen->entry && !hash_equal(&upto->head, &seen->head))) {
		fault_at(fault, E_HISTORY_DIFFERS, "upto");
		return INBOX_FAILED;
	}
	if (upto->entry <= seen->entry)
		return INBOX_IGNORED;
	if (batch->after > seen->entry)
		return INBOX_BEHIND;
	if (entries_check(batch, fault) != E_OK)
		return INBOX_FAILED;
	if (!chain_verify(broker_key_of(inbox), inbox->join.exchange, upto,
			  BYTES(batch->signature.data, batch->signature.len))) {
		fault_at(fault, E_BAD_SIGNATURE, "signature");
		return INBOX_FAILED;
	}
	return INBOX_APPLIED;
}

/* Entries that were not seen before. */
static size_t new_entries(const struct inbox *inbox, const Simpul__Batch *batch)
{
	size_t count = 0;

	for (size_t i = 0; i < batch->n_entries; i++)
		count += batch->entries[i]->entry > inbox->seen.entry;
	return count;
}

/* Inside the transaction. */
static enum error batch_write(struct inbox *inbox, const Simpul__Batch *batch, const struct position *upto,
			      struct fault *fault)
{
	enum error error = E_OK;

	for (size_t i = 0; error == E_OK && i < batch->n_entries; i++) {
		if (batch->entries[i]->entry <= inbox->seen.entry)
			continue;
		error = entry_apply(inbox, batch, batch->entries[i], fault);
		if (error != E_OK)
			fault_within(fault, "entries[%zu]", i);
	}
	if (error == E_OK)
		error = inbox_store_head(inbox->store, upto, BYTES(batch->signature.data, batch->signature.len), fault);
	return error == E_OK ? inbox_store_cursor(inbox->store, upto, fault) : error;
}

static enum error batch_commit(struct inbox *inbox, const Simpul__Batch *batch, const struct position *upto,
			       struct fault *fault)
{
	enum error error = store_begin(inbox->store, fault);

	if (error != E_OK)
		return error;
	error = batch_write(inbox, batch, upto, fault);
	error = store_end(inbox->store, error, fault);
	if (error != E_OK)
		return error;
	inbox->cursor = inbox->seen = *upto;
	inbox->seen_bytes = 0;
	inbox->written_at = clock_now().steady;
	return E_OK;
}

static bool cursor_due(const struct inbox *inbox)
{
	return inbox->seen_bytes >= CURSOR_DELAY_BYTES || clock_now().steady - inbox->written_at >= CURSOR_DELAY_MS;
}

/* A heartbeat of a quiet exchange: the cursor that was not worth a sync is written now, or it would lag for ever. */
static enum inbox_result cursor_follow(struct inbox *inbox, struct fault *fault)
{
	if (inbox->seen.entry == inbox->cursor.entry || !cursor_due(inbox))
		return INBOX_IGNORED;
	if (inbox_store_cursor(inbox->store, &inbox->seen, fault) != E_OK)
		return INBOX_FAILED;
	inbox->cursor = inbox->seen;
	inbox->seen_bytes = 0;
	inbox->written_at = clock_now().steady;
	return INBOX_APPLIED;
}

enum inbox_result inbox_apply(struct inbox *inbox, struct bytes encoded, struct fault *fault)
{
	const Simpul__Batch *batch;
	struct position upto;
	enum inbox_result result;
	size_t count;

	if (inbox->broken.code != E_OK) {
		fault_at(fault, inbox->broken.code, "%s", inbox->broken.field);
		return INBOX_FAILED;
	}
	arena_reset(&inbox->arena);
	batch = wire_view(&simpul__batch__descriptor, encoded, &inbox->arena, fault);
	if (!batch)
		return INBOX_FAILED;
	result = batch_place(inbox, batch, &upto, fault);
	if (result == INBOX_IGNORED)
		return cursor_follow(inbox, fault);
	if (result != INBOX_APPLIED)
		return result;
	count = new_entries(inbox, batch);
	inbox->seen_bytes += encoded.size;
	if (count == 0 && inbox->cursor.incarnation != 0 && !cursor_due(inbox)) {
		inbox->seen = upto;
		return INBOX_APPLIED;
	}
	if (batch_commit(inbox, batch, &upto, fault) != E_OK)
		return INBOX_FAILED;
	log_event(LOG_LEVEL_DEBUG, "batch.applied", F_NUM("upto", upto.entry), F_NUM("entries", count));
	return INBOX_APPLIED;
}

void inbox_free(struct inbox *inbox)
{
	if (!inbox)
		return;
	/* Spares the next start a fetch; nothing is lost when it fails. */
	if (inbox->seen.entry > inbox->cursor.entry)
		inbox_store_cursor(inbox->store, &inbox->seen, NULL);
	arena_fini(&inbox->arena);
	free(inbox);
}
