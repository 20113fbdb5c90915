/* office - the shell of a simulated agent and its end of the network. */
#include "tests/sim/office.h"
#include "tests/sim/speech.h"
#include "tests/sim/trace.h"
#include "common/memory.h"

#include <stdlib.h>
#include <string.h>

/* ---- the transport */

static void arrived_clear(struct arrived *arrived)
{
	for (size_t i = arrived->first; i < arrived->count; i++)
		free(arrived->list[i]);
	arrived->first = arrived->count = 0;
}

static enum error link_open(void *context, const struct join *join, const struct node_keys *keys)
{
	struct sim_office *office = context;

	(void)join, (void)keys;
	network_open(office->network, office->index, office->self->keys.key_id - 1);
	return E_OK;
}

static bool link_subscribe(void *context, const char *endpoint, const uint8_t topic[FEED_TOPIC_SIZE])
{
	struct sim_office *office = context;

	(void)endpoint;
	network_subscribe(office->network, office->index, topic);
	return true;
}

static enum error link_send(void *context, struct bytes prefix, struct bytes rest)
{
	struct sim_office *office = context;

	network_up(office->network, office->index, prefix, rest);
	return E_OK;
}

static bool link_receive(void *context, enum uplink_channel channel, struct bytes *frame)
{
	struct sim_office *office = context;
	struct arrived *arrived = &office->arrived[channel];

	free(office->reading);
	office->reading = NULL;
	if (arrived->first == arrived->count)
		return false;
	office->reading = arrived->list[arrived->first++];
	*frame = BYTES(office->reading->data, office->reading->size);
	return true;
}

static bool link_handshake_failed(void *context)
{
	struct sim_office *office = context;
	struct wire *wire = &office->network->wires[office->index];
	const bool refused = wire->refused;

	wire->refused = false;
	return refused;
}

static int link_poll_items(void *context, zmq_pollitem_t *items)
{
	(void)context, (void)items;
	return 0;
}

static void link_close(void *context, int linger_ms)
{
	struct sim_office *office = context;

	(void)linger_ms;
	network_close(office->network, office->index);
	arrived_clear(&office->arrived[UPLINK_LINK]);
	arrived_clear(&office->arrived[UPLINK_FEED]);
}

static void link_release(void *context)
{
	struct sim_office *office = context;

	free(office->reading);
	office->reading = NULL;
}

void office_receive(struct sim_office *office, struct frame *frame, uint64_t now)
{
	struct arrived *arrived = &office->arrived[frame->lane == LANE_FEED ? UPLINK_FEED : UPLINK_LINK];

	if (arrived->first == arrived->count)
		arrived->first = arrived->count = 0;
	arrived->list = memory_grow(arrived->list, arrived->count + 1, sizeof(struct frame *));
	arrived->list[arrived->count++] = frame;
	office->step_at = now;
}

/* ---- life */

static char *store_path(const struct sim_office *office)
{
	return memory_format("%s/agent.db", office->machine.folder);
}

static void clock_turn(struct sim_office *office, uint64_t now)
{
	struct now shown;

	office->now = now;
	shown = machine_now(&office->machine, now);
	clock_show(&shown);
}

static void uplink_begin(struct sim_office *office)
{
	const struct uplink_transport transport = {.context = office,
						   .open = link_open,
						   .subscribe = link_subscribe,
						   .send = link_send,
						   .receive = link_receive,
						   .handshake_failed = link_handshake_failed,
						   .poll_items = link_poll_items,
						   .close = link_close,
						   .release = link_release};
	const struct uplink_options options = {.join = office->join,
					       .keys = &office->self->keys,
					       .node = office_names[office->index],
					       .epoch = office->store.epoch,
					       .subscription = &office->subscription,
					       .source = feeder_source(&office->feeder),
					       .target = feeder_target(&office->feeder)};

	office->uplink = uplink_over(&transport, &options);
}

