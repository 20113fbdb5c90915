/* session - HELLO and WELCOME, which connection speaks for a node, acknowledged cursors, signs of life, feed
 * subscriptions. */
#include "broker/core/batch.h"
#include "broker/core/history.h"
#include "broker/core/terms.h"
#include "common/wire.h"
#include <string.h>

enum {
	REBIND_PAUSE_MS = 1000,
	TOPIC_DRAWN = 4, /* bytes of a topic that tell it from others */
};

/* Heartbeats are sent so many times in the time of one, to so many nodes and a part of all: twice what is due, unless
 * they are configured to be more frequent than ticks can be. */
enum { BEATS = 8, BEAT_LEAST = 32, BEAT_PART = BEATS / 2 };

/* ---------------------------------------------------------------------------- who holds the session */

static bool peer_equal(const struct peer *a, const struct peer *b)
{
	return a->size == b->size && memcmp(a->id, b->id, a->size) == 0;
}

enum error session_check(const struct node *node, const struct peer *peer)
{
	if (node->session.state != SESSION_NONE && peer_equal(&node->session.peer, peer))
		return E_OK;
	for (size_t i = 0; i < OLD_PEERS && i < node->old_peer_count; i++)
		if (peer_equal(&node->old_peers[i], peer))
			return E_SUPERSEDED;
	return E_UNEXPECTED;
}

static void session_drop(struct core *core, struct node *node)
{
	core->connected -= node->session.state != SESSION_NONE;
	keys_wipe(&node->session, sizeof(node->session));
	turn_leave(&node->turns[TURN_PUBLISHED]);
	turn_leave(&node->turns[TURN_HEARD]);
}

void session_end(struct core *core, struct node *node, enum error code)
{
	if (node->session.state == SESSION_NONE)
		return;
	if (code != E_OK)
		send_goodbye(core, &node->session.peer, code);
	LOG(core, INFO, "session.closed", F_TEXT("node", node->name), F_TEXT("code", error_name(code)));
	session_drop(core, node);
}

void sessions_drop(struct core *core)
{
	for (size_t i = 0; i < core->node_count; i++) {
		session_end(core, core->nodes[i], E_OK);
		core->nodes[i]->greeting.ticket = 0;
	}
}

/* Another connection of the same node: harmless after a change of network, an alarm when both were alive. */
static void session_supersede(struct core *core, struct node *node)
{
	const bool both = core->now->steady - node->session.heard <= ALARM_BOTH_ALIVE_MS;

	send_goodbye(core, &node->session.peer, E_SUPERSEDED);
	node->old_peers[node->old_peer_count++ % OLD_PEERS] = node->session.peer;
	log_fields(core, both ? LOG_LEVEL_ALARM : LOG_LEVEL_NOTICE, "session.superseded",
		   (const struct log_field[]){F_TEXT("node", node->name), {.type = LOG_END}});
	session_drop(core, node);
}

/* ---------------------------------------------------------------------------- welcome */

static void limits_tell(Simpul__Limits *limits)
{
	simpul__limits__init(limits);
	limits->report_bytes = LIMIT_REPORT;
	limits->submission_bytes = LIMIT_SUBMISSION;
	limits->submission_reports = LIMIT_SUBMISSION_REPORTS;
	limits->submissions_in_flight = LIMIT_IN_FLIGHT;
	limits->bytes_in_flight = LIMIT_IN_FLIGHT_BYTES;
	limits->batch_bytes = LIMIT_BATCH;
	limits->window_bytes = LIMIT_WINDOW;
}

static void streams_tell(struct core *core, const struct node *node, Simpul__Welcome *welcome)
{
	Simpul__StreamState *states = arena_alloc(&core->arena, node->stream_count * sizeof(*states));

	welcome->streams = arena_alloc(&core->arena, node->stream_count * sizeof(*welcome->streams));
	for (; welcome->n_streams < node->stream_count; welcome->n_streams++) {
		const struct stream *stream = &node->streams[welcome->n_streams];
		Simpul__StreamState *state = &states[welcome->n_streams];

		simpul__stream_state__init(state);
		state->epoch = stream->epoch;
		state->stream = (Simpul__Stream)stream->stream;
		state->last = stream->last;
		state->digest = (ProtobufCBinaryData){HASH_SIZE, (uint8_t *)(uintptr_t)stream->digest.bytes};
		welcome->streams[welcome->n_streams] = state;
	}
}

