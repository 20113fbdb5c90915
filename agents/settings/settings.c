/* settings - reads agent.yaml against its schema and checks what a schema cannot say. */
#include "agents/settings/settings.h"
#include "agents/settings/defaults.h"
#include "agents/settings/settings_check.h"
#include "common/config.h"
#include "common/json.h"
#include "common/memory.h"
#include "common/name.h"
#include "common/region.h"
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

enum { MOST_FOLDERS = 64, MOST_WANTED = 256, MOST_DAYS = 5 * 366,
       MOST_SETTLE_SECONDS = 3600, DEFAULT_KEEP_DAYS = 7 };

/* The file as libcyaml reads it. */
struct file_folder {
	char *path, *profile;
	uint32_t settle_seconds;
	uint32_t *keep_days; /* NULL: not given, which is not 0 */
	bool poll;
};

struct file_subscribe {
	char **kinds, **categories, **regions;
	uint32_t kinds_count, categories_count, regions_count;
};

struct settings_file {
	char *node, *keys, *passphrase_file, *join, *store, *local;
	struct file_folder *folders;
	uint32_t folders_count;
	struct settings_file_sink *sinks;
	uint32_t sinks_count;
	struct file_subscribe *subscribe;
	struct defaults_words *defaults;
	enum log_level *log_level;
};


/* ------------------------------------------------------------------ schema */

static const cyaml_schema_value_t text_value = {CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, 4096)};

static const cyaml_schema_field_t folder_fields[] = {
	CYAML_FIELD_STRING_PTR("path", CYAML_FLAG_POINTER, struct file_folder, path, 1, 4096),
	CYAML_FIELD_STRING_PTR("profile", CYAML_FLAG_POINTER, struct file_folder, profile, 1, 4096),
	CYAML_FIELD_UINT("settle_seconds", CYAML_FLAG_OPTIONAL, struct file_folder, settle_seconds),
	CYAML_FIELD_UINT_PTR("keep_days", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct file_folder, keep_days),
	CYAML_FIELD_BOOL("poll", CYAML_FLAG_OPTIONAL, struct file_folder, poll),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t folder_value = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct file_folder, folder_fields),
};

#define WANTED(key) \
	CYAML_FIELD_SEQUENCE(#key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct file_subscribe, key, &text_value, \
			     1, MOST_WANTED)
static const cyaml_schema_field_t subscribe_fields[] = {
	WANTED(kinds), WANTED(categories), WANTED(regions), CYAML_FIELD_END,
};

#define OPTIONAL_TEXT(type, key) \
	CYAML_FIELD_STRING_PTR(#key, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, type, key, 1, 4096)
static const cyaml_strval_t levels[] = {
	{"debug", LOG_LEVEL_DEBUG}, {"info", LOG_LEVEL_INFO}, {"notice", LOG_LEVEL_NOTICE},
	{"warning", LOG_LEVEL_WARNING}, {"error", LOG_LEVEL_ERROR},
};

#define REQUIRED_TEXT(key) CYAML_FIELD_STRING_PTR(#key, CYAML_FLAG_POINTER, struct settings_file, key, 1, 4096)
static const cyaml_schema_field_t file_fields[] = {
	REQUIRED_TEXT(node),
	REQUIRED_TEXT(keys),
	OPTIONAL_TEXT(struct settings_file, passphrase_file),
	REQUIRED_TEXT(join),
	REQUIRED_TEXT(store),
	OPTIONAL_TEXT(struct settings_file, local),
	CYAML_FIELD_SEQUENCE("folders", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct settings_file, folders,
			     &folder_value, 0, MOST_FOLDERS),
	CYAML_FIELD_SEQUENCE("sinks", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct settings_file, sinks,
			     &settings_sink_value, 0, SETTINGS_MOST_SINKS),
	CYAML_FIELD_MAPPING_PTR("subscribe", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct settings_file, subscribe,
				subscribe_fields),
	CYAML_FIELD_MAPPING_PTR("defaults", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct settings_file, defaults,
				defaults_fields),
	CYAML_FIELD_ENUM_PTR("log_level", CYAML_FLAG_POINTER | CYAML_FLAG_STRICT | CYAML_FLAG_OPTIONAL,
			     struct settings_file, log_level, levels, CYAML_ARRAY_LEN(levels)),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t file_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct settings_file, file_fields),
};

