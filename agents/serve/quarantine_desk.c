/* quarantine_desk - tries again or closes what waits, each in one transaction. */
#include "agents/serve/quarantine_desk.h"
#include "agents/reports/inbox_again.h"
#include "agents/reports/inbox_notice.h"
#include "agents/reports/quarantine.h"
#include "agents/reports/view.h"
#include "agents/store/reference.h"
#include "common/wire.h"

#include <string.h>

/* One request. */
struct desk_task {
	const struct quarantine_desk *desk;
	struct quarantine_item item;
	wall_ms now;
	enum error refused;  /* it fails as before; E_OK: it does not */
	const char *outcome; /* "solved" ... */
};

/* ---- trying again */

static enum error unverified_retry(struct desk_task *task, struct fault *fault)
{
	const struct quarantine_desk *desk = task->desk;

	return inbox_verify_again(desk->store, desk->keys, desk->ring, task->item.row, &task->refused, fault);
}

struct lookup {
	struct store *store;
	uint64_t row;
	enum error found;
};

static bool row_lookup(void *context, const struct inbox_row *row)
{
	struct lookup *lookup = context;
	const Simpul__Header *header;
	struct arena arena;

	if (row->row != lookup->row)
		return false;
	arena_init(&arena);
	header = wire_unpack(&simpul__header__descriptor, row->header, &arena, NULL);
	if (header != NULL)
		lookup->found = reference_find(lookup->store, row->name.origin, header, NULL);
	arena_fini(&arena);
	return false;
}

static enum error unreferenced_retry(struct desk_task *task, struct fault *fault)
{
	struct lookup lookup = {task->desk->store, task->item.row, E_NOT_FOUND};
	enum error error = view_inbox(task->desk->store, task->item.row - 1, 1, row_lookup, &lookup, fault);

	if (error == E_OK && lookup.found != E_OK)
		task->refused = E_REFERENCE_UNKNOWN;
	return error;
}

/* The sink says later what came of it. */
static enum error undelivered_retry(struct desk_task *task, struct fault *fault)
{
	struct sinks *sinks = task->desk->sinks;
	const enum error error =
		sinks == NULL ? E_NOT_FOUND : sinks_retry(sinks, task->item.sink, task->item.id, task->item.row);

	task->outcome = "tried";
	return error == E_OK ? E_OK : fault_at(fault, error, error == E_NOT_FOUND ? "sink" : "item");
}

static enum error retry(struct desk_task *task, struct fault *fault)
{
	task->outcome = "solved";
	switch (task->item.cause) {
	case QUARANTINE_UNVERIFIED:
		return unverified_retry(task, fault);
	case QUARANTINE_NOTICE:
		return inbox_notice_again(task->desk->store, task->item.row, &task->refused, fault);
	case QUARANTINE_UNREFERENCED:
		return unreferenced_retry(task, fault);
	case QUARANTINE_UNDELIVERED:
		return undelivered_retry(task, fault);
	default:
		return fault_at(fault, E_UNEXPECTED, "%s", quarantine_cause_text(task->item.cause));
	}
}

/* What came of it is noted in any case. */
static enum error retry_note(struct desk_task *task, struct fault *fault)
{
	struct store *store = task->desk->store;
	enum error error = task->item.state != QUARANTINE_SOLVED
				   ? retry(task, fault)
				   : fault_at(fault, E_UNEXPECTED, "%s", quarantine_state_text(task->item.state));

	if (error != E_OK || strcmp(task->outcome, "solved") != 0)
		return error;
	if (task->refused != E_OK)
		return quarantine_failed(store, task->item.id, task->refused, "", fault);
	return quarantine_solve(store, task->item.id, task->now, fault);
}

/* ---- requests */

static enum error reason_check(const char *reason, struct fault *fault)
{
	if (reason == NULL || reason[strspn(reason, " ")] == '\0')
		return fault_at(fault, E_MISSING, "reason");
	return user_text_valid(reason) ? E_OK : fault_at(fault, E_INVALID, "reason");
}

static enum error task_do(struct desk_task *task, const json_t *request, const char *user, struct fault *fault)
{
	const char *action = json_string_value(json_object_get(request, "action"));
	const char *reason = json_string_value(json_object_get(request, "reason"));
	enum error error;

	if (action != NULL && strcmp(action, "retry") == 0)
		return retry_note(task, fault);
	if (action == NULL || strcmp(action, "close") != 0)
		return fault_at(fault, action == NULL ? E_MISSING : E_UNKNOWN_VALUE, "action");
	task->outcome = "closed";
	error = reason_check(reason, fault);
	return error == E_OK ? quarantine_close(task->desk->store, task->item.id, user, reason, task->now, fault)
			     : error;
}

json_t *quarantine_answer(const struct quarantine_desk *desk, const json_t *request, const char *user, wall_ms now,
			  struct fault *fault)
{
	const json_int_t id = json_integer_value(json_object_get(request, "item"));
	struct desk_task task = {.desk = desk, .now = now};
	enum error error = store_begin(desk->store, fault);

	if (error != E_OK)
		return NULL;
	error = quarantine_find(desk->store, id > 0 ? (uint64_t)id : 0, &task.item, fault);
	if (error == E_OK)
		error = task_do(&task, request, user, fault);
	error = store_end(desk->store, error, fault);
	if (error == E_OK && task.refused != E_OK)
		error = fault_at(fault, task.refused, "item");
	else if (error == E_OK && desk->sinks != NULL)
		sinks_wake(desk->sinks); /* what verifies by now is new to them */
	return error == E_OK ? json_pack("{s:b, s:I, s:s}", "ok", 1, "item", id, "state", task.outcome) : NULL;
}
