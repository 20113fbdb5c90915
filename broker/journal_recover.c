/* journal_recover - begins a new incarnation on a journal that came out of a backup. */
#include "broker/journal_sqlite.h"
#include "common/recovery.h"
#include "common/wire.h"

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

static enum error incarnation_begin(struct journal *journal, uint32_t incarnation, const char *reason, wall_ms now,
				    struct journal_recovery *recovery, struct fault *fault)
{
	struct journal_append *append;
	enum error error;

	recovery->from = journal->state.position;
	if (incarnation == 0)
		incarnation = recovery->from.incarnation + 1;
	if (incarnation <= recovery->from.incarnation)
		return fault_at(fault, E_INVALID, "incarnation: the journal has %u already",
				(unsigned)recovery->from.incarnation);
	journal->state.position.incarnation = incarnation;
	append = journal_append_new();
	append->type = SIMPUL__ENTRY_TYPE__ENTRY_TYPE_GENESIS;
	genesis_pack(journal, &recovery->from, reason, &append->content);
	error = journal_commit(journal, append, now);
	if (error != E_OK && fault != NULL)
		*fault = append->result;
	recovery->begins = journal->state.position;
	journal_append_free(append);
	return error;
}

enum error journal_recover(const struct journal_options *options, uint32_t incarnation, const char *reason, wall_ms now,
			   struct journal_recovery *recovery, struct fault *fault)
{
	struct journal *journal;
	enum error error = journal_open_marked(&journal, options, fault);

	if (error != E_OK)
		return error;
	error = incarnation_begin(journal, incarnation, reason, now, recovery, fault);
	journal_close(journal);
	return error;
}
