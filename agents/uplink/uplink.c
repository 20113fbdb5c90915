/* uplink - states, messages sent and timers of the agent's connection. */
#include "agents/uplink/uplink_state.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/wire.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define SOFTWARE "simpul-agent 1.0.0"
#define HELLO_MS 5000
#define BACKOFF_FIRST_MS 100
#define BACKOFF_LAST_MS 5000
#define SIGN_OF_LIFE_SOON_MS (LIMIT_SIGN_OF_LIFE_MS - 1000) /* from then on a heartbeat is an occasion */
#define SILENT_HEARTBEATS 3
#define FEED_GRACE_MS 1000 /* a packet that is sent again, a busy broker */
#define STEP_FRAMES 64	/* taken from each channel in one step */
#define BYE_LINGER_MS 200
#define LOOK_MS 1000 /* while HALTED: how often a newer key is looked for */

/* ---- life */

struct uplink *uplink_over(const struct uplink_transport *transport, const struct uplink_options *options)
{
	struct uplink *uplink = memory_zero(1, sizeof *uplink);

	uplink->options = *options;
	uplink->transport = *transport;
	uplink->session_keys = node_keys_new();
	uplink->now = clock_now();
	uplink->since = uplink->now.wall;
	arena_init(&uplink->arena);
	return uplink;
}

struct uplink *uplink_new(void *zmq_context, const struct uplink_options *options)
{
	const struct uplink_transport sockets = uplink_sockets_new(zmq_context);

	return uplink_over(&sockets, options);
}

static void session_close(struct uplink *uplink, int linger_ms)
{
	uplink->transport.close(uplink->transport.context, linger_ms);
	keys_wipe(&uplink->session, sizeof uplink->session); /* it held the feed's key */
}

void uplink_free(struct uplink *uplink)
{
	Simpul__Bye bye = SIMPUL__BYE__INIT;
	Simpul__Up up = SIMPUL__UP__INIT;

	if (!uplink)
		return;
	if (uplink->state == UPLINK_CATCHING_UP || uplink->state == UPLINK_LIVE) {
		up.message_case = SIMPUL__UP__MESSAGE_BYE;
		up.bye = &bye;
		uplink_send(uplink, &up);
	}
	session_close(uplink, BYE_LINGER_MS);
	uplink->transport.release(uplink->transport.context);
	arena_fini(&uplink->arena);
	buffer_free(&uplink->frame);
	node_keys_free(uplink->session_keys);
	free(uplink);
}

/* ---- states */

static const char *const state_events[] = {[UPLINK_OFFLINE] = "uplink.offline",
					   [UPLINK_GREETING] = "uplink.greeting",
					   [UPLINK_CATCHING_UP] = "uplink.catching_up",
					   [UPLINK_LIVE] = "uplink.live",
					   [UPLINK_HALTED] = "uplink.halted"};

/* Which states may follow which: one bit each. */
static const unsigned next_states[] = {
	[UPLINK_OFFLINE] = 1u << UPLINK_GREETING | 1u << UPLINK_OFFLINE | 1u << UPLINK_HALTED,
	[UPLINK_GREETING] = 1u << UPLINK_CATCHING_UP | 1u << UPLINK_OFFLINE | 1u << UPLINK_HALTED,
	[UPLINK_CATCHING_UP] = 1u << UPLINK_LIVE | 1u << UPLINK_OFFLINE | 1u << UPLINK_HALTED,
	[UPLINK_LIVE] = 1u << UPLINK_CATCHING_UP | 1u << UPLINK_OFFLINE | 1u << UPLINK_HALTED,
	[UPLINK_HALTED] = 1u << UPLINK_OFFLINE,
};

void uplink_enter(struct uplink *uplink, enum uplink_state state)
{
	if (!(next_states[uplink->state] & 1u << state))
		abort(); /* the callers' order of events allows nothing else */
	uplink->state = state;
	uplink->since = uplink->now.wall;
	if (state == UPLINK_CATCHING_UP || state == UPLINK_LIVE)
		log_event(state == UPLINK_LIVE ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, state_events[state],
			  F_TEXT("node", uplink->options.node), F_NUM("cursor", uplink_cursor(uplink).entry));
	if (state == UPLINK_LIVE)
		uplink->failures = 0;
}

/* The first attempt after a session that was live comes at once; then 100 ms and doubling, less up to a quarter. */
static uint64_t backoff(const struct uplink *uplink)
{
	uint64_t pause = BACKOFF_FIRST_MS;

	if (uplink->failures == 0)
		return randombytes_uniform(BACKOFF_FIRST_MS);
	for (unsigned i = 1; i < uplink->failures && pause < BACKOFF_LAST_MS; i++)
		pause *= 2;
	if (pause > BACKOFF_LAST_MS)
		pause = BACKOFF_LAST_MS;
	return pause - randombytes_uniform((uint32_t)(pause / 4));
}

