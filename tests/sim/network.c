/* network - lanes, connections, and what becomes of frames on them. */
#include "tests/sim/network.h"
#include "common/memory.h"

#include <stdlib.h>
#include <string.h>

enum { GIVES_UP_MS = 6000 /* after which ZeroMQ's heartbeats end a connection */, RECONNECT_MS = 100 };

/* ---- frames under way */

/* Frames of a lane arrive in the order in which they were sent, unless this one is to overtake. */
static void travel(struct network *network, struct frame *frame)
{
	struct lane_state *lane = &network->wires[frame->office].lanes[frame->lane];
	const uint64_t delay = chance_between(&network->chance, lane->delay_least, lane->delay_most);

	frame->at = network->now + delay;
	frame->order = ++network->order;
	if (chance_per_mille(&network->chance, lane->disorder))
		frame->at += chance_below(&network->chance, 3000);
	else if (frame->at < lane->last_at)
		frame->at = lane->last_at;
	else
		lane->last_at = frame->at;
	heap_put(&network->under_way, frame);
}

/* Hands a frame to its lane, which may lose or double it. */
static void launch(struct network *network, struct frame *frame)
{
	const struct lane_state *lane = &network->wires[frame->office].lanes[frame->lane];
	struct frame *twin;

	network->carried++;
	if (chance_per_mille(&network->chance, lane->lost)) {
		network->lost++;
		free(frame);
		return;
	}
	if (chance_per_mille(&network->chance, lane->repeated)) {
		twin = memory_alloc(sizeof *twin + frame->size);
		memcpy(twin, frame, sizeof *twin + frame->size);
		travel(network, twin);
	}
	travel(network, frame);
}

uint64_t network_next(const struct network *network)
{
	return network->under_way.count > 0 ? network->under_way.frames[0]->at : UINT64_MAX;
}

/* Whether there still is somebody at the other end of what the frame was sent on. */
static bool wanted(const struct network *network, const struct frame *frame)
{
	const struct wire *wire = &network->wires[frame->office];

	switch (frame->lane) {
	case LANE_UP:
		return !frame->stranded && !network->broker_down;
	case LANE_DOWN:
		return wire->open && wire->connection == frame->connection && !wire->lanes[LANE_DOWN].shut;
	default:
		return wire->subscribed && memcmp(wire->topic, frame->topic, FEED_TOPIC_SIZE) == 0 &&
		       !wire->lanes[LANE_FEED].shut;
	}
}

struct frame *network_take(struct network *network)
{
	struct frame *frame = heap_take(&network->under_way);

	if (wanted(network, frame))
		return frame;
	network->lost++;
	free(frame);
	return NULL;
}

/* ---- the agent's end */

void network_open(struct network *network, size_t office, size_t key)
{
	struct wire *wire = &network->wires[office];

	wire->open = true;
	wire->key = key;
	wire->connection = ++network->connections;
}

static void held_drop(struct network *network, struct wire *wire, uint64_t since)
{
	size_t kept = 0;

	for (size_t i = 0; i < wire->held_count; i++) {
		if (wire->held[i]->at >= since) {
			wire->held[kept++] = wire->held[i];
			continue;
		}
		network->lost++;
		free(wire->held[i]);
	}
	wire->held_count = kept;
}

/* What has left already arrives; what had not is dropped. */
void network_close(struct network *network, size_t office)
{
	struct wire *wire = &network->wires[office];

	held_drop(network, wire, UINT64_MAX);
	wire->open = wire->subscribed = wire->at_broker = false;
}

void network_up(struct network *network, size_t office, struct bytes prefix, struct bytes rest)
{
	struct wire *wire = &network->wires[office];
	struct frame *frame;

	if (wire->dead)
		return;
	frame = frame_new(office, LANE_UP, prefix, rest);
	frame->connection = wire->connection;
	frame->key = wire->key;
	if (!wire->lanes[LANE_UP].shut && !network->broker_down) {
		launch(network, frame);
		return;
	}
	frame->at = network->now;
	wire->held = memory_grow(wire->held, wire->held_count + 1, sizeof(struct frame *));
	wire->held[wire->held_count++] = frame;
}

/* ZeroMQ subscribes anew by itself whenever the connection comes back. */
static void subscription_send(struct network *network, size_t office)
{
	struct wire *wire = &network->wires[office];
	struct frame *frame;

	if (!wire->subscribed || wire->at_broker || wire->lanes[LANE_FEED].shut || network->broker_down)
		return;
	frame = frame_new(office, LANE_UP, (struct bytes){0}, (struct bytes){0});
	frame->subscribes = true;
	frame->key = wire->key;
	memcpy(frame->topic, wire->topic, FEED_TOPIC_SIZE);
	frame->at = network->now + RECONNECT_MS + chance_below(&network->chance, RECONNECT_MS);
	frame->order = ++network->order;
	heap_put(&network->under_way, frame);
}

void network_subscribe(struct network *network, size_t office, const uint8_t topic[FEED_TOPIC_SIZE])
{
	struct wire *wire = &network->wires[office];

	wire->subscribed = true;
	wire->at_broker = false;
	memcpy(wire->topic, topic, FEED_TOPIC_SIZE);
	subscription_send(network, office);
}

/* ---- the broker's end */

