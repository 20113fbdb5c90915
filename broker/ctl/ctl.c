/* ctl - options, errors and the request to the broker, the same for every command of simpulctl. */
#include "broker/ctl/ctl.h"

#include "broker/control/ipc.h"
#include "common/memory.h"
#include "common/user.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#define OPTIONS_MOST 16
#define ANSWER_MS 10000

/* ---- errors */

int ctl_fail(const struct fault *fault, const char *advice)
{
	char text[400];

	if (fault->code == E_PERMISSION)
		advice = PERMISSION_ADVICE "; status, nodes, report, got and policy explain take no file but the settings";
	/* What is wrong in a configuration already says what it is. */
	if (fault->code == E_CONFIG && fault->field[0] != '\0')
		fprintf(stderr, "%s", fault->field);
	else
		fprintf(stderr, "simpulctl: %s", fault_text(fault, text, sizeof(text)));
	fprintf(stderr, advice != NULL ? "; %s\n" : "\n", advice);
	return error_exit(fault->code);
}

int ctl_usage(const struct ctl *ctl, const char *what)
{
	fprintf(stderr, "simpulctl %s: %s; see simpulctl %s --help\n", ctl->command->name, what, ctl->command->name);
	return EX_USAGE;
}

static void help(const struct ctl_command *command)
{
	printf("Usage: simpulctl [-c FILE] %s%s%s\n\n%s.\n", command->name, command->arguments[0] == '\0' ? "" : " ",
	       command->arguments, command->summary);
	if (command->help[0] != '\0')
		printf("\n%s", command->help);
	if (strstr(command->help, "TIME") != NULL)
		puts("\n" LOCAL_TIME_RULES ".");
	puts("\n  -c FILE                  configuration of the broker (default: broker.yaml)");
}

/* ---- options */

static size_t option_count(const struct ctl_option *options)
{
	size_t count = 0;

	while (options != NULL && options[count].name != NULL)
		count++;
	return count;
}

/* Values of getopt_long from here on are indices of options. */
#define OPTION_FIRST 1000

static void option_take(const struct ctl_option *option, const char *value)
{
	if (option->flag != NULL)
		*option->flag = true;
	else
		*option->text = value;
}

/* -o is short for the option "o" where there is one. */
static const struct ctl_option *option_short(const struct ctl_option *options, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(options[i].name, "o") == 0)
			return &options[i];
	return NULL;
}

/* Takes one option; -1 with the status when the command is to end. */
static int option_one(struct ctl *ctl, int value, const struct ctl_option *options, size_t count, int *status)
{
	if (value >= OPTION_FIRST && (size_t)(value - OPTION_FIRST) < count) {
		option_take(&options[value - OPTION_FIRST], optarg);
		return 0;
	}
	if (value == 'o' && option_short(options, count) != NULL) {
		option_take(option_short(options, count), optarg);
		return 0;
	}
	if (value == 'c') {
		ctl->config = optarg;
		return 0;
	}
	*status = value == 'h' ? EX_OK : ctl_usage(ctl, "wrong option");
	if (value == 'h')
		help(ctl->command);
	return -1;
}

int ctl_options(struct ctl *ctl, int argc, char **argv, const struct ctl_option *options, int least, int most,
		int *status)
{
	struct option table[OPTIONS_MOST + 2] = {{"help", no_argument, NULL, 'h'}};
	size_t count = option_count(options);
	int value;

	for (size_t i = 0; i < count && i < OPTIONS_MOST; i++)
		table[i + 1] =
			(struct option){options[i].name, options[i].flag != NULL ? no_argument : required_argument,
					NULL, OPTION_FIRST + (int)i};
	optind = 0;
	opterr = 0;
	while ((value = getopt_long(argc, argv, "c:o:h", table, NULL)) != -1)
		if (option_one(ctl, value, options, count, status) != 0)
			return -1;
	if (argc - optind >= least && argc - optind <= most)
		return optind;
	*status = ctl_usage(ctl, argc - optind < least ? "an argument is missing" : "too many arguments");
	return -1;
}

bool ctl_number_take(const char *text, uint64_t most, uint64_t *number)
{
	uint64_t value = 0;

	for (const char *at = text; *at != '\0'; at++) {
		const unsigned digit = (unsigned char)*at - '0';

		if (digit > 9 || digit > most || value > (most - digit) / 10)
			return false;
		value = 10 * value + digit;
	}
	*number = value;
	return value > 0;
}

/* ---- the journal */

enum error ctl_case_open(const struct ctl *ctl, struct journal_case **c, struct fault *fault)
{
	struct broker_settings settings;
	enum error error = broker_settings_load(ctl->config, &settings, fault);

	*c = NULL;
	if (error == E_OK)
		error = journal_case_open(c, settings.journal, fault);
	broker_settings_free(&settings);
	return error;
}

/* ---- the broker */

const char *ctl_socket(const struct ctl *ctl, const struct broker_settings *settings)
{
	if (!ctl->auditor && ipc_listens(settings->control))
		return settings->control;
	if (!ctl->auditor && errno != EACCES)
		return NULL;
	return ipc_listens(settings->audit) ? settings->audit : NULL;
}

/* The fault that the broker answered with; E_OK when it was none. */
static enum error answer_check(const json_t *answer, struct fault *fault)
{
	const char *field = json_string_value(json_object_get(answer, "field"));
	const enum error error = error_of_code((uint32_t)json_integer_value(json_object_get(answer, "number")));

