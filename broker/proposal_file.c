/* proposal_file - writes proposals to a file, and takes those from it that an operator of today signed. */
#include "broker/proposal_file.h"

#include "common/config.h"
#include "common/json.h"
#include "common/memory.h"
#include <stdlib.h>
#include <string.h>

enum { FILE_MOST = 1 << 20 };

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

enum error proposals_save(const struct control *control, struct fault *fault)
{
	json_t *list = json_array();
	char *path = file_path(control), *text;
	enum error error;

	for (size_t i = 0; i < PROPOSALS; i++)
		if (control->proposals[i].id != 0 && !control->proposals[i].done)
			json_array_append_new(list, proposal_json(&control->proposals[i]));
	text = json_dumps(list, JSON_INDENT(1) | JSON_PRESERVE_ORDER);
	error = file_write(path, BYTES(text, strlen(text)), 0600, fault);
	free(text);
	free(path);
	json_decref(list);
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

void proposals_load(struct control *control)
{
	char *path = file_path(control);
	struct buffer text = {0};
	struct fault fault = {0};
	enum error error = file_read(path, FILE_MOST, &text, &fault);
	json_t *list =
		error == E_OK ? json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, NULL) : NULL;

	if (json_is_array(list))
		proposals_take_up(control, list);
	else if (error != E_NOT_FOUND)
		log_event(LOG_LEVEL_ERROR, "proposals.unreadable",
			  F_TEXT("code", error_name(error == E_OK ? E_MALFORMED : error)));
	json_decref(list);
	buffer_free(&text);
	free(path);
}
