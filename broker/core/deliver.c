/* deliver - keeps what was committed at hand and pushes it, within a window, to the nodes that are live. */
#include "broker/core/batch.h"
#include <string.h>

/* ---------------------------------------------------------------------------- into the tail */

static bool all_refused(const struct journal_append *append)
{
	for (size_t i = 0; i < append->count; i++)
		if (append->reports[i].verdict == E_OK)
			return false;
	return true;
}

/* Audiences are kept for good: whoever makes a new one with every submission is slowed down. */
static void audience_charge(struct core *core, const struct journal_append *append)
{
	struct node *origin = node_find(core, append->first.origin);

	if (!origin)
		return;
	bucket_charge(&origin->audiences, AUDIENCE_COST * (1 + (append->audience.count - 1) / AUDIENCE_PART));
	if (origin->audiences.tokens < 0)
		LOG(core, WARNING, "node.slowed", F_TEXT("node", origin->name), F_TEXT("reason", "audiences"));
}

void deliver_keep(struct core *core, struct journal_append *append)
{
	struct tail_item item = {.entry = append->entry,
				 .head = append->head,
				 .type = append->type,
				 .accepted_at = append->accepted_at,
				 .policy_version = core->policy_version};
	const bool submission = append->type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBMISSION;

	if (audience_intern(core, &append->audience) && submission)
		audience_charge(core, append);
	if (append->audience.count > 0 && !(submission && all_refused(append))) {
		item.audience_id = append->audience.id;
		item_encode(&item, append);
		if (submission) {
			item.routing = append->routing;
			append->routing = (struct buffer){0};
			item.updated = append->updated;
		}
	}
	tail_add(&core->tail, &item);
}

/* ---------------------------------------------------------------------------- the window */

static void window_add(struct session *session, uint64_t upto, size_t bytes)
{
	struct mark *last;

	if (session->mark_count == WINDOW_MARKS) {
		last = &session->marks[(session->mark_first + session->mark_count - 1) % WINDOW_MARKS];
		last->upto = upto;
		last->bytes += bytes;
	} else {
		session->marks[(session->mark_first + session->mark_count++) % WINDOW_MARKS] =
			(struct mark){upto, bytes};
	}
	session->queued += bytes;
}

static void publish(struct core *core, struct node *node, const struct batch *batch)
{
	struct session *session = &node->session;
	struct feed *feed = arena_alloc(&core->arena, sizeof(*feed));
	uint8_t *topic = arena_alloc(&core->arena, FEED_TOPIC_SIZE);
	struct core_action *action = action_add(core, ACTION_PUBLISH);

	*feed = session->feed; /* the session may end before the action is carried out */
	memcpy(topic, session->topic, FEED_TOPIC_SIZE);
	action->publish.topic = topic;
	action->publish.feed = feed;
	action->publish.head = (struct feed_head){.incarnation = batch->upto.incarnation,
						  .after = batch->after,
						  .upto = batch->upto.entry,
						  .counter = ++session->counter};
	action->publish.batch = batch->encoded;
	session->published = core->now->steady;
	node_touch(core, node, TURN_PUBLISHED);
	batch_record(core, node, batch);
}

void session_behind(struct core *core, struct node *node, const char *why)
{
	if (node->session.state != SESSION_LIVE)
		return;
	node->session.state = SESSION_BEHIND;
	if (!why || node->session.behind_logged)
		return;
	node->session.behind_logged = true;
	LOG(core, NOTICE, "feed.behind", F_TEXT("node", node->name), F_NUM("cursor", node->acked),
	    F_NUM("lag", core->position.entry - node->acked), F_TEXT("reason", why));
}

/* ---------------------------------------------------------------------------- pushing */

static void batch_push(struct core *core, struct node *node, struct shared *shared, struct batch *batch)
{
	struct session *session = &node->session;

	if (session->queued + batch->bytes > LIMIT_WINDOW) {
		session_behind(core, node, "window");
		deliver_heartbeat(core, node, shared); /* it need not wait a second to hear that it must fetch */
		return;
	}
	batch_encode_once(core, shared, batch);
	publish(core, node, batch);
	window_add(session, batch->upto.entry, batch->encoded.size);
	session->upto = session->handed = batch->upto.entry;
}

/* A commit larger than a batch goes out in several, each up to the entry that it ends with. */
static void node_push(struct core *core, struct node *node, struct shared *shared, uint64_t first)
{
	struct batch batch;
	struct part part;

	batch_start(&batch, node->session.upto);
	for (uint64_t entry = first; entry <= core->position.entry && node->session.state == SESSION_LIVE; entry++) {
		const struct tail_item *item = tail_at(&core->tail, entry);

		if (!item) {
			session_behind(core, node, "tail");
			return;
		}
		if (!part_make(core, node, item, &part))
			continue;
		if (!batch_has_room(&batch, &part)) {
			batch_push(core, node, shared, &batch);
			batch_start(&batch, node->session.upto);
		}
		batch_add(core, &batch, &part);
		position_at(core, item, &batch.upto);
	}
	if (batch.count == 0 || node->session.state != SESSION_LIVE)
		return;
	batch.upto = core->position;
	batch_push(core, node, shared, &batch);
}

void deliver_push(struct core *core, uint64_t first)
{
	struct shared shared = {.count = 0};

	for (size_t i = 0; i < core->node_count; i++)
		if (core->nodes[i]->session.state == SESSION_LIVE && !core->nodes[i]->leaving)
			node_push(core, core->nodes[i], &shared, first);
}

/* Moves the cursor of a live node over what was not for it; tells one that is behind that there is something to fetch.
 */
void deliver_heartbeat(struct core *core, struct node *node, struct shared *shared)
{
	struct session *session = &node->session;
	struct batch batch;

	batch_start(&batch, session->state == SESSION_LIVE ? session->upto : core->position.entry);
	batch.upto = core->position;
	if (session->state == SESSION_LIVE && session->queued + batch.bytes > LIMIT_WINDOW) {
		session_behind(core, node, "window");
		batch.after = core->position.entry;
	}
	batch_encode_once(core, shared, &batch);
	publish(core, node, &batch);
	if (session->state != SESSION_LIVE)
		return;
	if (batch.after < batch.upto.entry)
		window_add(session, batch.upto.entry, batch.encoded.size);
	session->upto = session->handed = batch.upto.entry;
}
