/* acts - the core's record of what operators and auditors did: an entry of its own behind each change, and for each look.
 *
 * Who asked is answered when his act is on disk: what was not recorded is not shown. The entry that a change made stands
 * whether its act could be written or not. */
#include "broker/core/core_state.h"

/* The bytes come from control.c. */
static struct operation *act_start(struct core *core, struct bytes encoded, uint64_t made)
{
	Simpul__Act *act = simpul__act__unpack(&core->arena.protobuf, encoded.size, encoded.data);
	struct operation *operation;

	if (!act)
		return NULL;
	act->entry = made;
	operation = operation_start(core, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_ACT, NULL, act, false);
	operation->made = made;
	return operation;
}

void act_take(struct core *core, const struct core_event *event)
{
	struct fault fault = {0};
	struct operation *operation = NULL;

	if (core->stopping)
		fault_at(&fault, E_STOPPING, "%s", "");
	else if ((operation = act_start(core, event->act, 0)) == NULL)
		fault_at(&fault, E_MALFORMED, "act");
	if (operation)
		answer_to(operation, event);
	else
		answer(core, event->operator_ticket, &fault, 0);
}

bool act_follows(struct core *core, const struct operation *change, const struct journal_append *append)
{
	struct operation *operation;

	if (change->act.size == 0 || append->result.code != E_OK)
		return false;
	operation = act_start(core, buffer_view(&change->act), append->entry);
	if (!operation)
		return false;
	operation->answer = change->answer;
	operation->operator_ticket = change->operator_ticket;
	return true;
}

void act_answer(struct core *core, const struct operation *operation, const struct journal_append *append)
{
	const struct fault good = {0};

	if (operation->made != 0)
		answer(core, operation->operator_ticket, &good, operation->made);
	else
		answer(core, operation->operator_ticket, &append->result, append->entry);
}

void act_log(struct core *core, const struct journal_append *append)
{
	const Simpul__Act *act =
		simpul__act__unpack(&core->arena.protobuf, append->content.size, append->content.data);

	if (act)
		LOG(core, INFO, "operator.act", F_TEXT("user", act->user), F_TEXT("person", act->person),
		    F_TEXT("command", act->command), F_TEXT("object", act->object), F_NUM("entry", append->entry));
}