void uplink_offline(struct uplink *uplink, enum error code, const char *field, uint64_t pause)
{
	const uint64_t waited = backoff(uplink);

	fault_at(&uplink->last_fault, code, "%s", field);
	/* Once for each outage, not once for each attempt. */
	log_event(uplink->failures == 0 ? LOG_LEVEL_NOTICE : LOG_LEVEL_DEBUG, state_events[UPLINK_OFFLINE],
		  F_TEXT("node", uplink->options.node), F_TEXT("code", error_name(code)), F_TEXT("field", field));
	session_close(uplink, 0);
	uplink->failures++;
	uplink->retry_at = uplink->now.steady + (pause > waited ? pause : waited);
	uplink_enter(uplink, UPLINK_OFFLINE);
}

/* ---- newer keys */

static const struct node_keys *next_keys(const struct uplink *uplink)
{
	const struct uplink_renewal *renewal = &uplink->options.renewal;

	return renewal->next ? renewal->next(renewal->context) : NULL;
}

static bool key_outlived(enum error code)
{
	return code == E_KEY_EXPIRED || code == E_KEY_LAPSED;
}

/* The key that the session was opened with is not taken: the next one goes under the other, where there are two. */
static bool key_change(struct uplink *uplink)
{
	if (!next_keys(uplink))
		return false;
	uplink->tries_next = !uplink->tries_next;
	return true;
}

/* ---- newer keys of the broker */

static const struct broker_term *announced_keys(const struct uplink *uplink)
{
	const struct broker_terms *terms = uplink->options.broker.terms;

	return terms && terms->is_announced ? &terms->announced : NULL;
}

/* The broker may have taken up the keys that it announced: those and the present ones in turn. */
static bool broker_change(struct uplink *uplink)
{
	uplink->tries_announced = !uplink->tries_announced && announced_keys(uplink);
	return uplink->tries_announced;
}

const uint8_t *uplink_broker_key(const struct uplink *uplink, uint64_t entry)
{
	const struct broker_terms *terms = uplink->options.broker.terms;
	const uint8_t *present = uplink->options.join->broker_signing;

	return terms ? broker_terms_key(terms, entry, present) : present;
}

void uplink_key_taken(struct uplink *uplink)
{
	const struct uplink_renewal *renewal = &uplink->options.renewal;

	if (!uplink->tries_next)
		return;
	uplink->tries_next = false;
	renewal->taken(renewal->context);
}

/* A key that was at fault may have been renewed meanwhile. */
static void halted_look(struct uplink *uplink)
{
	if (!key_outlived(uplink->last_fault.code) || uplink->now.steady - uplink->looked_at < LOOK_MS)
		return;
	uplink->looked_at = uplink->now.steady;
	if (!next_keys(uplink))
		return;
	uplink->tries_next = true;
	uplink->retry_at = uplink->now.steady;
	uplink_enter(uplink, UPLINK_OFFLINE);
}

void uplink_halt(struct uplink *uplink, const struct fault *fault)
{
	if ((key_outlived(fault->code) || (uplink->tries_next && fault->code == E_KEY_UNKNOWN)) && key_change(uplink)) {
		uplink_offline(uplink, fault->code, fault->field, 0);
		return;
	}
	uplink->last_fault = *fault;
	log_event(LOG_LEVEL_ALARM, state_events[UPLINK_HALTED], F_TEXT("node", uplink->options.node),
		  F_TEXT("code", error_name(fault->code)), F_TEXT("field", fault->field));
	session_close(uplink, 0);
	uplink_enter(uplink, UPLINK_HALTED);
}

void uplink_halt_at(struct uplink *uplink, enum error code, const char *field)
{
	struct fault fault;

	fault_at(&fault, code, "%s", field);
	uplink_halt(uplink, &fault);
}

/* ---- sending */

uint64_t uplink_send(struct uplink *uplink, Simpul__Up *up)
{
	enum error error;

	up->seq = ++uplink->session.seq;
	buffer_clear(&uplink->frame);
	wire_pack(up, &uplink->frame);
	error = uplink->transport.send(uplink->transport.context, (struct bytes){0},
				       BYTES(uplink->frame.data, uplink->frame.size));
	if (error == E_OK)
		return up->seq;
	uplink_offline(uplink, error, "send", 0);
	return 0;
}

struct position uplink_cursor(const struct uplink *uplink)
{
	struct position cursor = uplink->options.target.cursor(uplink->options.target.context);

