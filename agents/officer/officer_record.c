/* officer_record - simpul record: who had what shown to him here; and how the other commands put themselves on it. */
#include "agents/officer/officer.h"
#include "agents/officer/officer_hand.h"
#include "agents/reports/view.h"
#include "agents/serve/local.h"
#include "agents/store/reading.h"
#include "common/json.h"
#include "common/user.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { USER_WIDTH = 16, COMMAND_WIDTH = 14 };

static const char usage[] =
	"usage: simpul record [--since TIME] [--json]\n"
	"\n"
	"Who had what reports say shown to him on this machine, when, and by which command: of simpul inbox and outbox "
	"show\n"
	"and export, of their lists with --json, and of simpul subject. What is looked at again within the hour is "
	"counted\n"
	"in the same line. What an authority's order keeps is opened on the record of simpul hold list.\n"
	"Who said that he removed a copy (simpul erasures done) is here too.\n"
	"\n"
	"TIME: \"2026-11-20 21:40\" or 21:40 in local time, or RFC 3339.\n";

/* ------------------------------------------------------------------ putting on record */

/* While no agent runs; one that starts meanwhile waits for the lock. */
static enum error note_alone(const struct officer *officer, const struct settings *settings, const char *what,
			     const char *about, struct fault *fault)
{
	char user[USER_NAME_SIZE];
	struct store store;
	enum error error = officer_store_write(officer, settings, &store, fault);

	if (error != E_OK)
		return error;
	error = reading_note(&store, what, about, user_name(geteuid(), user), clock_now().wall, fault);
	store_close(&store);
	return error;
}

static enum error reads_alone(const struct officer *officer, const char *what, const char *about, struct fault *fault)
{
	struct settings settings;
	enum error error = officer_settings(officer, &settings, fault);
	int lock = -1;

	if (error != E_OK)
		return error;
	error = store_lock(settings.store, 0, &lock, fault);
	if (error == E_OK)
		error = note_alone(officer, &settings, what, about, fault);
	if (lock >= 0)
		close(lock);
	settings_free(&settings);
	return error;
}

/* By the agent; E_UNREACHABLE when none answers. */
static enum error reads_told(const struct officer *officer, const char *what, const char *about, struct fault *fault)
{
	json_t *answer, *request = json_pack("{s:i, s:s, s:s, s:s}", "simpul", LOCAL_VERSION, "command", "read", "what",
					     what, "about", about);
	enum error error;

	if (request == NULL) /* an option that is no text */
		return fault_at(fault, E_NOT_UTF8, "%s", what);
	error = officer_ask(officer, request, &answer, fault);
	json_decref(answer);
	return error;
}

/* An agent that is just starting, or ending, has the store and is not heard yet, or any more. */
enum error officer_reads(const struct officer *officer, const char *what, const char *about, struct fault *fault)
{
	const struct timespec pause = {.tv_nsec = 50 * 1000000L};
	const steady_ms until = clock_now().steady + STORE_PATIENCE_MS;
	struct fault alone = {0};
	enum error error;

	while ((error = reads_told(officer, what, about, fault)) == E_UNREACHABLE) {
		error = reads_alone(officer, what, about, &alone);
		if (error != E_EXISTS) {
			*fault = alone;
			return error;
		}
		if (clock_now().steady >= until)
			return fault->code;
		nanosleep(&pause, NULL);
	}
	return error;
}

/* ------------------------------------------------------------------ listing */

static void column_put(struct buffer *line, const char *text, size_t width)
{
	size_t length = strlen(text);

	view_safe_text(line, text);
	for (buffer_text(line, " "); length < width; length++)
		buffer_text(line, " ");
}

static bool reading_print(const json_t *reading)
{
	const json_int_t times = json_integer_value(json_object_get(reading, "times"));
	struct buffer line = {0};
	char count[48];
	bool printed;
	wall_ms time;

	if (time_parse(json_text(reading, "at"), &time))
		view_time(&line, time);
	buffer_text(&line, " ");
	column_put(&line, json_text(reading, "user"), USER_WIDTH);
	column_put(&line, json_text(reading, "command"), COMMAND_WIDTH);
	view_safe_text(&line, json_text(reading, "about"));
	snprintf(count, sizeof(count), "  (%" JSON_INTEGER_FORMAT " times)", times);
	buffer_text(&line, times > 1 ? count : "");
	buffer_text(&line, "\n");
	printed = officer_print(&line);
	buffer_free(&line);
	return printed;
}

static int record_list(const struct officer *officer, wall_ms since, bool json)
{
	json_t *list = NULL, *reading;
	struct fault fault = {0};
	struct store store;
	bool heard = true;
	enum error error = officer_store(officer, &store, &fault);
	size_t i;

	if (error != E_OK)
		return officer_unread(officer, &fault);
	error = reading_list(&store, since, &list, &fault);
	store_close(&store);
	json_array_foreach(list, i, reading) heard =
		heard && (json ? officer_print_json(json_incref(reading), false) : reading_print(reading));
	json_decref(list);
	return error == E_OK ? EX_OK : officer_fail(officer, &fault, NULL);
}

int officer_record(struct officer *officer, int argc, char **argv)
{
	static const struct option options[] = {
		{"since", required_argument, NULL, 's'}, {"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
	wall_ms since = 0;
	bool json = false;
	int option;

	if (officer_helped(argc, argv, usage))
		return EX_OK;
	while ((option = officer_option(officer, argc, argv, options)) != -1) {
		if (option == 's' && !local_time_take(optarg, &since))
			return officer_misused(officer, "--since does not have the form of a time");
		if (option != 's' && option != 'j')
			return EX_USAGE;
		json = json || option == 'j';
	}
	if (optind < argc)
		return officer_misused(officer, "everything is said with options");
	return record_list(officer, since, json);
}
