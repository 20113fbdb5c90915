/* feeder - calls outbox and inbox on behalf of the uplink. */
#include "agents/serve/feeder.h"
#include "common/log.h"
#include <string.h>

/* A full disk and a lock pass: what could not be stored comes again. After anything else the agent ends and is started
 * anew. */
static enum error failed(struct feeder *feeder, enum error error, struct fault *fault)
{
	fault->code = error;
	log_event(LOG_LEVEL_ERROR, "store.failed", F_TEXT("code", error_name(fault->code)),
		  F_TEXT("field", fault->field));
	if (error_remedy(error) != REMEDY_RETRY && feeder->failure.code == E_OK)
		feeder->failure = *fault;
	return error;
}

static enum error welcome(void *context, const Simpul__Welcome *message, struct fault *fault)
{
	struct feeder *feeder = context;

	enum error error = outbox_compare(feeder->store, message, fault);

	if (error == E_HISTORY_DIFFERS)
		outbox_note_epochs(feeder->store, message);
	outbox_hear(feeder->store, message, &feeder->heard);
	feeder->thawed = false;
	return error == E_OK ? outbox_thaw(feeder->store, feeder->keys->key_id, &feeder->heard, fault) : error;
}

/* What is sealed waits until the keys of others are known as they are now. */
static enum error sealed_admit(struct feeder *feeder, uint32_t stream, uint64_t after, bool caught_up, bool *waits,
			       struct fault *fault)
{
	enum error error = E_OK;

	*waits = false;
	if (!caught_up)
		return outbox_is_sealed(feeder->store, stream, after, waits, fault);
	if (!feeder->thawed)
		error = outbox_thaw_sealed(feeder->store, &feeder->heard, fault);
	feeder->thawed = error == E_OK;
	return error;
}

static bool next(void *context, uint32_t stream, uint64_t after, const struct position *seen, bool caught_up,
		 struct uplink_submission *submission)
{
	struct feeder *feeder = context;
	struct outbox_submission *held = &feeder->held[stream];
	struct fault fault = {0};
	enum error error;
	bool waits;

	buffer_free(&held->message);
	memset(held, 0, sizeof(*held));
	error = sealed_admit(feeder, stream, after, caught_up, &waits, &fault);
	if (error == E_OK && !waits)
		error = outbox_next(feeder->store, feeder->keys, stream, after, seen, held, &fault);
	/* Without room to freeze a submission it waits; that is asked for again and again, and said of what comes in.
	 */
	if (error != E_OK && error != E_DISK_FULL)
		failed(feeder, error, &fault);
	if (error != E_OK || held->count == 0)
		return false;
	*submission = (struct uplink_submission){.first = held->first,
						 .count = held->count,
						 .digest = held->digest,
						 .message = buffer_view(&held->message),
						 .is_void = held->is_void};
	return true;
}

static uint64_t receipted(void *context, uint32_t stream)
{
	struct feeder *feeder = context;

	return outbox_receipted(feeder->store, stream);
}

static enum error receipt(void *context, const struct report_name *first, const Simpul__Receipt *message,
			  struct bytes encoded)
{
	struct feeder *feeder = context;
	struct fault fault = {0};
	enum error error = outbox_receipt(feeder->store, message, encoded, first, &fault);

	return error == E_OK ? E_OK : failed(feeder, error, &fault);
}

static void reject(void *context, const struct report_name *first, const struct fault *why)
{
	struct feeder *feeder = context;
	struct fault fault = {0};
	enum error error = outbox_reject(feeder->store, first, why->code, why->field, &fault);

	if (error != E_OK)
		failed(feeder, error, &fault);
}

static enum error apply(void *context, struct bytes batch, struct fault *fault)
{
	struct feeder *feeder = context;

	switch (inbox_apply(feeder->inbox, batch, fault)) {
	case INBOX_APPLIED:
		feeder->inbox_changed = true;
		return E_OK;
	case INBOX_IGNORED:
		return E_OK;
	case INBOX_BEHIND:
		return E_GAP;
	default:
		return fault->code;
	}
}

static struct position cursor(void *context)
{
	const struct feeder *feeder = context;

	return inbox_cursor(feeder->inbox);
}

static void begin(void *context)
{
	struct feeder *feeder = context;

	inbox_begin(feeder->inbox);
}

/* First the outbox: should the agent be killed between the two, its cursor brings the same story again. */
static enum error recover(void *context, const struct recovery *recoveries, size_t count, const struct position *place,
			  struct fault *fault)
{
	struct feeder *feeder = context;
	enum error error = outbox_recover(feeder->store, recoveries, count, fault);

	return error == E_OK ? inbox_recover(feeder->inbox, recoveries[count - 1].incarnation, place, fault) : error;
}

void feeder_init(struct feeder *feeder, struct store *store, const struct node_keys *keys, struct inbox *inbox)
{
	*feeder = (struct feeder){.store = store, .keys = keys, .inbox = inbox};
}

struct uplink_source feeder_source(struct feeder *feeder)
{
	return (struct uplink_source){.context = feeder,
				      .welcome = welcome,
				      .next = next,
				      .receipted = receipted,
				      .receipt = receipt,
				      .reject = reject};
}

struct uplink_target feeder_target(struct feeder *feeder)
{
	return (struct uplink_target){
		.context = feeder, .apply = apply, .cursor = cursor, .begin = begin, .recover = recover};
}

void feeder_fini(struct feeder *feeder)
{
	for (size_t i = 0; i < STREAMS; i++)
		buffer_free(&feeder->held[i].message);
}
