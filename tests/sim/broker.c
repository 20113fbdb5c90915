/* broker - the shell of a simulated broker: events in, actions out, commits and reads after a while. */
#include "tests/sim/broker.h"
#include "tests/sim/trace.h"
#include "common/memory.h"

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

static void list_free(struct journal_append *list)
{
	while (list) {
		struct journal_append *next = (struct journal_append *)list->letter.next;

		journal_append_free(list);
		list = next;
	}
}

/* ---- actions out */

static void do_send(struct sim_broker *broker, const struct core_action *action)
{
	const size_t office = action->send.peer.id[1];

	account_sends(broker->account, office, action->send.frame);
	network_down(broker->network, office, load_u64(action->send.peer.id + 2), action->send.frame);
}

/* As the shell does, a batch is sealed once for all that get the very same bytes. */
static void do_publish(struct sim_broker *broker, const struct core_action *action)
{
	const struct bytes batch = action->publish.batch;
	const size_t size = FEED_SIZE(batch.size);
	uint8_t *publication = memory_alloc(size), key[KEY_SIZE];

	account_publishes(broker->account, office_of(action->publish.feed->node), batch);
	if (broker->sealing.data != batch.data || broker->sealing.size != batch.size) {
		chance_fill(&broker->chance, key, sizeof key);
		batch_seal(key, batch, &broker->sealed);
		broker->sealing = batch;
	}
	feed_seal(action->publish.feed, &action->publish.head, &broker->sealed, publication);
	network_publish(broker->network, action->publish.topic, BYTES(publication, size));
	free(publication);
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
	broker->reads[broker->read_count++] = (struct waiting_read){
		read, broker->now + chance_between(&broker->chance, 0, READ_MOST_MS)};
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

static void step(struct sim_broker *broker, const struct core_event *event)
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

static void commit(struct sim_broker *broker)
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

static void hear(struct sim_broker *broker)
{
	const struct core_event event = {.type = CORE_COMMITTED, .committed = broker->written};

	account_heard(broker->account, broker->written);
	broker->written = NULL;
	broker->heard_at = UINT64_MAX;
	step(broker, &event);
	if (broker->queue)
		broker->commit_at = broker->now + chance_between(&broker->chance, 0, broker->sync_most);
}

static void read_answer(struct sim_broker *broker, struct core_read *read)
{
	const struct core_event event = {.type = CORE_READ_DONE, .read = read};

	switch (read->type) {
	case READ_PAGE:
		journal_read_page(broker->reader, read->node, read->after, read->limit, &read->page, &read->result);
		break;
	case READ_RECEIPT:
		journal_read_receipt(broker->reader, &read->first, read->count, &read->digest, &read->receipt,
				     &read->result);
		break;
	case READ_POSITION:
		journal_read_position(broker->reader, read->after, &read->position, &read->result);
		break;
	}
	step(broker, &event);
}

static void reads_due(struct sim_broker *broker)
{
	for (size_t i = 0; i < broker->read_count;) {
		struct core_read *read = broker->reads[i].read;

		if (broker->reads[i].at > broker->now) {
			i++;
			continue;
		}
		memmove(&broker->reads[i], &broker->reads[i + 1],
			(--broker->read_count - i) * sizeof broker->reads[0]);
		read_answer(broker, read);
	}
}

static void tick(struct sim_broker *broker)
{
	const struct core_event event = {.type = CORE_TICK};

	broker->tick_at = broker->now + TICK_MS;
	step(broker, &event);
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
		hear(broker);
	reads_due(broker);
	if (now >= broker->commit_at)
		commit(broker);
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

/* A key that is not active never gets through the handshake. */
static bool shakes_hands(struct sim_broker *broker, const struct frame *frame)
{
	const uint8_t *key = broker->members[frame->office].keys.curve_public;

	if (broker->accepted[frame->office] == frame->connection)
		return true;
	if (core_key_status(broker->core, key, NULL) != E_OK)
		return false;
	broker->accepted[frame->office] = frame->connection;
	return true;
}

static void subscription_arrives(struct sim_broker *broker, const struct frame *frame)
{
	struct wire *wire = &broker->network->wires[frame->office];
	struct core_event event = {.type = CORE_SUBSCRIBED};

	if (core_key_status(broker->core, broker->members[frame->office].keys.curve_public, NULL) != E_OK)
		return;
	if (wire->subscribed && memcmp(wire->topic, frame->topic, FEED_TOPIC_SIZE) == 0)
		wire->at_broker = true;
	event.subscribed.curve_key = broker->members[frame->office].keys.curve_public;
	event.subscribed.topic = BYTES(frame->topic, FEED_TOPIC_SIZE);
	event.subscribed.added = true;
	step(broker, &event);
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
	event.message.peer = peer_of(frame->office, frame->connection);
	event.message.curve_key = broker->members[frame->office].keys.curve_public;
	event.message.frame = BYTES(frame->data, frame->size);
	step(broker, &event);
}

void broker_standing(struct sim_broker *broker, size_t office, Simpul__Standing standing)
{
	struct core_event event = {.type = CORE_STANDING, .operator_ticket = 1};

	event.standing.node = office_names[office];
	event.standing.standing = standing;
	step(broker, &event);
}

static void policy_give(struct sim_broker *broker)
{
	struct core_event event = {.type = CORE_POLICY, .operator_ticket = 1};
	struct fault fault = {0};

	if (policy_parse(buffer_view(&broker->policy), "policy.yaml", &event.policy, &fault) == E_OK)
		step(broker, &event);
	else
		account_wrong(broker->account, LOST, "policy.yaml: %s", fault.field);
}

void broker_policy(struct sim_broker *broker, const struct rules *rules)
{
	buffer_clear(&broker->policy);
	rules_write(rules, account_offer(broker->account, rules), &broker->policy);
	if (broker_up(broker))
		policy_give(broker);
}

void broker_stop(struct sim_broker *broker)
{
	const struct core_event event = {.type = CORE_STOP};

	step(broker, &event);
}

/* ---- life */

bool broker_up(const struct sim_broker *broker)
{
	return broker->core != NULL;
}

static void handles_close(struct sim_broker *broker)
{
	core_free(broker->core);
	journal_reader_close(broker->reader);
	journal_close(broker->journal);
	broker->core = NULL;
	broker->reader = NULL;
	broker->journal = NULL;
}

void broker_crash(struct sim_broker *broker, enum disk_loss how)
{
	trace("broker: down (%s)", disk_loss_names[how]);
	machine_cut(&broker->machine);
	for (size_t i = 0; i < broker->read_count; i++)
		core_read_free(broker->reads[i].read);
	list_free(broker->queue);
	list_free(broker->written);
	broker->queue = broker->written = NULL;
	broker->read_count = 0;
	handles_close(broker);
	machine_restore(&broker->machine, how, chance_draw(&broker->chance));
	network_broker_down(broker->network);
	broker->crashes++;
}

/* What the core is brought up with is told to the account as well. */
struct bring_up {
	struct journal_visitor core;
	struct account *account;
	uint64_t last;
};

static void up_entry(void *context, Simpul__EntryType type, uint64_t entry, wall_ms accepted_at, struct bytes content)
{
	struct bring_up *up = context;

	account_loads(up->account, type, entry, content);
	up->core.entry(up->core.context, type, entry, accepted_at, content);
}

static void up_audience(void *context, const struct audience *audience)
{
	struct bring_up *up = context;

	up->core.audience(up->core.context, audience);
}

static void up_origin(void *context, const struct report_name *last, const struct hash *digest)
{
	struct bring_up *up = context;

	up->core.origin(up->core.context, last, digest);
}

static void up_cursor(void *context, const char *node, uint64_t entry)
{
	struct bring_up *up = context;

	up->core.cursor(up->core.context, node, entry);
}

static void up_position(void *context, const struct position *position, const uint8_t signature[SIGNATURE_SIZE])
{
	struct bring_up *up = context;

	up->last = position->entry;
	up->core.position(up->core.context, position, signature);
}

static enum error load(struct sim_broker *broker, struct fault *fault)
{
	struct bring_up up = {.core = core_visitor(broker->core), .account = broker->account};
	const struct journal_visitor visitor = {&up, up_entry, up_audience, up_origin, up_cursor, up_position};
	enum error error;

	account_load_begins(broker->account);
	error = journal_load(broker->journal, &visitor, fault);
	if (error == E_OK)
		account_load_ends(broker->account, broker->reader, up.last);
	return error;
}

bool broker_start(struct sim_broker *broker, uint64_t now)
{
	struct fault fault = {0};
	struct now shown;
	enum error error;

	broker->now = broker->machine.started = now;
	shown = machine_now(&broker->machine, now);
	clock_show(&shown);
	error = journal_open(&broker->journal, &broker->journal_options, &fault);
	if (error == E_OK)
		error = journal_reader_open(&broker->reader, &broker->journal_options, &fault);
	broker->core = core_new(&broker->options);
	if (error == E_OK)
		error = load(broker, &fault);
	if (error == E_OK && journal_flush(broker->journal) == E_OK) {
		broker->commit_at = broker->heard_at = UINT64_MAX;
		broker->tick_at = now;
		broker->flush_at = now + FLUSH_MS;
		broker->drained = false;
		broker->restarts++;
		memset(broker->accepted, 0, sizeof broker->accepted);
		network_broker_up(broker->network);
		if (broker->policy.size > 0)
			policy_give(broker);
		trace("broker: up at entry %llu", (unsigned long long)broker->account->last);
		return true;
	}
	account_wrong(broker->account, LOST, "the broker does not start: %s %s", error_name(error), fault.field);
	handles_close(broker);
	return false;
}

void broker_found(struct sim_broker *broker, const struct agent_world *world)
{
	const wall_ms now = machine_now(&broker->machine, 0).wall;
	struct fault fault = {0};

	broker->journal_options = (struct journal_options){.path = broker->machine.folder, .broker = world->broker.signing};
	broker->options = (struct core_options){.broker = world->broker.signing,
						.rate_reports = LIMIT_RATE_REPORTS,
						.rate_bytes = 8 * 1024 * 1024,
						.heartbeat_ms = LIMIT_HEARTBEAT_MS,
						.silence_ms = LIMIT_SILENCE_MS};
	memcpy(broker->options.exchange, world->join.exchange, EXCHANGE_SIZE);
	memcpy(broker->options.authority, world->authority.public_key, KEY_SIZE);
	if (journal_create(&broker->journal_options, world->join.exchange, world->authority.public_key, now, &fault) !=
		    E_OK ||
	    !broker_start(broker, 0)) {
		account_wrong(broker->account, LOST, "no journal: %s %s", error_name(fault.code), fault.field);
		return;
	}
	for (size_t i = 0; i < broker->account->count; i++) {
		const struct core_event event = {.type = CORE_ENROLL, .enroll = &broker->members[i].member};

		step(broker, &event);
		commit(broker);
		hear(broker);
	}
}

void broker_end(struct sim_broker *broker)
{
	if (broker_up(broker))
		broker_crash(broker, DISK_KEPT);
	buffer_free(&broker->policy);
	sealed_batch_free(&broker->sealed);
}
