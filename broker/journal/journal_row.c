/* journal_row - loads rows of `entry`, and computes from them entry hashes and receipts. */
#include "broker/journal/journal_row.h"
#include "common/memory.h"
#include "common/wire.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------------------- rows */

enum error entry_corrupt(uint64_t entry, struct fault *fault)
{
	return fault_at(fault, E_CORRUPT, "journal.db: entry %" PRIu64, entry);
}

static bool number_load(sqlite3_stmt *statement, int column, uint64_t limit, uint64_t *value)
{
	*value = column_number(statement, column);
	return *value <= limit && sqlite3_column_type(statement, column) != SQLITE_BLOB;
}

static bool number32_load(sqlite3_stmt *statement, int column, uint32_t *value)
{
	uint64_t wide;
	bool fits = number_load(statement, column, UINT32_MAX, &wide);

	*value = (uint32_t)wide;
	return fits;
}

static bool signature_load(sqlite3_stmt *statement, int column, struct entry_row *row)
{
	struct bytes signature = column_bytes(statement, column);

	row->is_signed = sqlite3_column_type(statement, column) != SQLITE_NULL;
	if (!row->is_signed)
		return true;
	if (signature.size != SIGNATURE_SIZE)
		return false;
	memcpy(row->signature, signature.data, SIGNATURE_SIZE);
	return true;
}

bool row_load(sqlite3_stmt *statement, struct entry_row *row)
{
	*row = (struct entry_row){0};
	row->outcome = column_bytes(statement, 14);
	return number_load(statement, 0, INT64_MAX, &row->entry) && number32_load(statement, 1, &row->type) &&
	       number_load(statement, 2, INT64_MAX, &row->accepted_at) &&
	       number32_load(statement, 3, &row->policy_version) &&
	       hash_load(&row->digest, column_bytes(statement, 4)) &&
	       hash_load(&row->entry_hash, column_bytes(statement, 5)) &&
	       hash_load(&row->head, column_bytes(statement, 6)) && signature_load(statement, 7, row) &&
	       number32_load(statement, 8, &row->audience_id) &&
	       number_load(statement, 9, INT64_MAX, &row->origin_id) && number32_load(statement, 10, &row->epoch) &&
	       number32_load(statement, 11, &row->stream) && number_load(statement, 12, INT64_MAX, &row->first) &&
	       number_load(statement, 13, INT64_MAX, &row->count);
}

/* ---------------------------------------------------------------------------- stored messages */

void *stored_unpack(const ProtobufCMessageDescriptor *type, struct bytes content, struct arena *arena)
{
	struct buffer again = {0};
	void *message = protobuf_c_message_unpack(type, &arena->protobuf, content.size, content.data);
	bool equal;

	if (message == NULL)
		return NULL;
	wire_pack(message, &again);
	equal = bytes_equal(buffer_view(&again), content);
	buffer_free(&again);
	return equal ? message : NULL;
}

/* Routing and first header; false when they cannot be read. */
static bool stored_open(const Simpul__StoredSubmission *stored, const Simpul__Routing **routing,
			const Simpul__Header **header, struct arena *arena)
{
	*routing = stored_unpack(&simpul__routing__descriptor, of_binary(stored->routing), arena);
	*header = stored->n_headers == 0 ? NULL
					 : stored_unpack(&simpul__header__descriptor, of_binary(stored->headers[0]),
							 arena);
	return *routing != NULL && *header != NULL;
}

bool stored_is_kept_from_some(const Simpul__StoredSubmission *stored, struct arena *arena)
{
	const Simpul__Routing *routing;
	const Simpul__Header *header;

	return !stored_open(stored, &routing, &header, arena) || routing->n_not_to > 0 ||
	       header->form == SIMPUL__BODY_FORM__BODY_FORM_SEALED;
}

enum denial update_denial(const Simpul__Header *header, const Simpul__Routing *routing, const char *node)
{
	if (header->kind != SIMPUL__KIND__KIND_UPDATE)
		return ADMITTED;
	if (routing_names(routing->not_to, routing->n_not_to, node))
		return DENIED_LEFT_OUT;
	for (size_t i = 0; i < routing->n_wraps; i++) /* one for no key is none: batch.c */
		if (routing->wraps[i]->key_id != 0 && strcmp(routing->wraps[i]->node, node) == 0)
			return ADMITTED;
	return header->form == SIMPUL__BODY_FORM__BODY_FORM_SEALED ? DENIED_NO_KEY : ADMITTED;
}

bool stored_kept_remove(const Simpul__StoredSubmission *stored, struct audience *audience, struct arena *arena)
{
	const Simpul__Routing *routing;
	const Simpul__Header *header;
	size_t left = 0;

	if (!stored_open(stored, &routing, &header, arena))
		return false;
	for (size_t i = 0; i < audience->count; i++)
		if (update_denial(header, routing, audience->nodes[i]) == ADMITTED)
			memmove(audience->nodes[left++], audience->nodes[i], sizeof(audience->nodes[0]));
	audience->count = left;
	return true;
}

