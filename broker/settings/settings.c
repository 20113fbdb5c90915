/* settings - reads broker.yaml, fills in what it leaves out, and refuses what cannot work. */
#include "broker/settings/settings.h"

#include "common/config.h"
#include "common/limit.h"
#include "common/memory.h"
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define MIB (1024u * 1024u)
#define DEFAULT_RESERVE_MIB 64
#define DEFAULT_RATE_MIB 1024
#define LARGEST_RATE_MIB 4095
#define SILENCE_LEAST_MS (2 * LIMIT_SIGN_OF_LIFE_MS)
#define MASTER_CREDENTIAL "simpul.master"

struct raw_settings {
	char *journal, *keys, *exchange, *policy, *passphrase_file, *master_key_file;
	char *link, *feed, *link_public, *feed_public;
	char *control, *audit, *log_socket, *operators_group, *auditors_group;
	char *log, *log_public, *log_key, *watchers;
	char *bulletin, *bulletin_public;
	uint32_t reserve_mib, rate_reports, rate_mib, heartbeat_ms, silence_ms;
	char *operators;
	enum act_kind *two_operators;
	unsigned two_operators_count;
	enum log_level *log_level;
};

/* Where an error stands. */
struct source {
	const char *path;
	struct bytes text;
	struct fault *fault;
};

/* ---- the schema */

static const cyaml_strval_t log_levels[] = {
	{"debug", LOG_LEVEL_DEBUG},	{"info", LOG_LEVEL_INFO},   {"notice", LOG_LEVEL_NOTICE},
	{"warning", LOG_LEVEL_WARNING}, {"error", LOG_LEVEL_ERROR}, {"alarm", LOG_LEVEL_ALARM},
};

static const cyaml_strval_t act_kinds[] = {{"policy", ACT_POLICY}, {"enroll", ACT_ENROLL}, {"reseed", ACT_RESEED}};

static const cyaml_schema_value_t act_kind = {
	CYAML_VALUE_ENUM(CYAML_FLAG_STRICT, enum act_kind, act_kinds, CYAML_ARRAY_LEN(act_kinds))};

#define PATH(key, member) CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER, struct raw_settings, member, 1, 4000)
#define ENDPOINT(key, member) CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER, struct raw_settings, member, 1, 127)
#define OPTIONAL_PATH(key, member) \
	CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw_settings, member, 1, 4000)
#define OPTIONAL_ENDPOINT(key, member) \
	CYAML_FIELD_STRING_PTR(key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw_settings, member, 1, 127)
#define OPTIONAL_NUMBER(key, member) CYAML_FIELD_UINT(key, CYAML_FLAG_OPTIONAL, struct raw_settings, member)

static const cyaml_schema_field_t fields[] = {
	PATH("journal", journal),
	PATH("keys", keys),
	PATH("exchange", exchange),
	PATH("policy", policy),
	OPTIONAL_PATH("passphrase_file", passphrase_file),
	OPTIONAL_PATH("master_key_file", master_key_file),
	ENDPOINT("link", link),
	ENDPOINT("feed", feed),
	OPTIONAL_ENDPOINT("link_public", link_public),
	OPTIONAL_ENDPOINT("feed_public", feed_public),
	OPTIONAL_PATH("control", control),
	OPTIONAL_PATH("audit", audit),
	OPTIONAL_PATH("log_socket", log_socket),
	OPTIONAL_PATH("operators", operators),
	CYAML_FIELD_SEQUENCE("two_operators", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct raw_settings, two_operators,
			     &act_kind, 0, CYAML_ARRAY_LEN(act_kinds)),
	OPTIONAL_ENDPOINT("operators_group", operators_group),
	OPTIONAL_ENDPOINT("auditors_group", auditors_group),
	OPTIONAL_ENDPOINT("log", log),
	OPTIONAL_ENDPOINT("log_public", log_public),
	OPTIONAL_ENDPOINT("bulletin", bulletin),
	OPTIONAL_ENDPOINT("bulletin_public", bulletin_public),
	OPTIONAL_PATH("log_key", log_key),
	OPTIONAL_PATH("watchers", watchers),
	OPTIONAL_NUMBER("reserve_mib", reserve_mib),
	OPTIONAL_NUMBER("rate_reports", rate_reports),
	OPTIONAL_NUMBER("rate_mib", rate_mib),
	OPTIONAL_NUMBER("heartbeat_ms", heartbeat_ms),
	OPTIONAL_NUMBER("silence_ms", silence_ms),
	CYAML_FIELD_ENUM_PTR("log_level", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL | CYAML_FLAG_STRICT,
			     struct raw_settings, log_level, log_levels, CYAML_ARRAY_LEN(log_levels)),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_settings, fields)};