static void welcome_send(struct core *core, const struct node *node, const struct greeting *greeting)
{
	const struct session *session = &node->session;
	const struct hash hash = core->policy ? policy_hash(core->policy) : (struct hash){{0}};
	Simpul__Welcome welcome = SIMPUL__WELCOME__INIT;
	Simpul__Position head, acknowledged;
	Simpul__Down down = SIMPUL__DOWN__INIT;
	Simpul__Limits limits;

	position_to_message(&core->position, &head);
	position_to_message(&greeting->cursor, &acknowledged);
	limits_tell(&limits);
	welcome.version = LINK_VERSION;
	welcome.exchange = (ProtobufCBinaryData){EXCHANGE_SIZE, core->options.exchange};
	welcome.session = session->feed.session;
	welcome.head = &head;
	welcome.cursor = &acknowledged;
	welcome.policy_version = core->policy_version;
	welcome.policy_hash = (ProtobufCBinaryData){HASH_SIZE, (uint8_t *)(uintptr_t)hash.bytes};
	welcome.feed_endpoint = core->options.feed_endpoint;
	welcome.feed_topic = (ProtobufCBinaryData){FEED_TOPIC_SIZE, (uint8_t *)(uintptr_t)session->topic};
	welcome.feed_key = (ProtobufCBinaryData){KEY_SIZE, (uint8_t *)(uintptr_t)session->feed.key};
	streams_tell(core, node, &welcome);
	history_tell(core, greeting->incarnation, &welcome);
	terms_tell(core, &welcome);
	welcome.limits = &limits;
	welcome.heartbeat_ms = core->options.heartbeat_ms;
	welcome.broker_time = core->now->wall;
	down.seq = greeting->seq;
	down.message_case = SIMPUL__DOWN__MESSAGE_WELCOME;
	down.welcome = &welcome;
	send_down(core, &session->peer, &down);
}

/* ---------------------------------------------------------------------------- opening a session */

static void topic_remember(struct core *core, struct node *node)
{
	uint8_t(*topics)[FEED_TOPIC_SIZE] = core->topics[node->index];

	if (node->topic_count == LIMIT_SESSION_TOPICS)
		memmove(topics[0], topics[1], --node->topic_count * sizeof(topics[0]));
	memcpy(topics[node->topic_count++], node->session.topic, FEED_TOPIC_SIZE);
}

static bool topic_taken(const struct core *core, const uint8_t topic[FEED_TOPIC_SIZE])
{
	for (size_t i = 0; i < core->node_count; i++)
		for (size_t held = 0; held < core->nodes[i]->topic_count; held++)
			if (memcmp(core->topics[i][held], topic, FEED_TOPIC_SIZE) == 0)
				return true;
	return false;
}

/* All topics begin alike: libzmq keeps them in a tree with a level for each byte, and walks through all of it whenever a
 * connection ends. The rest is drawn, from as many bytes as a topic has, so that no two nodes share one. */
static void topic_draw(const struct core *core, const uint8_t random[FEED_TOPIC_SIZE], uint8_t topic[FEED_TOPIC_SIZE])
{
	memcpy(topic, core->options.exchange, FEED_TOPIC_SIZE - TOPIC_DRAWN);
	for (size_t at = 0; at < FEED_TOPIC_SIZE; at += TOPIC_DRAWN) {
		memcpy(topic + FEED_TOPIC_SIZE - TOPIC_DRAWN, random + at, TOPIC_DRAWN);
		if (!topic_taken(core, topic))
			return;
	}
}

/* The step's random bytes: session id, topic, key. */
static void session_draw(struct core *core, struct node *node)
{
	struct session *session = &node->session;

	session->feed.session = load_u64(core->random) | 1; /* never 0, which would be left out of messages */
	topic_draw(core, core->random + 8, session->topic);
	memcpy(session->feed.key, core->random + 8 + FEED_TOPIC_SIZE, KEY_SIZE);
	memcpy(session->feed.exchange, core->options.exchange, EXCHANGE_SIZE);
	memcpy(session->feed.node, node->name, sizeof(session->feed.node));
	topic_remember(core, node);
}

