/* journal_check - the content of one entry: does it say what the columns say, and is it signed by whom it names? */
#include "broker/journal/journal_check.h"
#include "broker/journal/journal_sqlite.h"
#include "common/content.h"
#include "common/memory.h"
#include "common/recovery.h"
#include "common/submission.h"
#include "common/wire.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Where something could not be read, it is not what stands there that is bad. */
bool check_bad(struct check *check, const char *format, ...)
{
	va_list args;

	if (check->fault->code != E_OK && check->fault->code != E_CORRUPT)
		return false;
	va_start(args, format);
	vsnprintf(check->verdict->what, sizeof(check->verdict->what), format, args);
	va_end(args);
	check->verdict->bad_entry = check->row.entry;
	return false;
}

static bool is_key(ProtobufCBinaryData data)
{
	return data.len == KEY_SIZE;
}

/* ---------------------------------------------------------------------------- entries that are not submissions */

/* A new incarnation goes on where the one before was kept up to, which is where it stands. */
static bool recovery_check(const struct check *check, const Simpul__Genesis *genesis)
{
	const struct position *last = &check->verdict->last;
	struct recovery recovery;

	return recovery_of_genesis(&recovery, genesis, check->exchange, genesis->broker_key.data, NULL) == E_OK &&
	       recovery.from.incarnation == last->incarnation && recovery.from.entry == last->entry &&
	       hash_equal(&recovery.from.head, &last->head);
}

static bool genesis_check(struct check *check)
{
	const Simpul__Genesis *genesis = stored_unpack(&simpul__genesis__descriptor, check->content, &check->arena);

	if (genesis == NULL || !is_key(genesis->broker_key) || !is_key(genesis->authority_key))
		return check_bad(check, "the genesis cannot be read");
	if (!bytes_equal(of_binary(genesis->exchange), BYTES(check->exchange, EXCHANGE_SIZE)) ||
	    !bytes_equal(of_binary(genesis->authority_key), BYTES(check->authority, KEY_SIZE)))
		return check_bad(check, "the genesis is of another exchange or authority than table meta says");
	if (check->row.entry == 1 ? genesis->incarnation != 1 : !recovery_check(check, genesis))
		return check_bad(check, "the incarnation does not follow the one before");
	if (check->row.entry > 1 && !bytes_equal(of_binary(genesis->broker_key), BYTES(check->broker_key, KEY_SIZE)))
		return check_bad(check, "the incarnation is of another broker's key");
	check->begins = check->row.entry > 1;
	check->verdict->last.incarnation = genesis->incarnation;
	memcpy(check->broker_key, genesis->broker_key.data, KEY_SIZE);
	return true;
}

