/* storm - one loop over all nodes: back-off, HELLO, FETCH until nothing new comes, publications, signs of life. */
#include "tests/support/storm.h"
#include "common/memory.h"
#include "tests/support/enrol.h"
#include "tests/support/must.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#define ANSWER_MS 5000
#define FETCH_MS 60000 /* all ask for the whole journal at once, and who asks twice waits longer */
#define BACK_OFF_LEAST 100
#define BACK_OFF_MOST 5000
#define ACK_MS 2000

/* ------------------------------------------------------------------ enrolment */

void storm_policy(struct buffer *policy, const char *prefix, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		char line[96];

		snprintf(line, sizeof line, "  - {node: %s%zu, regions: [\"16\"]}\n", prefix, i);
		buffer_append(policy, line, strlen(line));
	}
}

void storm_enroll(struct storm *storm, const struct exchange *x, size_t office, const char *prefix, size_t count)
{
	char path[600];

	snprintf(path, sizeof path, "%s/exchange.join", x->offices[office].folder);
	must(join_load(&storm->join, path, NULL) == E_OK, "a join file");
	storm->count = count;
	storm->nodes = memory_zero(count, sizeof *storm->nodes);
	storm->context = zmq_ctx_new();
	zmq_ctx_set(storm->context, ZMQ_MAX_SOCKETS, (int)(8 * count)); /* closed ones count until they are reaped */
	for (size_t i = 0; i < count; i++) {
		snprintf(storm->nodes[i].node, sizeof storm->nodes[i].node, "%s%zu", prefix, i);
		node_keys_generate(&storm->nodes[i].keys, 1);
		enrol_node(x->folder, &storm->join, &storm->nodes[i].keys, storm->nodes[i].node);
	}
}

/* ------------------------------------------------------------------ one node */

static void node_offline(struct storm_node *node, unsigned wait_ms)
{
	if (node->state != STORM_OFFLINE)
		client_close(&node->client);
	node->state = STORM_OFFLINE;
	node->until = clock_now().steady + wait_ms;
}

/* Tries again after twice the time of the last attempt, and a little by chance. */
static void node_give_up(struct storm_node *node)
{
	node_offline(node, node->back_off + randombytes_uniform(node->back_off));
	node->back_off = node->back_off < BACK_OFF_MOST / 2 ? 2 * node->back_off : BACK_OFF_MOST;
}

static void node_greet(struct storm *storm, struct storm_node *node)
{
	client_attach(&node->client, storm->context, &storm->join, &node->keys, node->node);
	node->client.cursor = node->cursor;
	client_hello(&node->client, node->node, 0);
	node->state = STORM_GREETING;
	node->until = clock_now().steady + ANSWER_MS;
}

static void node_fetch(struct storm_node *node)
{
	client_fetch(&node->client, &node->client.cursor, 0);
	node->state = STORM_CATCHING_UP;
	node->until = clock_now().steady + FETCH_MS;
}

/* Counts what a batch brings beyond `from`. */
static void node_count(struct storm_node *node, const Simpul__Batch *batch, uint64_t from)
{
	for (size_t i = 0; i < batch->n_entries; i++)
		if (batch->entries[i]->content_case == SIMPUL__ENTRY__CONTENT_DELIVERY &&
		    batch->entries[i]->entry > from)
			node->reports += batch->entries[i]->delivery->n_reports;
	node->cursor = node->client.cursor;
}

static void node_fetched(struct storm_node *node, const Simpul__Batch *batch)
{
	const uint64_t from = node->client.cursor.entry;

	if (batch->upto->entry > from) {
		position_of_message(&node->client.cursor, batch->upto);
		node_count(node, batch, from);
		node_fetch(node);
		return;
	}
	node->state = STORM_LIVE;
	node->back_off = BACK_OFF_LEAST;
}

static void node_answered(struct storm_node *node, const Simpul__Down *down)
{
	switch (down->message_case) {
	case SIMPUL__DOWN__MESSAGE_WELCOME:
		client_welcomed(&node->client, down->welcome);
		client_subscribe(&node->client, BYTES(node->client.topic, FEED_TOPIC_SIZE));
		node_fetch(node);
		break;
	case SIMPUL__DOWN__MESSAGE_BATCH:
		node_fetched(node, down->batch);
		break;
	case SIMPUL__DOWN__MESSAGE_REFUSAL:
	case SIMPUL__DOWN__MESSAGE_GOODBYE:
		node_give_up(node);
		break;
	default:
		break;
	}
}

/* A publication that follows on the cursor counts; one that begins beyond it says that something is missing. */
static void node_listen(struct storm_node *node)
{
	const uint64_t from = node->client.cursor.entry;
	const Simpul__Batch *batch = client_batch(&node->client, 0);

	if (!batch)
		return;
	if (batch->after > from)
		node_fetch(node);
	else if (batch->upto->entry > from)
		node_count(node, batch, from);
}

static void node_step(struct storm *storm, struct storm_node *node)
{
	const steady_ms now = clock_now().steady;
	const Simpul__Down *down;

	if (node->state == STORM_OFFLINE) {
		if (now >= node->until)
			node_greet(storm, node);
		return;
	}
	down = client_receive(&node->client, 0);
	if (down)
		node_answered(node, down);
	else if (node->state == STORM_LIVE)
		node_listen(node);
	else if (now >= node->until)
		node_give_up(node);
}

/* ------------------------------------------------------------------ all of them */

static void storm_step(struct storm *storm)
{
	const steady_ms now = clock_now().steady;
	const bool ack = now - storm->acked >= ACK_MS;

	for (size_t i = 0; i < storm->count; i++) {
		node_step(storm, &storm->nodes[i]);
		if (ack && storm->nodes[i].state == STORM_LIVE)
			client_ack(&storm->nodes[i].client);
	}
	if (ack)
		storm->acked = now;
}

void storm_run(struct storm *storm, unsigned ms)
{
	const steady_ms end = clock_now().steady + ms;

	do {
		storm_step(storm);
		sleep_ms(1);
	} while (clock_now().steady < end);
}

void storm_break(struct storm *storm)
{
	for (size_t i = 0; i < storm->count; i++) {
		node_offline(&storm->nodes[i], 0);
		storm->nodes[i].back_off = BACK_OFF_LEAST;
	}
}

bool storm_settles(struct storm *storm, size_t reports, int seconds)
{
	const steady_ms end = clock_now().steady + (steady_ms)patient_ms(seconds * 1000);
	size_t settled = 0;

	while (settled < storm->count && clock_now().steady < end) {
		storm_run(storm, 1);
		settled = 0;
		for (size_t i = 0; i < storm->count; i++)
			settled += storm->nodes[i].state == STORM_LIVE && storm->nodes[i].reports >= reports;
	}
	return settled == storm->count;
}

void storm_free(struct storm *storm)
{
	for (size_t i = 0; i < storm->count; i++)
		node_offline(&storm->nodes[i], 0);
	zmq_ctx_term(storm->context);
	free(storm->nodes);
}