/* What HELLO says it has counts as acknowledged; less than before only with a reseed, which is used up by it. */
static void cursor_start(struct core *core, struct node *node, uint64_t cursor)
{
	if (cursor == node->acked)
		return;
	/* First the cursor: it is then written by the commit that uses the reseed up, or before. */
	note(core, ACTION_CURSOR, node, cursor);
	if (cursor < node->acked) {
		reseed_close(core, node);
		node->fetched = 0;
	}
	node->acked = cursor;
}

static void session_start(struct core *core, struct node *node, struct greeting *greeting)
{
	struct session *session = &node->session;

	session->peer = greeting->peer;
	session->heard = session->published = core->now->steady;
	node_touch(core, node, TURN_PUBLISHED);
	node_touch(core, node, TURN_HEARD);
	session->handed = greeting->cursor.entry;
	session->upto = greeting->cursor.entry;
	session->state = greeting->cursor.entry == core->position.entry ? SESSION_LIVE : SESSION_BEHIND;
	session_draw(core, node);
	core->connected++;
	core->sessions++;
	node->last_seen = core->now->wall;
	cursor_start(core, node, greeting->cursor.entry);
	welcome_send(core, node, greeting);
	LOG(core, INFO, "session.open", F_TEXT("node", node->name), F_NUM("cursor", greeting->cursor.entry),
	    F_NUM("lag", core->position.entry - greeting->cursor.entry));
	subscription_store(core, node, buffer_view(&greeting->subscription));
}

static void hello_refuse(struct core *core, struct node *node, const struct greeting *greeting,
			 const struct fault *fault)
{
	send_refusal(core, &greeting->peer, greeting->seq, fault);
	log_refused(core, "session.refused", node, fault);
}

/* A subscription that changes is an entry of the journal. Nothing is paid for one that is not taken yet. */
static enum error subscription_pay(struct core *core, struct node *node, const struct greeting *greeting,
				   struct fault *fault)
{
	uint64_t wait;

	if (bytes_equal(buffer_view(&greeting->subscription), buffer_view(&node->wanted)) || node->pending_count > 0 ||
	    bucket_take(&node->subscriptions, &SUBSCRIPTION_BUCKET, SUBSCRIPTION_COST, core->now->steady, &wait))
		return E_OK;
	return fault_expecting(fault, E_RATE, wait, "hello.subscription");
}

/* The session before ends in any case, so that nothing more comes under way, and what is under way is on disk or
 * refused before long: what WELCOME does not list then, the broker does not have, and the office may say it anew in
 * other bytes. */
static void hello_accept(struct core *core, struct node *node, struct greeting *greeting)
{
	struct fault fault = {0};

	if (subscription_pay(core, node, greeting, &fault) != E_OK) {
		hello_refuse(core, node, greeting, &fault);
		return;
	}
	if (node->session.state != SESSION_NONE && !peer_equal(&node->session.peer, &greeting->peer))
		session_supersede(core, node);
	session_drop(core, node);
	if (node->pending_count == 0) {
		session_start(core, node, greeting);
		return;
	}
	fault_expecting(&fault, E_BUSY, RETRY_SOON_MS, "hello");
	hello_refuse(core, node, greeting, &fault);
}

/* ---------------------------------------------------------------------------- checking a HELLO */

