/* uplinked - the agent around an uplink, as small as it can be: a store, an inbox and what waits in the outbox. */
#include "tests/support/uplinked.h"
#include "common/log.h"

#include <string.h>

static enum error source_welcome(void *context, const Simpul__Welcome *welcome, struct fault *fault)
{
	(void)context;
	(void)welcome;
	(void)fault;
	return E_OK;
}

static bool source_next(void *context, uint32_t stream, uint64_t after, const struct position *seen, bool caught_up,
			struct uplink_submission *submission)
{
	struct uplinked *f = context;
	struct outbox_submission *next = &f->next[stream];

	f->asked_early += !caught_up;
	if (f->waits && !caught_up)
		return false;
	assert_int_equal(outbox_next(&f->store, &f->army.keys, stream, after, seen, next, &f->fault), E_OK);
	*submission = (struct uplink_submission){.first = next->first,
						 .count = next->count,
						 .digest = next->digest,
						 .message = buffer_view(&next->message),
						 .is_void = next->is_void};
	return next->count > 0;
}

static uint64_t source_receipted(void *context, uint32_t stream)
{
	struct uplinked *f = context;

	return outbox_receipted(&f->store, stream);
}

static enum error source_receipt(void *context, const struct report_name *first, const Simpul__Receipt *receipt,
				 struct bytes encoded)
{
	struct uplinked *f = context;

	if (f->full_disks > 0) {
		f->full_disks--;
		return E_DISK_FULL;
	}
	assert_int_equal(outbox_receipt(&f->store, receipt, encoded, first, &f->fault), E_OK);
	return E_OK;
}

static void source_reject(void *context, const struct report_name *first, const struct fault *fault)
{
	struct uplinked *f = context;

	outbox_reject(&f->store, first, fault->code, fault->field, &f->fault);
}

static enum error target_apply(void *context, struct bytes batch, struct fault *fault)
{
	struct uplinked *f = context;

	switch (inbox_apply(f->inbox, batch, fault)) {
	case INBOX_BEHIND:
		return E_GAP;
	case INBOX_FAILED:
		return fault->code;
	default:
		return E_OK;
	}
}

static struct position target_cursor(void *context)
{
	const struct uplinked *f = context;

	return inbox_cursor(f->inbox);
}

static enum error target_recover(void *context, const struct recovery *recoveries, size_t count,
				 const struct position *place, struct fault *fault)
{
	struct uplinked *f = context;

	return inbox_recover(f->inbox, recoveries[count - 1].incarnation, place, fault);
}

static enum error broker_told(void *context, const Simpul__BrokerTerms *told, const uint8_t curve[KEY_SIZE],
			      struct fault *fault)
{
	return broker_ring_told(context, told, curve, fault);
}

static void handshake_note(void *context, enum log_level level, const char *line)
{
	struct uplinked *f = context;

	f->handshake_alarms += level == LOG_LEVEL_ALARM && strstr(line, "uplink.handshake_failed") != NULL;
}

int uplinked_start(void **state)
{
	struct uplinked *f = *state = test_calloc(1, sizeof *f);
	Simpul__Entry *entry;

	agent_world_start(&f->world);
	agent_office_make(&f->world, "police.oku", 1, &f->police);
	agent_office_make(&f->world, "army.oku", 1, &f->army);
	agent_store_open(&f->world, "army.oku", &f->store);
	agent_store_open(&f->world, "police.oku", &f->sender);
	f->broker.world = &f->world;
	f->broker.store = &f->store;
	scripted_open(&f->broker);
	log_copy(handshake_note, f);
	assert_int_equal(broker_ring_open(&f->ring, &f->store, &f->world.join, &f->fault), E_OK);
	f->inbox = inbox_new(&f->store, &f->army.keys, &f->world.join);
	inbox_broker(f->inbox, &f->ring);
	entry = agent_member(&f->world, &f->police);
	f->broker.entries[f->broker.entry_count++] = entry;
	f->uplink = uplink_new(f->broker.context,
			       &(struct uplink_options){.join = &f->world.join,
							.keys = &f->army.keys,
							.node = "army.oku",
							.broker = {&f->ring, &f->ring.terms, broker_told},
							.epoch = 1,
							.source = {f, source_welcome, source_next, source_receipted,
								   source_receipt, source_reject},
							.target = {.context = f,
								   .apply = target_apply,
								   .cursor = target_cursor,
								   .recover = target_recover}});
	return 0;
}

int uplinked_end(void **state)
{
	struct uplinked *f = *state;

	uplink_free(f->uplink);
	log_copy(NULL, NULL);
	scripted_close(&f->broker);
	inbox_free(f->inbox);
	for (int i = 0; i < 4; i++)
		buffer_free(&f->next[i].message);
	buffer_free(&f->sent.message);
	store_close(&f->store);
	store_close(&f->sender);
	agent_world_end(&f->world);
	test_free(f);
	return 0;
}

void uplinked_turn(struct uplinked *f)
{
	struct now now = clock_now();

	scripted_turn(&f->broker);
	now.steady += f->skipped;
	now.wall += f->skipped;
	uplink_step(f->uplink, &now);
}

enum uplink_state uplinked_state(struct uplinked *f)
{
	struct uplink_status status;

	uplink_status(f->uplink, &status);
	return status.state;
}

enum error uplinked_fault(struct uplinked *f)
{
	struct uplink_status status;

	uplink_status(f->uplink, &status);
	return status.last_fault.code;
}

void uplinked_turns(struct uplinked *f, int count)
{
	while (count-- > 0)
		uplinked_turn(f);
}

void uplinked_live(struct uplinked *f)
{
	UNTIL(f, uplinked_state(f) == UPLINK_LIVE && f->broker.subscribed);
}

Simpul__Entry *uplinked_sighting(struct uplinked *f)
{
	struct prepared *prepared = agent_sighting(&f->world, SIMPUL__LABEL__LABEL_AMBER, "x");
	const struct position seen = {0};
	struct report_name name;

	assert_int_equal(outbox_take(&f->sender, &prepared, NULL, 1, false, &name, NULL), E_OK);
	assert_int_equal(outbox_next(&f->sender, &f->police.keys, 0, name.number - 1, &seen, &f->sent, NULL), E_OK);
	return agent_delivery(&f->world, agent_submission(&f->world, buffer_view(&f->sent.message)));
}

void uplinked_take_sightings(struct uplinked *f, size_t count, size_t summary)
{
	char *text = test_malloc(summary + 1);

	memset(text, 'x', summary);
	text[summary] = '\0';
	for (size_t i = 0; i < count; i++) {
		struct prepared *prepared = agent_sighting(&f->world, SIMPUL__LABEL__LABEL_AMBER, text);
		struct report_name name;

		assert_int_equal(outbox_take(&f->store, &prepared, NULL, 1, false, &name, NULL), E_OK);
	}
	test_free(text);
	uplink_wake(f->uplink);
}

void uplinked_take_cancels(struct uplinked *f, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct prepared *prepared = agent_cancel(&f->world, "army.oku", 1);
		struct report_name name;

		assert_int_equal(outbox_take(&f->store, &prepared, NULL, 1, false, &name, NULL), E_OK);
	}
	uplink_wake(f->uplink);
}

uint64_t uplinked_received(struct uplinked *f)
{
	return agent_number(&f->store, "SELECT count(*) FROM inbox");
}