void network_down(struct network *network, size_t office, uint64_t connection, struct bytes data)
{
	struct wire *wire = &network->wires[office];
	struct frame *frame;

	if (!wire->open || wire->connection != connection || wire->lanes[LANE_DOWN].shut)
		return;
	frame = frame_new(office, LANE_DOWN, (struct bytes){0}, data);
	frame->connection = connection;
	launch(network, frame);
}

void network_publish(struct network *network, const uint8_t topic[FEED_TOPIC_SIZE], struct bytes lead,
		     struct bytes rest)
{
	for (size_t i = 0; i < OFFICES; i++) {
		const struct wire *wire = &network->wires[i];
		struct frame *frame;

		if (!wire->at_broker || memcmp(wire->topic, topic, FEED_TOPIC_SIZE) != 0 || wire->lanes[LANE_FEED].shut)
			continue;
		frame = frame_new(i, LANE_FEED, lead, rest);
		memcpy(frame->topic, topic, FEED_TOPIC_SIZE);
		launch(network, frame);
	}
}

static void feed_break(struct network *network, size_t office)
{
	network->wires[office].at_broker = false;
	subscription_send(network, office);
}

void network_rebind(struct network *network)
{
	for (size_t i = 0; i < OFFICES; i++)
		feed_break(network, i);
}

/* ---- faults */

void network_shut(struct network *network, size_t office, enum lane which)
{
	struct lane_state *lane = &network->wires[office].lanes[which];

	if (!lane->shut)
		lane->shut_at = network->now;
	lane->shut = true;
}

/* What was said on the connection that is gone is lost with it; what was said since then goes out on the new one. */
static void reconnect(struct network *network, size_t office, uint64_t gone_at)
{
	struct wire *wire = &network->wires[office];

	held_drop(network, wire, gone_at);
	if (wire->open)
		wire->connection = ++network->connections;
	for (size_t i = 0; i < wire->held_count; i++)
		wire->held[i]->connection = wire->connection;
}

static void held_send(struct network *network, size_t office)
{
	struct wire *wire = &network->wires[office];

	if (wire->lanes[LANE_UP].shut || network->broker_down)
		return;
	for (size_t i = 0; i < wire->held_count; i++)
		launch(network, wire->held[i]);
	wire->held_count = 0;
}

void network_reopen(struct network *network, size_t office, enum lane which)
{
	struct lane_state *lane = &network->wires[office].lanes[which];

	if (!lane->shut)
		return;
	lane->shut = false;
	if (which == LANE_FEED)
		feed_break(network, office);
	else if (which == LANE_DOWN || network->now - lane->shut_at > GIVES_UP_MS)
		reconnect(network, office, lane->shut_at + GIVES_UP_MS);
	held_send(network, office);
}

/* What is on its way up on a connection that ends here never arrives. */
static void strand(struct network *network, size_t office)
{
	for (size_t i = 0; i < network->under_way.count; i++) {
		struct frame *frame = network->under_way.frames[i];

		frame->stranded = frame->stranded || (frame->office == office && frame->lane == LANE_UP);
	}
}

void network_break(struct network *network, size_t office)
{
	strand(network, office);
	if (network->wires[office].open)
		reconnect(network, office, network->now);
}

void network_broker_down(struct network *network)
{
	network->broker_down = true;
	for (size_t i = 0; i < OFFICES; i++) {
		strand(network, i);
		network->wires[i].at_broker = false;
	}
}

void network_broker_up(struct network *network)
{
	network->broker_down = false;
	for (size_t i = 0; i < OFFICES; i++) {
		reconnect(network, i, 0);
		held_send(network, i);
		subscription_send(network, i);
	}
}

/* ---- how good it is */

static void lane_draw(struct network *network, struct lane_state *lane, bool hostile)
{
	lane->delay_least = (uint32_t)chance_between(&network->chance, 1, 20);
	lane->delay_most = lane->delay_least +
			   (uint32_t)chance_below(&network->chance, chance_one_in(&network->chance, 4) ? 2000 : 50);
	lane->lost = hostile && chance_one_in(&network->chance, 2) ? (unsigned)chance_below(&network->chance, 200) : 0;
	lane->repeated =
		hostile && chance_one_in(&network->chance, 2) ? (unsigned)chance_below(&network->chance, 200) : 0;
	lane->disorder =
		hostile && chance_one_in(&network->chance, 2) ? (unsigned)chance_below(&network->chance, 200) : 0;
}

void network_weather(struct network *network, bool hostile)
{
	for (size_t i = 0; i < OFFICES; i++)
		for (size_t lane = 0; lane < LANES; lane++)
			lane_draw(network, &network->wires[i].lanes[lane], hostile || lane == LANE_FEED);
}

void network_heal(struct network *network)
{
	for (size_t i = 0; i < OFFICES; i++) {
		for (size_t lane = 0; lane < LANES; lane++) {
			struct lane_state *state = &network->wires[i].lanes[lane];

			network_reopen(network, i, (enum lane)lane);
			state->lost = state->repeated = state->disorder = 0;
			state->delay_least = 1;
			state->delay_most = 10;
		}
	}
}

void network_start(struct network *network, uint64_t seed)
{
	memset(network, 0, sizeof *network);
	network->chance = chance_of(seed, 'n');
	network->broker_down = true;
	network_weather(network, false);
}

void network_end(struct network *network)
{
	for (size_t i = 0; i < OFFICES; i++) {
		held_drop(network, &network->wires[i], UINT64_MAX);
		free(network->wires[i].held);
	}
	heap_free(&network->under_way);
}
