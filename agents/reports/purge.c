/* purge - expires what is due once a minute, wipes the log, and puts purge receipts into the outbox. */
#include "agents/reports/purge.h"
#include "agents/reports/erase.h"
#include "agents/reports/hold_keep.h"
#include "agents/reports/legal_hold.h"
#include "agents/reports/outbox_erase.h"
#include "agents/reports/purge_receipt.h"
#include "common/hold.h"
#include "common/log.h"

enum {
	ROWS_AT_ONCE = 128,
	RECEIPTS_AT_ONCE = 4,
	WIPE_PATIENCE_MS = 20, /* the loop stands for so long when a reader is in the way */
	WIPE_AGAIN_MS = 500,
	WIPE_COMPLAIN_MS = 60000,
	FAILED_AGAIN_MS = 5000,
	GATHER_MS = 10000, /* while a sink tells of many, one after the other: up to 64 go into one receipt */
};

void purge_init(struct purge *purge, struct store *store, const struct sink_options *sinks, size_t sink_count,
		const struct now *now)
{
	*purge = (struct purge){.store = store, .sinks = sinks, .sink_count = sink_count, .started_at = now->steady};
}

void purge_soon(struct purge *purge, const struct now *now)
{
	const struct purge_sinks sinks = {purge->sinks, purge->sink_count};
	const steady_ms soon = now->steady + (purge_receipts_told(purge->store, &sinks) ? 0 : GATHER_MS);

	if (purge->answer_at > soon)
		purge->answer_at = soon;
}

/* What a full disk or a lock kept from being written is tried again; anything else ends the agent by store->failure. */
static void failed(const struct fault *fault)
{
	log_event(LOG_LEVEL_ERROR, "store.failed", F_TEXT("code", error_name(fault->code)),
		  F_TEXT("field", fault->field));
}

/* ------------------------------------------------------------------ the clock */

/* The newest time that the broker ever gave, as far as this store knows; 0: none. */
static wall_ms newest_known(struct store *store)
{
	static const char sql[] = "SELECT max(coalesce((SELECT accepted_at FROM inbox ORDER BY row DESC LIMIT 1), 0),"
				  " coalesce((SELECT accepted_at FROM receipt WHERE epoch = ?1 AND stream = 0 ORDER BY "
				  "first DESC LIMIT 1), 0),"
				  " coalesce((SELECT value FROM meta WHERE key = 'broker time'), 0))";
	sqlite3_stmt *get = store_statement(store, sql);
	wall_ms newest;

	bind_number(get, 1, store->epoch);
	newest = store_ask(store, get, NULL) == E_OK ? column_number(get, 0) : UINT64_MAX;
	sqlite3_reset(get);
	return newest;
}

/* Once a day, so that an office to which nobody speaks knows after a start what time it was. */
static void broker_time_note(struct store *store, wall_ms broker)
{
	sqlite3_stmt *put =
		store_statement(store, "INSERT OR REPLACE INTO meta(key, value) VALUES('broker time', ?1)");

	if (broker == 0 || broker < newest_known(store) + DAY_MS)
		return;
	bind_number(put, 1, broker);
	store_put(store, put, NULL); /* a full disk: tried again in a minute */
}

bool purge_clock_far(struct store *store, wall_ms now)
{
	const wall_ms newest = newest_known(store);

	return newest == UINT64_MAX || (newest > 0 && now > newest && now - newest > PURGE_OFFLINE_MS);
}

/* Why this machine's clock may not decide what has expired; NULL: it may. */
static const char *clock_doubt(struct store *store, const struct uplink_status *status, wall_ms now)
{
	const uint64_t broker = status->broker_time;

	if (broker > 0)
		return (now > broker ? now - broker : broker - now) > PURGE_CLOCK_APART_MS ? "broker" : NULL;
	return now < newest_known(store) || purge_clock_far(store, now) ? "store" : NULL;
}

static bool clock_good(struct purge *purge, const struct uplink_status *status, const struct now *now)
{
	const char *doubt = clock_doubt(purge->store, status, now->wall);

	if (doubt != NULL && !purge->doubted)
		log_event(LOG_LEVEL_ALARM, "clock.doubted", F_TEXT("against", doubt));
	if (doubt == NULL && purge->doubted)
		log_event(LOG_LEVEL_NOTICE, "clock.trusted", F_TEXT("node", purge->store->node));
	purge->doubted = doubt != NULL;
	return doubt == NULL;
}