static enum error hello_check(const struct core *core, const struct node *node, const Simpul__Hello *hello,
			      struct greeting *greeting, struct fault *fault)
{
	if (core->stopping)
		return fault_at(fault, E_STOPPING, "%s", "");
	if (hello->version != LINK_VERSION)
		return fault_at(fault, E_VERSION, "hello.version");
	if (!bytes_equal(BYTES(hello->exchange.data, hello->exchange.len),
			 BYTES(core->options.exchange, EXCHANGE_SIZE)))
		return fault_at(fault, E_EXCHANGE, "hello.exchange");
	if (strcmp(hello->node, node->name) != 0)
		return fault_at(fault, E_WRONG_ORIGIN, "hello.node");
	if (hello->key_id != node->member.key_id)
		return fault_at(fault, E_KEY_EXPIRED, "hello.key_id");
	if (hello->epoch == 0)
		return fault_at(fault, E_MISSING, "hello.epoch");
	if (hello->epoch < epoch_highest(node))
		return fault_at(fault, E_EPOCH, "hello.epoch");
	greeting->epoch = hello->epoch;
	if (position_of_message(&greeting->cursor, hello->cursor) != E_OK)
		return fault_at(fault, hello->cursor ? E_INVALID : E_MISSING, "hello.cursor");
	greeting->incarnation = greeting->cursor.incarnation;
	if (greeting->cursor.entry == 0 && greeting->cursor.incarnation == 0)
		greeting->cursor.incarnation = core->position.incarnation;
	history_rewind(core, &greeting->cursor);
	return E_OK;
}

static enum error hello_take_tokens(struct core *core, struct node *node, const struct greeting *greeting,
				    struct fault *fault)
{
	uint64_t wait;

	if (!bucket_take(&node->hellos, &HELLO_BUCKET, 1, core->now->steady, &wait))
		return fault_expecting(fault, E_RATE, wait, "hello");
	if (greeting->subscription.size > SUBSCRIPTION_LARGEST)
		return fault_at(fault, E_TOO_LARGE, "hello.subscription");
	return E_OK;
}

/* E_OK with *unknown: right as far as can be seen from memory. */
static enum error cursor_check(const struct core *core, const struct node *node, const struct position *cursor,
			       bool *unknown, struct fault *fault)
{
	struct hash head;

	if (!history_holds(core, cursor))
		return fault_at(fault, E_HISTORY_DIFFERS, "hello.cursor.incarnation");
	if (cursor->entry > core->position.entry)
		return fault_at(fault, E_HISTORY_DIFFERS, "hello.cursor.entry");
	if (cursor->entry < node->acked && !(node->reseeded && node->reseeded_from <= cursor->entry + 1))
		return fault_at(fault, E_BELOW_CURSOR, "hello.cursor.entry");
	*unknown = !tail_head(&core->tail, cursor->entry, &head);
	if (!*unknown && !hash_equal(&head, &cursor->head))
		return fault_at(fault, E_HISTORY_DIFFERS, "hello.cursor.head");
	return E_OK;
}

static void position_ask(struct core *core, struct node *node)
{
	struct core_read *read = core_read_new();

	read->type = READ_POSITION;
	read->ticket = node->greeting.ticket = next_ticket(core);
	memcpy(read->node, node->name, sizeof(read->node));
	read->after = node->greeting.cursor.entry;
	read_start(core, read);
}

static void greeting_fill(struct greeting *greeting, const struct peer *peer, uint64_t seq, const Simpul__Hello *hello)
{
	greeting->peer = *peer;
	greeting->seq = seq;
	buffer_clear(&greeting->subscription);
	if (hello->subscription)
		wire_pack(hello->subscription, &greeting->subscription);
}

void hello_take(struct core *core, struct node *node, const struct peer *peer, uint64_t seq, const Simpul__Hello *hello)
{
	struct greeting *greeting = &node->greeting;
	const struct greeting busy = {.peer = *peer, .seq = seq};
	struct fault fault = {0};
	bool unknown = false;

	if (greeting->ticket != 0) {
		fault_expecting(&fault, E_BUSY, RETRY_SOON_MS, "hello");
		hello_refuse(core, node, &busy, &fault);
		return;
	}
	greeting_fill(greeting, peer, seq, hello);
	if (hello_check(core, node, hello, greeting, &fault) != E_OK ||
	    hello_take_tokens(core, node, greeting, &fault) != E_OK ||
	    cursor_check(core, node, &greeting->cursor, &unknown, &fault) != E_OK)
		hello_refuse(core, node, greeting, &fault);
	else if (unknown)
		position_ask(core, node);
	else
		hello_accept(core, node, greeting);
}