	if (cursor.incarnation == 0)
		cursor.incarnation = uplink->session.incarnation;
	return cursor;
}

static void hello_send(struct uplink *uplink)
{
	Simpul__Subscription all = SIMPUL__SUBSCRIPTION__INIT;
	const struct position cursor = uplink_cursor(uplink);
	Simpul__Position position;
	Simpul__Hello hello = SIMPUL__HELLO__INIT;
	Simpul__Up up = SIMPUL__UP__INIT;

	position_to_message(&cursor, &position);
	hello.version = LINK_VERSION;
	hello.exchange = (ProtobufCBinaryData){EXCHANGE_SIZE, (uint8_t *)(uintptr_t)uplink->options.join->exchange};
	hello.node = (char *)(uintptr_t)uplink->options.node;
	hello.key_id = uplink->session_keys->key_id;
	hello.cursor = &position;
	hello.subscription = &all;
	if (uplink->options.subscription)
		hello.subscription = (Simpul__Subscription *)(uintptr_t)uplink->options.subscription;
	hello.epoch = uplink->options.epoch;
	hello.software = (char *)(uintptr_t)SOFTWARE;
	up.message_case = SIMPUL__UP__MESSAGE_HELLO;
	up.hello = &hello;
	uplink->session.hello_seq = uplink_send(uplink, &up);
}

void uplink_fetch(struct uplink *uplink, uint64_t after)
{
	const struct position cursor = uplink_cursor(uplink);
	Simpul__Position position;
	Simpul__Fetch fetch = SIMPUL__FETCH__INIT;
	Simpul__Up up = SIMPUL__UP__INIT;
	uint64_t seq;

	position_to_message(&cursor, &position);
	fetch.cursor = &position;
	fetch.after = after;
	up.message_case = SIMPUL__UP__MESSAGE_FETCH;
	up.fetch = &fetch;
	seq = uplink_send(uplink, &up);
	if (seq == 0)
		return;
	uplink->session.fetch_seq = seq;
	uplink->session.fetch_more = false;
	uplink->session.fetch_at = uplink->session.ack_at = uplink->now.steady;
	uplink->session.acked = cursor.entry; /* a FETCH says the same as an ACK */
}

/* With a heartbeat that has just come, so that the broker wakes up for many of us at once; at last without one. */
static bool sign_of_life_is_due(const struct uplink *uplink)
{
	const struct session *session = &uplink->session;
	const steady_ms waited = uplink->now.steady - session->ack_at;
	const bool heard = session->feed_at == uplink->now.steady;

	return waited >= LIMIT_SIGN_OF_LIFE_MS || (heard && waited >= SIGN_OF_LIFE_SOON_MS);
}

/* What is on disk since the last ACK; otherwise, now and then, that we are alive. */
static void ack_send(struct uplink *uplink)
{
	const struct position cursor = uplink_cursor(uplink);
	struct session *session = &uplink->session;
	Simpul__Position position;
	Simpul__Ack ack = SIMPUL__ACK__INIT;
	Simpul__Up up = SIMPUL__UP__INIT;

	if (cursor.entry == session->acked && !sign_of_life_is_due(uplink))
		return;
	position_to_message(&cursor, &position);
	ack.cursor = &position;
	up.message_case = SIMPUL__UP__MESSAGE_ACK;
	up.ack = &ack;
	if (uplink_send(uplink, &up) == 0)
		return;
	session->acked = cursor.entry;
	session->ack_at = uplink->now.steady;
}

/* ---- steps */

static bool in_session(const struct uplink *uplink)
{
	return uplink->state == UPLINK_CATCHING_UP || uplink->state == UPLINK_LIVE;
}

static void session_open(struct uplink *uplink)
{
	const struct uplink_transport *transport = &uplink->transport;
	const struct node_keys *next = uplink->tries_next ? next_keys(uplink) : NULL;
	enum error error;

	uplink->tries_next = next != NULL;
	*uplink->session_keys = next ? *next : *uplink->options.keys;
	uplink->session.opened_at = uplink->now.steady;
	uplink_enter(uplink, UPLINK_GREETING);
	if (uplink->options.target.begin)
		uplink->options.target.begin(uplink->options.target.context);
	uplink->session_join = *uplink->options.join;
	if (uplink->tries_announced && announced_keys(uplink))
		memcpy(uplink->session_join.broker_curve, announced_keys(uplink)->curve_key, KEY_SIZE);
	error = transport->open(transport->context, &uplink->session_join, uplink->session_keys);
	if (error == E_OK)
		hello_send(uplink);
	else if (error == E_CONFIG)
		uplink_halt_at(uplink, error, "link_endpoint");
	else
		uplink_offline(uplink, error, "socket", 0);
}