/* ------------------------------------------------------------------ checks */

enum error settings_wrong(const struct settings_check *check, const char *word, const char *what)
{
	return config_fault(check->fault, check->path, check->text, word, "%s", what);
}

static int text_order(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Puts a list into ascending order; false when something stands in it twice. */
static bool texts_sort(char **texts, size_t count, const char **twice)
{
	if (count > 1)
		qsort(texts, count, sizeof(*texts), text_order);
	for (size_t i = 1; i < count; i++) {
		if (strcmp(texts[i - 1], texts[i]) == 0) {
			*twice = texts[i];
			return false;
		}
	}
	return true;
}

static int kind_order(const void *a, const void *b)
{
	return (int)*(const Simpul__Kind *)a - (int)*(const Simpul__Kind *)b;
}

static enum error kinds_take(struct settings *settings, const struct settings_check *check)
{
	struct file_subscribe *wanted = settings->file->subscribe;
	Simpul__Kind *kinds = memory_zero(wanted->kinds_count + 1, sizeof(*kinds));
	int value;

	settings->subscription.kinds = kinds;
	for (uint32_t i = 0; i < wanted->kinds_count; i++) {
		if (!enum_parse(&simpul__kind__descriptor, wanted->kinds[i], &value) ||
		    value < SIMPUL__KIND__KIND_SIGHTING || value > SIMPUL__KIND__KIND_CANCEL)
			return settings_wrong(check, wanted->kinds[i], "kinds: sighting, alert, update or cancel");
		kinds[i] = (Simpul__Kind)value;
	}
	qsort(kinds, wanted->kinds_count, sizeof(*kinds), kind_order);
	for (uint32_t i = 1; i < wanted->kinds_count; i++)
		if (kinds[i] == kinds[i - 1])
			return settings_wrong(check, "kinds", "kinds: one is given twice");
	settings->subscription.n_kinds = wanted->kinds_count;
	return E_OK;
}

static enum error subscribe_take(struct settings *settings, const struct settings_check *check)
{
	struct file_subscribe *wanted = settings->file->subscribe;
	const char *twice;
	enum error error;

	simpul__subscription__init(&settings->subscription);
	if (wanted == NULL)
		return E_OK;
	error = kinds_take(settings, check);
	if (error != E_OK)
		return error;
	for (uint32_t i = 0; i < wanted->regions_count; i++)
		if (!region_exists(wanted->regions[i]))
			return settings_wrong(check, wanted->regions[i], "there is no such region");
	if (!texts_sort(wanted->categories, wanted->categories_count, &twice) ||
	    !texts_sort(wanted->regions, wanted->regions_count, &twice))
		return settings_wrong(check, twice, "it is given twice");
	settings->subscription.n_categories = wanted->categories_count;
	settings->subscription.categories = wanted->categories;
	settings->subscription.n_regions = wanted->regions_count;
	settings->subscription.regions = wanted->regions;
	settings->subscribes = wanted->kinds_count + wanted->categories_count + wanted->regions_count > 0;
	return E_OK;
}

static enum error defaults_take(struct settings *settings, const struct settings_check *check)
{
	const struct defaults_words *given = settings->file->defaults;
	struct defaults_wrong wrong;

	settings->defaults.region_within = "";
	if (given == NULL || defaults_read(given, &settings->defaults, &wrong))
		return E_OK;
	return settings_wrong(check, wrong.word, wrong.what);
}

static enum error folder_check(const struct file_folder *given, const struct settings_check *check)
{
	if (given->settle_seconds > MOST_SETTLE_SECONDS)
		return settings_wrong(check, "settle_seconds", "settle_seconds: at most 3600");
	if (given->keep_days != NULL && *given->keep_days > MOST_DAYS)
		return settings_wrong(check, "keep_days", "keep_days: at most 1830");
	return E_OK;
}

static enum error folders_take(struct settings *settings, const struct settings_check *check)
{
	const struct settings_file *file = settings->file;

	settings->folders = memory_zero(file->folders_count + 1, sizeof(*settings->folders));
	for (uint32_t i = 0; i < file->folders_count; i++) {
		const struct file_folder *given = &file->folders[i];

		for (uint32_t j = 0; j < i; j++)
			if (strcmp(file->folders[j].path, given->path) == 0)
				return settings_wrong(check, given->path, "this folder is given twice");
		if (folder_check(given, check) != E_OK)
			return E_CONFIG;
		settings->folders[i] = (struct settings_folder){
			.path = config_path(check->path, given->path),
			.profile = config_path(check->path, given->profile),
			.settle_seconds = given->settle_seconds,
			.keep_days = given->keep_days == NULL ? DEFAULT_KEEP_DAYS : *given->keep_days,
			.poll = given->poll,
		};
		settings->folder_count = i + 1;
	}
	return E_OK;
}

/* A folder, unless the name says that it is a database. */
static char *store_file(const char *config_file, const char *store)
{
	size_t length = strlen(store);
	char *path, *file;

	if (length > 3 && strcmp(store + length - 3, ".db") == 0)
		return config_path(config_file, store);
	path = config_path(config_file, store);
	file = memory_format("%s/agent.db", path);
	free(path);
	return file;
}

static enum error places_take(struct settings *settings, const struct settings_check *check)
{
	const struct settings_file *file = settings->file;

	settings->node = memory_string(file->node);
	settings->keys = config_path(check->path, file->keys);
	if (file->passphrase_file != NULL)
		settings->passphrase_file = config_path(check->path, file->passphrase_file);
	settings->join = config_path(check->path, file->join);
	settings->store = store_file(check->path, file->store);
	settings->local = file->local == NULL ? config_path(settings->store, "local.sock")
					      : config_path(check->path, file->local);
	if (!node_name_valid(file->node))
		return settings_wrong(check, "node", "node: a name such as police.oku");
	/* The path of a local socket has a fixed size in every Unix. */
	if (strlen(settings->local) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return settings_wrong(check, file->local == NULL ? "store" : "local",
			     "the path of the local endpoint is too long");
	return E_OK;
}

/* ------------------------------------------------------------------ loading */

enum error settings_load(const char *path, struct settings *settings, struct fault *fault)
{
	struct buffer text = {0};
	struct settings_check check = {.path = path, .fault = fault};
	void *loaded = NULL;
	enum error error = config_load(path, &file_schema, &loaded, &text, fault);

	memset(settings, 0, sizeof(*settings));
	settings->file = loaded;
	check.text = buffer_view(&text);
	if (error == E_OK)
		error = places_take(settings, &check);
	if (error == E_OK)
		error = folders_take(settings, &check);
	if (error == E_OK)
		error = settings_sinks_take(settings, settings->file->sinks, settings->file->sinks_count, &check);
	if (error == E_OK)
		error = subscribe_take(settings, &check);
	if (error == E_OK)
		error = defaults_take(settings, &check);
	if (error == E_OK)
		settings->log_level =
			settings->file->log_level == NULL ? LOG_LEVEL_INFO : *settings->file->log_level;
	else
		settings_free(settings);
	buffer_free(&text);
	return error;
}

void settings_free(struct settings *settings)
{
	for (size_t i = 0; i < settings->folder_count; i++) {
		free(settings->folders[i].path);
		free(settings->folders[i].profile);
	}
	settings_sinks_free(settings);
	free(settings->folders);
	free(settings->node);
	free(settings->keys);
	free(settings->passphrase_file);
	free(settings->join);
	free(settings->store);
	free(settings->local);
	free(settings->subscription.kinds);
	config_free(&file_schema, settings->file);
	memset(settings, 0, sizeof(*settings));
}
