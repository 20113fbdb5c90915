/* account_journal - notes what is on the broker's disk, in its order, and what the core knows of it. */
#include "tests/sim/account.h"
#include "common/memory.h"
#include "common/wire.h"

#include <stdlib.h>
#include <string.h>

#define EVERYBODY ((1u << OFFICES) - 1)

/* ---- reading what the journal is given */

const struct rules *account_rules(const struct account *account, uint32_t policy)
{
	return &account->offered[account->policies[policy - 1] - 1];
}

offices account_audience(const struct audience *audience)
{
	offices set = 0;

	for (size_t i = 0; i < audience->count; i++) {
		const size_t office = office_of(audience->nodes[i]);

		set |= strcmp(audience->nodes[i], "*") == 0 ? EVERYBODY : office < OFFICES ? 1u << office : 0;
	}
	return set;
}

offices account_standing(struct account *account, struct bytes content, Simpul__Standing *standing)
{
	const Simpul__MemberStanding *message =
		simpul__member_standing__unpack(&account->arena.protobuf, content.size, content.data);

	*standing = message->standing;
	return 1u << office_of(message->node);
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
		const size_t found =
			account_find(account, first->origin, decision->first.stream, decision->first.number + i);
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
static void result_compare(struct account *account, const struct decision *decision,
			   const struct journal_append *append)
{
	if (append->type != SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBMISSION)
		return;
	if (append->reports[0].verdict != decision->verdicts[0])
		account_wrong(account, LOST, "stored verdict on %s %u/%llu is %s, not %s", append->first.origin,
			      append->first.stream, (unsigned long long)append->first.number,
			      error_name(append->reports[0].verdict), error_name(decision->verdicts[0]));
	if (account_audience(&append->audience) != decision->decided)
		account_wrong(account, account_audience(&append->audience) & ~decision->decided ? LEAKED : LOST,
			      "stored audience of entry %llu is %x, not %x", (unsigned long long)append->entry,
			      account_audience(&append->audience), decision->decided);
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
		office = account_standing(account, content, &standing);
		account->leaving &= ~office;
		account->active &= ~office;
		account->active |= standing == SIMPUL__STANDING__STANDING_ACTIVE ? office : 0;
	} else if (type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBSCRIPTION) {
		const Simpul__NodeSubscription *subscription =
			simpul__node_subscription__unpack(&account->arena.protobuf, content.size, content.data);

		account->wishes[office_of(subscription->node)] = wish_read(subscription->subscription);
	} else if (type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_MEMBER) {
		const Simpul__MemberRecord *record =
			simpul__member_record__unpack(&account->arena.protobuf, content.size, content.data);

		account->active |= 1u << office_of(record->node);
		account->key_ids[office_of(record->node)] = record->key_id;
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
			account->leaving &= ~account_standing(account, buffer_view(&append->content), &standing);
	}
}

void account_load_begins(struct account *account)
{
	account->policy = 0;
	account->active = account->leaving = 0;
	memset(account->key_ids, 0, sizeof account->key_ids);
	memset(account->wishes, 0, sizeof account->wishes);
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
			const Simpul__Receipt *receipt =
				wire_unpack(&simpul__receipt__descriptor, buffer_view(&encoded), &arena, NULL);

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
			account_wrong(account, LOST, "entry %llu is another after a restart",
				      (unsigned long long)entry);
		account->entries[entry].head = position.head;
	}
}
