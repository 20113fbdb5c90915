/* config - reads a YAML file against a schema (libcyaml) and says file and line of what is wrong.
 *
 * The schemas stand with the programs that own them; this is the one way to load them. */
#ifndef SIMPUL_CONFIG_H
#define SIMPUL_CONFIG_H

#include "common/bytes.h"
#include "common/error.h"
#include <cyaml/cyaml.h>

/* Loads `path`. On an error prints nothing; `fault->field` is "broker.yaml:12: Unexpected key: ..." cut to its size and
 * the code E_CONFIG, or what file_read says (a file has at most 4 MiB). YAML aliases and second documents are refused.
 * `text` (may be NULL) receives the file's bytes; free it with buffer_free. The result is freed with config_free. */
enum error config_load(const char *path, const cyaml_schema_value_t *schema, void **result, struct buffer *text,
		       struct fault *fault);
/* The same from bytes; `name` stands for the file in errors. */
enum error config_parse(struct bytes text, const char *name, const cyaml_schema_value_t *schema, void **result,
			struct fault *fault);
void config_free(const cyaml_schema_value_t *schema, void *result);

/* E_CONFIG at "file:line" of the first line in `text` that holds `key` as a word; for errors that a schema
 * cannot express (a node named twice, a region that does not exist). */
enum error config_fault(struct fault *fault, const char *path, struct bytes text, const char *word,
			const char *format, ...) __attribute__((format(printf, 5, 6)));

/* A path relative to the folder of the configuration file; free() it. */
char *config_path(const char *config_file, const char *path);

#endif
