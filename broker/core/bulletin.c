/* bulletin - which accepted reports are published in the open as well, and what is published of them.
 *
 * Decided with the verdict, while the bodies are at hand; published when the submission is on disk, never before. */
#include "broker/core/bulletin.h"

#include "broker/journal/encode.h"
#include "common/bulletin.h"
#include "common/content.h"
#include "common/memory.h"
#include <stdlib.h>
#include <string.h>

#define REMEMBERED 4096 /* newest submissions of which something was published */

/* Field numbers of bulletin.proto. */
enum { BULLETIN_EXCHANGE = 1, BULLETIN_DELIVERY, BULLETIN_MEMBER, BULLETIN_ENTRY, BULLETIN_ACCEPTED_AT };

/* A submission that was published, and which of its reports. */
struct published {
	struct report_name first;
	bool whole[LIMIT_SUBMISSION_REPORTS];
};

struct bulletins {
	struct published list[REMEMBERED];
	size_t count; /* that were ever published; the newest are in the list */
};

/* ---------------------------------------------------------------------------- deciding */

static bool is_open(const struct submit *submit)
{
	const Simpul__Header *header = submit->headers[0];

	return (header->label == SIMPUL__LABEL__LABEL_GREEN || header->label == SIMPUL__LABEL__LABEL_CLEAR) &&
	       header->form == SIMPUL__BODY_FORM__BODY_FORM_PLAIN && header->n_protection == 0 &&
	       submit->routing->n_to == 0 && submit->routing->n_not_to == 0;
}

/* Who handles it with restrictions does not shout it. (These codes may differ within a submission.) */
static bool is_published(const struct submit *submit, const struct journal_append *append, size_t index)
{
	return append->reports[index].verdict == E_OK && submit->headers[index]->n_handling == 0 &&
	       submit->bodies[index] != NULL && body_person_count(submit->bodies[index]) == 0;
}

static void member_put(const struct node *node, struct buffer *out)
{
	Simpul__MemberRecord record;
	struct buffer encoded = {0};

	member_to_message(&node->member, &record);
	wire_pack(&record, &encoded);
	put_bytes(out, BULLETIN_MEMBER, buffer_view(&encoded));
	buffer_free(&encoded);
}

/* What recipients get, which is encoded already, unless some of it is not for everybody. */
static void delivery_put(const struct submit *submit, struct journal_append *append)
{
	struct buffer part = {0};
	bool all = true;

	for (size_t i = 0; i < submit->count; i++)
		all &= append->published[i] == (append->reports[i].verdict == E_OK);
	if (!all)
		delivery_encode(submit, append->published, &part);
	put_bytes(&append->bulletin, BULLETIN_DELIVERY, buffer_view(all ? &append->delivery : &part));
	buffer_free(&part);
}

void bulletin_prepare(struct core *core, const struct submit *submit, struct journal_append *append)
{
	bool any = false;

	if (!core->options.bulletins || !is_open(submit) || !bulletin_topic(submit->headers[0], append->topic))
		return;
	append->published = memory_zero(submit->count, sizeof(*append->published));
	for (size_t i = 0; i < submit->count; i++)
		any |= append->published[i] = is_published(submit, append, i);
	if (!any)
		return;
	put_bytes(&append->bulletin, BULLETIN_EXCHANGE, BYTES(core->options.exchange, EXCHANGE_SIZE));
	delivery_put(submit, append);
	member_put(submit->node, &append->bulletin);
}

/* ---------------------------------------------------------------------------- publishing */

/* Whether this report was published since the broker's start: what takes it back must be told to the same listeners, and to
 * no others, for they have not heard of it. */
static bool was_published(const struct core *core, const struct report_name *name)
{
	const struct bulletins *bulletins = core->bulletins;

	for (size_t i = 0; bulletins != NULL && i < bulletins->count && i < REMEMBERED; i++) {
		const struct published *published = &bulletins->list[i];

		if (strcmp(published->first.origin, name->origin) == 0 && published->first.epoch == name->epoch &&
		    published->first.stream == name->stream && published->first.number <= name->number &&
		    name->number - published->first.number < LIMIT_SUBMISSION_REPORTS &&
		    published->whole[name->number - published->first.number])
			return true;
	}
	return false;
}

static void remember(struct core *core, const struct journal_append *append)
{
	struct published *published;

	if (core->bulletins == NULL)
		core->bulletins = memory_zero(1, sizeof(*core->bulletins));
	published = &core->bulletins->list[core->bulletins->count++ % REMEMBERED];
	*published = (struct published){.first = append->first};
	memcpy(published->whole, append->published, append->count * sizeof(*append->published));
}

/* The journal may have refused an update or a cancel, whose submission holds nothing else. */
void bulletin_publish(struct core *core, const struct journal_append *append)
{
	struct core_action *action;
	struct buffer *message;

	if (append->bulletin.size == 0)
		return;
	if (append->inherit != INHERIT_NONE &&
	    (append->reports[0].verdict != E_OK || !was_published(core, &append->reference)))
		return;
	remember(core, append);
	message = scratch(core);
	buffer_bytes(message, buffer_view(&append->bulletin));
	put_number(message, BULLETIN_ENTRY, append->entry);
	put_fixed64(message, BULLETIN_ACCEPTED_AT, append->accepted_at);
	action = action_add(core, ACTION_BULLETIN);
	memcpy(action->bulletin.topic, append->topic, sizeof(action->bulletin.topic));
	action->bulletin.message = buffer_view(message);
}

void bulletins_free(struct core *core)
{
	free(core->bulletins);
}
