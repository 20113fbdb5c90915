/* hold_door - carries out what people ask about holds. */
#include "agents/reports/hold_door.h"

#include "agents/reports/legal_hold.h"

#include <string.h>

/* One request, and who asks. */
struct asking {
	struct store *store;
	const json_t *request;
	struct hold_person by;
	wall_ms now;
	struct fault *fault;
};

static const char *text_of(const struct asking *asking, const char *key)
{
	const char *text = json_string_value(json_object_get(asking->request, key));

	return text != NULL ? text : "";
}

static uint64_t id_of(const struct asking *asking)
{
	const json_int_t id = json_integer_value(json_object_get(asking->request, "hold"));

	return id > 0 ? (uint64_t)id : 0;
}

static json_t *answer_of(enum error error, uint64_t id)
{
	return error == E_OK ? json_pack("{s:b, s:I}", "ok", 1, "hold", (json_int_t)id) : NULL;
}

static json_t *place(const struct asking *asking)
{
	struct hold_order order = {.authority = text_of(asking, "authority"),
				   .order = text_of(asking, "order"),
				   .reason = text_of(asking, "reason")};
	uint64_t id = 0;
	enum error error = E_OK;

	if (!report_name_parse(text_of(asking, "report"), &order.report))
		error = fault_at(asking->fault, E_INVALID, "report");
	else if (!time_parse(text_of(asking, "until"), &order.until))
		error = fault_at(asking->fault, E_INVALID, "until");
	if (error == E_OK)
		error = legal_hold_place(asking->store, &order, &asking->by, asking->now, &id, asking->fault);
	return answer_of(error, id);
}

static json_t *lift(const struct asking *asking)
{
	uint64_t id = 0;
	const enum error error = legal_hold_lift(asking->store, id_of(asking), text_of(asking, "reason"), &asking->by,
						 asking->now, &id, asking->fault);

	return answer_of(error, id);
}

static json_t *confirm(const struct asking *asking)
{
	const uint64_t id = id_of(asking);

	return answer_of(legal_hold_confirm(asking->store, id, &asking->by, asking->now, asking->fault), id);
}

static json_t *opening(const struct asking *asking)
{
	struct report_name name;

	if (!report_name_parse(text_of(asking, "report"), &name)) {
		fault_at(asking->fault, E_INVALID, "report");
		return NULL;
	}
	return answer_of(legal_hold_note_opening(asking->store, &name, text_of(asking, "reason"), &asking->by,
						 asking->now, asking->fault),
			 0);
}

static json_t *list(const struct asking *asking)
{
	json_t *orders = NULL;

	if (legal_hold_list(asking->store, asking->now, &orders, asking->fault) == E_OK)
		return json_pack("{s:b, s:o}", "ok", 1, "holds", orders);
	json_decref(orders);
	return NULL;
}

static const struct {
	const char *command;
	json_t *(*answer)(const struct asking *asking);
} commands[] = {{"hold-place", place},
		{"hold-lift", lift},
		{"hold-confirm", confirm},
		{"hold-open", opening},
		{"hold-list", list}};

static size_t command_find(const char *command)
{
	size_t i = 0;

	while (i < sizeof(commands) / sizeof(commands[0]) && strcmp(commands[i].command, command) != 0)
		i++;
	return i;
}

bool hold_door_knows(const char *command)
{
	return command_find(command) < sizeof(commands) / sizeof(commands[0]);
}

json_t *hold_door_answer(struct store *store, const char *command, const json_t *request, const char *peer, wall_ms now,
			 struct fault *fault)
{
	struct asking asking = {.store = store, .request = request, .now = now, .fault = fault};

	if (!user_of_peer(peer, &asking.by.uid)) {
		fault_at(fault, E_INTERNAL, "user: the kernel does not say who asks");
		return NULL;
	}
	user_name(asking.by.uid, asking.by.name);
	return commands[command_find(command)].answer(&asking);
}
