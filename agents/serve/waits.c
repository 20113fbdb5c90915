/* waits - counts what nobody has seen to yet. */
#include "agents/serve/waits.h"

#include "agents/reports/by_hand.h"
#include "agents/reports/legal_hold.h"
#include "agents/reports/purge_note.h"
#include "agents/reports/release.h"

/* What was refused stays in the outbox; it is told for as long as its author can be expected to say it anew. 6:
 * PURGE_RECEIPT, of which the agent says anew by itself what can be. */
static enum error refused_count(struct store *store, wall_ms since, uint64_t *count, struct fault *fault)
{
	static const char sql[] =
		"SELECT count(*) FROM outbox_report WHERE code <> 0 AND erased_at = 0 AND taken_at > ?1 AND kind <> 6";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	bind_number(get, 1, since);
	error = store_ask(store, get, fault);
	*count = error == E_OK ? column_number(get, 0) : 0;
	sqlite3_reset(get);
	return error;
}

enum error waits_count(struct store *store, wall_ms now, uint64_t counts[WAITS], struct fault *fault)
{
	const wall_ms since = now > WAIT_REFUSED_DAYS * DAY_MS ? now - WAIT_REFUSED_DAYS * DAY_MS : 0;
	enum error error = refused_count(store, since, &counts[WAIT_REFUSED], fault);

	if (error == E_OK)
		error = release_open_count(store, &counts[WAIT_RELEASE], fault);
	if (error == E_OK)
		error = legal_holds_waiting(store, now, &counts[WAIT_HOLD], fault);
	if (error == E_OK)
		error = purge_notes_refused(store, since, &counts[WAIT_UNHEARD], fault);
	counts[WAIT_ERASURE] = by_hand_count(store);
	return error;
}

const struct wait_text *wait_text(enum wait wait)
{
	static const struct wait_text texts[WAITS] = {
		[WAIT_REFUSED] = {"refused", "reports of the last 7 days were refused: nobody got them",
				  "simpul outbox list --refused says why; report anew what is still to be said"},
		[WAIT_RELEASE] = {"releases", "requests to share a report of this office are not answered",
				  "simpul release list; then grant or refuse"},
		[WAIT_HOLD] = {"holds", "orders to keep a report wait for a second user, for a day at most",
			       "simpul hold list; then simpul hold confirm, as another user"},
		[WAIT_ERASURE] = {"erasures", "copies in this office's own systems have to be removed by hand",
				  "simpul erasures list; then done for each"},
		[WAIT_UNHEARD] =
			{"unheard", "erasures of the last 7 days were not told to the origin: the broker refused it",
			 "simpul outbox list --refused says why, and show of which; tell the origin in another way"},
	};

	return &texts[wait];
}
