/* fetch - answers FETCH: hands a node that is behind the next piece, from the tail or from a page of the journal. */
#include "broker/core/batch.h"
#include "broker/core/history.h"
#include <string.h>

enum {
	PAGE_LIMIT = LIMIT_BATCH - 1024, /* leaves room for the batch's own fields; a reader counts heads and wraps */
	DOWN_BATCH = 5,			 /* field number in link.proto */
};

/* The answer; when it leads to the head the session is live again. */
static void batch_answer(struct core *core, struct node *node, uint64_t seq, struct batch *batch)
{
	struct session *session = &node->session;

	batch->last = batch->upto.entry == core->position.entry;
	batch_encode(core, batch);
	send_encoded(core, &session->peer, seq, DOWN_BATCH, batch->encoded);
	batch_record(core, node, batch);
	node->refetches = batch->after < node->fetched ? node->refetches + 1 : 0;
	node->fetched = batch->upto.entry;
	session->answered_after = batch->after;
	node->fetched_at = core->now->steady;
	if (batch->upto.entry > session->handed)
		session->handed = batch->upto.entry;
	if (!batch->last)
		return;
	session->state = SESSION_LIVE;
	session->behind_logged = false;
	session->upto = batch->upto.entry;
}

/* Adds what follows `after`, which the tail must reach back to, as far as there is room. */
static void tail_take(struct core *core, const struct node *node, uint64_t after, struct batch *batch)
{
	const struct tail_item *item;
	struct part part;

	for (uint64_t entry = after + 1; (item = tail_at(&core->tail, entry)) != NULL; entry++) {
		if (!part_make(core, node, item, &part))
			continue;
		if (!batch_has_room(batch, &part)) {
			if (entry - 1 > after)
				position_at(core, tail_at(&core->tail, entry - 1), &batch->upto);
			return;
		}
		batch_add(core, batch, &part);
	}
	batch->upto = core->position;
}

static void fetch_from_tail(struct core *core, struct node *node, uint64_t seq, uint64_t after)
{
	struct batch batch;

	batch_start(&batch, after);
	tail_take(core, node, after, &batch);
	batch_answer(core, node, seq, &batch);
}

static void page_ask(struct core *core, struct node *node, uint64_t seq, uint64_t after)
{
	struct core_read *read = core_read_new();

	read->type = READ_PAGE;
	read->ticket = node->session.fetch_ticket = next_ticket(core);
	node->session.fetch_seq = seq;
	node->session.fetch_after = after;
	memcpy(read->node, node->name, sizeof(read->node));
	read->after = after;
	read->limit = PAGE_LIMIT;
	read->erased = core->retention.erased.count;
	read_start(core, read);
}

/* Whoever asks again and again without reading would fill the socket's queue with its own answers: the pause doubles.
 */
static bool fetch_waits(const struct core *core, const struct node *node, uint64_t after, uint64_t *wait)
{
	const uint64_t pause = (uint64_t)REFETCH_MS
			       << (node->refetches < REFETCH_DOUBLED ? node->refetches : REFETCH_DOUBLED);
	const uint64_t gone = core->now->steady - node->fetched_at;

	if (after >= node->fetched || gone >= pause)
		return false;
	*wait = pause - gone;
	return true;
}

/* Only one answer may lie unstored while the next one is asked for, or an office that does not read would be sent
 * everything there is. */
static enum error ahead_check(const struct session *session, const struct position *cursor, uint64_t after,
			      struct fault *fault)
{
	if (after == 0)
		return E_OK;
	if (after <= cursor->entry || after > session->handed)
		return fault_at(fault, E_INVALID, "fetch.after");
	if (cursor->entry < session->answered_after)
		return fault_expecting(fault, E_BUSY, RETRY_SOON_MS, "fetch.after");
	return E_OK;
}

static enum error fetch_check(struct core *core, struct node *node, const struct position *cursor, uint64_t after,
			      struct fault *fault)
{
	uint64_t wait;

	if (core->stopping)
		return fault_at(fault, E_STOPPING, "%s", "");
	if (node->session.fetch_ticket != 0)
		return fault_expecting(fault, E_BUSY, RETRY_SOON_MS, "fetch");
	if (history_holds(core, cursor) && cursor->entry < node->acked)
		return fault_at(fault, E_BELOW_CURSOR, "fetch.cursor.entry");
	if (ahead_check(&node->session, cursor, after, fault) != E_OK)
		return fault->code;
	if (fetch_waits(core, node, after ? after : cursor->entry, &wait))
		return fault_expecting(fault, E_BUSY, wait, "fetch");
	return cursor_take(core, node, cursor, fault);
}

void fetch_take(struct core *core, struct node *node, uint64_t seq, const struct position *cursor, uint64_t after)
{
	struct fault fault = {0};
	const uint64_t from = after ? after : cursor->entry;

	if (fetch_check(core, node, cursor, after, &fault) != E_OK) {
		send_refusal(core, &node->session.peer, seq, &fault);
		log_refused(core, "session.refused", node, &fault);
		if (fault.code == E_HISTORY_DIFFERS)
			session_end(core, node, E_OK);
		return;
	}
	session_behind(core, node, NULL);
	if (from >= core->tail.base.entry)
		fetch_from_tail(core, node, seq, from);
	else
		page_ask(core, node, seq, from);
}

/* A reader may see a commit before the core has heard of it: what lies beyond the core's position waits for the next
 * fetch. What was committed while it read stands in the tail, and spares the node another fetch. */
static void page_answer(struct core *core, struct node *node, const struct core_read *read)
{
	struct batch batch;
	struct part part;

	batch_start(&batch, node->session.fetch_after);
	batch.upto = read->page.upto;
	if (batch.upto.entry >= core->position.entry)
		batch.upto = core->position;
	for (size_t i = 0; i < read->page.count; i++) {
		const struct tail_item item = item_of(&read->page.items[i]);

		if (item.entry <= batch.upto.entry && part_make(core, node, &item, &part))
			batch_add(core, &batch, &part);
	}
	if (batch.upto.entry >= core->tail.base.entry)
		tail_take(core, node, batch.upto.entry, &batch);
	batch_answer(core, node, node->session.fetch_seq, &batch);
}

void fetch_read_done(struct core *core, struct node *node, const struct core_read *read)
{
	struct session *session = &node->session;
	struct fault fault = read->result;

	if (session->state == SESSION_NONE || session->fetch_ticket != read->ticket)
		return;
	session->fetch_ticket = 0;
	if (node->leaving)
		return;
	if (fault.code == E_OK && erased_in_page(&core->retention.erased, read->page_as_of, &read->page)) {
		page_ask(core, node, session->fetch_seq, session->fetch_after);
		return;
	}
	if (fault.code == E_OK) {
		page_answer(core, node, read);
		return;
	}
	log_unreadable(core, node, &fault);
	send_refusal(core, &session->peer, session->fetch_seq, &fault);
	log_refused(core, "session.refused", node, &fault);
}
