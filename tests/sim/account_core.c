/* account_core - compares what the core decides with the rules, and looks at everything that it hands to a socket: that
 * must be on disk, for this office, allowed at this moment, and leave nothing out. */
#include "tests/sim/account.h"
#include "common/memory.h"
#include "common/wire.h"

#include <string.h>

#define AHEAD_MS (300 * 1000) /* a report may be made so far in the broker's future */

static const char *type_text(Simpul__EntryType type)
{
	return protobuf_c_enum_descriptor_get_value(&simpul__entry_type__descriptor, (int)type)->name;
}

/* ---- what the core decides */

/* By the rules in force: everybody they admit whom the core takes for a member, narrowed by `to` or, without it, by
 * what they subscribed to. */
static offices audience_expected(const struct account *account, const struct item *item)
{
	offices set = 0;

	for (size_t i = 0; i < account->count; i++)
		if (i != item->origin && (account->active & ~account->leaving) >> i & 1 &&
		    (item->to == 0 ? wish_covers(&account->wishes[i], &item->topic) : item->to >> i & 1) &&
		    rules_admit(account_rules(account, account->policy), i, &item->topic))
			set |= 1u << i;
	return set;
}

/* A submission at the moment that the core decides on it. */
struct deciding {
	const struct journal_append *append;
	const Simpul__StoredSubmission *stored;
	wall_ms now;
};

/* Who gets a sealed body must have been wrapped its key under the key in force. */
static bool wraps_right(struct account *account, offices audience, const struct deciding *deciding)
{
	const Simpul__Routing *routing =
		wire_unpack(&simpul__routing__descriptor, of_binary(deciding->stored->routing), &account->arena, NULL);

	for (size_t i = 0; i < routing->n_wraps; i++) {
		const size_t office = office_of(routing->wraps[i]->node);

		if (audience >> office & 1 && routing->wraps[i]->key_id != account->key_ids[office])
			return false;
	}
	return true;
}

/* What was said can be taken back whatever may be said by now. */
static enum error publish_expected(const struct account *account, const struct item *item)
{
	const struct rules *rules = account_rules(account, account->policy);

	if (item->verb == CANCELS)
		return rules->named >> item->origin & 1 ? E_OK : E_MAY_NOT_PUBLISH;
	return rules_publish(rules, item->origin, &item->topic);
}

static enum error verdict_expected(struct account *account, const struct item *item, offices audience,
				   const struct deciding *deciding)
{
	const enum error publish = publish_expected(account, item);

	if (item->created_at > deciding->now + AHEAD_MS)
		return E_CLOCK;
	if (item->expires <= deciding->now)
		return E_EXPIRED;
	if (publish != E_OK)
		return publish;
	if (item->verb == SAYS && audience == 0)
		return E_EMPTY_AUDIENCE;
	return item->topic.label != LABEL_RED || wraps_right(account, audience, deciding) ? E_OK : E_KEY_EXPIRED;
}

static const Simpul__Header *header_of(struct account *account, const struct deciding *deciding, size_t index)
{
	return wire_unpack(&simpul__header__descriptor, of_binary(deciding->stored->headers[index]), &account->arena,
			   NULL);
}

static struct decision *decision_add(struct account *account, const struct journal_append *append)
{
	struct decision *decision;

	account->decisions = memory_grow(account->decisions, account->decision_count + 1, sizeof *account->decisions);
	decision = &account->decisions[account->decision_count++];
	memset(decision, 0, sizeof *decision);
	decision->ticket = append->ticket;
	decision->type = append->type;
	decision->first = append->first;
	decision->digest = append->digest;
	return decision;
}

/* A VOID uses up a number and goes to nobody; only that it is from the future may be said of it. */
static enum error report_expect(struct account *account, struct decision *decision, struct item *item,
				const struct deciding *deciding, size_t index)
{
	const Simpul__Header *header = header_of(account, deciding, index);

	memcpy(item->key_ids, account->key_ids, sizeof item->key_ids);
	item->voided = header && header->kind == SIMPUL__KIND__KIND_VOID;
	if (item->voided)
		return header->created_at > deciding->now + AHEAD_MS ? E_CLOCK : E_OK;
	decision->note.topic = item->topic;
	decision->note.asked = item->verb != CANCELS;
	if (item->verb != CANCELS)
		decision->decided = audience_expected(account, item);
	return verdict_expected(account, item, decision->decided, deciding);
}

static void report_compare(struct account *account, struct decision *decision, const struct deciding *deciding,
			   size_t index)
{
	const struct report_name *first = &decision->first;
	const unsigned long long number = first->number + index;
	const size_t found = account_find(account, office_of(first->origin), first->stream, number);
	const enum error verdict = deciding->append->reports[index].verdict;
	enum error expected;

	if (found == NO_ITEM) {
		account_wrong(account, INVENTED, "%s never took %llu", first->origin, number);
		return;
	}
	if (index == 0)
		decision->note.first = found;
	decision->verdicts[index] = expected =
		report_expect(account, decision, &account->items[found], deciding, index);
	if (verdict != expected)
		account_wrong(account, expected == E_OK ? LOST : LEAKED, "verdict on %s %u/%llu is %s, not %s",
			      first->origin, first->stream, number, error_name(verdict), error_name(expected));
}