/* ------------------------------------------------------------------ expiry */

/* Spares the disk a transaction when nothing is due, which is nearly always. */
static bool anything_expired(struct store *store, wall_ms now)
{
	static const char sql[] =
		"SELECT EXISTS(SELECT 1 FROM inbox WHERE erased_at = 0 AND expires > 0 AND expires <= ?1) OR"
		" EXISTS(SELECT 1 FROM outbox_report WHERE erased_at = 0 AND expires > 0 AND expires <= ?1)";
	sqlite3_stmt *get = store_statement(store, sql);
	bool answer;

	bind_number(get, 1, now);
	answer = store_ask(store, get, NULL) == E_OK && column_number(get, 0) != 0;
	sqlite3_reset(get);
	return answer;
}

/* One transaction's worth; `more` when there may be more. */
static enum error expire(struct purge *purge, wall_ms now, bool *more, struct fault *fault)
{
	struct store *store = purge->store;
	size_t received = 0, own = 0;
	enum error error = store_begin(store, fault);

	if (error != E_OK)
		return error;
	error = erase_expired(store, now, ROWS_AT_ONCE, &received, fault);
	if (error == E_OK)
		error = outbox_erase_expired(store, now, ROWS_AT_ONCE, &own, fault);
	error = store_end(store, error, fault);
	if (error == E_OK && received + own > 0)
		log_event(LOG_LEVEL_INFO, "report.expired", F_NUM("received", received), F_NUM("own", own));
	purge->inbox_changed = purge->inbox_changed || (error == E_OK && received > 0);
	*more = received == ROWS_AT_ONCE || own == ROWS_AT_ONCE;
	return error;
}

uint64_t purge_expiring(struct store *store, wall_ms now)
{
	static const char sql[] = "SELECT count(*) FROM (SELECT 1 FROM outbox_report o WHERE o.erased_at = 0"
				  " AND o.expires > 0 AND o.expires > ?1 AND o.expires <= ?2"
				  " AND o.code = 0 AND o.kind <= 3 AND o.number <= (SELECT s.receipted FROM stream s"
				  " WHERE s.epoch = o.epoch AND s.stream = o.stream) LIMIT ?3)";
	sqlite3_stmt *get = store_statement(store, sql);
	uint64_t count;

	bind_number(get, 1, now);
	bind_number(get, 2, now + PURGE_NOTICE_MS);
	bind_number(get, 3, PURGE_COUNTED_MOST);
	count = store_ask(store, get, NULL) == E_OK ? column_number(get, 0) : 0;
	sqlite3_reset(get);
	return count;
}

/* E_NOT_FOUND unless it was said today already. */
static enum error notice_find(struct store *store, uint64_t day)
{
	sqlite3_stmt *get = store_statement(store, "SELECT 1 FROM meta WHERE key = 'expiring told' AND value = ?1");
	enum error error;

	bind_number(get, 1, day);
	error = store_ask(store, get, NULL);
	sqlite3_reset(get);
	return error;
}

/* Once a day, while there is something to say. */
static void notice_give(struct store *store, wall_ms now)
{
	sqlite3_stmt *put =
		store_statement(store, "INSERT OR REPLACE INTO meta(key, value) VALUES('expiring told', ?1)");
	uint64_t expiring;

	if (notice_find(store, now / DAY_MS) != E_NOT_FOUND)
		return;
	expiring = purge_expiring(store, now);
	if (expiring == 0)
		return;
	bind_number(put, 1, now / DAY_MS);
	if (store_put(store, put, NULL) == E_OK)
		log_event(LOG_LEVEL_NOTICE, "report.expires_soon", F_NUM("reports", expiring),
			  F_NUM("days", PURGE_NOTICE_MS / DAY_MS));
}

/* Looks again by then, if not before. */
static void expire_by(struct purge *purge, steady_ms at)
{
	if (at < purge->expire_at)
		purge->expire_at = at;
}

/* What an order kept goes when it ends: after one that did there may be more, and another may be the next to end. */
static void holds_end(struct purge *purge, const struct now *now)
{
	struct fault fault = {0};
	wall_ms next;
	size_t count;

	if (hold_keep_end(purge->store, now->wall, &count, &next, &fault) != E_OK) {
		failed(&fault);
		expire_by(purge, now->steady + FAILED_AGAIN_MS);
		return;
	}
	if (count > 0)
		log_event(LOG_LEVEL_INFO, "report.released", F_NUM("reports", count));
	if (count > 0 || next > 0)
		expire_by(purge, now->steady + (next > now->wall && count == 0 ? next - now->wall : 0));
}

