/* uplink_message - what the broker says: WELCOME, receipts, refusals, batches by request and by feed. */
#include "agents/uplink/uplink_state.h"
#include "common/log.h"
#include "common/wire.h"

#include <string.h>

#define RETRY_MS 500	   /* where a refusal does not say how long to wait */
#define LONGEST_PAUSE_MS 60000
#define SHORTEST_PAUSE_MS 100 /* all that is under way may come back, and too much of that is not answered */
#define POSTPONE_MS 1000   /* where the target cannot store a batch now */
#define UPTO_FIELD 2	   /* of Batch */
#define ENTRIES_FIELD 4
#define LAST_FIELD 6
#define POSITION_ENTRY_FIELD 2
#define RECEIPT_FIELD 3	   /* of Down */
#define BATCH_FIELD 5
#define SEQ_FIELD 1
#define RECOVERIES 64	   /* that a broker may tell of at once */

/* ---- WELCOME */

/* What a broker that was restored says of it. */
struct story {
	struct recovery recoveries[RECOVERIES];
	size_t count;
	uint64_t kept; /* up to this entry every one of its incarnations is the same */
};

/* By the key that the broker had then: the present one, or one before it. */
static enum error recovery_take(const struct uplink *uplink, struct recovery *recovery, struct bytes genesis,
				struct fault *fault)
{
	const struct join *join = uplink->options.join;
	const struct broker_terms *terms = uplink->options.broker.terms;
	enum error error = recovery_read(recovery, genesis, join->exchange, join->broker_signing, fault);

	for (size_t i = 0; error != E_OK && terms && i < terms->count; i++) {
		const uint8_t *former = i == 0 ? terms->first : terms->list[i - 1].signing_key;

		if (recovery_read(recovery, genesis, join->exchange, former, NULL) == E_OK &&
		    memcmp(uplink_broker_key(uplink, recovery->from.entry + 1), former, KEY_SIZE) == 0)
			error = E_OK;
	}
	return error;
}

static enum error story_read(const struct uplink *uplink, const Simpul__Welcome *welcome, struct story *story,
			     struct fault *fault)
{
	uint32_t incarnation = 0;

	*story = (struct story){.kept = UINT64_MAX};
	if (welcome->n_recoveries > RECOVERIES)
		return fault_at(fault, E_TOO_LARGE, "welcome.recoveries");
	for (size_t i = 0; i < welcome->n_recoveries; i++) {
		struct recovery *recovery = &story->recoveries[story->count++];

		if (recovery_take(uplink, recovery, BYTES(welcome->recoveries[i].data, welcome->recoveries[i].len), fault) !=
		    E_OK) {
			fault_within(fault, "welcome.recoveries[%zu]", i);
			return fault->code;
		}
		if (recovery->incarnation <= incarnation)
			return fault_at(fault, E_INVALID, "welcome.recoveries[%zu]", i);
		incarnation = recovery->incarnation;
		if (recovery->from.entry < story->kept)
			story->kept = recovery->from.entry;
	}
	return E_OK;
}

/* Where the feed goes on: at our cursor, or, after recoveries that our incarnation did not have, where the broker says,
 * which is never after what was kept. */
static enum error place_find(const struct story *story, const struct position *cursor, const struct position *told,
			     const struct position *head, struct position *place, struct fault *fault)
{
	const struct recovery *last = story->count > 0 ? &story->recoveries[story->count - 1] : NULL;

	*place = *cursor;
	if (cursor->incarnation == 0 || head->incarnation == cursor->incarnation)
		return E_OK;
	if (last == NULL || last->incarnation != head->incarnation ||
	    story->recoveries[0].incarnation <= cursor->incarnation)
		return fault_at(fault, E_HISTORY_DIFFERS, "welcome.head");
	if (told->entry < cursor->entry)
		*place = *told;
	return place->entry <= story->kept ? E_OK : fault_at(fault, E_HISTORY_DIFFERS, "welcome.cursor");
}

/* Whether the broker's history is one that our place lies in. */
static enum error history_check(const struct position *place, const struct position *head, struct fault *fault)
{
	if (head->entry < place->entry || (head->entry == place->entry && !hash_equal(&head->head, &place->head)))
		return fault_at(fault, E_HISTORY_DIFFERS, "welcome.head");
	return E_OK;
}