static void submission_decided(struct account *account, struct decision *decision, const struct deciding *deciding)
{
	const struct journal_append *append = deciding->append;
	const offices audience = account_audience(&append->audience);
	bool any = false;

	for (size_t i = 0; i < append->count; i++) {
		report_compare(account, decision, deciding, i);
		any = any || decision->verdicts[i] == E_OK;
	}
	if (!any)
		decision->decided = 0;
	decision->note.count = append->count;
	decision->note.policy = account->policy;
	if (audience != decision->decided)
		account_wrong(account, audience & ~decision->decided ? LEAKED : LOST,
			      "audience of %s %u/%llu is %x, not %x", append->first.origin, append->first.stream,
			      (unsigned long long)append->first.number, audience, decision->decided);
}

void account_decided(struct account *account, const struct journal_append *append, wall_ms now)
{
	struct decision *decision = decision_add(account, append);
	Simpul__Standing standing;
	offices office;

	arena_reset(&account->arena);
	if (append->type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBMISSION) {
		const struct deciding deciding = {append,
						  simpul__stored_submission__unpack(&account->arena.protobuf,
										    append->content.size,
										    append->content.data),
						  now};

		submission_decided(account, decision, &deciding);
		return;
	}
	decision->decided = account_audience(&append->audience);
	buffer_bytes(&decision->content, buffer_view(&append->content));
	if (append->type != SIMPUL__ENTRY_TYPE__ENTRY_TYPE_STANDING)
		return;
	office = account_standing(account, buffer_view(&append->content), &standing);
	/* Nothing more may be handed to an office from the moment that its going is decided. */
	if (standing != SIMPUL__STANDING__STANDING_ACTIVE)
		account->leaving |= office;
}

/* ---- what is handed to sockets */

static void entry_handed(struct account *account, size_t office, const Simpul__Entry *entry)
{
	const struct entry_note *note = &account->entries[entry->entry];
	const bool refused = note->asked && !rules_admit(account_rules(account, account->policy), office, &note->topic);

	if (!(note->audience >> office & 1))
		account_wrong(account, LEAKED, "entry %llu is handed to %s", (unsigned long long)entry->entry,
			      office_names[office]);
	if (!((account->active & ~account->leaving) >> office & 1))
		account_wrong(account, LEAKED, "entry %llu is handed to %s, which was cut off",
			      (unsigned long long)entry->entry, office_names[office]);
	if (entry->content_case == SIMPUL__ENTRY__CONTENT_STUB && !refused)
		account_wrong(account, LOST, "entry %llu is withheld from %s", (unsigned long long)entry->entry,
			      office_names[office]);
	if (entry->content_case != SIMPUL__ENTRY__CONTENT_STUB && refused)
		account_wrong(account, LEAKED, "entry %llu (%s) is handed to %s against policy %u",
			      (unsigned long long)entry->entry, type_text(note->type), office_names[office],
			      account->policy);
}

static void batch_handed(struct account *account, size_t office, const Simpul__Batch *batch)
{
	uint64_t next = batch->after + 1;

	if (batch->upto->entry > account->last) {
		account_wrong(account, INVENTED, "a batch leads to entry %llu, the journal to %llu",
			      (unsigned long long)batch->upto->entry, (unsigned long long)account->last);
		return;
	}
	for (size_t i = 0; i <= batch->n_entries; i++) {
		const uint64_t entry = i < batch->n_entries ? batch->entries[i]->entry : batch->upto->entry + 1;

		if (entry < next || entry > batch->upto->entry + 1) {
			account_wrong(account, DUPLICATED, "entry %llu stands in the wrong place of a batch",
				      (unsigned long long)entry);
			return;
		}
		for (; next < entry; next++)
			if (account->entries[next].audience >> office & 1)
				account_wrong(account, LOST, "entry %llu is left out of a batch for %s",
					      (unsigned long long)next, office_names[office]);
		if (i < batch->n_entries)
			entry_handed(account, office, batch->entries[i]);
		next = entry + 1;
	}
}

void account_publishes(struct account *account, size_t office, struct bytes encoded)
{
	const Simpul__Batch *batch;

	arena_reset(&account->arena);
	batch = wire_unpack(&simpul__batch__descriptor, encoded, &account->arena, NULL);
	if (batch)
		batch_handed(account, office, batch);
	else
		account_wrong(account, INVENTED, "a batch that is not canonical");
}

void account_sends(struct account *account, size_t office, struct bytes frame)
{
	const Simpul__Down *down;

	arena_reset(&account->arena);
	down = wire_unpack(&simpul__down__descriptor, frame, &account->arena, NULL);
	if (!down)
		account_wrong(account, INVENTED, "a message that is not canonical");
	else if (down->message_case == SIMPUL__DOWN__MESSAGE_BATCH)
		batch_handed(account, office, down->batch);
	else if (down->message_case == SIMPUL__DOWN__MESSAGE_RECEIPT && down->receipt->entry > account->last)
		account_wrong(account, LOST, "%s gets a receipt for entry %llu, the journal ends at %llu",
			      office_names[office], (unsigned long long)down->receipt->entry,
			      (unsigned long long)account->last);
}
