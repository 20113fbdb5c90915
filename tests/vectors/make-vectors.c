/* make-vectors - writes the golden vectors: takes the steps of recipe.json, puts earlier results in place of
 * "$name.result", runs them, and writes vectors.json with every input and result, and one file for each message.
 *
 * Usage: make-vectors RECIPE FOLDER      ("make vectors"; only for a new version: committed vectors never change) */
#include "common/file.h"
#include "common/keys.h"
#include "common/memory.h"
#include "tests/support/vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct making {
	json_t *done; /* steps by name */
	vector_files *files;
};

/* A new reference to what "$name.what" stands for: a file's content ("bin"), or a path of keys in the step's results.
 */
static json_t *resolve(const struct making *making, const char *text)
{
	char *name = memory_string(text + 1), *key = strchr(name, '.');
	json_t *value = NULL;

	if (key) {
		*key++ = '\0';
		if (strcmp(key, "bin") == 0) {
			key[-1] = '.';
			value = json_object_get(making->files, name);
		} else {
			value = json_object_get(making->done, name);
			for (char *part = strtok(key, "."); part; part = strtok(NULL, "."))
				value = json_object_get(value, part);
		}
	}
	if (!value)
		fprintf(stderr, "make-vectors: %s stands for nothing\n", text);
	free(name);
	return value ? json_deep_copy(value) : json_null();
}

/* A copy of `json` in which every reference is replaced. */
static json_t *filled(const struct making *making, const json_t *json)
{
	const char *text = json_string_value(json), *key;
	json_t *copy, *value;
	size_t i;

	if (text && text[0] == '$')
		return resolve(making, text);
	if (json_is_object(json)) {
		copy = json_object();
		json_object_foreach((json_t *)(uintptr_t)json, key, value)
			json_object_set_new(copy, key, filled(making, value));
		return copy;
	}
	if (json_is_array(json)) {
		copy = json_array();
		json_array_foreach(json, i, value) json_array_append_new(copy, filled(making, value));
		return copy;
	}
	return json_deep_copy(json);
}

/* All steps with their results; NULL when one fails. */
static json_t *make_all(const json_t *recipe, struct making *making)
{
	json_t *steps = json_array();
	const json_t *entry;
	size_t i;

	json_array_foreach(recipe, i, entry)
	{
		json_t *step = filled(making, entry);
		struct fault fault;

		json_array_append_new(steps, step);
		if (!vector_run(step, making->files, &fault)) {
			fprintf(stderr, "make-vectors: step %zu: %s: %s\n", i, fault.field, error_sentence(fault.code));
			json_decref(steps);
			return NULL;
		}
		json_object_set(making->done, json_string_value(json_object_get(step, "name")), step);
	}
	return steps;
}

static bool save(const char *folder, const char *name, struct bytes content)
{
	char *path = memory_format("%s/%s", folder, name);
	struct fault fault;
	const bool saved = file_write(path, content, 0644, &fault) == E_OK;

	if (!saved)
		fprintf(stderr, "make-vectors: %s: %s\n", path, error_sentence(fault.code));
	free(path);
	return saved;
}

static bool save_all(const char *folder, const json_t *steps, vector_files *files)
{
	char *text = json_dumps(steps, JSON_INDENT(1));
	struct buffer content = {0};
	const char *name;
	json_t *hex;
	bool saved;

	buffer_text(&content, text);
	buffer_text(&content, "\n");
	saved = save(folder, "vectors.json", buffer_view(&content));
	free(text);
	json_object_foreach(files, name, hex)
	{
		buffer_clear(&content);
		saved = saved && vector_bytes(json_string_value(hex), &content) &&
			save(folder, name, buffer_view(&content));
	}
	buffer_free(&content);
	return saved;
}

int main(int argc, char **argv)
{
	struct making making = {.done = json_object(), .files = json_object()};
	json_t *recipe = argc == 3 ? json_load_file(argv[1], 0, NULL) : NULL, *steps;
	bool saved;

	if (!recipe) {
		fprintf(stderr, "usage: make-vectors RECIPE FOLDER\n");
		return error_exit(E_USAGE);
	}
	keys_init();
	steps = make_all(recipe, &making);
	saved = steps && save_all(argv[2], steps, making.files);
	json_decref(steps);
	json_decref(recipe);
	json_decref(making.done);
	json_decref(making.files);
	return saved ? 0 : error_exit(E_INVALID);
}