static enum error history_take(const struct uplink *uplink, const Simpul__Welcome *welcome,
			       const struct position *head, struct fault *fault)
{
	const struct uplink_target *target = &uplink->options.target;
	const struct position cursor = target->cursor(target->context);
	struct story story;
	struct position told, place;

	if (story_read(uplink, welcome, &story, fault) != E_OK)
		return fault->code;
	if (position_of_message(&told, welcome->cursor) != E_OK)
		told = cursor;
	if (place_find(&story, &cursor, &told, head, &place, fault) != E_OK ||
	    history_check(&place, head, fault) != E_OK)
		return fault->code;
	if (story.count == 0)
		return E_OK;
	if (cursor.incarnation != 0)
		log_event(LOG_LEVEL_ALARM, "uplink.recovered", F_TEXT("node", uplink->options.node),
			  F_NUM("incarnation", head->incarnation), F_NUM("kept", story.kept),
			  F_NUM("cursor", place.entry));
	if (target->recover == NULL)
		return fault_at(fault, E_HISTORY_DIFFERS, "welcome.recoveries");
	return target->recover(target->context, story.recoveries, story.count, &place, fault);
}

/* What is in force comes first: everything else is signed with it. */
static enum error broker_keys_take(struct uplink *uplink, const Simpul__Welcome *welcome, struct fault *fault)
{
	const struct uplink_broker *broker = &uplink->options.broker;
	const enum error error =
		broker->told ? broker->told(broker->context, welcome->broker_keys, uplink->session_join.broker_curve, fault)
			     : E_OK;

	if (error == E_OK)
		uplink->tries_announced = false;
	return error;
}

static enum error welcome_check(struct uplink *uplink, const Simpul__Welcome *welcome, struct position *head,
				struct fault *fault)
{
	if (welcome->version != LINK_VERSION)
		return fault_at(fault, E_VERSION, "welcome.version");
	if (!bytes_equal(BYTES(welcome->exchange.data, welcome->exchange.len),
			 BYTES(uplink->options.join->exchange, EXCHANGE_SIZE)))
		return fault_at(fault, E_EXCHANGE, "welcome.exchange");
	if (welcome->feed_topic.len != FEED_TOPIC_SIZE || welcome->feed_key.len != KEY_SIZE)
		return fault_at(fault, E_INVALID, "welcome.feed");
	if (position_of_message(head, welcome->head) != E_OK || head->incarnation == 0)
		return fault_at(fault, E_INVALID, "welcome.head");
	if (broker_keys_take(uplink, welcome, fault) != E_OK)
		return fault->code;
	return history_take(uplink, welcome, head, fault);
}

static void feed_start(struct uplink *uplink, const Simpul__Welcome *welcome)
{
	struct session *session = &uplink->session;

	memcpy(session->feed.exchange, uplink->options.join->exchange, EXCHANGE_SIZE);
	strcpy(session->feed.node, uplink->options.node);
	memcpy(session->feed.key, welcome->feed_key.data, KEY_SIZE);
	session->feed.session = welcome->session;
	session->heartbeat_ms = welcome->heartbeat_ms > 0 ? welcome->heartbeat_ms : LIMIT_HEARTBEAT_MS;
	session->feed_at = session->fetch_at = session->ack_at = uplink->now.steady;
}

static void take_welcome(struct uplink *uplink, const Simpul__Welcome *welcome)
{
	const struct uplink_source *source = &uplink->options.source;
	const char *endpoint = welcome->feed_endpoint[0] ? welcome->feed_endpoint : uplink->options.join->feed_endpoint;
	struct fault fault = {0};
	struct position head;

	uplink_key_taken(uplink);
	if (welcome_check(uplink, welcome, &head, &fault) != E_OK ||
	    source->welcome(source->context, welcome, &fault) != E_OK) {
		if (error_remedy(fault.code) == REMEDY_RETRY) /* a full disk, a lock */
			uplink_offline(uplink, fault.code, fault.field, POSTPONE_MS);
		else
			uplink_halt(uplink, &fault);
		return;
	}
	uplink->session.incarnation = head.incarnation;
	feed_start(uplink, welcome);
	if (!uplink->transport.subscribe(uplink->transport.context, endpoint, welcome->feed_topic.data)) {
		uplink_offline(uplink, E_UNREACHABLE, "feed_endpoint", 0);
		return;
	}
	uplink->handshake_logged = false;
	uplink->clock_known = welcome->broker_time > 0;
	uplink->clock_ahead = (int64_t)(uplink->now.wall - welcome->broker_time);
	uplink->broker_ahead = welcome->broker_time - uplink->now.steady;
	fault_at(&uplink->last_fault, E_OK, "%s", "");
	log_event(LOG_LEVEL_INFO, "uplink.connected", F_TEXT("node", uplink->options.node), F_NUM("head", head.entry),
		  F_NUM("policy_version", welcome->policy_version));
	flights_start(uplink);
	uplink_enter(uplink, UPLINK_CATCHING_UP);
}

