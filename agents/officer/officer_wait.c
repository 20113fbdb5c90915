/* officer_wait - asks the agent again and again what became of reports, and prints it. */
#include "agents/officer/officer_wait.h"
#include "agents/reports/view.h"
#include "agents/serve/local.h"
#include "agents/serve/outcome.h"
#include "common/json.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { AT_TERMINAL_SECONDS = 5, ASK_AGAIN_MS = 100, SECONDS_MOST = 86400 };

/* What is not answered yet, and what was found out so far. */
struct waiting {
	json_t *names;
	const char *state; /* of the connection: a literal */
	int status;
};

bool officer_wait_take(const struct officer *officer, const char *seconds, struct officer_wait *wait)
{
	char *end = NULL;
	unsigned long number = seconds == NULL ? WAIT_FOR_EVER : strtoul(seconds, &end, 10);

	if (end != NULL && (*end != '\0' || end == seconds || number > SECONDS_MOST)) {
		officer_misused(officer, "--wait takes seconds, at most %d", SECONDS_MOST);
		return false;
	}
	*wait = (struct officer_wait){.asked = true, .seconds = (unsigned)number};
	return true;
}

/* "police.oku#3  REFUSED: to: nobody may receive this report (EMPTY_AUDIENCE)". The first refusal makes the status. */
static void answer_print(struct waiting *waiting, const json_t *report)
{
	const char *field = json_text(report, "field");
	struct buffer out = {0};
	bool accepted = strcmp(json_text(report, "state"), "accepted") == 0;

	view_safe_text(&out, json_text(report, "name"));
	buffer_text(&out, accepted ? "  ACCEPTED" : "  REFUSED: ");
	view_safe_text(&out, field);
	buffer_text(&out, field[0] == '\0' ? "" : ": ");
	buffer_text(&out, json_text(report, "sentence"));
	if (!accepted) {
		buffer_text(&out, " (");
		buffer_text(&out, json_text(report, "code"));
		buffer_text(&out, "); correct it and report again");
		if (waiting->status == EX_OK)
			waiting->status = error_exit(error_named(json_text(report, "code")));
	}
	buffer_text(&out, "\n");
	officer_print(&out);
	buffer_free(&out);
}

/* Prints what is answered and keeps the names of the rest. */
static void answers_take(struct waiting *waiting, const json_t *answer)
{
	json_t *rest = json_array(), *report;
	const size_t asked = json_array_size(json_object_get(answer, "reports"));
	size_t i;

	json_array_foreach(json_object_get(answer, "reports"), i, report)
	{
		const char *state = json_text(report, "state");

		if (strcmp(state, "accepted") == 0 || strcmp(state, "refused") == 0)
			answer_print(waiting, report);
		else
			json_array_append(rest, json_object_get(report, "name"));
	}
	for (i = asked; i < json_array_size(waiting->names); i++)
		json_array_append(rest, json_array_get(waiting->names, i));
	json_decref(waiting->names);
	waiting->names = rest;
}

/* The first so many names: more are not answered at once. */
static json_t *request_new(const json_t *names)
{
	json_t *some = json_array();

	for (size_t i = 0; i < json_array_size(names) && i < OUTCOME_MOST; i++)
		json_array_append(some, json_array_get(names, i));
	return json_pack("{s:i, s:s, s:o}", "simpul", LOCAL_VERSION, "command", "outcome", "names", some);
}

/* One question to the agent. `connected` becomes whether it has the broker, or greets it just now. */
static enum error ask(const struct officer *officer, struct waiting *waiting, bool *connected, struct fault *fault)
{
	json_t *answer;
	enum error error = officer_ask(officer, request_new(waiting->names), &answer, fault);
	const char *state = json_text(answer, "state");

	if (error != E_OK)
		return error;
	*connected = strcmp(state, "offline") != 0 && strcmp(state, "halted") != 0;
	answers_take(waiting, answer);
	json_decref(answer);
	return E_OK;
}

static void waiting_tell(const struct waiting *waiting, bool connected)
{
	const char *first = json_string_value(json_array_get(waiting->names, 0));
	const size_t more = json_array_size(waiting->names) - 1;

	fflush(stdout);
	fprintf(stderr, "%s", first);
	if (more > 0)
		fprintf(stderr, " and %zu more", more);
	fprintf(stderr, " wait%s for the broker: %s; simpul outbox list shows what becomes of it\n",
		more > 0 ? "" : "s",
		connected ? "it has not answered yet" : "there is no connection now (simpul status)");
}

/* Waits for the rest; returns the exit status. */
static int wait_on(const struct officer *officer, struct waiting *waiting, bool asked, steady_ms until)
{
	struct fault fault = {0};
	bool connected = true, told = false;

	for (;;) {
		if (ask(officer, waiting, &connected, &fault) != E_OK)
			return officer_fail(officer, &fault,
					    "it is taken; simpul outbox list shows what becomes of it");
		if (json_array_size(waiting->names) == 0)
			return waiting->status;
		if (clock_now().steady >= until || (!asked && !connected))
			break;
		if (!connected && !told)
			waiting_tell(waiting, connected);
		told = told || !connected;
		poll(NULL, 0, ASK_AGAIN_MS);
	}
	if (!told || connected)
		waiting_tell(waiting, connected);
	return asked && waiting->status == EX_OK ? EX_TEMPFAIL : waiting->status;
}

int officer_wait(const struct officer *officer, const json_t *names, const struct officer_wait *wait)
{
	const unsigned seconds = wait->asked ? wait->seconds : isatty(STDOUT_FILENO) ? AT_TERMINAL_SECONDS : 0;
	const steady_ms until = seconds == WAIT_FOR_EVER ? UINT64_MAX : clock_now().steady + (steady_ms)seconds * 1000;
	struct waiting waiting = {.names = json_copy((json_t *)(uintptr_t)names), .status = EX_OK};
	int status = EX_OK;

	if (seconds > 0 && json_array_size(names) > 0)
		status = wait_on(officer, &waiting, wait->asked, until);
	json_decref(waiting.names);
	return status;
}