/* Once a day, while there is time to have an order extended. */
static void holds_tell(struct purge *purge, wall_ms now)
{
	uint64_t ending;

	if (purge->holds_told != 0 && now >= purge->holds_told && now - purge->holds_told < DAY_MS)
		return;
	purge->holds_told = now;
	ending = legal_holds_ending(purge->store, now);
	if (ending > 0)
		log_event(LOG_LEVEL_WARNING, "hold.ending", F_NUM("orders", ending), F_NUM("days", HOLD_NOTICE_DAYS));
}

static void expire_step(struct purge *purge, const struct uplink_status *status, const struct now *now)
{
	struct fault fault = {0};
	bool more = false;

	if (now->steady < purge->expire_at)
		return;
	if (status->broker_time == 0 && now->steady - purge->started_at < PURGE_BROKER_WAIT_MS)
		return;
	purge->expire_at = now->steady + PURGE_EVERY_MS;
	if (!clock_good(purge, status, now))
		return;
	broker_time_note(purge->store, status->broker_time);
	if (anything_expired(purge->store, now->wall) && expire(purge, now->wall, &more, &fault) != E_OK) {
		failed(&fault);
		purge->expire_at = now->steady + FAILED_AGAIN_MS;
		return;
	}
	if (more)
		expire_by(purge, now->steady);
	holds_end(purge, now);
	holds_tell(purge, now->wall);
	notice_give(purge->store, now->wall);
}

/* ------------------------------------------------------------------ the log */

static void wipe_blocked(struct purge *purge, const struct now *now)
{
	purge->wipe_at = now->steady + WIPE_AGAIN_MS;
	if (purge->wiping_since == 0) {
		purge->wiping_since = now->steady;
	} else if (now->steady - purge->wiping_since >= WIPE_COMPLAIN_MS) {
		log_event(LOG_LEVEL_WARNING, "store.log_held", F_NUM("seconds", WIPE_COMPLAIN_MS / 1000));
		purge->wiping_since = now->steady;
	}
}

/* What was erased is gone from the disk when this succeeds. */
static void wipe_step(struct purge *purge, const struct now *now)
{
	struct fault fault = {0};
	enum error error;

	if (!purge->store->wipe_due || now->steady < purge->wipe_at || purge->store->failure.code != E_OK)
		return;
	error = database_wipe_log(purge->store->db, WIPE_PATIENCE_MS, &fault);
	if (error == E_BUSY) {
		wipe_blocked(purge, now);
		return;
	}
	purge->wiping_since = 0;
	if (error == E_OK) {
		purge->store->wipe_due = false;
		database_wipe_scratch(purge->store->db);
		purge->answer_at = 0;
		return;
	}
	failed(&fault);
	purge->wipe_at = now->steady + FAILED_AGAIN_MS;
	/* After a sync that failed a retry would lie; the next start reads what the disk has. */
	if (error_remedy(error) != REMEDY_RETRY)
		purge->store->failure = fault;
}

/* ------------------------------------------------------------------ answers */

/* True when a receipt was taken. */
static bool answer_step(struct purge *purge, const struct now *now)
{
	struct fault fault = {0};
	const struct purge_sinks sinks = {purge->sinks, purge->sink_count};
	bool made = true, any = false;

	if (purge->store->wipe_due || now->steady < purge->answer_at)
		return false;
	for (int i = 0; made && i < RECEIPTS_AT_ONCE; i++) {
		if (purge_receipt_make(purge->store, &sinks, now->wall, &made, &fault) != E_OK) {
			failed(&fault);
			purge->answer_at = now->steady + FAILED_AGAIN_MS;
			return any;
		}
		any = any || made;
	}
	/* What becomes due later comes with an erasure, and with the wipe after it. */
	if (!made)
		purge->answer_at = now->steady + PURGE_EVERY_MS;
	return any;
}

bool purge_step(struct purge *purge, const struct uplink_status *status, const struct now *now)
{
	expire_step(purge, status, now);
	wipe_step(purge, now);
	return answer_step(purge, now);
}
