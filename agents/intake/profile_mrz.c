/* profile_mrz - a column with a machine-readable zone fills what it says of a person, where no other column has. */
#include "agents/intake/mrz.h"
#include "agents/intake/profile_schema.h"
#include <string.h>

/* Puts a text at a path below the person's; empty texts and what is filled already are left alone. */
static void fill(const struct field_path *person, json_t *root, const struct path_step *steps, size_t count,
		 const char *text)
{
	struct field_path path = *person;

	for (size_t i = 0; i < count; i++)
		path.steps[path.count++] = steps[i];
	if (text[0] != '\0' && path_get(&path, path.count, root) == NULL)
		path_set(&path, root, json_string(text));
}

static void fill_person(const struct field_path *person, json_t *root, const char *field, const char *text)
{
	fill(person, root, &(struct path_step){field, -1}, 1, text);
}

static void fill_document(const struct field_path *person, json_t *root, const char *field, const char *text)
{
	fill(person, root, (struct path_step[]){{"documents", 0}, {field, -1}}, 2, text);
}

enum error zone_take(const struct profile_column *column, const char *text, wall_ms now, json_t *root,
		     struct fault *fault)
{
	const struct field_path *person = &column->path;
	struct fault inner = {.code = E_OK};
	struct mrz mrz;

	if (mrz_parse(text, now, &mrz, &inner) != E_OK)
		return fault_at(fault, inner.code, "column \"%s\": %s", column->config->column, inner.field);
	fill_person(person, root, "primary_identifier", mrz.primary);
	fill_person(person, root, "secondary_identifier", mrz.secondary);
	fill_person(person, root, "nationality", mrz.nationality);
	fill_person(person, root, "date_of_birth", mrz.date_of_birth);
	fill_person(person, root, "sex", (char[]){mrz.sex, '\0'});
	fill_document(person, root, "type", mrz.type);
	fill_document(person, root, "issuing_state", mrz.issuing_state);
	fill_document(person, root, "number", mrz.number);
	fill_document(person, root, "expiry_date", mrz.expiry_date);
	if (mrz.name_truncated)
		fill_person(person, root, "remark", "the name may be cut short: it fills the machine-readable zone");
	return E_OK;
}
