/* ctl_watcher - simpulctl watcher: who may follow the broker's log from afar. */
#include "broker/ctl/ctl.h"

#include "broker/serve/watch_file.h"
#include "broker/settings/watchers.h"
#include "common/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An exchange from before there was one gets the key with its first watcher. */
enum error ctl_watch_key_make(const struct broker_settings *settings, struct curve_key *key, struct fault *fault)
{
	enum error error = curve_key_load(key, settings->watch_key, fault);

	if (error != E_NOT_FOUND)
		return error;
	curve_key_generate(key);
	return curve_key_save(key, settings->watch_key, fault);
}

/* Tells a broker that runs; one that does not reads the file when it starts. The exit status. */
static int broker_tell(const struct ctl *ctl, const char *done)
{
	struct fault fault = {0};
	json_t *answer;
	enum error error = ctl_question(ctl, "watchers-reload", NULL, &answer, &fault);

	json_decref(answer);
	if (error != E_OK && error != E_UNREACHABLE)
		return ctl_fail(&fault, "the broker keeps to what it had");
	printf("%s%s\n", done, error == E_OK ? "" : "; it holds from the broker's start on");
	return EX_OK;
}

/* The file comes first: a key that nobody holds does no harm. */
static enum error watcher_make(const struct broker_settings *settings, const char *name, const char *path,
			       struct fault *fault)
{
	struct watch_file file = {.endpoint = ""};
	struct curve_key server = {.secret = {0}};
	enum error error = E_OK;

	if (settings->watch == NULL)
		return fault_at(fault, E_CONFIG, "broker.yaml has no \"log: tcp://HOST:PORT\"");
	error = ctl_watch_key_make(settings, &server, fault);
	if (error != E_OK)
		return error;
	snprintf(file.endpoint, sizeof(file.endpoint), "%s", settings->watch_public);
	memcpy(file.server, server.public_key, KEY_SIZE);
	curve_key_generate(&file.key);
	error = watch_file_save(&file, path, fault);
	if (error == E_OK) {
		error = watchers_add(settings->watchers, name, file.key.public_key, fault);
		if (error != E_OK)
			unlink(path);
	}
	keys_wipe(&file, sizeof(file));
	keys_wipe(&server, sizeof(server));
	return error;
}

int ctl_watcher_new(struct ctl *ctl, int argc, char **argv)
{
	const char *given = NULL;
	const struct ctl_option options[] = {{"o", &given, NULL}, {0}};
	struct broker_settings settings;
	struct fault fault = {0};
	char *path, *done;
	enum error error;
	int status, first = ctl_options(ctl, argc, argv, options, 1, 1, &status);

	if (first < 0)
		return status;
	if (!watcher_name_valid(argv[first]))
		return ctl_usage(ctl, "a watcher's name has 1 to 32 of a-z, 0-9 and -");
	path = given != NULL ? memory_string(given) : memory_format("%s.watch", argv[first]);
	done = memory_format("%s may follow the log with %s, which is secret", argv[first], path);
	error = broker_settings_load(ctl->config, &settings, &fault);
	if (error == E_OK)
		error = watcher_make(&settings, argv[first], path, &fault);
	status = error == E_OK ? broker_tell(ctl, done) : ctl_fail(&fault, NULL);
	broker_settings_free(&settings);
	free(done);
	free(path);
	return status;
}

int ctl_watcher_remove(struct ctl *ctl, int argc, char **argv)
{
	struct broker_settings settings;
	struct fault fault = {0};
	enum error error;
	int status, first = ctl_options(ctl, argc, argv, NULL, 1, 1, &status);

	if (first < 0)
		return status;
	error = broker_settings_load(ctl->config, &settings, &fault);
	if (error == E_OK)
		error = watchers_remove(settings.watchers, argv[first], &fault);
	if (error == E_OK) {
		char *done = memory_format("%s may not follow the log any more", argv[first]);

		status = broker_tell(ctl, done);
		free(done);
	} else {
		status = ctl_fail(&fault, NULL);
	}
	broker_settings_free(&settings);
	return status;
}

int ctl_watcher_list(struct ctl *ctl, int argc, char **argv)
{
	struct broker_settings settings;
	struct watchers watchers = {.count = 0};
	struct fault fault = {0};
	char hex[2 * KEY_SIZE + 1];
	enum error error;
	int status, first = ctl_options(ctl, argc, argv, NULL, 0, 0, &status);

	if (first < 0)
		return status;
	error = broker_settings_load(ctl->config, &settings, &fault);
	if (error == E_OK)
		error = watchers_load(&watchers, settings.watchers, &fault);
	for (size_t i = 0; i < watchers.count; i++)
		printf("%-32s  %s\n", watchers.list[i].name, hex_of(hex, BYTES(watchers.list[i].key, KEY_SIZE)));
	broker_settings_free(&settings);
	return error == E_OK ? EX_OK : ctl_fail(&fault, NULL);
}
