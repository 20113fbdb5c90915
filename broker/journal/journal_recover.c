/* journal_recover - begins a new incarnation on a journal that came out of a backup. */
#include "broker/journal/journal_sqlite.h"
#include "common/recovery.h"
#include "common/wire.h"
#include <stdlib.h>

/* The genesis of the incarnation that the journal is in from now on. */
static void genesis_pack(struct journal *journal, const struct position *from, const char *reason, struct buffer *out)
{
	Simpul__Genesis genesis = SIMPUL__GENESIS__INIT;
	Simpul__Position recovered_from;
	uint8_t signature[SIGNATURE_SIZE];

	position_to_message(from, &recovered_from);
	genesis.exchange = (ProtobufCBinaryData){EXCHANGE_SIZE, journal->exchange};
	genesis.incarnation = journal->state.position.incarnation;
	genesis.authority_key = (ProtobufCBinaryData){KEY_SIZE, journal->authority};
	genesis.broker_key = (ProtobufCBinaryData){KEY_SIZE, journal->options.broker.public_key};
	genesis.recovered_from = &recovered_from;
	genesis.reason = (char *)(uintptr_t)reason;
	recovery_sign(&genesis, &journal->options.broker, signature);
	genesis.signature = (ProtobufCBinaryData){SIGNATURE_SIZE, signature};
	wire_pack(&genesis, out);
}

/* One that no recovery from the same backup has in another second. */
static uint32_t next_incarnation(uint32_t last, wall_ms now)
{
	const uint64_t seconds = now / 1000;

	return seconds > last && seconds < UINT32_MAX ? (uint32_t)seconds : last + 1;
}

static struct journal_append *tombstone_of(const struct erasure *erasures, size_t count, wall_ms now)
{
	struct journal_append *append = journal_append_new();

	append->type = SIMPUL__ENTRY_TYPE__ENTRY_TYPE_TOMBSTONE;
	tombstone_pack(erasures, count, now, &append->content);
	return append;
}

/* Up to `most` tombstones from the erasure *done on, behind `first` (NULL: nothing). Returns the first of all. */
static struct journal_append *tombstones_add(struct journal_append *first, const struct erasures *former, size_t *done,
					     size_t most, wall_ms now)
{
	struct journal_append *last = first;

	for (size_t i = 0; i < most && *done < former->count; i++) {
		const size_t left = former->count - *done, count = left < LIMIT_ERASURES ? left : LIMIT_ERASURES;
		struct journal_append *next = tombstone_of(former->list + *done, count, now);

		if (last == NULL)
			first = next;
		else
			last->letter.next = &next->letter;
		last = next;
		*done += count;
	}
	return first;
}

static struct journal_append *genesis_append(struct journal *journal, const struct position *from, const char *reason)
{
	struct journal_append *genesis = journal_append_new();

	genesis->type = SIMPUL__ENTRY_TYPE__ENTRY_TYPE_GENESIS;
	genesis_pack(journal, from, reason, &genesis->content);
	return genesis;
}

static void appends_free(struct journal_append *append)
{
	while (append != NULL) {
		struct journal_append *next = (struct journal_append *)append->letter.next;

		journal_append_free(append);
		append = next;
	}
}

static enum error appends_commit(struct journal *journal, struct journal_append *appends, wall_ms now,
				 struct position *begins, struct fault *fault)
{
	const enum error error = journal_commit_told(journal, appends, now, fault);

	if (begins != NULL)
		*begins = (struct position){journal->state.position.incarnation, appends->entry, appends->head};
	appends_free(appends);
	return error;
}

/* In one transaction, with tombstones for what was erased in the history that is over: a body that is gone without one
 * would be damage. Those of more than 65,280 places follow in others. */
static enum error incarnation_begin(struct journal *journal, uint32_t incarnation, const char *reason,
				    const struct erasures *former, wall_ms now, struct journal_recovery *recovery,
				    struct fault *fault)
{
	size_t done = 0;
	enum error error;

	recovery->from = journal->state.position;
	if (incarnation == 0)
		incarnation = next_incarnation(recovery->from.incarnation, now);
	if (incarnation <= recovery->from.incarnation)
		return fault_at(fault, E_INVALID, "incarnation: the journal has %u already",
				(unsigned)recovery->from.incarnation);
	journal->state.position.incarnation = incarnation;
	error = appends_commit(journal,
			       tombstones_add(genesis_append(journal, &recovery->from, reason), former, &done,
					      LIMIT_COMMIT_ENTRIES - 1, now),
			       now, &recovery->begins, fault);
	while (error == E_OK && done < former->count)
		error = appends_commit(journal, tombstones_add(NULL, former, &done, 1, now), now, NULL, fault);
	return error;
}

/* What was erased since the backup was made, by data keys that are newer than it: the tombstones are lost. */
static enum error former_find(const struct journal_options *options, struct erasures *former, struct fault *fault)
{
	const struct journal_watch watch = {.former = former};
	struct journal_verdict verdict;
	const enum error error = journal_verify_until(options, NULL, &watch, &verdict, fault);

	if (error == E_OK && verdict.bad_entry != 0)
		return entry_corrupt(verdict.bad_entry, fault);
	return error;
}

enum error journal_recover(const struct journal_options *options, uint32_t incarnation, const char *reason, wall_ms now,
			   struct journal_recovery *recovery, struct fault *fault)
{
	struct erasures former = {0};
	struct journal *journal = NULL;
	enum error error = former_find(options, &former, fault);

	if (error == E_OK)
		error = journal_open_marked(&journal, options, fault);
	if (error == E_OK)
		error = incarnation_begin(journal, incarnation, reason, &former, now, recovery, fault);
	journal_close(journal);
	free(former.list);
	return error;
}
