/* chain_not_extended - a bug put in on purpose: of seven entries one leaves the head as it was. Linked with --wrap. */
#include "broker/journal.h"

enum { SKIPPED = 7 };

enum error __real_journal_commit(struct journal *journal, struct journal_append *appends, wall_ms now);
enum error __wrap_journal_commit(struct journal *journal, struct journal_append *appends, wall_ms now);
struct hash __real_chain_head(const struct hash *previous, const struct hash *entry_hash);
struct hash __wrap_chain_head(const struct hash *previous, const struct hash *entry_hash);

/* Whoever checks the chain computes it well. */
static _Thread_local bool is_writing;

enum error __wrap_journal_commit(struct journal *journal, struct journal_append *appends, wall_ms now)
{
	enum error error;

	is_writing = true;
	error = __real_journal_commit(journal, appends, now);
	is_writing = false;
	return error;
}

struct hash __wrap_chain_head(const struct hash *previous, const struct hash *entry_hash)
{
	static _Thread_local unsigned heads;

	return is_writing && ++heads % SKIPPED == 0 ? *previous : __real_chain_head(previous, entry_hash);
}