/* Everything may have changed while the head was read, so all but the decoding is checked again. */
static enum error greeting_check(struct core *core, struct node *node, const struct core_read *read,
				 struct fault *fault)
{
	const struct greeting *greeting = &node->greeting;
	const enum error standing = standing_error(node->leaving ? node->leaving : node->standing);
	bool unknown;

	if (standing != E_OK || node->lapsed)
		return fault_at(fault, standing != E_OK ? standing : E_KEY_LAPSED, "key");
	if (core->stopping)
		return fault_at(fault, E_STOPPING, "%s", "");
	if (greeting->epoch < epoch_highest(node))
		return fault_at(fault, E_EPOCH, "hello.epoch");
	if (cursor_check(core, node, &greeting->cursor, &unknown, fault) != E_OK)
		return fault->code;
	if (read->result.code != E_OK && read->result.code != E_NOT_FOUND) {
		*fault = read->result;
		log_unreadable(core, node, fault);
	} else if (read->result.code != E_OK || !hash_equal(&read->position.head, &greeting->cursor.head)) {
		fault_at(fault, E_HISTORY_DIFFERS, "hello.cursor.head");
	}
	return fault->code;
}

void hello_read_done(struct core *core, struct node *node, const struct core_read *read)
{
	struct greeting *greeting = &node->greeting;
	struct fault fault = {0};

	if (greeting->ticket == 0 || greeting->ticket != read->ticket)
		return;
	greeting->ticket = 0;
	if (greeting_check(core, node, read, &fault) == E_OK)
		hello_accept(core, node, greeting);
	else
		hello_refuse(core, node, greeting, &fault);
}

/* ---------------------------------------------------------------------------- acknowledging */

static void window_free(struct session *session, uint64_t acked)
{
	while (session->mark_count > 0 && session->marks[session->mark_first].upto <= acked) {
		session->queued -= session->marks[session->mark_first].bytes;
		session->mark_first = (session->mark_first + 1) % WINDOW_MARKS;
		session->mark_count--;
	}
}

enum error cursor_take(struct core *core, struct node *node, const struct position *cursor, struct fault *fault)
{
	struct hash head;

	if (!history_holds(core, cursor))
		return fault_at(fault, E_HISTORY_DIFFERS, "cursor.incarnation");
	if (cursor->entry < node->acked || cursor->entry > node->session.handed)
		return fault_at(fault, E_HISTORY_DIFFERS, "cursor.entry");
	if (tail_head(&core->tail, cursor->entry, &head) && !hash_equal(&head, &cursor->head))
		return fault_at(fault, E_HISTORY_DIFFERS, "cursor.head");
	if (cursor->entry == node->acked)
		return E_OK;
	node->acked = cursor->entry;
	window_free(&node->session, node->acked);
	note(core, ACTION_CURSOR, node, node->acked);
	LOG(core, DEBUG, "cursor.advanced", F_TEXT("node", node->name), F_NUM("entry", node->acked));
	return E_OK;
}

void ack_take(struct core *core, struct node *node, const struct position *cursor, uint64_t seq)
{
	struct fault fault = {0};

	if (cursor_take(core, node, cursor, &fault) == E_OK)
		return;
	send_refusal(core, &node->session.peer, seq, &fault);
	log_refused(core, "session.refused", node, &fault);
	session_end(core, node, E_OK);
}

/* ---------------------------------------------------------------------------- time */

/* One that is on its way out is let alone: its session ends anyway. */
static void sessions_lose(struct core *core)
{
	struct node *node;

	while ((node = node_untouched(core, TURN_HEARD)) != NULL &&
	       core->now->steady - node->session.heard > core->options.silence_ms) {
		if (node->leaving) {
			node->session.heard = core->now->steady;
			node_touch(core, node, TURN_HEARD);
			continue;
		}
		LOG(core, NOTICE, "session.lost", F_TEXT("node", node->name), F_NUM("cursor", node->acked));
		session_drop(core, node);
	}
}

/* Not to all at once, though all were published to at once: whoever sends a report meanwhile would wait for it. Spread
 * once they stay spread. Not one by one either: to wake up for a heartbeat costs more than the heartbeat. */
