/* broker - the life of a simulated broker: founding, coming up from the journal, going down. */
#include "tests/sim/broker.h"
#include "tests/sim/trace.h"

#include <string.h>

enum { FLUSH_MS = 1000 };

bool broker_up(const struct sim_broker *broker)
{
	return broker->core != NULL;
}

static void list_free(struct journal_append *list)
{
	while (list) {
		struct journal_append *next = (struct journal_append *)list->letter.next;

		journal_append_free(list);
		list = next;
	}
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
			broker_policy_give(broker);
		trace("broker: up at entry %llu", (unsigned long long)broker->account->last);
		return true;
	}
	if (machine_struck(&broker->machine))
		broker_crash(broker, loss_draw(&broker->chance));
	else
		account_wrong(broker->account, LOST, "the broker does not start: %s %s", error_name(error),
			      fault.field);
	if (broker_up(broker))
		handles_close(broker);
	return false;
}

void broker_found(struct sim_broker *broker, const struct agent_world *world)
{
	const wall_ms now = machine_now(&broker->machine, 0).wall;
	struct fault fault = {0};

	broker->journal_options =
		(struct journal_options){.path = broker->machine.folder, .broker = world->broker.signing};
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
		broker_enroll(broker, i, 0);
		broker_commit(broker);
		broker_hear(broker);
	}
}

void broker_end(struct sim_broker *broker)
{
	if (broker_up(broker))
		broker_crash(broker, DISK_KEPT);
	buffer_free(&broker->policy);
	buffer_free(&broker->sealed);
}
