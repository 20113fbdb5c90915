/* officer - reads settings and input, asks the agent, and says in one sentence what went wrong. */
#include "agents/officer/officer.h"
#include "agents/reports/view.h"
#include "agents/serve/local.h"
#include "common/file.h"
#include "common/memory.h"
#include "common/name.h"
#include "common/user.h"
#include "common/wire.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

enum { ANSWER_MS = 15000, LINE_LONGEST = 8192 };

/* ------------------------------------------------------------------ messages */

int officer_fail(const struct officer *officer, const struct fault *fault, const char *advice)
{
	char text[400];
	struct buffer safe = {0};

	if (fault->code == E_NOT_FOUND && strcmp(fault->field, officer->config) == 0)
		advice = "say where the settings are with -c FILE or SIMPUL_CONFIG";
	if (fault->code == E_PERMISSION)
		advice = PERMISSION_ADVICE;
	/* A field may come from a file that somebody else wrote. */
	view_safe_text(&safe, fault_text(fault, text, sizeof(text)));
	fprintf(stderr, "simpul %s: %.*s%s%s\n", officer->command, (int)safe.size, (const char *)safe.data,
		advice == NULL ? "" : "; ", advice == NULL ? "" : advice);
	buffer_free(&safe);
	return error_exit(fault->code);
}

int officer_unread(const struct officer *officer, const struct fault *fault)
{
	if (fault->code == E_NOT_FOUND)
		return officer_fail(officer, fault, "has simpul-agent run here?");
	return officer_fail(officer, fault, NULL);
}

int officer_misused(const struct officer *officer, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "simpul %s: ", officer->command);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "; see simpul %s --help\n", officer->command);
	return EX_USAGE;
}

void officer_options_begin(void)
{
	optind = 0; /* glibc: forget the list before */
	opterr = 0;
}

const char *officer_name_of(const struct officer *officer, int argc, char **argv)
{
	struct report_name name;

	if (optind + 1 != argc) {
		officer_misused(officer, "give the name of one report, such as police.oku#12");
		return NULL;
	}
	if (!report_name_parse(argv[optind], &name)) {
		officer_misused(officer, "that is not the name of a report, such as police.oku#12");
		return NULL;
	}
	return argv[optind];
}

bool officer_report_of(const struct officer *officer, int argc, char **argv, struct report_name *name)
{
	const char *text = officer_name_of(officer, argc, argv);

	return text != NULL && report_name_parse(text, name);
}

bool officer_helped(int argc, char **argv, const char *usage)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			fputs(usage, stdout);
			return true;
		}
	}
	return false;
}

int officer_option(const struct officer *officer, int argc, char **argv, const struct option *options)
{
	int value = getopt_long(argc, argv, ":o:h", options, NULL);
	const char *given = argv[optind > 0 ? optind - 1 : 0];

	/* Only the name is repeated: what follows '=' may be anything. */
	if (value == ':')
		officer_misused(officer, "%.*s needs a value", (int)strcspn(given, "="), given);
	else if (value == '?')
		officer_misused(officer, "%.*s is not an option, or has no such value", (int)strcspn(given, "="),
				given);
	return value == ':' ? '?' : value;
}

/* ------------------------------------------------------------------ settings, store, agent */

enum error officer_settings(const struct officer *officer, struct settings *settings, struct fault *fault)
{
	return settings_load(officer->config, settings, fault);
}

enum error officer_node_keys(const struct officer *officer, const struct settings *settings, struct node_keys *keys,
			     struct fault *fault)
{
	officer->secrets->lock.file = settings->passphrase_file;
	return node_keys_load(keys, &officer->secrets->lock, settings->keys, fault);
}

enum error officer_cipher(const struct officer *officer, const struct settings *settings, const struct cipher **cipher,
			  struct fault *fault)
{
	struct officer_secrets *secrets = officer->secrets;
	enum error error = E_OK;

	secrets->lock.file = settings->passphrase_file;
	if (secrets->cipher == NULL)
		error = store_key_load(settings->keys, &secrets->lock, &secrets->cipher, fault);
	*cipher = secrets->cipher;
	return error;
}

enum error officer_store_write(const struct officer *officer, const struct settings *settings, struct store *store,
			       struct fault *fault)
{
	const struct cipher *cipher = NULL;
	struct join join;
	enum error error = join_load(&join, settings->join, fault);

	if (error == E_OK)
		error = officer_cipher(officer, settings, &cipher, fault);
	if (error == E_OK)
		error = store_open_marked(store, settings->store, cipher, join.exchange, settings->node, fault);
	return error;
}

enum error officer_store(const struct officer *officer, struct store *store, struct fault *fault)
{
	const struct cipher *cipher;
	struct settings settings;
	enum error error = officer_settings(officer, &settings, fault);

	if (error != E_OK)
		return error;
	error = officer_cipher(officer, &settings, &cipher, fault);
	if (error == E_OK)
		error = store_open_reader(store, settings.store, cipher, fault);
	settings_free(&settings);
	return error;
}

/* ZeroMQ connects again and again in silence: asks the system once whether somebody listens. */
static bool listens(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool connected;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	connected = fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
	if (fd >= 0)
		close(fd);
	return connected;
}