/* ---- endpoints */

/* "tcp://HOST:PORT" with a port of 1 to 65535. */
static enum error endpoint_check(const struct source *source, const char *key, const char *endpoint)
{
	const char *colon = strrchr(endpoint, ':');
	char *end = NULL;
	unsigned long port = 0;

	if (strncmp(endpoint, "tcp://", 6) == 0 && colon != NULL && colon > endpoint + 6 && colon[1] >= '0' &&
	    colon[1] <= '9')
		port = strtoul(colon + 1, &end, 10);
	if (end == NULL || *end != '\0' || port < 1 || port > 65535)
		return config_fault(source->fault, source->path, source->text, key,
				    "%s must be tcp://HOST:PORT with a fixed port", key);
	return E_OK;
}

static bool listens_everywhere(const char *endpoint)
{
	return strncmp(endpoint, "tcp://*:", 8) == 0 || strncmp(endpoint, "tcp://0.0.0.0:", 14) == 0;
}

/* Where offices find a socket: what the file says, or where it listens, if that is an address. */
static enum error public_endpoint(const struct source *source, const char *key, const char *listen, const char *given,
				  char **endpoint)
{
	if (given == NULL && listens_everywhere(listen))
		return config_fault(source->fault, source->path, source->text, key,
				    "%s names no address: say in %s_public where offices find it", key, key);
	*endpoint = memory_string(given != NULL ? given : listen);
	return E_OK;
}

static enum error load_endpoints(const struct source *source, const struct raw_settings *raw,
				 struct broker_settings *settings)
{
	const struct {
		const char *key, *value;
	} endpoints[] = {
		{"link", raw->link},
		{"feed", raw->feed},
		{"link_public", raw->link_public},
		{"feed_public", raw->feed_public},
		{"log", raw->log},
		{"log_public", raw->log_public},
		{"bulletin", raw->bulletin},
		{"bulletin_public", raw->bulletin_public},
	};
	enum error error = E_OK;

	for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]) && error == E_OK; i++)
		if (endpoints[i].value != NULL)
			error = endpoint_check(source, endpoints[i].key, endpoints[i].value);
	if (error == E_OK && strcmp(raw->link, raw->feed) == 0)
		error = config_fault(source->fault, source->path, source->text, "feed",
				     "link and feed need ports of their own");
	if (error == E_OK && raw->log != NULL && (strcmp(raw->log, raw->link) == 0 || strcmp(raw->log, raw->feed) == 0))
		error = config_fault(source->fault, source->path, source->text, "log",
				     "log needs a port of its own");
	settings->link = memory_string(raw->link);
	settings->feed = memory_string(raw->feed);
	if (error == E_OK)
		error = public_endpoint(source, "link", raw->link, raw->link_public, &settings->link_public);
	if (error == E_OK)
		error = public_endpoint(source, "feed", raw->feed, raw->feed_public, &settings->feed_public);
	if (error == E_OK && raw->bulletin != NULL &&
	    (strcmp(raw->bulletin, raw->link) == 0 || strcmp(raw->bulletin, raw->feed) == 0 ||
	     (raw->log != NULL && strcmp(raw->bulletin, raw->log) == 0)))
		error = config_fault(source->fault, source->path, source->text, "bulletin",
				     "bulletin needs a port of its own");
	settings->bulletin = memory_string(raw->bulletin);
	if (error == E_OK && raw->bulletin != NULL)
		error = public_endpoint(source, "bulletin", raw->bulletin, raw->bulletin_public,
					&settings->bulletin_public);
	settings->watch = memory_string(raw->log);
	if (error == E_OK && raw->log != NULL)
		error = public_endpoint(source, "log", raw->log, raw->log_public, &settings->watch_public);
	return error;
}

