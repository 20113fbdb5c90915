/* broker_shell - what loop, writer and readers are to a broker: events in, actions out, commits and reads after a
 * while. */
#include "broker/serve/reader.h"
#include "common/memory.h"
#include "tests/sim/broker.h"
#include "tests/sim/trace.h"

#include <stdlib.h>
#include <string.h>

enum { TICK_MS = 50, FLUSH_MS = 1000, READ_MOST_MS = 20 };

/* ---- peers are connections: their number, and whose they are */

static struct peer peer_of(size_t office, uint64_t connection)
{
	struct peer peer = {.size = 10};

	peer.id[1] = (uint8_t)office;
	store_u64(peer.id + 2, connection);
	return peer;
}

/* ---- actions out */

static void do_send(struct sim_broker *broker, const struct core_action *action)
{
	const size_t office = action->send.peer.id[1];

	trace_down(office_names[office], load_u64(action->send.peer.id + 2), action->send.frame);
	account_sends(broker->account, office, action->send.frame);
	network_down(broker->network, office, load_u64(action->send.peer.id + 2), action->send.frame);
}

/* As the shell does, a batch is sealed once for all that get the very same bytes. */
static void do_publish(struct sim_broker *broker, const struct core_action *action)
{
	const struct bytes batch = action->publish.batch;
	uint8_t lead[FEED_LEAD_SIZE];

	account_publishes(broker->account, office_of(action->publish.feed->node), batch);
	if (broker->sealing.data != batch.data || broker->sealing.size != batch.size) {
		chance_fill(&broker->chance, broker->sealing_key, sizeof broker->sealing_key);
		buffer_clear(&broker->sealed);
		batch_seal(broker->sealing_key, batch, buffer_room(&broker->sealed, batch.size + FEED_TAG_SIZE));
		broker->sealing = batch;
	}
	feed_lead(action->publish.feed, &action->publish.head, broker->sealing_key, lead);
	network_publish(broker->network, action->publish.topic, BYTES(lead, sizeof lead), buffer_view(&broker->sealed));
}

static void do_append(struct sim_broker *broker, struct journal_append *append, wall_ms wall)
{
	struct journal_append **end = &broker->queue;

	account_decided(broker->account, append, wall);
	while (*end)
		end = (struct journal_append **)&(*end)->letter.next;
	append->letter.next = NULL;
	*end = append;
	if (broker->commit_at == UINT64_MAX && !broker->written)
		broker->commit_at = broker->now + chance_between(&broker->chance, 0, broker->sync_most);
}

static void do_read(struct sim_broker *broker, struct core_read *read)
{
	if (broker->read_count == BROKER_READS)
		abort(); /* no node has so many under way */
	broker->reads[broker->read_count++] =
		(struct waiting_read){read, broker->now + chance_between(&broker->chance, 0, READ_MOST_MS)};
}

static void act(struct sim_broker *broker, const struct core_action *action, wall_ms wall)
{
	switch (action->type) {
	case ACTION_SEND:
		do_send(broker, action);
		break;
	case ACTION_PUBLISH:
		do_publish(broker, action);
		break;
	case ACTION_APPEND:
		do_append(broker, action->append, wall);
		break;
	case ACTION_READ:
		do_read(broker, action->read);
		break;
	case ACTION_CURSOR:
		journal_note_cursor(broker->journal, action->note.node, action->note.entry);
		break;
	case ACTION_WITHHELD:
		journal_note_withheld(broker->journal, action->note.node, action->note.entry,
				      action->note.policy_version);
		break;
	case ACTION_REBIND_FEED:
		network_rebind(broker->network);
		break;
	case ACTION_LOG:
		log_write(action->log.level, action->log.event, action->log.fields);
		break;
	case ACTION_BULLETIN: /* nobody listens */
	case ACTION_TAKE_UP:  /* no operator asks for it */
		break;
	case ACTION_DRAINED:
		broker->drained = true;
		break;
	case ACTION_ANSWER:
		if (action->answer.fault.code != E_OK)
			trace("broker: operator hears %s %s", error_name(action->answer.fault.code),
			      action->answer.fault.field);
		break;
	}
}

void broker_step(struct sim_broker *broker, const struct core_event *event)
{
	const struct now now = machine_now(&broker->machine, broker->now);
	uint8_t random[CORE_RANDOM_SIZE];
	struct core_actions actions;

	clock_show(&now);
	chance_fill(&broker->chance, random, sizeof random);
	actions = core_step(broker->core, event, &now, random);
	for (size_t i = 0; i < actions.count; i++)
		act(broker, &actions.list[i], now.wall);
	broker->sealing = (struct bytes){0};
}

/* ---- the writer and the readers */

void broker_commit(struct sim_broker *broker)
{
	const struct now now = machine_now(&broker->machine, broker->now);
	struct journal_append *list = broker->queue;
	enum error error;

	broker->queue = NULL;
	broker->written = list;
	broker->commit_at = UINT64_MAX;
	broker->heard_at = broker->now + chance_between(&broker->chance, 0, 5);
	error = journal_commit(broker->journal, list, now.wall);
	if (error == E_OK)
		account_committed(broker->account, list);
	else if (!machine_struck(&broker->machine))
		account_wrong(broker->account, LOST, "a commit fails: %s", error_name(error));
}

void broker_hear(struct sim_broker *broker)
{
	const struct core_event event = {.type = CORE_COMMITTED, .committed = broker->written};

	journal_tend(broker->journal);
	account_heard(broker->account, broker->written);
	broker->written = NULL;
	broker->heard_at = UINT64_MAX;
	broker_step(broker, &event);
	if (broker->queue)
		broker->commit_at = broker->now + chance_between(&broker->chance, 0, broker->sync_most);
}