/* Sends one frame and waits for the answer; NULL when none comes. */
static json_t *exchange_frames(const char *path, const char *text)
{
	char *endpoint = memory_format("ipc://%s", path);
	void *context = zmq_ctx_new();
	void *socket = zmq_socket(context, ZMQ_REQ);
	const int none = 0, wait = ANSWER_MS;
	json_t *answer = NULL;
	zmq_msg_t frame;

	zmq_setsockopt(socket, ZMQ_LINGER, &none, sizeof(none));
	zmq_setsockopt(socket, ZMQ_RCVTIMEO, &wait, sizeof(wait));
	zmq_msg_init(&frame);
	if (zmq_connect(socket, endpoint) == 0 && zmq_send(socket, text, strlen(text), 0) >= 0 &&
	    zmq_msg_recv(&frame, socket, 0) >= 0)
		answer = json_loadb(zmq_msg_data(&frame), zmq_msg_size(&frame), 0, NULL);
	zmq_msg_close(&frame);
	zmq_close(socket);
	zmq_ctx_term(context);
	free(endpoint);
	return answer;
}

/* The refusal in an answer as a fault; E_OK when there is none. */
static enum error refused(const json_t *answer, struct fault *fault)
{
	const char *code = json_string_value(json_object_get(answer, "code"));
	const char *field = json_string_value(json_object_get(answer, "field"));

	if (json_is_true(json_object_get(answer, "ok")))
		return E_OK;
	if (code == NULL)
		return fault_at(fault, E_MALFORMED, "the agent's answer");
	return fault_at(fault, error_named(code), "%s", field == NULL ? "" : field);
}

enum error officer_ask(const struct officer *officer, json_t *request, json_t **answer, struct fault *fault)
{
	struct settings settings;
	enum error error = officer_settings(officer, &settings, fault);
	char *text = NULL;

	*answer = NULL;
	if (error != E_OK)
		goto out;
	/* NULL when a word that somebody typed was no text, as in another encoding than the terminal should have. */
	text = json_dumps(request, JSON_COMPACT);
	if (text == NULL)
		error = fault_at(fault, E_NOT_UTF8, "arguments");
	else if (strlen(text) > LIMIT_FRAME)
		error = fault_at(fault, E_TOO_LARGE, "%s", "");
	else if (eaccess(settings.local, W_OK) != 0 && errno == EACCES)
		error = permission_fault(fault, settings.local);
	else if (!listens(settings.local) || (*answer = exchange_frames(settings.local, text)) == NULL)
		error = fault_at(fault, E_UNREACHABLE, "%s", settings.local);
	else
		error = refused(*answer, fault);
	settings_free(&settings);
	free(text);
out:
	json_decref(request);
	if (error != E_OK) {
		json_decref(*answer);
		*answer = NULL;
	}
	return error;
}

/* ------------------------------------------------------------------ input and output */

static enum error input_read(struct buffer *out, struct fault *fault)
{
	char block[4096];
	size_t n;

	while ((n = fread(block, 1, sizeof(block), stdin)) > 0) {
		buffer_append(out, block, n);
		if (out->size > LIMIT_FRAME)
			return fault_at(fault, E_TOO_LARGE, "standard input");
	}
	return ferror(stdin) ? fault_at(fault, E_IO, "standard input") : E_OK;
}

enum error officer_read(const char *path, struct buffer *out, struct fault *fault)
{
	return strcmp(path, "-") == 0 ? input_read(out, fault) : file_read(path, LIMIT_FRAME, out, fault);
}

json_t *officer_json(const char *path, struct fault *fault)
{
	struct buffer text = {0};
	json_error_t where;
	json_t *json = NULL;

	if (officer_read(path, &text, fault) == E_OK) {
		json = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &where);
		if (json == NULL)
			fault_at(fault, E_MALFORMED, "%s:%d", strcmp(path, "-") == 0 ? "standard input" : path,
				 where.line);
	}
	buffer_free(&text);
	return json;
}

char *officer_line(const char *prompt)
{
	char line[LINE_LONGEST];

	if (isatty(STDIN_FILENO))
		fprintf(stderr, "%s: ", prompt);
	if (fgets(line, sizeof(line), stdin) == NULL)
		return NULL;
	line[strcspn(line, "\r\n")] = '\0';
	return memory_string(line);
}

bool officer_print(const struct buffer *text)
{
	return fwrite(text->data, 1, text->size, stdout) == text->size && fflush(stdout) == 0;
}

bool officer_print_json(json_t *json, bool pretty)
{
	/* The same JSON, but what a report holds cannot steer a terminal. */
	const size_t ascii = isatty(STDOUT_FILENO) ? JSON_ENSURE_ASCII : 0;
	char *text = json_dumps(json, JSON_PRESERVE_ORDER | ascii | (pretty ? JSON_INDENT(2) : JSON_COMPACT));
	bool printed = puts(text) >= 0 && fflush(stdout) == 0;

	free(text);
	json_decref(json);
	return printed;
}

struct bytes officer_body_shown(struct bytes header, struct bytes body)
{
	const Simpul__Header *decoded;
	struct arena arena;
	bool recorded;

	arena_init(&arena);
	decoded = wire_unpack(&simpul__header__descriptor, header, &arena, NULL);
	recorded = decoded != NULL && (decoded->kind == SIMPUL__KIND__KIND_QUERY ||
				       decoded->kind == SIMPUL__KIND__KIND_ANSWER);
	arena_fini(&arena);
	return recorded ? (struct bytes){0} : body;
}