static void heartbeats_send(struct core *core)
{
	const size_t most = BEAT_LEAST + core->node_count / BEAT_PART;
	struct shared shared = {.count = 0};
	struct node *node;

	if (core->now->steady - core->beat_at < core->options.heartbeat_ms / BEATS)
		return;
	core->beat_at = core->now->steady;
	for (size_t i = 0; i < most && (node = node_untouched(core, TURN_PUBLISHED)) != NULL; i++) {
		if (core->now->steady - node->session.published < core->options.heartbeat_ms)
			return;
		if (!node->leaving) {
			deliver_heartbeat(core, node, &shared);
			continue;
		}
		node->session.published = core->now->steady;
		node_touch(core, node, TURN_PUBLISHED);
	}
}

static void unlogged_tell(struct core *core)
{
	struct node *node;

	log_unlogged(core, NULL);
	while ((node = node_untouched(core, TURN_UNLOGGED)) != NULL &&
	       core->now->steady - node->throttle.second >= 1000)
		log_unlogged(core, node);
}

void sessions_tick(struct core *core)
{
	unlogged_tell(core);
	sessions_lose(core);
	heartbeats_send(core);
}

void sessions_stop(struct core *core)
{
	for (size_t i = 0; i < core->node_count; i++)
		session_end(core, core->nodes[i], E_STOPPING);
}

/* ---------------------------------------------------------------------------- subscriptions of the feed socket */

static bool topic_in(uint8_t list[][FEED_TOPIC_SIZE], size_t count, struct bytes topic)
{
	for (size_t i = 0; i < count; i++)
		if (bytes_equal(topic, BYTES(list[i], FEED_TOPIC_SIZE)))
			return true;
	return false;
}

/* libzmq subscribes again by itself when a connection comes back, so a topic of a session before the broker's restart,
 * which is nobody's now, is let pass a few times; a prefix or a topic of somebody else never. */
static bool topic_foreign(const struct core *core, struct node *node, struct bytes topic)
{
	if (topic_in(core->topics[node->index], node->topic_count, topic) ||
	    topic_in(node->strange, node->strange_count, topic))
		return false;
	if (topic.size != FEED_TOPIC_SIZE || node->strange_count == LIMIT_SESSION_TOPICS)
		return true;
	for (size_t i = 0; i < core->node_count; i++)
		if (topic_in(core->topics[i], core->nodes[i]->topic_count, topic))
			return true;
	memcpy(node->strange[node->strange_count++], topic.data, FEED_TOPIC_SIZE);
	return false;
}

/* libzmq keeps what a flood brings in memory until we have read it, so a flood of one's own topic is no better. */
static bool topic_allowed(const struct core *core, struct node *node, const struct core_event *event)
{
	uint64_t wait;

	return bucket_take(&node->topics_seen, &TOPIC_BUCKET, 1, core->now->steady, &wait) &&
	       (!event->subscribed.added || !topic_foreign(core, node, event->subscribed.topic));
}

/* Under a key that is not in force nothing is charged to the node; what it subscribed to while it was may come late. */
static bool subscription_allowed(const struct core *core, const struct key *key, const struct core_event *event)
{
	if (key_status(key) == E_OK)
		return topic_allowed(core, key->node, event);
	return !event->subscribed.added ||
	       topic_in(core->topics[key->node->index], key->node->topic_count, event->subscribed.topic);
}

void subscription_seen(struct core *core, const struct core_event *event)
{
	const struct key *key = key_find(core, event->subscribed.curve_key);

	if (!key || subscription_allowed(core, key, event))
		return;
	if (key_status(key) != E_OK && core->rebound != 0 && core->now->steady - core->rebound < REBIND_PAUSE_MS)
		return; /* what it had queued before it was cut off */
	LOG(core, ALARM, "feed.foreign_subscription", F_TEXT("node", key->node->name), F_NUM("key_id", key->key_id));
	if (key_status(key) == E_OK) {
		session_end(core, key->node, E_FOREIGN_FEED);
		if (!core->stopping)
			suspend(core, key->node, E_FOREIGN_FEED);
	}
	core->rebound = core->now->steady;
	action_add(core, ACTION_REBIND_FEED);
}