static void read_answer(struct sim_broker *broker, struct core_read *read)
{
	const struct core_event event = {.type = CORE_READ_DONE, .read = read};

	question_answer(read, broker->reader);
	broker_step(broker, &event);
}

static void reads_due(struct sim_broker *broker)
{
	for (size_t i = 0; i < broker->read_count;) {
		struct core_read *read = broker->reads[i].read;

		if (broker->reads[i].at > broker->now) {
			i++;
			continue;
		}
		memmove(&broker->reads[i], &broker->reads[i + 1], (--broker->read_count - i) * sizeof broker->reads[0]);
		read_answer(broker, read);
	}
}

static void tick(struct sim_broker *broker)
{
	const struct core_event event = {.type = CORE_TICK};

	broker->tick_at = broker->now + TICK_MS;
	broker_step(broker, &event);
	if (broker->now < broker->flush_at || broker->written)
		return;
	broker->flush_at = broker->now + FLUSH_MS;
	if (journal_flush(broker->journal) != E_OK && !machine_struck(&broker->machine))
		account_wrong(broker->account, LOST, "cursors cannot be written");
}

uint64_t broker_next(const struct sim_broker *broker)
{
	uint64_t next = broker->tick_at;

	if (!broker_up(broker))
		return UINT64_MAX;
	if (broker->commit_at < next)
		next = broker->commit_at;
	if (broker->heard_at < next)
		next = broker->heard_at;
	for (size_t i = 0; i < broker->read_count; i++)
		if (broker->reads[i].at < next)
			next = broker->reads[i].at;
	return next;
}

void broker_turn(struct sim_broker *broker, uint64_t now)
{
	broker->now = now;
	if (now >= broker->heard_at)
		broker_hear(broker);
	reads_due(broker);
	if (now >= broker->commit_at)
		broker_commit(broker);
	if (!machine_struck(&broker->machine) && now >= broker->tick_at)
		tick(broker);
	if (machine_struck(&broker->machine))
		broker_crash(broker, loss_draw(&broker->chance));
	else if (broker->drained)
		broker_crash(broker, DISK_KEPT);
}

bool broker_idle(const struct sim_broker *broker)
{
	return broker_up(broker) && !broker->queue && !broker->written && broker->read_count == 0;
}

/* ---- events in */

static const uint8_t *key_of(const struct sim_broker *broker, const struct frame *frame)
{
	return broker->members[frame->office][frame->key].keys.curve_public;
}

/* A key that is not active never gets through the handshake. */
static bool shakes_hands(struct sim_broker *broker, const struct frame *frame)
{
	if (broker->accepted[frame->office] == frame->connection)
		return true;
	if (core_key_status(broker->core, key_of(broker, frame), NULL) != E_OK)
		return false;
	broker->accepted[frame->office] = frame->connection;
	return true;
}

static void subscription_arrives(struct sim_broker *broker, const struct frame *frame)
{
	struct wire *wire = &broker->network->wires[frame->office];
	struct core_event event = {.type = CORE_SUBSCRIBED};

	if (core_key_status(broker->core, key_of(broker, frame), NULL) != E_OK)
		return;
	if (wire->subscribed && memcmp(wire->topic, frame->topic, FEED_TOPIC_SIZE) == 0)
		wire->at_broker = true;
	event.subscribed.curve_key = key_of(broker, frame);
	event.subscribed.topic = BYTES(frame->topic, FEED_TOPIC_SIZE);
	event.subscribed.added = true;
	broker_step(broker, &event);
}

void broker_receive(struct sim_broker *broker, const struct frame *frame, uint64_t now)
{
	struct core_event event = {.type = CORE_MESSAGE};

	broker->now = now;
	if (frame->subscribes) {
		subscription_arrives(broker, frame);
		return;
	}
	if (!shakes_hands(broker, frame)) {
		broker->network->wires[frame->office].refused = true;
		return;
	}
	trace_up(office_names[frame->office], frame->connection, BYTES(frame->data, frame->size));
	event.message.peer = peer_of(frame->office, frame->connection);
	event.message.curve_key = key_of(broker, frame);
	event.message.frame = BYTES(frame->data, frame->size);
	broker_step(broker, &event);
}

void broker_standing(struct sim_broker *broker, size_t office, Simpul__Standing standing)
{
	struct core_event event = {.type = CORE_STANDING, .operator_ticket = 1};

	event.standing.node = office_names[office];
	event.standing.standing = standing;
	broker_step(broker, &event);
}

void broker_enroll(struct sim_broker *broker, size_t office, size_t key)
{
	const struct core_event event = {
		.type = CORE_ENROLL, .enroll = &broker->members[office][key].member, .operator_ticket = 1};

	broker_step(broker, &event);
}

void broker_policy_give(struct sim_broker *broker)
{
	struct core_event event = {.type = CORE_POLICY, .operator_ticket = 1};
	struct fault fault = {0};

	if (policy_parse(buffer_view(&broker->policy), "policy.yaml", &event.policy, &fault) == E_OK)
		broker_step(broker, &event);
	else
		account_wrong(broker->account, LOST, "policy.yaml: %s", fault.field);
}

void broker_policy(struct sim_broker *broker, const struct rules *rules)
{
	buffer_clear(&broker->policy);
	rules_write(rules, account_offer(broker->account, rules), &broker->policy);
	if (broker_up(broker))
		broker_policy_give(broker);
}

void broker_stop(struct sim_broker *broker)
{
	const struct core_event event = {.type = CORE_STOP};

	broker_step(broker, &event);
}