/* ---- batches */

/* Fetch what is missing: the one answer to every gap. */
static void fetch_from(struct uplink *uplink, steady_ms when)
{
	if (uplink->state == UPLINK_LIVE)
		uplink_enter(uplink, UPLINK_CATCHING_UP);
	if (uplink->session.fetch_seq == 0)
		uplink->session.fetch_at = when;
	else
		uplink->session.fetch_more = true;
}

/* True when the batch was applied, or held nothing new. */
static bool batch_apply(struct uplink *uplink, struct bytes batch)
{
	const struct uplink_target *target = &uplink->options.target;
	struct fault fault = {0};
	const enum error error = target->apply(target->context, batch, &fault);

	if (error == E_OK)
		return true;
	if (error == E_GAP) {
		fetch_from(uplink, uplink->now.steady);
	} else if (error_remedy(error) == REMEDY_RETRY) { /* a full disk, a lock */
		log_event(LOG_LEVEL_ERROR, "inbox.postponed", F_TEXT("node", uplink->options.node),
			  F_TEXT("code", error_name(error)));
		fetch_from(uplink, uplink->now.steady + POSTPONE_MS);
	} else {
		uplink_halt(uplink, &fault);
	}
	return false;
}

/* While this batch is verified and stored the next one may come: it is asked for before. Where it leads is not verified
 * yet, and need not be: a batch that does not follow is a gap. */
static void fetch_ahead(struct uplink *uplink, struct bytes batch, uint64_t cursor)
{
	struct bytes part;
	uint64_t upto;

	if (uplink->state != UPLINK_CATCHING_UP || !frame_part(batch, ENTRIES_FIELD, &part) ||
	    !frame_part(batch, UPTO_FIELD, &part))
		return;
	upto = frame_number(part, POSITION_ENTRY_FIELD);
	if (upto > cursor)
		uplink_fetch(uplink, upto);
}

/* The last answer leads to where the feed goes on, also when that never rests; unless something of the feed came before
 * the answer and did not follow yet. */
static void take_fetched(struct uplink *uplink, uint64_t seq, struct bytes batch)
{
	struct session *session = &uplink->session;
	const uint64_t before = uplink_cursor(uplink).entry;
	const bool last = frame_number(batch, LAST_FIELD) != 0;

	if (session->fetch_seq == 0 || seq != session->fetch_seq)
		return; /* an answer to a request of a session or state that is over */
	session->fetch_seq = 0;
	session->fetch_at = uplink->now.steady;
	if (!last)
		fetch_ahead(uplink, batch, before);
	if (!batch_apply(uplink, batch) || uplink->state != UPLINK_CATCHING_UP || !last || session->fetch_more)
		return;
	session->feed_at = uplink->now.steady;
	uplink_enter(uplink, UPLINK_LIVE);
	flights_wake(uplink);
}

void uplink_take_publication(struct uplink *uplink, struct bytes frame)
{
	struct session *session = &uplink->session;
	uint8_t *opened = arena_alloc(&uplink->arena, frame.size + 1);
	struct feed_head head;
	size_t size;

	if (feed_open(&session->feed, frame, &head, opened, &size) != E_OK || head.counter <= session->counter) {
		if (!session->unopened_logged)
			log_event(LOG_LEVEL_WARNING, "uplink.feed_unreadable", F_TEXT("node", uplink->options.node));
		session->unopened_logged = true;
		fetch_from(uplink, uplink->now.steady);
	} else {
		session->counter = head.counter;
		session->feed_at = uplink->now.steady;
		batch_apply(uplink, BYTES(opened, size));
	}
	arena_reset(&uplink->arena);
}

