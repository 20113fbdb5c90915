/* ctl_view - simpulctl status, nodes, policy, log, journal: looking at a broker and at its record. */
#include "broker/ctl.h"

#include "broker/policy.h"
#include "common/json.h"
#include "common/memory.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

/* ---- asking */

static enum error ask(const struct ctl *ctl, const char *command, const char *node, json_t **answer,
		      struct fault *fault)
{
	return ctl_ask(ctl, json_pack("{s:s, s:s*}", "command", command, "node", node), answer, fault);
}

static int ask_failed(const struct fault *fault)
{
	return ctl_fail(fault, fault->code == E_UNREACHABLE ? "is the broker running?" : NULL);
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "-";
}

static long long number_of(const json_t *object, const char *key)
{
	return (long long)json_integer_value(json_object_get(object, key));
}

static const char *yes_no(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key)) ? "yes" : "no";
}

/* For programs: one line of JSON. */
static void print_json(json_t *object)
{
	json_object_del(object, "ok");
	json_dumpf(object, stdout, JSON_COMPACT);
	putchar('\n');
}

/* ---- status */

static void print_status(const json_t *status)
{
	printf("exchange          %s (%s)\n", text_of(status, "name"), text_of(status, "exchange"));
	printf("broker            since %s, link %s, feed %s%s\n", text_of(status, "started_at"),
	       text_of(status, "link"), text_of(status, "feed"),
	       json_is_true(json_object_get(status, "stopping")) ? ", stopping" : "");
	printf("journal           entry %lld of incarnation %lld\n", number_of(status, "entry"),
	       number_of(status, "incarnation"));
	printf("head              %s\n", text_of(status, "head"));
	printf("policy            version %lld, %s\n", number_of(status, "policy_version"),
	       text_of(status, "policy_hash"));
	printf("members           %lld, of which %lld connected\n", number_of(status, "members"),
	       number_of(status, "connected"));
	printf("reports           %lld accepted, %lld refused; %lld messages refused\n", number_of(status, "accepted"),
	       number_of(status, "refused_reports"), number_of(status, "refused_messages"));
	printf("delivered         %lld\n", number_of(status, "delivered"));
	printf("under way         %lld commits; %lld entries (%lld KiB) in memory\n", number_of(status, "under_way"),
	       number_of(status, "tail_entries"), number_of(status, "tail_bytes") / 1024);
	printf("master key        %s\n", yes_no(status, "master_key"));
	printf("disk              %s\n", json_is_true(json_object_get(status, "disk_low"))
						 ? "LOW: nothing new is taken; free some space"
						 : "enough");
}

int ctl_status(struct ctl *ctl, int argc, char **argv)
{
	bool json = false;
	const struct ctl_option options[] = {{"json", NULL, &json}, {0}};
	struct fault fault = {0};
	json_t *answer;
	int status, first = ctl_options(ctl, argc, argv, options, 0, 0, &status);

	if (first < 0)
		return status;
	if (ask(ctl, "status", NULL, &answer, &fault) != E_OK)
		return ask_failed(&fault);
	if (json)
		print_json(answer);
	else
		print_status(answer);
	json_decref(answer);
	return EX_OK;
}

/* ---- nodes */

/* The width of the longest name. */
static int names_width(const json_t *nodes)
{
	int width = (int)strlen("NODE");

	for (size_t i = 0; i < json_array_size(nodes); i++) {
		int size = (int)strlen(text_of(json_array_get(nodes, i), "node"));

		width = size > width ? size : width;
	}
	return width;
}

static void print_node(const json_t *node, int width)
{
	printf("%-*s  %4lld  %-11s  %-9s  %-4s  %-19.19s  %8lld  %6lld  %10lld  %s\n", width, text_of(node, "node"),
	       number_of(node, "key_id"), text_of(node, "standing"), yes_no(node, "connected"), yes_no(node, "live"),
	       text_of(node, "last_seen"), number_of(node, "cursor"), number_of(node, "lag"),
	       number_of(node, "queued_bytes"), yes_no(node, "in_policy"));
}

