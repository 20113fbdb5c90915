/* account_broker - compares what the core decides with the rules, notes what is on disk, and looks at everything that is
 * handed to a socket: it must be on disk, for this office, allowed at this moment, and leave nothing out. */
#include "tests/sim/account.h"
#include "common/memory.h"
#include "common/wire.h"

#include <stdlib.h>
#include <string.h>

#define EVERYBODY ((1u << OFFICES) - 1)
#define AHEAD_MS (300 * 1000) /* a report may be made so far in the broker's future */

static const char *type_text(Simpul__EntryType type)
{
	return protobuf_c_enum_descriptor_get_value(&simpul__entry_type__descriptor, (int)type)->name;
}

static const struct rules *rules_of(const struct account *account, uint32_t policy)
{
	return &account->offered[account->policies[policy - 1] - 1];
}

static offices audience_of(const struct audience *audience)
{
	offices set = 0;

	for (size_t i = 0; i < audience->count; i++) {
		const size_t office = office_of(audience->nodes[i]);

		set |= strcmp(audience->nodes[i], "*") == 0 ? EVERYBODY : office < OFFICES ? 1u << office : 0;
	}
	return set;
}

/* ---- what the core decides */

/* By the rules in force: everybody they admit whom the core takes for a member, narrowed by `to`. */
static offices audience_expected(const struct account *account, const struct item *item)
{
	offices set = 0;

	for (size_t i = 0; i < account->count; i++)
		if (i != item->origin && (account->active & ~account->leaving) >> i & 1 &&
		    (item->to == 0 || item->to >> i & 1) &&
		    rules_admit(rules_of(account, account->policy), i, &item->topic))
			set |= 1u << i;
	return set;
}

static enum error verdict_expected(const struct account *account, const struct item *item, offices audience,
				   wall_ms now)
{
	const enum error publish = rules_publish(rules_of(account, account->policy), item->origin, &item->topic);

	if (item->created_at > now + AHEAD_MS)
		return E_CLOCK;
	if (item->expires <= now)
		return E_EXPIRED;
	if (publish != E_OK)
		return publish;
	return item->verb == SAYS && audience == 0 ? E_EMPTY_AUDIENCE : E_OK;
}

