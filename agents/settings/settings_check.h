/* settings_check - what the files that read agent.yaml share; private to them.
 *
 *   settings.c         the file, and all of it but the sinks
 *   settings_sinks.c   the sinks */
#ifndef SIMPUL_SETTINGS_CHECK_H
#define SIMPUL_SETTINGS_CHECK_H

#include "agents/settings/settings.h"
#include "common/bytes.h"
#include <cyaml/cyaml.h>

#define SETTINGS_MOST_SINKS 32

/* What the checks share: the file, and where what is wrong is said. */
struct settings_check {
	const char *path;
	struct bytes text;
	struct fault *fault;
};

/* E_CONFIG at the line that holds `word`. */
enum error settings_wrong(const struct settings_check *check, const char *word, const char *what);

/* A sink as libcyaml reads it; what is not given is NULL. */
struct settings_file_sink {
	char *name, *path, *url, *token_file, *ceiling;
	enum sink_type type;
	char **args, **statuses;
	uint32_t args_count, statuses_count;
	uint32_t *seconds, *attempts;
	enum sink_erases *erases;
};
extern const cyaml_schema_value_t settings_sink_value;

enum error settings_sinks_take(struct settings *settings, const struct settings_file_sink *given, uint32_t count,
			       const struct settings_check *check);
void settings_sinks_free(struct settings *settings);

#endif
