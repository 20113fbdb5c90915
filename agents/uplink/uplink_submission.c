/* uplink_submission - sends submissions in the order of their numbers, and deals with the answers. */
#include "agents/uplink/uplink_state.h"
#include "common/log.h"

#include <string.h>

#define IDLE_MS 1000 /* how often the source is asked without being woken */
#define RETRY_MS 500
#define SUBMIT_FIELD 3 /* of Up */

void flights_start(struct uplink *uplink)
{
	const struct uplink_source *source = &uplink->options.source;

	for (uint32_t i = 0; i < STREAMS; i++)
		uplink->session.after[i] = source->receipted(source->context, i);
	flights_wake(uplink);
}

void flights_wake(struct uplink *uplink)
{
	memset(uplink->session.idle, 0, sizeof uplink->session.idle);
	uplink->session.idle_until = uplink->now.steady + IDLE_MS;
}

size_t flights_count(const struct uplink *uplink)
{
	size_t count = 0;

	for (size_t i = 0; i < LIMIT_IN_FLIGHT; i++)
		count += uplink->session.flights[i].seq != 0;
	return count;
}

bool flights_overdue(const struct uplink *uplink)
{
	for (size_t i = 0; i < LIMIT_IN_FLIGHT; i++) {
		const struct flight *flight = &uplink->session.flights[i];

		if (flight->seq != 0 && uplink->now.steady - flight->sent_at > ANSWER_MS)
			return true;
	}
	return false;
}

struct flight *flight_find(struct uplink *uplink, uint64_t seq)
{
	for (size_t i = 0; seq != 0 && i < LIMIT_IN_FLIGHT; i++)
		if (uplink->session.flights[i].seq == seq)
			return &uplink->session.flights[i];
	return NULL;
}

/* Room for one more; NULL when so many are under way, or so much, that it has to wait. */
static struct flight *flight_free(struct uplink *uplink)
{
	struct flight *room = NULL;
	size_t bytes = 0;

	for (size_t i = 0; i < LIMIT_IN_FLIGHT; i++) {
		struct flight *flight = &uplink->session.flights[i];

		if (flight->seq == 0)
			room = flight;
		else
			bytes += flight->size;
	}
	return limit_in_flight_has_room(flights_count(uplink), bytes) ? room : NULL;
}

/* ---- sending */

/* Puts the submission into an Up by writing what stands before it. */
static enum error submit(struct uplink *uplink, struct flight *flight, struct bytes submission)
{
	uint8_t prefix[FRAME_PREFIX_SIZE];
	const size_t size = frame_prefix(prefix, flight->seq, SUBMIT_FIELD, submission.size);

	flight->size = size + submission.size;
	return uplink->transport.send(uplink->transport.context, BYTES(prefix, size), submission);
}

/* Sends what follows in a stream; false when there is nothing, or no more can be sent now. */
static bool stream_send(struct uplink *uplink, uint32_t stream)
{
	const struct uplink_source *source = &uplink->options.source;
	struct session *session = &uplink->session;
	struct flight *flight = flight_free(uplink);
	const struct position seen = uplink_cursor(uplink);
	struct uplink_submission next;

	if (!flight || session->idle[stream])
		return false;
	if (!source->next(source->context, stream, session->after[stream], &seen, uplink->state == UPLINK_LIVE,
			  &next)) {
		session->idle[stream] = true;
		return false;
	}
	*flight = (struct flight){.seq = ++session->seq,
				  .first = next.first,
				  .count = next.count,
				  .digest = next.digest,
				  .is_void = next.is_void,
				  .sent_at = uplink->now.steady};
	session->after[stream] = next.first.number + next.count - 1;
	if (submit(uplink, flight, next.message) == E_OK)
		return true;
	uplink_offline(uplink, E_BUSY, "send", 0);
	return false;
}

/* One of each stream in turn, from where the last turn ended, for an answer makes room for no more than one: a long
 * queue of exercises does not hold up what is real. False when none was sent. */
static bool next_send(struct uplink *uplink)
{
	for (uint32_t i = 0; i < STREAMS && uplink->state != UPLINK_OFFLINE; i++) {
		const uint32_t stream = (uplink->session.turn + i) % STREAMS;

		if (stream_send(uplink, stream)) {
			uplink->session.turn = stream + 1;
			return true;
		}
	}
	return false;
}

void flights_send(struct uplink *uplink)
{
	if (uplink->now.steady < uplink->session.pause_until)
		return;
	if (uplink->now.steady >= uplink->session.idle_until)
		flights_wake(uplink);
	while (next_send(uplink))
		continue;
}

/* ---- answers */