/* Where the node's record stands among the members, or would stand. */
static size_t member_place(const struct check *check, const char *node)
{
	size_t low = 0, high = check->member_count;

	while (low < high) {
		const size_t middle = (low + high) / 2;

		if (strcmp(check->members[middle].node, node) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct member *member_of_node(const struct check *check, const char *node)
{
	const size_t place = member_place(check, node);

	return place < check->member_count && strcmp(check->members[place].node, node) == 0 ? &check->members[place]
											     : NULL;
}

/* Room for one more in a sorted list of which `place` becomes free. */
static void *list_open(void *list, size_t *count, size_t *capacity, size_t place, size_t size)
{
	if (*count == *capacity) {
		*capacity = *capacity > 0 ? 2 * *capacity : 64;
		list = memory_grow(list, *capacity, size);
	}
	memmove((char *)list + (place + 1) * size, (char *)list + place * size, (*count - place) * size);
	(*count)++;
	return list;
}

static void member_put(struct check *check, const struct member *member)
{
	const size_t place = member_place(check, member->node);

	if (!member_of_node(check, member->node))
		check->members = list_open(check->members, &check->member_count, &check->member_capacity, place,
					   sizeof(*check->members));
	check->members[place] = *member;
}

static bool member_record_check(struct check *check)
{
	const Simpul__MemberRecord *record =
		stored_unpack(&simpul__member_record__descriptor, check->content, &check->arena);
	struct member member;

	if (record == NULL || member_of_message(&member, record, NULL) != E_OK)
		return check_bad(check, "the member record cannot be read");
	if (member_check(&member, check->exchange, check->authority, NULL) != E_OK)
		return check_bad(check, "a signature of the member record does not verify");
	member_put(check, &member);
	return true;
}

static bool policy_check(struct check *check)
{
	const Simpul__PolicyVersion *policy =
		stored_unpack(&simpul__policy_version__descriptor, check->content, &check->arena);
	struct hash hash;

	if (policy == NULL)
		return check_bad(check, "the policy cannot be read");
	hash = hash_of(of_binary(policy->text));
	if (!bytes_equal(of_binary(policy->hash), BYTES(hash.bytes, HASH_SIZE)))
		return check_bad(check, "the policy's text has another hash than it says");
	if (policy->version <= check->policy_version)
		return check_bad(check, "the policy's version does not follow the one before");
	check->policy_version = policy->version;
	return true;
}

static bool readable_check(struct check *check, const ProtobufCMessageDescriptor *type)
{
	return stored_unpack(type, check->content, &check->arena) != NULL ||
	       check_bad(check, "the content cannot be read");
}

static bool columns_check(struct check *check)
{
	const struct entry_row *row = &check->row;
	const struct hash digest = chain_content_digest(row->type, check->content);

	if (!hash_equal(&digest, &row->digest))
		return check_bad(check, "the content has another digest");
	if (row->origin_id != 0 || row->epoch != 0 || row->stream != 0 || row->first != 0 || row->count != 0 ||
	    check->nonce.size != 0 || check->bodies.size != 0 || row->outcome.size != 0)
		return check_bad(check, "a column that only submissions have is filled");
	return true;
}

bool check_other(struct check *check)
{
	static const struct routing_class unspecified;

	if (!columns_check(check))
		return false;
	if (!routing_class_equal(&check->audience->class, &unspecified))
		return check_bad(check, "the audience has a class");
	switch (check->row.type) {
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_GENESIS:
		return genesis_check(check);
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_MEMBER:
		return member_record_check(check);
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_STANDING:
		return readable_check(check, &simpul__member_standing__descriptor);
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_POLICY:
		return policy_check(check);
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBSCRIPTION:
		return readable_check(check, &simpul__node_subscription__descriptor);
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_GRANT:
		return readable_check(check, &simpul__fetch_grant__descriptor);
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_TOMBSTONE:
		return check_tombstone(check);
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_BROKER_KEY:
		return check_broker_key(check);
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_ACT:
		return check_act(check);
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_HOLD:
		return check_hold(check);
	default:
		return check_bad(check, "the entry's type is not known");
	}
}

/* ---------------------------------------------------------------------------- submissions: numbers */

/* Steps a statement for one number; false when there is none, with the fault filled if that is an error. */
static bool number_ask(struct check *check, sqlite3_stmt *statement, uint64_t *number)
{
	enum error error = journal_row_step(statement, check->fault);

	if (error == E_OK)
		*number = column_number(statement, 0);
	sqlite3_reset(statement);
	return error == E_OK;
}

static bool origin_check(struct check *check, const Simpul__StoredSubmission *stored)
{
	const struct entry_row *row = &check->row;
	bool equal;

	bind_number(check->origin_name, 1, row->origin_id);
	equal = journal_row_step(check->origin_name, check->fault) == E_OK &&
		strcmp(column_text(check->origin_name, 0), stored->origin) == 0;
	sqlite3_reset(check->origin_name);
	if (!equal || row->epoch != stored->epoch || row->stream != (uint32_t)stored->stream ||
	    row->first != stored->first || row->count != stored->n_headers)
		return check_bad(check, "the columns name other reports than the content");
	return true;
}

static int sequence_order(const struct sequence *a, const struct entry_row *b)
{
	if (a->origin_id != b->origin_id)
		return a->origin_id < b->origin_id ? -1 : 1;
	if (a->epoch != b->epoch)
		return a->epoch < b->epoch ? -1 : 1;
	return a->stream < b->stream ? -1 : a->stream > b->stream;
}

static struct sequence *sequence_of(struct check *check)
{
	const struct entry_row *row = &check->row;
	size_t low = 0, high = check->sequence_count;

	while (low < high) {
		const size_t middle = (low + high) / 2;

		if (sequence_order(&check->sequences[middle], row) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < check->sequence_count && sequence_order(&check->sequences[low], row) == 0)
		return &check->sequences[low];
	check->sequences = list_open(check->sequences, &check->sequence_count, &check->sequence_capacity, low,
				     sizeof(*check->sequences));
	check->sequences[low] =
		(struct sequence){.origin_id = row->origin_id, .epoch = row->epoch, .stream = row->stream};
	return &check->sequences[low];
}

static bool sequence_check(struct check *check)
{
	const struct entry_row *row = &check->row;
	struct sequence *sequence = sequence_of(check);
	uint64_t entry = 0;

	if (row->first != sequence->last + 1)
		return check_bad(check, "the reports' numbers do not follow the origin's last one");
	sequence->last = row->first + row->count - 1;
	sequence->digest = row->digest;
	bind_number(check->submission_entry, 1, row->origin_id);
	bind_number(check->submission_entry, 2, row->epoch);
	bind_number(check->submission_entry, 3, row->stream);
	bind_number(check->submission_entry, 4, row->first);
	if (!number_ask(check, check->submission_entry, &entry) || entry != row->entry)
		return check_bad(check, "table submission_of does not lead to the entry");
	return true;
}

/* ---------------------------------------------------------------------------- submissions: signature and bodies */

static bool signature_check(struct check *check, const Simpul__StoredSubmission *stored)
{
	const struct member *member = member_of_node(check, stored->origin);
	const struct hash *digest = &check->row.digest;

	if (member == NULL || member->key_id != stored->key_id)
		return check_bad(check, "the origin's key was not valid at this entry");
	if (!digest_verify(member->signing_key, SIGN_TAG_SUBMISSION, digest, of_binary(stored->signature)))
		return check_bad(check, "the origin's signature does not verify");
	return true;
}

static bool digest_check(struct check *check, const Simpul__StoredSubmission *stored)
{
	const struct hash routing = hash_of(of_binary(stored->routing));
	struct hash leaves[LIMIT_SUBMISSION_REPORTS], digest;
	const struct statement statement = {.exchange = check->exchange,
					    .origin = stored->origin,
					    .key_id = stored->key_id,
					    .epoch = stored->epoch,
					    .stream = (uint32_t)stored->stream,
					    .first = stored->first,
					    .seen_entry = stored->seen_entry,
					    .seen_head = stored->seen_head.data};

	if (stored->n_headers == 0 || stored->n_headers > LIMIT_SUBMISSION_REPORTS ||
	    stored->seen_head.len != HASH_SIZE || stored->body_hashes.len != stored->n_headers * HASH_SIZE ||
	    strlen(stored->origin) > LIMIT_NODE_NAME)
		return check_bad(check, "the submission has not the form it must have");
	for (size_t i = 0; i < stored->n_headers; i++) {
		const struct hash header = hash_of(of_binary(stored->headers[i]));
		struct hash body;

		stored_body_hash(stored, i, &body);
		leaves[i] = leaf_of(&routing, &header, &body);
	}
	digest = statement_digest(&statement, leaves, stored->n_headers);
	return hash_equal(&digest, &check->row.digest) || check_bad(check, "the submission has another digest");
}

static bool stored_body_check(struct check *check, struct vault_slot *slot, const Simpul__StoredSubmission *stored,
		       size_t index)
{
	struct buffer body = {0};
	struct hash hash = {0}, expected;
	enum error error = vault_decrypt(slot, check->bodies, index, &body, NULL);

	if (error == E_OK)
		hash = hash_of(buffer_view(&body));
	if (body.data != NULL)
		keys_wipe(body.data, body.size);
	buffer_free(&body);
	if (error == E_NOT_FOUND) {
		check_gone(check, index);
		return true;
	}
	if (error != E_OK)
		return check_bad(check, "the body of report %zu cannot be decrypted", index);
	stored_body_hash(stored, index, &expected);
	return hash_equal(&hash, &expected) || check_bad(check, "the body of report %zu has another hash", index);
}

static bool bodies_check(struct check *check, const Simpul__StoredSubmission *stored)
{
	struct vault_slot *slot;
	struct fault fault = {0};
	bool good = true;

	if (check->nonce.size != VAULT_NONCE_SIZE)
		return check_bad(check, "the nonce has not its size");
	if (check->vault == NULL)
		return true;
	if (vault_slot_open(check->vault, check->row.entry, check->nonce.data, &slot, &fault) != E_OK) {
		if (fault.code == E_CORRUPT)
			return check_bad(check, "keys.db has no slot for the entry");
		*check->fault = fault;
		return false;
	}
	for (size_t i = 0; good && i < stored->n_headers; i++)
		if (outcome_verdict(check->outcome, stored->first + i) == E_OK)
			good = stored_body_check(check, slot, stored, i);
	vault_slot_close(slot);
	return good;
}

/* ---------------------------------------------------------------------------- submissions: audience */

/* Who was named and is not in the audience; nobody when it is not by names that the audience was decided. */
static bool unreachable_check(struct check *check, const Simpul__StoredSubmission *stored, const Simpul__Header *header)
{
	const Simpul__Routing *routing =
		stored_unpack(&simpul__routing__descriptor, of_binary(stored->routing), &check->arena);
	const Simpul__Receipt *outcome = check->outcome;
	size_t found = 0;

	if (routing == NULL)
		return check_bad(check, "the routing cannot be read");
	for (size_t i = 0; i < routing->n_to; i++) {
		if (check->audience->count == 0 || header->kind == SIMPUL__KIND__KIND_CANCEL ||
		    audience_reaches(check->audience, routing->to[i]))
			continue;
		if (found == outcome->n_unreachable || strcmp(outcome->unreachable[found], routing->to[i]) != 0)
			return check_bad(check, "the outcome says that a node was reached that was not");
		found++;
	}
	return found == outcome->n_unreachable ||
	       check_bad(check, "the outcome says that a node was not reached that was");
}

static bool class_check(struct check *check, const Simpul__Header *header)
{
	struct routing_class class = {0};

	/* No policy is asked about a cancel, who got the report gets it, nor about an answer to one. */
	if (header->kind != SIMPUL__KIND__KIND_CANCEL && !kind_is_bare(header->kind) && check->audience->count > 0)
		class = routing_class_of(header);
	return routing_class_equal(&class, &check->audience->class) ||
	       check_bad(check, "the audience's class is not that of the header");
}

bool check_reference_find(struct check *check, uint64_t origin_id, const Simpul__Name *name, uint64_t *entry)
{
	bind_number(check->target, 1, origin_id);
	bind_number(check->target, 2, name->epoch);
	bind_number(check->target, 3, (uint64_t)name->stream);
	bind_number(check->target, 4, name->number);
	return number_ask(check, check->target, entry);
}

/* An update or cancel that was accepted must be found from what it refers to. */
static bool reference_check(struct check *check, const Simpul__StoredSubmission *stored, const Simpul__Header *header)
{
	uint64_t target, entry;

	if ((header->kind != SIMPUL__KIND__KIND_CANCEL && header->kind != SIMPUL__KIND__KIND_UPDATE) ||
	    outcome_verdict(check->outcome, stored->first) != E_OK)
		return true;
	if (header->n_references == 0)
		return check_bad(check, "the header refers to nothing");
	check->references++;
	if (!check_reference_find(check, check->row.origin_id, header->references[0], &target))
		return check_bad(check, "the report referred to is not in the journal");
	bind_number(check->reference, 1, target);
	bind_number(check->reference, 2, header->references[0]->number);
	bind_number(check->reference, 3, check->row.entry);
	return number_ask(check, check->reference, &entry) ||
	       check_bad(check, "table reference does not lead to the entry");
}

static bool header_check_first(struct check *check, const Simpul__StoredSubmission *stored)
{
	const Simpul__Header *header =
		stored_unpack(&simpul__header__descriptor, of_binary(stored->headers[0]), &check->arena);

	if (header == NULL)
		return check_bad(check, "the header cannot be read");
	return class_check(check, header) && unreachable_check(check, stored, header) &&
	       reference_check(check, stored, header);
}

bool check_submission(struct check *check)
{
	const Simpul__StoredSubmission *stored =
		stored_unpack(&simpul__stored_submission__descriptor, check->content, &check->arena);

	if (stored == NULL)
		return check_bad(check, "the submission cannot be read");
	check->verdict->submissions++;
	check->verdict->reports += stored->n_headers;
	return digest_check(check, stored) && signature_check(check, stored) && origin_check(check, stored) &&
	       sequence_check(check) && bodies_check(check, stored) && header_check_first(check, stored);
}