bool office_start(struct sim_office *office, uint64_t now)
{
	char *path = store_path(office);
	struct fault fault = {0};

	office->machine.started = now;
	office->self = &office->selves[office->key];
	wish_write(&office->wish, &office->wish_memory, &office->subscription);
	clock_turn(office, now);
	office->up =
		store_open(&office->store, path, NULL, office->join->exchange, office_names[office->index], &fault) == E_OK;
	free(path);
	if (!office->up && machine_struck(&office->machine)) {
		machine_cut(&office->machine);
		machine_restore(&office->machine, loss_draw(&office->chance), chance_draw(&office->chance));
		return false;
	}
	if (!office->up) {
		account_wrong(office->account, LOST, "%s does not start: %s %s", office_names[office->index],
			      error_name(fault.code), fault.field);
		return false;
	}
	if (office->was_taking)
		account_maybe(office->account, &office->taking, &office->store);
	office->was_taking = false;
	office->inbox = inbox_new(&office->store, &office->self->keys, office->join);
	feeder_init(&office->feeder, &office->store, &office->self->keys, office->inbox);
	uplink_begin(office);
	office->state = UPLINK_OFFLINE;
	office->step_at = now;
	return true;
}

static void handles_close(struct sim_office *office)
{
	uplink_free(office->uplink);
	feeder_fini(&office->feeder);
	inbox_free(office->inbox);
	store_close(&office->store);
	office->up = false;
}

void office_stop(struct sim_office *office)
{
	trace("%s: stops", office_names[office->index]);
	handles_close(office);
}

void office_crash(struct sim_office *office, enum disk_loss how)
{
	trace("%s: down (%s)", office_names[office->index], disk_loss_names[how]);
	machine_cut(&office->machine);
	network_close(office->network, office->index); /* a process that is gone says no BYE */
	office->network->wires[office->index].dead = true;
	handles_close(office);
	office->network->wires[office->index].dead = false;
	machine_restore(&office->machine, how, chance_draw(&office->chance));
	office->crashes++;
}

/* ---- turns */

uint64_t office_next(const struct sim_office *office)
{
	return office->up ? office->step_at : UINT64_MAX;
}

void office_status(const struct sim_office *office, struct uplink_status *status)
{
	uplink_status(office->uplink, status);
}

static void state_trace(struct sim_office *office)
{
	static const char *const names[] = {"offline", "greeting", "catching up", "live", "halted"};
	struct uplink_status status;

	office_status(office, &status);
	if (status.state != office->state)
		trace("%s: %s at entry %llu (%s %s)", office_names[office->index], names[status.state],
		      (unsigned long long)status.cursor.entry, error_name(status.last_fault.code),
		      status.last_fault.field);
	office->state = status.state;
}

void office_turn(struct sim_office *office, uint64_t now)
{
	const struct now shown = machine_now(&office->machine, now);

	clock_turn(office, now);
	office->step_at = now + office->beat;
	uplink_step(office->uplink, &shown);
	state_trace(office);
	if (machine_struck(&office->machine)) {
		office_crash(office, loss_draw(&office->chance));
	} else if (office->store.failure.code != E_OK || office->feeder.failure.code != E_OK) {
		/* As the agent's loop has it: whatever no repetition mends ends the process. */
		account_wrong(office->account, LOST, "the store of %s fails: %s %s", office_names[office->index],
			      office->store.failure.field, office->feeder.failure.field);
		office_crash(office, DISK_KEPT);
	}
}

void office_say(struct sim_office *office, uint64_t now)
{
	struct prepared *prepared;
	struct report_name name;
	struct fault why = {0};
	struct arena arena;
	enum error error;

	clock_turn(office, now);
	office->taking = speech_draw(office->account, &office->chance, office->index,
				     machine_now(&office->machine, office->now).wall);
	arena_init(&arena);
	prepared = speech_make(office->account, &office->taking, &arena);
	error = outbox_take(&office->store, &prepared, NULL, 1, false, &name, &why);
	arena_fini(&arena);
	if (error == E_OK) {
		account_taken(office->account, &office->taking, &name, &office->store);
		trace("%s: takes %u/%llu", name.origin, name.stream, (unsigned long long)name.number);
		uplink_wake(office->uplink);
		office->step_at = office->now;
	} else if (machine_struck(&office->machine)) {
		office->was_taking = true;
		office_crash(office, loss_draw(&office->chance));
	} else if (error != E_RECIPIENT_UNKNOWN) {
		account_wrong(office->account, LOST, "%s cannot take a report: %s %s", office_names[office->index],
			      error_name(error), why.field);
	}
}

bool office_settled(struct sim_office *office)
{
	struct outbox_counts counts;
	struct uplink_status status;

	if (!office->up)
		return false;
	office_status(office, &status);
	outbox_count(&office->store, &counts);
	return status.state == UPLINK_LIVE && counts.waiting == 0 && counts.sent == 0 &&
	       account_caught_up(office->account, office->index, status.cursor.entry);
}