/* Takes back this submission and those that follow it in its stream: answers to them are not waited for. */
static void flights_rewind(struct uplink *uplink, const struct report_name *from)
{
	struct session *session = &uplink->session;
	const struct report_name first = *from;

	for (size_t i = 0; i < LIMIT_IN_FLIGHT; i++) {
		struct flight *flight = &session->flights[i];

		if (flight->seq != 0 && flight->first.stream == first.stream && flight->first.number >= first.number)
			flight->seq = 0;
	}
	session->after[first.stream] = first.number - 1;
	flights_wake(uplink);
}

static enum error receipt_fits(const struct uplink *uplink, const struct flight *flight, const Simpul__Receipt *receipt,
			       struct fault *fault)
{
	const struct join *join = uplink->options.join;

	if (!bytes_equal(BYTES(receipt->digest.data, receipt->digest.len), BYTES(flight->digest.bytes, HASH_SIZE)))
		return fault_at(fault, E_INVALID, "receipt.digest");
	/* A repeat gets the receipt of its time, which may be one before the broker was restored. */
	if (receipt->incarnation == 0 || receipt->incarnation > uplink->session.incarnation)
		return fault_at(fault, E_HISTORY_DIFFERS, "receipt.incarnation");
	for (size_t i = 0; i < receipt->n_verdicts; i++)
		if (receipt->verdicts[i]->number - flight->first.number >= flight->count)
			return fault_at(fault, E_INVALID, "receipt.verdicts[%zu]", i);
	return receipt_check(receipt, join->exchange, uplink_broker_key(uplink, receipt->entry), NULL, fault);
}

void flight_receipt(struct uplink *uplink, struct flight *flight, const Simpul__Receipt *receipt, struct bytes encoded)
{
	const struct uplink_source *source = &uplink->options.source;
	const struct report_name first = flight->first;
	struct fault fault = {0};
	char name[REPORT_NAME_SIZE];

	if (receipt_fits(uplink, flight, receipt, &fault) != E_OK) {
		uplink_halt(uplink, &fault);
		return;
	}
	flight->seq = 0;
	if (error_remedy(source->receipt(source->context, &first, receipt, encoded)) == REMEDY_RETRY) {
		flights_rewind(uplink, &first);
		uplink->session.pause_until = uplink->now.steady + RETRY_MS;
		return;
	}
	log_event(LOG_LEVEL_DEBUG, "receipt.stored", F_TEXT("first", report_name_text(&first, name)),
		  F_NUM("entry", receipt->entry), F_NUM("refused", receipt->n_verdicts));
}

/* The numbers that the broker has are not those we sent: start again after what it gave receipts for. */
static void resync(struct uplink *uplink, const struct flight *flight, const struct fault *fault)
{
	const struct uplink_source *source = &uplink->options.source;
	struct report_name from = flight->first;

	from.number = source->receipted(source->context, from.stream) + 1;
	if (fault->expected != 0 && fault->expected < from.number) {
		uplink_halt_at(uplink, E_HISTORY_DIFFERS, "refusal.expected"); /* it lost what it gave a receipt for */
		return;
	}
	flights_rewind(uplink, &from);
	uplink->session.pause_until = uplink->now.steady + RETRY_MS;
}

/* These bytes will never be taken. When they come back unchanged the source could not note it (full disk): wait. When a
 * VOID is refused, nothing that a program can do will help. */
static void correct(struct uplink *uplink, const struct flight *flight, const struct fault *fault)
{
	const struct uplink_source *source = &uplink->options.source;
	const struct report_name first = flight->first;
	const bool unchanged = hash_equal(&uplink->session.rejected, &flight->digest);

	if (flight->is_void) {
		uplink_halt(uplink, fault);
		return;
	}
	uplink->session.rejected = flight->digest;
	source->reject(source->context, &first, fault);
	flights_rewind(uplink, &first);
	if (unchanged)
		uplink->session.pause_until = uplink->now.steady + RETRY_MS;
}

void flight_refused(struct uplink *uplink, struct flight *flight, const struct fault *fault)
{
	char name[REPORT_NAME_SIZE];

	log_event(LOG_LEVEL_NOTICE, "submission.refused", F_TEXT("first", report_name_text(&flight->first, name)),
		  F_TEXT("code", error_name(fault->code)), F_TEXT("field", fault->field));
	/* A signature that does not verify is our key's fault, not the report's: voiding every number would not mend
	 * it. */
	if (fault->code == E_BAD_SIGNATURE || fault->code == E_OK) {
		uplink_halt(uplink, fault);
		return;
	}
	switch (error_remedy(fault->code)) {
	case REMEDY_RETRY:
		uplink->session.pause_until = uplink->now.steady + refusal_pause(fault);
		flights_rewind(uplink, &flight->first);
		break;
	case REMEDY_RESYNC:
		resync(uplink, flight, fault);
		break;
	case REMEDY_CORRECT:
		correct(uplink, flight, fault);
		break;
	default:
		uplink_halt(uplink, fault);
	}
}
