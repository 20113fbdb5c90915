/* outcome - looks up by name what the broker said to reports of the outbox. */
#include "agents/serve/outcome.h"
#include "agents/reports/view.h"
#include <string.h>

/* What stands in a list says more than who waits needs, and of persons. */
static bool row_take(void *context, const struct outbox_row *row)
{
	static const char *const said[] = {"name", "state", "code", "field", "sentence"};
	struct outbox_row bare = *row;
	json_t *one = json_object(), *whole;
	struct arena arena;

	arena_init(&arena);
	bare.header = bare.body = (struct bytes){0};
	whole = view_outbox_json(&bare, &arena);
	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++)
		if (json_object_get(whole, said[i]) != NULL)
			json_object_set(one, said[i], json_object_get(whole, said[i]));
	json_array_append_new(context, one);
	json_decref(whole);
	arena_fini(&arena);
	return true;
}

static enum error name_take(struct store *store, const json_t *text, json_t *reports, struct fault *fault)
{
	const size_t before = json_array_size(reports);
	struct report_name name;
	enum error error;

	if (!json_is_string(text) || !report_name_parse(json_string_value(text), &name))
		return fault_at(fault, E_INVALID, "%s", "");
	if (strcmp(name.origin, store->node) != 0)
		return fault_at(fault, E_NOT_FOUND, "%s", "");
	error = view_outbox_by_name(store, &name, row_take, reports, fault);
	return error == E_OK && json_array_size(reports) == before ? fault_at(fault, E_NOT_FOUND, "%s", "") : error;
}

json_t *outcome_answer(struct store *store, const struct uplink *uplink, const json_t *request, struct fault *fault)
{
	const json_t *names = json_object_get(request, "names");
	const size_t count = json_array_size(names);
	json_t *reports = json_array();
	struct uplink_status status;
	enum error error = E_OK;

	if (count == 0 || count > OUTCOME_MOST)
		error = fault_at(fault, count == 0 ? E_MISSING : E_TOO_LARGE, "names");
	for (size_t i = 0; i < count && error == E_OK; i++) {
		error = name_take(store, json_array_get(names, i), reports, fault);
		if (error != E_OK)
			fault_within(fault, "names[%zu]", i);
	}
	if (error != E_OK) {
		json_decref(reports);
		return NULL;
	}
	uplink_status(uplink, &status);
	return json_pack("{s:b, s:s, s:o}", "ok", 1, "state", uplink_state_text(status.state), "reports", reports);
}
