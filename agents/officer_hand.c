/* officer_hand - hands drafts to the running agent, and says what to do when it does not take them. */
#include "agents/officer_hand.h"
#include "agents/local.h"
#include "agents/officer_words.h"
#include "common/memory.h"
#include <stdio.h>
#include <stdlib.h>
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
	case E_REFERENCE_UNKNOWN:
		return "nothing was taken: simpul inbox list and simpul outbox list show what there is";
	case E_REGION_UNKNOWN:
		return "nothing was taken: give its code, such as 16.01, or its whole name";
	default:
		return "nothing was taken";
	}
}

/* Why nothing was taken, and of a value that is none of a list which there are. */
static int not_taken(const struct officer *officer, const struct fault *fault)
{
	char *words = fault->code == E_UNKNOWN_VALUE ? officer_words_at(fault->field) : NULL;
	char *advice = words == NULL ? NULL : memory_format("nothing was taken: give %s", words);
	const int status = officer_fail(officer, fault, advice != NULL ? advice : advice_for(fault->code));

	free(advice);
	free(words);
	return status;
}

static int hand_in(const struct officer *officer, const char *command, json_t *drafts, const struct officer_wait *wait)
{
	json_t *request = json_pack("{s:i, s:s}", "simpul", LOCAL_VERSION, "command", command);
	json_t *answer, *name;
	struct fault fault = {0};
	int status;
	size_t i;

	if (json_array_size(drafts) == 1) { /* what is wrong is then said without a number before it */
		json_object_set(request, "draft", json_array_get(drafts, 0));
		json_decref(drafts);
	} else {
		json_object_set_new(request, json_is_array(drafts) ? "drafts" : "draft", drafts);
	}
	if (officer_ask(officer, request, &answer, &fault) != E_OK)
		return not_taken(officer, &fault);
	json_array_foreach(json_object_get(answer, "names"), i, name)
		puts(json_is_string(name) ? json_string_value(name) : "");
	fflush(stdout);
	status = officer_wait(officer, json_object_get(answer, "names"), wait);
	json_decref(answer);
	return status;
}

int officer_hand_in(const struct officer *officer, json_t *drafts)
{
	return hand_in(officer, "report", drafts, &(struct officer_wait){0});
}

int officer_hand_in_wait(const struct officer *officer, json_t *drafts, const struct officer_wait *wait)
{
	return hand_in(officer, "report", drafts, wait);
}

int officer_hand_in_subject(const struct officer *officer, json_t *drafts)
{
	return hand_in(officer, "subject", drafts, &(struct officer_wait){0});
}