/* ---- paths */

/* A socket's path must fit into a sockaddr_un. */
static enum error load_socket_path(const struct source *source, const char *key, const char *given,
				   const char *standard, char **path)
{
	const struct sockaddr_un *address = NULL;

	*path = config_path(source->path, given != NULL ? given : standard);
	if (strlen(*path) >= sizeof(address->sun_path))
		return config_fault(source->fault, source->path, source->text, key,
				    "the path of %s is longer than %zu bytes", key, sizeof(address->sun_path) - 1);
	return E_OK;
}

/* The credential that systemd hands over, when there is one. */
static char *master_credential(void)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	char *path;

	if (folder == NULL || folder[0] != '/')
		return NULL;
	path = memory_format("%s/%s", folder, MASTER_CREDENTIAL);
	if (access(path, F_OK) == 0)
		return path;
	free(path);
	return NULL;
}

static enum error load_paths(const struct source *source, const struct raw_settings *raw,
			     struct broker_settings *settings)
{
	enum error error;

	settings->journal = config_path(source->path, raw->journal);
	settings->keys = config_path(source->path, raw->keys);
	settings->exchange = config_path(source->path, raw->exchange);
	settings->policy = config_path(source->path, raw->policy);
	settings->watch_key = config_path(source->path, raw->log_key != NULL ? raw->log_key : "log.key");
	settings->watchers = config_path(source->path, raw->watchers != NULL ? raw->watchers : "watchers");
	settings->operators = config_path(source->path, raw->operators != NULL ? raw->operators : "operators");
	for (unsigned i = 0; i < raw->two_operators_count; i++)
		settings->two_operators |= raw->two_operators[i];
	settings->operators_group = memory_string(raw->operators_group);
	settings->auditors_group = memory_string(raw->auditors_group);
	settings->passphrase_file = raw->passphrase_file != NULL ? config_path(source->path, raw->passphrase_file) : NULL;
	settings->master_key_file =
		raw->master_key_file != NULL ? config_path(source->path, raw->master_key_file) : master_credential();
	error = load_socket_path(source, "control", raw->control, "control.sock", &settings->control);
	if (error == E_OK)
		error = load_socket_path(source, "audit", raw->audit, "audit.sock", &settings->audit);
	if (error == E_OK)
		error = load_socket_path(source, "log_socket", raw->log_socket, "log.sock", &settings->log);
	return error;
}

/* ---- numbers */

/* A number that is not given is 0 and becomes the standard one. */
static enum error load_number(const struct source *source, const char *key, uint32_t given, const uint32_t range[2],
			      uint32_t standard, uint32_t *number)
{
	*number = given != 0 ? given : standard;
	if (*number < range[0] || *number > range[1])
		return config_fault(source->fault, source->path, source->text, key, "%s must be %u to %u", key,
				    range[0], range[1]);
	return E_OK;
}

/* Two signs of life (PROTOCOL.md, ACK), and three heartbeats. */
static uint32_t silence_least(uint32_t heartbeat_ms)
{
	_Static_assert((int)LIMIT_SILENCE_MS >= (int)SILENCE_LEAST_MS && LIMIT_SILENCE_MS >= 3 * LIMIT_HEARTBEAT_MS,
		       "the standards must be allowed");

	return 3 * heartbeat_ms > SILENCE_LEAST_MS ? 3 * heartbeat_ms : SILENCE_LEAST_MS;
}

static enum error load_numbers(const struct source *source, const struct raw_settings *raw,
			       struct broker_settings *settings)
{
	uint32_t reserve_mib, rate_mib;
	enum error error = load_number(source, "reserve_mib", raw->reserve_mib, (const uint32_t[]){16, 1024 * 1024},
				       DEFAULT_RESERVE_MIB, &reserve_mib);