static void print_nodes(const json_t *nodes)
{
	int width = names_width(nodes);

	printf("%-*s  %4s  %-11s  %-9s  %-4s  %-19s  %8s  %6s  %10s  %s\n", width, "NODE", "KEY", "STANDING",
	       "CONNECTED", "LIVE", "LAST SEEN (UTC)", "CURSOR", "LAG", "QUEUED", "POLICY");
	for (size_t i = 0; i < json_array_size(nodes); i++)
		print_node(json_array_get(nodes, i), width);
}

int ctl_nodes(struct ctl *ctl, int argc, char **argv)
{
	bool json = false;
	const struct ctl_option options[] = {{"json", NULL, &json}, {0}};
	struct fault fault = {0};
	json_t *answer;
	int status, first = ctl_options(ctl, argc, argv, options, 0, 0, &status);

	if (first < 0)
		return status;
	if (ask(ctl, "nodes", NULL, &answer, &fault) != E_OK)
		return ask_failed(&fault);
	if (json)
		print_json(answer);
	else
		print_nodes(json_object_get(answer, "nodes"));
	json_decref(answer);
	return EX_OK;
}

/* ---- policy */

int ctl_policy_check(struct ctl *ctl, int argc, char **argv)
{
	struct policy *policy;
	struct fault fault = {0};
	char hash[2 * HASH_SIZE + 1];
	int status, first = ctl_options(ctl, argc, argv, NULL, 1, 1, &status);

	if (first < 0)
		return status;
	if (policy_load(argv[first], &policy, &fault) != E_OK)
		return ctl_fail(&fault, NULL);
	printf("ok: %zu nodes, %s\n", policy_node_count(policy),
	       hex_of(hash, BYTES(policy_hash(policy).bytes, HASH_SIZE)));
	policy_free(policy);
	return EX_OK;
}

int ctl_policy_show(struct ctl *ctl, int argc, char **argv)
{
	struct fault fault = {0};
	json_t *answer;
	int status, first = ctl_options(ctl, argc, argv, NULL, 0, 1, &status);

	if (first < 0)
		return status;
	if (ask(ctl, "policy-show", first < argc ? argv[first] : NULL, &answer, &fault) != E_OK)
		return ask_failed(&fault);
	printf("# version %lld, %s\n%s", number_of(answer, "policy_version"), text_of(answer, "policy_hash"),
	       text_of(answer, "text"));
	json_decref(answer);
	return EX_OK;
}

int ctl_policy_reload(struct ctl *ctl, int argc, char **argv)
{
	int status, first = ctl_options(ctl, argc, argv, NULL, 0, 0, &status);

	return first < 0 ? status
			 : ctl_order(ctl, json_pack("{s:s}", "command", "policy-reload"), "the policy is in force");
}

/* ---- log */

/* One more subscription for each level from `least` on: the first frame is the level's number. */
static bool levels_subscribe(void *socket, const char *least)
{
	static const char *const levels[] = {"debug", "info", "notice", "warning", "error", "alarm"};
	bool found = false;

	for (uint8_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
		found = found || strcmp(levels[i], least) == 0;
		if (found)
			zmq_setsockopt(socket, ZMQ_SUBSCRIBE, &i, 1);
	}
	return found;
}

/* Until the user ends the program. */
static int lines_print(void *socket)
{
	zmq_msg_t frame;

	setvbuf(stdout, NULL, _IOLBF, 0);
	zmq_msg_init(&frame);
	while (zmq_msg_recv(&frame, socket, 0) >= 0) {
		if (zmq_msg_more(&frame))
			continue;
		if (printf("%.*s\n", (int)zmq_msg_size(&frame), (const char *)zmq_msg_data(&frame)) < 0)
			break;
	}
	zmq_msg_close(&frame);
	return EX_IOERR;
}

static int log_follow(const struct ctl *ctl, const char *path, const char *least)
{
	void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_SUB);
	char *endpoint = memory_format("ipc://%s", path);
	struct fault fault = {0};
	int status;

	if (!levels_subscribe(socket, least))
		status = ctl_usage(ctl, "--level takes debug, info, notice, warning, error or alarm");
	else if (!ctl_listens(path) || zmq_connect(socket, endpoint) != 0)
		status = ctl_fail((fault_at(&fault, E_UNREACHABLE, "%s", path), &fault), "is the broker running?");
	else
		status = lines_print(socket);
	zmq_close(socket);
	zmq_ctx_term(context);
	free(endpoint);
	return status;
}