/* True when the next attempt is under other keys, the broker's or our own, than any so far. */
static bool handshake_again(struct uplink *uplink)
{
	/* Sockets of a session that stood connect again by themselves, so this may be after any message. */
	if (uplink->state != UPLINK_OFFLINE && announced_keys(uplink)) {
		const bool changed = broker_change(uplink);

		if (!changed)
			key_change(uplink);
		uplink_offline(uplink, E_KEY_UNKNOWN, "handshake", 0);
		return changed;
	}
	if (uplink->state != UPLINK_GREETING || !key_change(uplink))
		return false;
	uplink_offline(uplink, E_KEY_UNKNOWN, "handshake", 0);
	return uplink->tries_next;
}

/* A key that is not in force is not even let in, without a word why; with two of them the other may be. */
static void handshake_watch(struct uplink *uplink)
{
	if (!uplink->transport.handshake_failed(uplink->transport.context))
		return;
	if (handshake_again(uplink) || uplink->handshake_logged)
		return;
	uplink->handshake_logged = true;
	log_event(LOG_LEVEL_ALARM, "uplink.handshake_failed", F_TEXT("node", uplink->options.node),
		  F_TEXT("endpoint", uplink->options.join->link_endpoint));
}

int uplink_poll_items(struct uplink *uplink, zmq_pollitem_t *items)
{
	return uplink->transport.poll_items(uplink->transport.context, items);
}

/* Hands what has arrived to `take`, which may end the session. */
static void receive(struct uplink *uplink, enum uplink_channel channel, void (*take)(struct uplink *, struct bytes))
{
	const struct uplink_transport *transport = &uplink->transport;
	struct bytes frame;

	for (int i = 0; i < STEP_FRAMES && transport->receive(transport->context, channel, &frame); i++)
		take(uplink, frame);
}

static void timers(struct uplink *uplink)
{
	const struct session *session = &uplink->session;
	const steady_ms now = uplink->now.steady;

	if (uplink->state == UPLINK_GREETING && now - session->opened_at > HELLO_MS) {
		broker_change(uplink);
		uplink_offline(uplink, E_UNREACHABLE, "hello", 0);
	} else if (in_session(uplink) && flights_overdue(uplink))
		uplink_offline(uplink, E_UNREACHABLE, "submit", 0);
	else if (uplink->state == UPLINK_CATCHING_UP && session->fetch_seq != 0 && now - session->fetch_at > ANSWER_MS)
		uplink_offline(uplink, E_UNREACHABLE, "fetch", 0);
	else if (uplink->state == UPLINK_LIVE &&
		 now - session->feed_at > SILENT_HEARTBEATS * (uint64_t)session->heartbeat_ms + FEED_GRACE_MS)
		uplink_offline(uplink, E_UNREACHABLE, "feed", 0);
	else if (uplink->state == UPLINK_OFFLINE && now >= uplink->retry_at)
		session_open(uplink);
}

void uplink_step(struct uplink *uplink, const struct now *now)
{
	uplink->now = *now;
	if (uplink->state == UPLINK_HALTED)
		halted_look(uplink);
	if (uplink->state == UPLINK_HALTED)
		return;
	handshake_watch(uplink);
	receive(uplink, UPLINK_LINK, uplink_take_message);
	receive(uplink, UPLINK_FEED, uplink_take_publication);
	timers(uplink);
	if (uplink->state == UPLINK_CATCHING_UP && uplink->session.fetch_seq == 0 &&
	    now->steady >= uplink->session.fetch_at)
		uplink_fetch(uplink, 0);
	if (in_session(uplink))
		ack_send(uplink);
	if (in_session(uplink))
		flights_send(uplink);
}

void uplink_wake(struct uplink *uplink)
{
	flights_wake(uplink);
}

const char *uplink_state_text(enum uplink_state state)
{
	static const char *const texts[] = {
		[UPLINK_OFFLINE] = "offline", [UPLINK_GREETING] = "greeting", [UPLINK_CATCHING_UP] = "catching-up",
		[UPLINK_LIVE] = "live",	      [UPLINK_HALTED] = "halted",
	};

	return texts[state];
}

void uplink_status(const struct uplink *uplink, struct uplink_status *status)
{
	*status = (struct uplink_status){.state = uplink->state, .cursor = uplink_cursor(uplink),
					 .since = uplink->since,
					 .in_flight = flights_count(uplink), .last_fault = uplink->last_fault,
					 .clock_known = uplink->clock_known, .clock_ahead = uplink->clock_ahead};
	if (uplink->clock_known)
		status->broker_time = uplink->now.steady + uplink->broker_ahead;
}