	if (error == E_OK)
		error = load_number(source, "rate_reports", raw->rate_reports,
				    (const uint32_t[]){1, LIMIT_RATE_REPORTS}, LIMIT_RATE_REPORTS,
				    &settings->rate_reports);
	if (error == E_OK)
		error = load_number(source, "rate_mib", raw->rate_mib, (const uint32_t[]){1, LARGEST_RATE_MIB},
				    DEFAULT_RATE_MIB, &rate_mib);
	if (error == E_OK)
		error = load_number(source, "heartbeat_ms", raw->heartbeat_ms, (const uint32_t[]){100, 60000},
				    LIMIT_HEARTBEAT_MS, &settings->heartbeat_ms);
	if (error == E_OK)
		error = load_number(source, "silence_ms", raw->silence_ms,
				    (const uint32_t[]){silence_least(settings->heartbeat_ms), 600000}, LIMIT_SILENCE_MS,
				    &settings->silence_ms);
	if (error != E_OK)
		return error;
	settings->reserve_bytes = (uint64_t)reserve_mib * MIB;
	settings->rate_bytes = rate_mib * MIB;
	settings->log_level = raw->log_level != NULL ? *raw->log_level : LOG_LEVEL_INFO;
	return E_OK;
}

/* ---- life */

enum error broker_settings_load(const char *path, struct broker_settings *settings, struct fault *fault)
{
	struct raw_settings *raw = NULL;
	struct buffer text = {0};
	struct source source;
	enum error error;

	*settings = (struct broker_settings){0};
	error = config_load(path, &schema, (void **)&raw, &text, fault);
	source = (struct source){path, buffer_view(&text), fault};
	if (error == E_OK)
		error = load_endpoints(&source, raw, settings);
	if (error == E_OK)
		error = load_paths(&source, raw, settings);
	if (error == E_OK)
		error = load_numbers(&source, raw, settings);
	config_free(&schema, raw);
	buffer_free(&text);
	return error;
}

void broker_settings_free(struct broker_settings *settings)
{
	free(settings->journal);
	free(settings->keys);
	free(settings->exchange);
	free(settings->policy);
	free(settings->passphrase_file);
	free(settings->master_key_file);
	free(settings->link);
	free(settings->feed);
	free(settings->link_public);
	free(settings->feed_public);
	free(settings->control);
	free(settings->audit);
	free(settings->operators);
	free(settings->operators_group);
	free(settings->auditors_group);
	free(settings->log);
	free(settings->bulletin);
	free(settings->bulletin_public);
	free(settings->watch);
	free(settings->watch_public);
	free(settings->watch_key);
	free(settings->watchers);
	*settings = (struct broker_settings){0};
}

/* ---- what the files hold */

enum error broker_operators_load(struct broker_settings *settings, struct fault *fault)
{
	if (settings->two_operators != 0)
		return operators_load(&settings->signers, settings->operators, fault);
	/* Some things always take two: who wants to do them puts their keys there. */
	return access(settings->operators, F_OK) == 0
		       ? watchers_load(&settings->signers.list, settings->operators, fault)
		       : E_OK;
}

enum error broker_identity_load(const struct broker_settings *settings, struct broker_identity *identity,
				struct fault *fault)
{
	enum error error;

	*identity = (struct broker_identity){.lock = {.file = settings->passphrase_file}};
	error = broker_keys_load(&identity->keys, &identity->lock, settings->keys, fault);
	if (error == E_OK)
		error = exchange_load(&identity->exchange, settings->exchange, fault);
	if (error == E_OK && settings->master_key_file != NULL) {
		error = master_key_load(identity->master, settings->master_key_file, fault);
		identity->has_master = error == E_OK;
	}
	if (error != E_OK)
		broker_identity_wipe(identity);
	return error;
}

void broker_identity_wipe(struct broker_identity *identity)
{
	keys_wipe(identity, sizeof(*identity));
}

struct journal_options broker_journal_options(const struct broker_settings *settings,
					      const struct broker_identity *identity)
{
	struct journal_options options = {
		.path = settings->journal, .broker = identity->keys.signing, .reserve_bytes = settings->reserve_bytes};

	memcpy(options.master, identity->master, KEY_SIZE);
	return options;
}