int ctl_log(struct ctl *ctl, int argc, char **argv)
{
	bool follow = false;
	const char *least = "debug";
	const struct ctl_option options[] = {{"follow", NULL, &follow}, {"level", &least, NULL}, {0}};
	struct broker_settings settings;
	struct fault fault = {0};
	int status, first = ctl_options(ctl, argc, argv, options, 0, 0, &status);

	if (first < 0)
		return status;
	if (!follow)
		return ctl_usage(
			ctl,
			"the past is in the system's journal (journalctl -u simpul-broker); here is only --follow");
	if (broker_settings_load(ctl->config, &settings, &fault) != E_OK)
		status = ctl_fail(&fault, NULL);
	else
		status = log_follow(ctl, settings.log, least);
	broker_settings_free(&settings);
	return status;
}

/* ---- journal */

/* A position that somebody else holds; false when the texts are not one. */
static bool held_parse(const char *incarnation, const char *entry, const char *head, struct position *held)
{
	char *end = NULL;

	held->incarnation = (uint32_t)strtoul(incarnation, &end, 10);
	if (held->incarnation == 0 || *end != '\0')
		return false;
	held->entry = entry != NULL ? strtoull(entry, &end, 10) : 0;
	return held->entry != 0 && *end == '\0' && head != NULL && hex_parse(head, held->head.bytes, HASH_SIZE);
}

static void print_verdict(const struct journal_verdict *verdict, bool json)
{
	const bool good = verdict->bad_entry == 0;
	char head[2 * HASH_SIZE + 1];

	hex_of(head, BYTES(verdict->last.head.bytes, HASH_SIZE));
	if (json) {
		json_t *object = json_pack("{s:b, s:I, s:I, s:I, s:I, s:s, s:I, s:s}", "good", good, "entries",
					   (json_int_t)verdict->entries, "submissions",
					   (json_int_t)verdict->submissions, "reports", (json_int_t)verdict->reports,
					   "incarnation", (json_int_t)verdict->last.incarnation, "head", head,
					   "bad_entry", (json_int_t)verdict->bad_entry, "what", verdict->what);

		print_json(object);
		json_decref(object);
		return;
	}
	if (good)
		printf("ok: %" PRIu64 " entries, %" PRIu64 " submissions, %" PRIu64 " reports; head %s\n",
		       verdict->entries, verdict->submissions, verdict->reports, head);
	else
		printf("BAD at entry %" PRIu64 ": %s\n", verdict->bad_entry, verdict->what);
}

static int verify(const struct ctl *ctl, const struct position *held, bool json)
{
	struct broker_settings settings;
	struct broker_identity identity = {0};
	struct journal_verdict verdict = {0};
	struct fault fault = {0};
	enum error error = broker_settings_load(ctl->config, &settings, &fault);
	int status = EX_OK;

	if (error == E_OK)
		error = broker_identity_load(&settings, &identity, &fault);
	if (error == E_OK) {
		struct journal_options options = broker_journal_options(&settings, &identity);

		error = journal_verify(&options, held, &verdict, &fault);
		keys_wipe(&options, sizeof(options));
	}
	if (error == E_OK)
		print_verdict(&verdict, json);
	if (error != E_OK)
		status = ctl_fail(&fault, NULL);
	else if (verdict.bad_entry != 0)
		status = EX_DATAERR;
	broker_identity_wipe(&identity);
	broker_settings_free(&settings);
	return status;
}

int ctl_journal_verify(struct ctl *ctl, int argc, char **argv)
{
	const char *incarnation = "1", *entry = NULL, *head = NULL;
	bool json = false;
	const struct ctl_option options[] = {{"held-incarnation", &incarnation, NULL},
					     {"held-entry", &entry, NULL},
					     {"held-head", &head, NULL},
					     {"json", NULL, &json},
					     {0}};
	struct position held = {0};
	int status, first = ctl_options(ctl, argc, argv, options, 0, 0, &status);
	bool given;

	if (first < 0)
		return status;
	given = entry != NULL || head != NULL;
	if (given && !held_parse(incarnation, entry, head, &held))
		return ctl_usage(ctl, "--held-entry takes a number and --held-head 64 hexadecimal digits, both");
	return verify(ctl, given ? &held : NULL, json);
}
