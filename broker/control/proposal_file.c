/* proposal_file - writes proposals and what was done to a file, and takes from it what an operator of today signed. */
#include "broker/control/proposal_file.h"

#include "common/file.h"
#include "common/json.h"
#include "common/memory.h"
#include <stdlib.h>
#include <string.h>

enum { FILE_MOST = 8 << 20 }; /* all proposals with the longest requests, and many days of what was done */

static char *file_path(const struct control *control)
{
	return memory_format("%s/%s", control->port->settings->journal, PROPOSAL_FILE);
}

/* ---- writing */

static json_t *proposal_json(const struct proposal *proposal)
{
	char content[2 * HASH_SIZE + 1], signature[2 * SIGNATURE_SIZE + 1];

	return json_pack("{s:I, s:s, s:I, s:s, s:s, s:O}", "proposal", (json_int_t)proposal->id, "command",
			 proposal->command->name, "at", (json_int_t)proposal->at, "content",
			 hex_of(content, BYTES(proposal->content.bytes, HASH_SIZE)), "signature",
			 hex_of(signature, BYTES(proposal->signatures[0].signature, SIGNATURE_SIZE)), "request",
			 proposal->request);
}

static json_t *spent_json(const struct hash *digest, wall_ms at)
{
	char hex[2 * HASH_SIZE + 1];

	return json_pack("{s:s, s:I}", "digest", hex_of(hex, BYTES(digest->bytes, HASH_SIZE)), "at", (json_int_t)at);
}

static json_t *file_json(const struct control *control)
{
	json_t *waiting = json_array(), *done = json_array();

	for (size_t i = 0; i < PROPOSALS; i++) {
		const struct proposal *proposal = &control->proposals[i];

		if (proposal->id != 0 && proposal->done)
			json_array_append_new(done, spent_json(&proposal->digest, proposal->at));
		else if (proposal->id != 0)
			json_array_append_new(waiting, proposal_json(proposal));
	}
	for (size_t i = 0; i < control->spent_count; i++)
		json_array_append_new(done, spent_json(&control->spent[i].digest, control->spent[i].at));
	return json_pack("{s:o, s:o}", "waiting", waiting, "done", done);
}

enum error proposals_save(const struct control *control, struct fault *fault)
{
	json_t *json = file_json(control);
	char *path = file_path(control), *text = json_dumps(json, JSON_PRESERVE_ORDER);
	const enum error error = file_write(path, BYTES(text, strlen(text)), 0600, fault);

	free(text);
	free(path);
	json_decref(json);
	return error;
}

/* ---- reading */

/* Into a free place; false when it is not what an operator signed, or too old. */
static bool proposal_take_up(struct control *control, const json_t *json, struct proposal *made)
{
	const json_int_t id = json_integer_value(json_object_get(json, "proposal"));
	const json_int_t at = json_integer_value(json_object_get(json, "at"));
	const struct control_command *command = control_command_find(json_text(json, "command"));
	uint8_t signature[SIGNATURE_SIZE];

	if (command == NULL || command->kind == 0 || id <= 0 || at <= 0 ||
	    !json_is_object(json_object_get(json, "request")) || clock_now().wall >= (wall_ms)at + ACT_LIFE_MS ||
	    !hex_parse(json_text(json, "content"), made->content.bytes, HASH_SIZE) ||
	    !hex_parse(json_text(json, "signature"), signature, SIGNATURE_SIZE))
		return false;
	made->id = (uint64_t)id;
	made->at = (wall_ms)at;
	made->command = command;
	made->digest = act_digest(control->port->identity->exchange.id, made->at, command->act, &made->content);
	return operators_verify(&control->port->settings->signers, &made->digest, BYTES(signature, SIGNATURE_SIZE),
				&made->signatures[0]);
}

static void proposals_take_up(struct control *control, const json_t *list)
{
	size_t i, kept = 0;
	json_t *each;

	json_array_foreach(list, i, each)
	{
		struct proposal made = {.id = 0};

		if (kept == PROPOSALS || !proposal_take_up(control, each, &made))
			continue;
		made.request = json_deep_copy(json_object_get(each, "request"));
		control->proposals[kept++] = made;
		if (made.id > control->last_proposal)
			control->last_proposal = made.id;
	}
	if (i > 0)
		log_event(LOG_LEVEL_NOTICE, "proposals.kept", F_NUM("waiting", kept), F_NUM("dropped", i - kept));
}

static void spent_take_up(struct control *control, const json_t *list)
{
	const wall_ms now = clock_now().wall;
	struct hash digest;
	size_t i;
	json_t *each;

	json_array_foreach(list, i, each)
	{
		const json_int_t at = json_integer_value(json_object_get(each, "at"));

		if (at > 0 && now < (wall_ms)at + ACT_LIFE_MS &&
		    hex_parse(json_text(each, "digest"), digest.bytes, HASH_SIZE))
			spent_add(control, &digest, (wall_ms)at);
	}
}

void proposals_load(struct control *control)
{
	char *path = file_path(control);
	struct buffer text = {0};
	struct fault fault = {0};
	enum error error = file_read(path, FILE_MOST, &text, &fault);
	json_t *json =
		error == E_OK ? json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, NULL) : NULL;

	proposals_take_up(control, json_object_get(json, "waiting"));
	spent_take_up(control, json_object_get(json, "done"));
	if (!json_is_object(json) && error != E_NOT_FOUND)
		log_event(LOG_LEVEL_ERROR, "proposals.unreadable",
			  F_TEXT("code", error_name(error == E_OK ? E_MALFORMED : error)));
	json_decref(json);
	buffer_free(&text);
	free(path);
}
