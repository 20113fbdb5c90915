/* loop_action - carries out what the core decided: frames, publications, appends, questions, log lines, answers. */
#include "broker/serve/loop_state.h"

#include "broker/serve/take_up.h"
#include "common/socket.h"
#include <sodium.h>
#include <string.h>
#include <systemd/sd-daemon.h>

/* A frame that cannot be queued is dropped: acknowledgements and repeats of the protocol make up for it. */
static void do_send(struct loop *loop, const struct core_action *action)
{
	enum error error = socket_send(loop->link, action->send.peer.id, action->send.peer.size, true);

	if (error == E_OK)
		error = socket_send(loop->link, action->send.frame.data, action->send.frame.size, false);
	if (error == E_BUSY)
		loop->drops++;
}

static void seal_release(struct step_seal *seal)
{
	if (seal->batch.data != NULL)
		zmq_msg_close(&seal->sealed);
	sodium_memzero(seal, sizeof(*seal));
}

/* The one of this batch, or the one that has not served for longest. */
static struct step_seal *seal_find(struct step_seals *seals, struct bytes batch)
{
	struct step_seal *oldest = seals->list;

	for (size_t i = 0; i < STEP_SEALS; i++) {
		if (seals->list[i].batch.data == batch.data && seals->list[i].batch.size == batch.size)
			return &seals->list[i];
		if (seals->list[i].used < oldest->used)
			oldest = &seals->list[i];
	}
	return oldest;
}

/* Nodes that get the same bytes share one sealed batch: the core hands the very same ones to each of them. NULL when there
 * is no memory. */
static struct step_seal *sealed_of(struct loop *loop, struct bytes batch)
{
	struct step_seal *seal = seal_find(&loop->seals, batch);
	const bool known = seal->batch.data == batch.data && seal->batch.size == batch.size;

	if (!known)
		seal_release(seal);
	seal->used = ++loop->seals.uses;
	if (known)
		return seal;
	if (zmq_msg_init_size(&seal->sealed, batch.size + FEED_TAG_SIZE) != 0)
		return NULL;
	seal->batch = batch;
	randombytes_buf(seal->key, sizeof(seal->key));
	batch_seal(seal->key, batch, zmq_msg_data(&seal->sealed));
	return seal;
}

void loop_seals_end(struct loop *loop)
{
	for (size_t i = 0; i < STEP_SEALS; i++)
		seal_release(&loop->seals.list[i]);
}

/* The topic goes ahead of the lead in one frame, where XPUB looks for it; the sealed batch is not copied. */
static bool publish(struct loop *loop, const struct core_action *action, struct step_seal *seal)
{
	uint8_t first[FEED_TOPIC_SIZE + FEED_LEAD_SIZE];
	zmq_msg_t shared;

	memcpy(first, action->publish.topic, FEED_TOPIC_SIZE);
	feed_lead(action->publish.feed, &action->publish.head, seal->key, first + FEED_TOPIC_SIZE);
	if (socket_send(loop->feed, first, sizeof(first), true) != E_OK)
		return false;
	zmq_msg_init(&shared);
	zmq_msg_copy(&shared, &seal->sealed);
	if (socket_send_message(loop->feed, &shared) == E_OK)
		return true;
	zmq_msg_close(&shared);
	return false;
}

static void do_publish(struct loop *loop, const struct core_action *action)
{
	struct step_seal *seal = loop->feed_unbound ? NULL : sealed_of(loop, action->publish.batch);

	if (seal == NULL || !publish(loop, action, seal))
		loop->drops++;
}

/* Who does not keep up misses it: bulletins are a best effort, and what they say is in the journal. */
static void do_bulletin(struct loop *loop, const struct core_action *action)
{
	const char *topic = action->bulletin.topic;

	if (loop->bulletin != NULL && socket_send(loop->bulletin, topic, strlen(topic), true) == E_OK)
		socket_send(loop->bulletin, action->bulletin.message.data, action->bulletin.message.size, false);
}

static void do_take_up(struct loop *loop, const struct core_action *action)
{
	loop->parts.identity->keys = *action->take_up;
	newer_keys_file(loop->parts.settings);
	loop_doors_change(loop);
}

static void do_answer(struct loop *loop, const struct core_action *action)
{
	const struct fault *fault = &action->answer.fault;

	switch (action->answer.ticket) {
	case TICKET_START:
		loop->start_answered = true;
		loop->start_fault = *fault;
		break;
	case TICKET_SIGNAL:
		if (fault->code != E_OK)
			log_event(LOG_LEVEL_ERROR, "policy.rejected", F_TEXT("code", error_name(fault->code)),
				  F_TEXT("place", fault->field));
		sd_notify(0, "READY=1");
		break;
	default:
		control_done(loop->control, action->answer.ticket, fault, action->answer.entry);
	}
}

void loop_action(struct loop *loop, const struct core_action *action)
{
	switch (action->type) {
	case ACTION_SEND:
		do_send(loop, action);
		break;
	case ACTION_PUBLISH:
		do_publish(loop, action);
		break;
	case ACTION_BULLETIN:
		do_bulletin(loop, action);
		break;
	case ACTION_APPEND:
		writer_append(loop->writer, action->append);
		break;
	case ACTION_READ:
		reader_ask(loop->reader, action->read);
		break;
	case ACTION_CURSOR:
		writer_cursor(loop->writer, action->note.node, action->note.entry);
		break;
	case ACTION_WITHHELD:
		writer_withheld(loop->writer, action->note.node, action->note.entry, action->note.policy_version);
		break;
	case ACTION_REBIND_FEED:
		loop_feed_rebind(loop);
		break;
	case ACTION_TAKE_UP:
		do_take_up(loop, action);
		break;
	case ACTION_LOG:
		log_write(action->log.level, action->log.event, action->log.fields);
		break;
	case ACTION_ANSWER:
		do_answer(loop, action);
		break;
	case ACTION_DRAINED:
		loop->drained = true;
		break;
	}
}

void loop_drops_log(struct loop *loop, steady_ms now)
{
	if (loop->drops == 0 || now - loop->drops_logged < 1000)
		return;
	log_event(LOG_LEVEL_WARNING, "frames.dropped", F_NUM("count", loop->drops));
	loop->drops = 0;
	loop->drops_logged = now;
}
