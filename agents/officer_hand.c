/* officer_hand - hands drafts to the running agent, and says what to do when it does not take them. */
#include "agents/officer_hand.h"
#include "agents/local.h"
#include <stdio.h>
#include <string.h>

static const char *advice_for(enum error error)
{
	switch (error) {
	case E_UNREACHABLE:
		return "nothing was taken: start simpul-agent, or ask who runs it";
	case E_DISK_FULL:
		return "nothing was taken: make room on the disk and report again";
	case E_MISSING:
		return "nothing was taken: give it and report again";
	case E_INVALID:
		return "nothing was taken: correct it and report again";
	case E_UNKNOWN_VALUE:
		return "nothing was taken: --help has the lists";
	case E_REFERENCE_UNKNOWN:
		return "nothing was taken: simpul inbox list and simpul outbox list show what there is";
	case E_REGION_UNKNOWN:
		return "nothing was taken: give its code, such as 16.01, or its whole name";
	default:
		return "nothing was taken";
	}
}

static int hand_in(const struct officer *officer, const char *command, json_t *drafts)
{
	json_t *request = json_pack("{s:i, s:s}", "simpul", LOCAL_VERSION, "command", command);
	json_t *answer, *name;
	struct fault fault = {0};
	size_t i;

	if (json_array_size(drafts) == 1) { /* what is wrong is then said without a number before it */
		json_object_set(request, "draft", json_array_get(drafts, 0));
		json_decref(drafts);
	} else {
		json_object_set_new(request, json_is_array(drafts) ? "drafts" : "draft", drafts);
	}
	if (officer_ask(officer, request, &answer, &fault) != E_OK)
		return officer_fail(officer, &fault, advice_for(fault.code));
	json_array_foreach(json_object_get(answer, "names"), i, name)
		puts(json_is_string(name) ? json_string_value(name) : "");
	json_decref(answer);
	return EX_OK;
}

int officer_hand_in(const struct officer *officer, json_t *drafts)
{
	return hand_in(officer, "report", drafts);
}

int officer_hand_in_subject(const struct officer *officer, json_t *drafts)
{
	return hand_in(officer, "subject", drafts);
}