bool stored_body_hash(const Simpul__StoredSubmission *stored, size_t index, struct hash *hash)
{
	if (index >= stored->n_headers || stored->body_hashes.len / HASH_SIZE <= index)
		return false;
	return hash_load(hash, BYTES(stored->body_hashes.data + index * HASH_SIZE, HASH_SIZE));
}

/* ---------------------------------------------------------------------------- outcomes */

/* The verdicts of refused reports; `list` and `verdicts` have room for all reports. */
static size_t verdicts_of(const struct journal_append *append, Simpul__Verdict *verdicts, Simpul__Verdict **list)
{
	size_t count = 0;

	for (size_t i = 0; i < append->count; i++) {
		const struct stored_report *report = &append->reports[i];

		if (report->verdict == E_OK)
			continue;
		simpul__verdict__init(&verdicts[count]);
		verdicts[count].number = append->first.number + i;
		verdicts[count].code = (uint32_t)report->verdict;
		verdicts[count].field = (char *)(uintptr_t)report->field;
		list[count] = &verdicts[count];
		count++;
	}
	return count;
}

void outcome_pack(const struct journal_append *append, struct buffer *out)
{
	Simpul__Receipt outcome = SIMPUL__RECEIPT__INIT;
	Simpul__Verdict *verdicts = memory_alloc(append->count * sizeof(*verdicts));

	outcome.verdicts = memory_alloc(append->count * sizeof(*outcome.verdicts));
	outcome.n_verdicts = verdicts_of(append, verdicts, outcome.verdicts);
	outcome.unreachable = memory_alloc(append->unreachable_count * sizeof(*outcome.unreachable));
	outcome.n_unreachable = append->unreachable_count;
	for (size_t i = 0; i < append->unreachable_count; i++)
		outcome.unreachable[i] = append->unreachable[i];
	wire_pack(&outcome, out);
	free(outcome.unreachable);
	free(outcome.verdicts);
	free(verdicts);
}

Simpul__Receipt *outcome_unpack(struct bytes outcome, struct arena *arena)
{
	return stored_unpack(&simpul__receipt__descriptor, outcome, arena);
}

enum error outcome_verdict(const Simpul__Receipt *outcome, uint64_t number)
{
	for (size_t i = 0; i < outcome->n_verdicts; i++)
		if (outcome->verdicts[i]->number == number)
			return error_of_code(outcome->verdicts[i]->code);
	return E_OK;
}

/* ---------------------------------------------------------------------------- hashes and receipts */

struct hash row_hash(const struct entry_row *row, const uint8_t broker_key[KEY_SIZE], const Simpul__Receipt *outcome,
		     const struct audience *audience)
{
	char **names = audience_names(audience);
	const struct chain_entry entry = {.type = row->type,
					  .entry = row->entry,
					  .accepted_at = row->accepted_at,
					  .policy_version = row->policy_version,
					  .broker_key = broker_key,
					  .digest = row->digest,
					  .verdicts = (const Simpul__Verdict *const *)outcome->verdicts,
					  .verdict_count = outcome->n_verdicts,
					  .audience = (const char *const *)names,
					  .audience_count = audience->count};
	struct hash hash = chain_entry_hash(&entry);

	free(names);
	return hash;
}

static ProtobufCBinaryData binary(const uint8_t *data, size_t size)
{
	/* protobuf-c has no const; nobody writes through a message that is packed. */
	return (ProtobufCBinaryData){.len = size, .data = (uint8_t *)(uintptr_t)data};
}

static ProtobufCBinaryData *later_list(const struct receipt_parts *parts)
{
	ProtobufCBinaryData *list = memory_alloc(parts->later_count * sizeof(*list));

	for (size_t i = 0; i < parts->later_count; i++)
		list[i] = binary(parts->later[i].bytes, HASH_SIZE);
	return list;
}

static void receipt_fill(const struct receipt_parts *parts, Simpul__Receipt *receipt)
{
	const struct entry_row *row = parts->row;

	receipt->incarnation = parts->incarnation;
	receipt->entry = row->entry;
	receipt->accepted_at = row->accepted_at;
	receipt->policy_version = row->policy_version;
	receipt->policy_hash = binary(parts->policy_hash.bytes, HASH_SIZE);
	receipt->digest = binary(row->digest.bytes, HASH_SIZE);
	receipt->n_audience = parts->audience->count;
	receipt->previous_head = binary(parts->previous_head.bytes, HASH_SIZE);
	receipt->n_later = parts->later_count;
	receipt->signature = binary(parts->signature, SIGNATURE_SIZE);
}

bool receipt_build(const struct receipt_parts *parts, struct buffer *out)
{
	struct arena arena;
	Simpul__Receipt *receipt;

	arena_init(&arena);
	receipt = outcome_unpack(parts->row->outcome, &arena);
	if (receipt != NULL) {
		receipt_fill(parts, receipt);
		receipt->audience = audience_names(parts->audience);
		receipt->later = later_list(parts);
		wire_pack(receipt, out);
		free(receipt->later);
		free(receipt->audience);
	}
	arena_fini(&arena);
	return receipt != NULL;
}
