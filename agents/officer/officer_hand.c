/* officer_hand - hands drafts to the running agent, and says what to do when it does not take them. */
#include "agents/officer/officer_hand.h"
#include "agents/officer/officer_words.h"
#include "agents/serve/local.h"
#include "common/memory.h"
#include "common/region.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NEAR_MOST = 5 };

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

/* The text in a request at the path of a fault, "region" of its draft or "drafts[3].region"; "" when there is none. */
static const char *text_at(const json_t *request, const char *path)
{
	const json_t *json = strncmp(path, "drafts[", 7) == 0 ? request : json_object_get(request, "draft");

	while (json != NULL) {
		const size_t length = strcspn(path, ".[");
		char key[64];

		snprintf(key, sizeof(key), "%.*s", (int)length, path);
		json = json_object_get(json, key);
		path += length;
		if (*path == '[')
			json = json_array_get(json, strtoul(path + 1, NULL, 10));
		path += strcspn(path, ".");
		if (*path == '\0')
			break;
		path++;
	}
	return json_is_string(json) ? json_string_value(json) : "";
}

/* Regions that may have been meant; NULL when none is near. free() it. Their names come from the table alone. */
static char *regions_near(const struct officer *officer, const char *name)
{
	const struct region *near[NEAR_MOST];
	struct settings settings;
	struct buffer text = {0};
	size_t count = 0;

	if (officer_settings(officer, &settings, NULL) == E_OK) {
		if (settings.defaults.region_within != NULL)
			count = region_near(name, settings.defaults.region_within, near, NEAR_MOST);
		settings_free(&settings);
	}
	if (count == 0)
		count = region_near(name, "", near, NEAR_MOST);
	for (size_t i = 0; i < count; i++) {
		buffer_text(&text, i == 0 ? "nothing was taken: perhaps " : i + 1 == count ? " or " : ", ");
		buffer_text(&text, near[i]->name);
		buffer_text(&text, " ");
		buffer_text(&text, near[i]->code);
	}
	buffer_u8(&text, 0);
	return count > 0 ? (char *)text.data : (buffer_free(&text), NULL);
}

/* What could have been given, where there is a list of it; NULL when nothing of it helps. free() it. */
static char *choices_of(const struct officer *officer, const json_t *request, const struct fault *fault)
{
	char *words, *advice;

	if (fault->code == E_REGION_UNKNOWN)
		return regions_near(officer, text_at(request, fault->field));
	words = fault->code == E_UNKNOWN_VALUE ? officer_words_at(fault->field) : NULL;
	advice = words == NULL ? NULL : memory_format("nothing was taken: give %s", words);
	free(words);
	return advice;
}

static int not_taken(const struct officer *officer, const json_t *request, const struct fault *fault)
{
	char *choices = choices_of(officer, request, fault);
	const int status = officer_fail(officer, fault, choices != NULL ? choices : advice_for(fault->code));

	free(choices);
	return status;
}

/* Prints the names that were given, and waits as the officer asks. */
static int names_tell(const struct officer *officer, const json_t *names, const struct officer_wait *wait)
{
	json_t *name;
	size_t i;

	json_array_foreach(names, i, name) puts(json_is_string(name) ? json_string_value(name) : "");
	fflush(stdout);
	return officer_wait(officer, names, wait);
}

static int hand_in(const struct officer *officer, const char *command, json_t *drafts, const struct officer_wait *wait)
{
	json_t *request = json_pack("{s:i, s:s}", "simpul", LOCAL_VERSION, "command", command);
	struct fault fault = {0};
	json_t *answer;
	int status;

	if (json_array_size(drafts) == 1) { /* what is wrong is then said without a number before it */
		json_object_set(request, "draft", json_array_get(drafts, 0));
		json_decref(drafts);
	} else {
		json_object_set_new(request, json_is_array(drafts) ? "drafts" : "draft", drafts);
	}
	if (officer_ask(officer, json_incref(request), &answer, &fault) != E_OK)
		status = not_taken(officer, request, &fault);
	else
		status = names_tell(officer, json_object_get(answer, "names"), wait);
	json_decref(answer);
	json_decref(request);
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
