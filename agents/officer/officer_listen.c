/* officer_listen - simpul listen: prints what is published in the open to all members, a line each. */
#include "agents/officer/listener.h"
#include "agents/officer/officer.h"
#include "agents/officer/officer_list.h"
#include "agents/reports/broker_ring.h"
#include "agents/store/keyring.h"
#include "common/json.h"
#include <stdio.h>
#include <string.h>

static const char usage[] =
	"usage: simpul listen [TOPIC] [--json]\n"
	"\n"
	"Prints the reports labelled GREEN or CLEAR, without persons and for everybody, that any office sends from now on,\n"
	"also those that this office would not receive: for sirens, wall displays and small scripts. A best effort: what\n"
	"comes while nobody listens is not told later. The agent need not run, and is not disturbed.\n"
	"\n"
	"TOPIC   KIND, KIND.CATEGORY or KIND.CATEGORY.REGION, and all below it: alert, alert.tppo, alert.tppo.16.01\n"
	"        (default: everything). Updates and cancels come under the topic of what they are about\n"
	"--json  for programs, as in simpul inbox list\n"
	"\n"
	"Every line was checked: its origin signed it, with a key that the exchange's authority confirmed. EXERCISE and TEST\n"
	"are marked. When there is no connection it says so on standard error and goes on trying, also with newer keys of the\n"
	"broker that this office's agent has heard of, and with newer keys of this office. Ends with 77 when this office is no\n"
	"member any more.\n";

struct listening {
	const struct officer *officer;
	bool json;
	const struct settings *settings;
	const struct cipher *cipher; /* of the store; NULL: it is plain */
	struct join join;
	struct node_keys *keys; /* of node_keys_new, for as long as a display runs */
	bool lost; /* it was said that there is no connection */
};

/* The words that a wall display shows; NULL when there are none. */
static const char *words_of(const Simpul__Body *body)
{
	switch (body->content_case) {
	case SIMPUL__BODY__CONTENT_ALERT:
		return body->alert->headline;
	case SIMPUL__BODY__CONTENT_SIGHTING:
		return body->sighting->summary;
	case SIMPUL__BODY__CONTENT_CANCEL:
		return enum_text(&simpul__cancel_reason__descriptor, (int)body->cancel->reason);
	case SIMPUL__BODY__CONTENT_UPDATE:
		if (body->update->replacement_case == SIMPUL__UPDATE__REPLACEMENT_ALERT)
			return body->update->alert->headline;
		if (body->update->replacement_case == SIMPUL__UPDATE__REPLACEMENT_SIGHTING)
			return body->update->sighting->summary;
		return NULL;
	default:
		return NULL;
	}
}

static bool line_print(const struct inbox_row *row, const struct proof_finding *finding)
{
	const char *words = words_of(finding->body);
	struct buffer line = {0};

	view_line(row, &line);
	line.size--; /* its end */
	if (words != NULL && words[0] != '\0') {
		buffer_text(&line, ": ");
		view_safe_text(&line, words);
	}
	for (size_t i = 0; i < line.size; i++)
		if (line.data[i] == '\n')
			line.data[i] = ' ';
	return officer_print_line(&line);
}

static bool report_print(void *context, const struct inbox_row *row, const struct proof_finding *finding)
{
	const struct listening *listening = context;
	struct arena arena;
	bool printed;

	if (!listening->json)
		return line_print(row, finding);
	arena_init(&arena);
	printed = officer_print_json(view_json(row, &arena), false);
	arena_fini(&arena);
	return printed;
}

static void unproven_say(void *context, const struct fault *fault)
{
	const struct listening *listening = context;

	officer_fail(listening->officer, fault, "a bulletin that is not proven was left out");
}

/* The agent may have heard of newer keys of the broker meanwhile. */
static void lost_say(void *context)
{
	struct listening *listening = context;

	broker_ring_follow(listening->settings->store, listening->cipher, &listening->join);
	if (!listening->lost)
		fprintf(stderr, "simpul listen: no connection to %s; asking until there is one (simpul doctor says what is wrong)\n",
			listening->join.bulletin_endpoint);
	listening->lost = true;
}

static void found_say(void *context)
{
	struct listening *listening = context;

	if (listening->lost)
		fputs("simpul listen: connected; what was published meanwhile is not told here\n", stderr);
	listening->lost = false;
}

/* The office's keys may have been renewed meanwhile. */
static bool newer_keys(void *context)
{
	struct listening *listening = context;

	return keyring_newer(listening->settings->keys, &listening->officer->secrets->lock, listening->keys);
}

static int listen_with(const struct officer *officer, const struct settings *settings, const char *topic, bool json)
{
	struct listening listening = {.officer = officer, .json = json, .settings = settings, .keys = node_keys_new()};
	struct join *join = &listening.join;
	struct fault fault = {0};
	enum error error = join_load(join, settings->join, &fault);

	if (error == E_OK)
		error = officer_cipher(officer, settings, &listening.cipher, &fault);
	if (error == E_OK)
		broker_ring_follow(settings->store, listening.cipher, join);
	if (error == E_OK)
		error = officer_node_keys(officer, settings, listening.keys, &fault);
	if (error == E_OK && join->bulletin_endpoint[0] == '\0')
		error = fault_at(&fault, E_NOT_FOUND, "%s: bulletin_endpoint", settings->join);
	if (error == E_OK) {
		const struct listener_options options = {.join = join,
							 .keys = listening.keys,
							 .topic = topic,
							 .each = report_print,
							 .unproven = unproven_say,
							 .lost = lost_say,
							 .found = found_say,
							 .refused = newer_keys,
							 .context = &listening};

		error = listener_run(&options, &fault);
	}
	node_keys_free(listening.keys);
	if (error == E_OK)
		return EX_OK;
	return officer_fail(officer, &fault,
			    error == E_NOT_FOUND ? "ask the operators for a new join file, if their broker has bulletins" : NULL);
}

int officer_listen(struct officer *officer, int argc, char **argv)
{
	static const struct option options[] = {
		{"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	const char *topic = "";
	struct settings settings;
	struct fault fault = {0};
	bool json = false;
	int option, status;

	while ((option = officer_option(officer, argc, argv, options)) != -1) {
		if (option == 'h') {
			fputs(usage, stdout);
			return EX_OK;
		}
		if (option != 'j')
			return EX_USAGE;
		json = true;
	}
	if (optind < argc)
		topic = argv[optind++];
	if (optind < argc || !listener_topic_valid(topic))
		return officer_misused(officer, "a topic is KIND, KIND.CATEGORY or KIND.CATEGORY.REGION, such as alert.tppo.16.01");
	if (officer_settings(officer, &settings, &fault) != E_OK)
		return officer_fail(officer, &fault, NULL);
	status = listen_with(officer, &settings, topic, json);
	settings_free(&settings);
	return status;
}