/* A VOID uses up a number and goes to nobody; only that it is from the future may be said of it. */
static bool is_void(struct account *account, struct bytes encoded, wall_ms now, enum error *expected)
{
	const Simpul__Header *header = wire_unpack(&simpul__header__descriptor, encoded, &account->arena, NULL);

	if (!header || header->kind != SIMPUL__KIND__KIND_VOID)
		return false;
	*expected = header->created_at > now + AHEAD_MS ? E_CLOCK : E_OK;
	return true;
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

static void report_compare(struct account *account, struct decision *decision, const struct stored_report *report,
			   size_t index, wall_ms now)
{
	const size_t found = account_find(account, office_of(decision->first.origin), decision->first.stream,
					  decision->first.number + index);
	struct item *item = found == NO_ITEM ? NULL : &account->items[found];
	enum error expected = E_OK;

	if (!item) {
		account_wrong(account, INVENTED, "%s never took %llu", decision->first.origin,
			      (unsigned long long)(decision->first.number + index));
		return;
	}
	if (index == 0)
		decision->note.first = found;
	item->voided = is_void(account, report->header, now, &expected);
	if (!item->voided) {
		decision->note.topic = item->topic;
		decision->note.asked = item->verb != CANCELS;
		if (item->verb != CANCELS)
			decision->decided = audience_expected(account, item);
		expected = verdict_expected(account, item, decision->decided, now);
	}
	decision->verdicts[index] = expected;
	if (report->verdict != expected)
		account_wrong(account, expected == E_OK ? LOST : LEAKED, "verdict on %s %u/%llu is %s, not %s",
			      decision->first.origin, decision->first.stream,
			      (unsigned long long)item->name.number, error_name(report->verdict),
			      error_name(expected));
}

static void submission_decided(struct account *account, struct decision *decision, const struct journal_append *append,
			       wall_ms now)
{
	bool any = false;

	for (size_t i = 0; i < append->count; i++) {
		report_compare(account, decision, &append->reports[i], i, now);
		any = any || decision->verdicts[i] == E_OK;
	}
	if (!any)
		decision->decided = 0;
	decision->note.count = append->count;
	decision->note.policy = account->policy;
	if (audience_of(&append->audience) != decision->decided)
		account_wrong(account, audience_of(&append->audience) & ~decision->decided ? LEAKED : LOST,
			      "audience of %s %u/%llu is %x, not %x", append->first.origin, append->first.stream,
			      (unsigned long long)append->first.number, audience_of(&append->audience),
			      decision->decided);
}

/* Nothing more may be handed to an office from the moment that its going is decided. */
static offices standing_of(struct account *account, struct bytes content, Simpul__Standing *standing)
{
	const Simpul__MemberStanding *message =
		simpul__member_standing__unpack(&account->arena.protobuf, content.size, content.data);

	*standing = message->standing;
	return 1u << office_of(message->node);
}

void account_decided(struct account *account, const struct journal_append *append, wall_ms now)
{
	struct decision *decision = decision_add(account, append);
	Simpul__Standing standing;
	offices office;

	arena_reset(&account->arena);
	if (append->type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBMISSION) {
		submission_decided(account, decision, append, now);
		return;
	}
	decision->decided = audience_of(&append->audience);
	buffer_bytes(&decision->content, buffer_view(&append->content));
	if (append->type != SIMPUL__ENTRY_TYPE__ENTRY_TYPE_STANDING)
		return;
	office = standing_of(account, buffer_view(&append->content), &standing);
	if (standing != SIMPUL__STANDING__STANDING_ACTIVE)
		account->leaving |= office;
}

/* ---- what is on disk */

static struct entry_note *entry_add(struct account *account, uint64_t entry)
{
	if (entry != account->last + 1)
		account_wrong(account, entry <= account->last ? DUPLICATED : LOST, "entry %llu follows %llu",
			      (unsigned long long)entry, (unsigned long long)account->last);
	account->entries = memory_grow(account->entries, account->last + 2, sizeof *account->entries);
	memset(&account->entries[++account->last], 0, sizeof *account->entries);
	return &account->entries[account->last];
}

/* What follows from the report that an update or a cancel is about, once it has its place in the journal. */
static void inherit(struct account *account, const struct item *item, struct decision *decision)
{
	struct item *about = &account->items[item->about];

	if (about->entry == 0 || about->verdict != E_OK || about->voided) {
		decision->verdicts[0] = E_REFERENCE_UNKNOWN;
		decision->decided = 0;
		return;
	}
	decision->decided |= about->reach;
	about->reach = decision->decided;
}

static void submission_stored(struct account *account, struct decision *decision, uint64_t entry)
{
	struct item *first = &account->items[decision->note.first];

	if (first->verb != SAYS && !first->voided && decision->verdicts[0] == E_OK)
		inherit(account, first, decision);
	for (size_t i = 0; i < decision->note.count; i++) {
		const size_t found = account_find(account, first->origin, decision->first.stream,
						  decision->first.number + i);
		struct item *item = &account->items[found];

		if (found == NO_ITEM)
			return;
		if (item->entry != 0)
			account_wrong(account, DUPLICATED, "%s %u/%llu is in entries %llu and %llu", item->name.origin,
				      item->name.stream, (unsigned long long)item->name.number,
				      (unsigned long long)item->entry, (unsigned long long)entry);
		item->entry = entry;
		item->index = i;
		item->verdict = decision->verdicts[i];
		item->reach = decision->decided;
	}
}

static void decision_stored(struct account *account, struct decision *decision, uint64_t entry)
{
	struct entry_note *note = entry_add(account, entry);

	if (decision->type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBMISSION)
		submission_stored(account, decision, entry);
	*note = decision->note;
	note->type = decision->type;
	note->audience = decision->decided;
}

static void decision_drop(struct account *account, size_t index)
{
	buffer_free(&account->decisions[index].content);
	account->decision_count--;
	memmove(&account->decisions[index], &account->decisions[index + 1],
		(account->decision_count - index) * sizeof *account->decisions);
}

/* Verdict and audience that only the journal could know. */
static void result_compare(struct account *account, const struct decision *decision, const struct journal_append *append)
{
	if (append->type != SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBMISSION)
		return;
	if (append->reports[0].verdict != decision->verdicts[0])
		account_wrong(account, LOST, "stored verdict on %s %u/%llu is %s, not %s", append->first.origin,
			      append->first.stream, (unsigned long long)append->first.number,
			      error_name(append->reports[0].verdict), error_name(decision->verdicts[0]));
	if (audience_of(&append->audience) != decision->decided)
		account_wrong(account, audience_of(&append->audience) & ~decision->decided ? LEAKED : LOST,
			      "stored audience of entry %llu is %x, not %x", (unsigned long long)append->entry,
			      audience_of(&append->audience), decision->decided);
}

void account_committed(struct account *account, const struct journal_append *append)
{
	for (; append; append = (const struct journal_append *)append->letter.next) {
		size_t index = 0;

		while (index < account->decision_count && account->decisions[index].ticket != append->ticket)
			index++;
		if (index == account->decision_count)
			continue;
		if (append->result.code == E_OK) {
			decision_stored(account, &account->decisions[index], append->entry);
			account->entries[account->last].head = append->head;
			result_compare(account, &account->decisions[index], append);
		}
		decision_drop(account, index);
	}
}

/* ---- what the core knows */

static void policy_noted(struct account *account, struct bytes content)
{
	const Simpul__PolicyVersion *version =
		simpul__policy_version__unpack(&account->arena.protobuf, content.size, content.data);

	account->policies = memory_grow(account->policies, version->version, sizeof *account->policies);
	account->policies[version->version - 1] = rules_version(BYTES(version->text.data, version->text.len));
	account->policy_count = account->policy = version->version;
}

static void entry_known(struct account *account, Simpul__EntryType type, struct bytes content)
{
	Simpul__Standing standing;
	offices office;

	if (type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_POLICY) {
		policy_noted(account, content);
	} else if (type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_STANDING) {
		office = standing_of(account, content, &standing);
		account->leaving &= ~office;
		account->active &= ~office;
		account->active |= standing == SIMPUL__STANDING__STANDING_ACTIVE ? office : 0;
	} else if (type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_MEMBER) {
		const Simpul__MemberRecord *record =
			simpul__member_record__unpack(&account->arena.protobuf, content.size, content.data);

		account->active |= 1u << office_of(record->node);
	}
}

void account_heard(struct account *account, const struct journal_append *append)
{
	Simpul__Standing standing;

	arena_reset(&account->arena);
	for (; append; append = (const struct journal_append *)append->letter.next) {
		if (append->result.code == E_OK)
			entry_known(account, append->type, buffer_view(&append->content));
		else if (append->type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_STANDING)
			account->leaving &= ~standing_of(account, buffer_view(&append->content), &standing);
	}
}

void account_load_begins(struct account *account)
{
	account->policy = 0;
	account->active = account->leaving = 0;
}

/* What is found beyond the last entry that was reported must be the next decision that nothing was heard of. */
static void recover_until(struct account *account, struct journal_reader *reader, uint64_t entry)
{
	struct arena arena;

	arena_init(&arena);
	while (account->last < entry && account->decision_count > 0) {
		struct decision *decision = &account->decisions[0];
		struct buffer encoded = {0};

		if (decision->type != SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBMISSION) {
			decision_stored(account, decision, account->last + 1);
		} else if (journal_read_receipt(reader, &decision->first, decision->note.count, &decision->digest,
						&encoded, NULL) == E_OK) {
			const Simpul__Receipt *receipt = wire_unpack(&simpul__receipt__descriptor,
								     buffer_view(&encoded), &arena, NULL);

			decision_stored(account, decision, receipt->entry);
		}
		buffer_free(&encoded);
		decision_drop(account, 0);
	}
	arena_fini(&arena);
}

void account_loads(struct account *account, Simpul__EntryType type, uint64_t entry, struct bytes content)
{
	arena_reset(&account->arena);
	if (type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_GENESIS && account->last == 0)
		entry_add(account, entry)->type = type;
	entry_known(account, type, content);
}

void account_load_ends(struct account *account, struct journal_reader *reader, uint64_t last)
{
	const uint64_t before = account->last;

	recover_until(account, reader, last);
	while (account->decision_count > 0)
		decision_drop(account, 0);
	if (last != account->last)
		account_wrong(account, last < account->last ? LOST : INVENTED, "the journal ends at %llu, not at %llu",
			      (unsigned long long)last, (unsigned long long)account->last);
	for (uint64_t entry = before > 0 ? before : 1; entry <= account->last && entry <= last; entry++) {
		struct position position = {0};

		journal_read_position(reader, entry, &position, NULL);
		if (entry == before && entry > 1 && !hash_equal(&position.head, &account->entries[entry].head))
			account_wrong(account, LOST, "entry %llu is another after a restart", (unsigned long long)entry);
		account->entries[entry].head = position.head;
	}
}

/* ---- what is handed to sockets */

static void entry_handed(struct account *account, size_t office, const Simpul__Entry *entry)
{
	const struct entry_note *note = &account->entries[entry->entry];
	const bool refused = note->asked && !rules_admit(rules_of(account, account->policy), office, &note->topic);

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