	if (json_is_true(json_object_get(answer, "ok")))
		return E_OK;
	if (error == E_BUSY && (field == NULL || field[0] == '\0'))
		return fault_say(fault, error, "the broker has too many questions to answer; ask again in a moment");
	return fault_at(fault, error, "%s", field != NULL ? field : "");
}

static enum error answer_receive(void *socket, const char *path, json_t **answer, struct fault *fault)
{
	zmq_msg_t message;
	enum error error = E_OK;

	zmq_msg_init(&message);
	if (zmq_msg_recv(&message, socket, 0) < 0) {
		error = fault_at(fault, E_UNREACHABLE, "%s", path);
	} else {
		*answer = json_loadb(zmq_msg_data(&message), zmq_msg_size(&message), 0, NULL);
		if (*answer == NULL)
			error = fault_at(fault, E_MALFORMED, "%s", path);
	}
	zmq_msg_close(&message);
	return error;
}

/* One request and its answer over a socket of its own. */
static enum error exchange_json(const char *path, const char *text, json_t **answer, struct fault *fault)
{
	void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_REQ);
	char *endpoint = memory_format("ipc://%s", path);
	const int linger = 0, wait = ANSWER_MS;
	enum error error;

	zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof(linger));
	zmq_setsockopt(socket, ZMQ_RCVTIMEO, &wait, sizeof(wait));
	zmq_setsockopt(socket, ZMQ_SNDTIMEO, &wait, sizeof(wait));
	if (zmq_connect(socket, endpoint) != 0 || zmq_send(socket, text, strlen(text), 0) < 0)
		error = fault_at(fault, E_UNREACHABLE, "%s", path);
	else
		error = answer_receive(socket, path, answer, fault);
	zmq_close(socket);
	zmq_ctx_term(context);
	free(endpoint);
	return error;
}

/* Nobody listens there, or not for this user. */
static enum error socket_fault(const char *path, struct fault *fault)
{
	if (access(path, F_OK) == 0 && eaccess(path, W_OK) != 0)
		return permission_fault(fault, path);
	return fault_at(fault, E_UNREACHABLE, "%s", path);
}

enum error ctl_ask(const struct ctl *ctl, json_t *request, json_t **answer, struct fault *fault)
{
	struct broker_settings settings;
	const char *path = NULL;
	char *text;
	enum error error = broker_settings_load(ctl->config, &settings, fault);

	*answer = NULL;
	if (ctl->person != NULL)
		json_object_set_new(request, "as", json_string(ctl->person));
	if (error == E_NOT_FOUND)
		fault_at(fault, E_NOT_FOUND, "%s (-c FILE names another)", ctl->config);
	if (error == E_OK && ctl->key != NULL)
		error = ctl_sign(ctl, &settings, request, fault);
	text = json_dumps(request, JSON_COMPACT);
	json_decref(request);
	if (error == E_OK && text == NULL)
		error = fault_at(fault, E_NOT_UTF8, "arguments");
	if (error == E_OK && (path = ctl_socket(ctl, &settings)) == NULL)
		error = socket_fault(ctl->auditor ? settings.audit : settings.control, fault);
	if (error == E_OK)
		error = exchange_json(path, text, answer, fault);
	if (error == E_OK)
		error = answer_check(*answer, fault);
	if (error != E_OK) {
		json_decref(*answer);
		*answer = NULL;
	}
	broker_settings_free(&settings);
	free(text);
	return error;
}

/* Why one standing cannot follow another. */
static int standing_refused(struct fault *fault)
{
	if (strcmp(fault->field, "since") == 0) {
		fault_say(fault, E_UNEXPECTED, "the key is revoked already, since then or an earlier time");
		return ctl_fail(fault, "--compromised-since takes an earlier one");
	}
	fault_say(fault, E_UNEXPECTED, "its present standing does not allow it");
	return ctl_fail(fault, "simpulctl nodes shows what it is; a revoked key stays revoked");
}

int ctl_order(const struct ctl *ctl, json_t *request, const char *done)
{
	struct fault fault = {0};
	json_t *answer;
	enum error error = ctl_ask(ctl, request, &answer, &fault);

	if (error == E_UNREACHABLE)
		return ctl_fail(&fault, "is the broker running?");
	if (error == E_UNEXPECTED)
		return standing_refused(&fault);
	if (error == E_TWO_OPERATORS)
		return ctl_fail(&fault, TWO_OPERATORS_ADVICE);
	if (error != E_OK)
		return ctl_fail(&fault, NULL);
	/* No entry: it was so before. */
	if (ctl_proposed(answer))
		;
	else if (ctl_number(answer, "entry") == 0)
		printf("%s, as it was\n", done);
	else
		printf("%s (entry %lld)\n", done, ctl_number(answer, "entry"));
	json_decref(answer);
	return EX_OK;
}

enum error ctl_question(const struct ctl *ctl, const char *command, const char *node, json_t **answer,
		      struct fault *fault)
{
	return ctl_ask(ctl, json_pack("{s:s, s:s*}", "command", command, "node", node), answer, fault);
}

int ctl_unanswered(const struct fault *fault)
{
	return ctl_fail(fault, fault->code == E_UNREACHABLE ? "is the broker running?" : NULL);
}

const char *ctl_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "-";
}

long long ctl_number(const json_t *object, const char *key)
{
	return (long long)json_integer_value(json_object_get(object, key));
}

void ctl_print_json(json_t *object)
{
	json_object_del(object, "ok");
	json_dumpf(object, stdout, JSON_COMPACT);
	putchar('\n');
}