/* ---- refusals */

static void fault_of(const Simpul__Refusal *refusal, struct fault *fault)
{
	fault_at(fault, error_of_code(refusal->code), "%s", refusal->field);
	fault->expected = refusal->expected;
}

uint64_t refusal_pause(const struct fault *fault)
{
	if (fault->expected > LONGEST_PAUSE_MS)
		return LONGEST_PAUSE_MS;
	if (fault->expected == 0)
		return RETRY_MS;
	return fault->expected > SHORTEST_PAUSE_MS ? fault->expected : SHORTEST_PAUSE_MS;
}

/* Of HELLO, FETCH or ACK, or of the broker's own accord. */
static void session_refused(struct uplink *uplink, const struct fault *fault)
{
	const uint64_t pause = refusal_pause(fault);

	/* A broker that was restarted under the connection knows no session: a new one mends it. */
	if (fault->code == E_UNEXPECTED || fault->code == E_OK)
		uplink_offline(uplink, fault->code, fault->field, 0);
	else if (error_remedy(fault->code) == REMEDY_RETRY && uplink->state != UPLINK_GREETING)
		uplink->session.fetch_at = uplink->now.steady + pause;
	else if (error_remedy(fault->code) == REMEDY_RETRY)
		uplink_offline(uplink, fault->code, fault->field, pause);
	else
		uplink_halt(uplink, fault);
}

static void take_refusal(struct uplink *uplink, uint64_t seq, const Simpul__Refusal *refusal)
{
	struct flight *flight = flight_find(uplink, seq);
	struct session *session = &uplink->session;
	struct fault fault;
	bool is_ours;

	fault_of(refusal, &fault);
	if (flight && fault.code != E_UNEXPECTED) {
		flight_refused(uplink, flight, &fault);
		return;
	}
	is_ours = flight || seq == 0 || seq == session->hello_seq || seq == session->fetch_seq;
	if (seq == session->fetch_seq)
		session->fetch_seq = 0;
	/* A GAP or the like for a submission that was taken back meanwhile says nothing new. */
	if (is_ours || error_remedy(fault.code) == REMEDY_STOP)
		session_refused(uplink, &fault);
}

static void take_goodbye(struct uplink *uplink, const Simpul__Goodbye *goodbye)
{
	const enum error code = error_of_code(goodbye->code);

	if (error_remedy(code) == REMEDY_STOP && code != E_UNEXPECTED)
		uplink_halt_at(uplink, code, "goodbye");
	else
		uplink_offline(uplink, code, "goodbye", RETRY_MS);
}

/* ---- messages */

static void take_down(struct uplink *uplink, const Simpul__Down *down, struct bytes frame)
{
	struct flight *flight;
	struct bytes encoded;

	switch (down->message_case) {
	case SIMPUL__DOWN__MESSAGE_WELCOME:
		if (uplink->state == UPLINK_GREETING && down->seq == uplink->session.hello_seq)
			take_welcome(uplink, down->welcome);
		break;
	case SIMPUL__DOWN__MESSAGE_RECEIPT:
		flight = flight_find(uplink, down->seq);
		if (flight && frame_part(frame, RECEIPT_FIELD, &encoded))
			flight_receipt(uplink, flight, down->receipt, encoded);
		break;
	case SIMPUL__DOWN__MESSAGE_REFUSAL:
		take_refusal(uplink, down->seq, down->refusal);
		break;
	case SIMPUL__DOWN__MESSAGE_GOODBYE:
		take_goodbye(uplink, down->goodbye);
		break;
	default:
		break; /* an empty Down says nothing */
	}
}

void uplink_take_message(struct uplink *uplink, struct bytes frame)
{
	struct fault fault = {0};
	const Simpul__Down *down;
	struct bytes batch;

	if (frame_part(frame, BATCH_FIELD, &batch)) {
		take_fetched(uplink, frame_number(frame, SEQ_FIELD), batch);
		return;
	}
	down = wire_unpack(&simpul__down__descriptor, frame, &uplink->arena, &fault);
	if (down)
		take_down(uplink, down, frame);
	else
		uplink_halt(uplink, &fault);
	arena_reset(&uplink->arena);
}
