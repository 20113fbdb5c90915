/* config_fuzz - broker.yaml, agent.yaml and profiles: refused with a place in one printable line, or loaded so that
 * what follows needs no check of its own. */
#include "agents/intake/profile.h"
#include "agents/settings/settings.h"
#include "broker/settings/settings.h"
#include "common/name.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>

static void refused_well(enum error error, const struct fault *fault)
{
	PROMISE(error == fault->code);
	if (error == E_OK)
		return;
	/* The file and the line, at least: where all of it is too long the folders go. */
	PROMISE(error == E_CONFIG);
	PROMISE(strncmp(fault->field, "/proc/self/fd/", 14) == 0 || strncmp(fault->field, "...", 3) == 0);
	for (const char *c = fault->field; *c != '\0'; c++)
		PROMISE((unsigned char)*c >= ' ' && *c != 0x7f);
}

static void broker_settings(const char *path)
{
	struct broker_settings settings;
	struct fault fault = {.code = E_OK};
	enum error error = broker_settings_load(path, &settings, &fault);

	refused_well(error, &fault);
	if (error == E_OK) {
		PROMISE(settings.journal != NULL && settings.keys != NULL && settings.exchange != NULL);
		PROMISE(settings.policy != NULL && settings.link != NULL && settings.feed != NULL);
		PROMISE(settings.link_public != NULL && settings.feed_public != NULL && settings.control != NULL);
		PROMISE(settings.rate_reports > 0 && settings.rate_bytes > 0 && settings.heartbeat_ms > 0);
		PROMISE(settings.silence_ms > settings.heartbeat_ms);
	}
	broker_settings_free(&settings);
}

static void agent_settings(const char *path)
{
	struct settings settings;
	struct fault fault = {.code = E_OK};
	enum error error = settings_load(path, &settings, &fault);

	refused_well(error, &fault);
	if (error != E_OK)
		return;
	PROMISE(node_name_valid(settings.node) && settings.keys != NULL && settings.join != NULL);
	PROMISE(settings.store != NULL && settings.local != NULL);
	for (size_t i = 0; i < settings.folder_count; i++)
		PROMISE(settings.folders[i].path != NULL && settings.folders[i].profile != NULL);
	for (size_t i = 1; i < settings.subscription.n_kinds; i++)
		PROMISE(settings.subscription.kinds[i - 1] < settings.subscription.kinds[i]);
	settings_free(&settings);
}

/* A profile that is taken reads any file. */
static void profile(const char *path)
{
	static const char file[] = "Nama;Usia;Tanggal\nERIKSSON;Dewasa;21/11/2026\n";
	struct fault fault = {.code = E_OK};
	struct profile *profile;
	struct parsed_file parsed;
	enum error error = profile_load(path, &profile, &fault);

	refused_well(error, &fault);
	PROMISE((error == E_OK) == (profile != NULL));
	if (error != E_OK)
		return;
	profile_parse(profile, BYTES(file, sizeof file - 1), "x.csv", "police.oku", UINT64_C(1795300000000), NULL, -1,
		      &parsed);
	parsed_file_free(&parsed);
	profile_free(profile);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const kinds[])(const char *path) = {broker_settings, agent_settings, profile};
	struct bytes rest = BYTES(data, size);
	const uint8_t kind = take_u8(&rest);

	kinds[kind % 3](fuzz_file(rest));
	return 0;
}
