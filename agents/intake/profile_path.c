/* profile_path - walks the descriptor of Draft along a path, and a draft in JSON along the same path. */
#include "agents/intake/profile_path.h"
#include "proto/report.pb-c.h"
#include <string.h>

enum { NAME_LONGEST = 48 };

/* Reads "[12]" where it stands; false when it is no index. */
static bool index_parse(const char **text, int *index)
{
	const char *c = *text + 1;

	*index = 0;
	if (*c < '0' || *c > '9')
		return false;
	for (; *c >= '0' && *c <= '9'; c++) {
		*index = *index * 10 + (*c - '0');
		if (*index > PATH_LARGEST_INDEX)
			return false;
	}
	*text = c + 1;
	return *c == ']';
}

/* Reads one step of a path within `type`. */
static const ProtobufCFieldDescriptor *step_parse(const char **text, const ProtobufCMessageDescriptor *type,
						  struct path_step *step)
{
	size_t length = strcspn(*text, ".[");
	const ProtobufCFieldDescriptor *field;
	char name[NAME_LONGEST + 1];
	bool repeated;

	if (length == 0 || length > NAME_LONGEST)
		return NULL;
	memcpy(name, *text, length);
	name[length] = '\0';
	field = protobuf_c_message_descriptor_get_field_by_name(type, name);
	if (field == NULL)
		return NULL;
	*text += length;
	*step = (struct path_step){.name = field->name, .index = -1};
	repeated = field->label == PROTOBUF_C_LABEL_REPEATED;
	if (repeated != (**text == '[') || (repeated && !index_parse(text, &step->index)))
		return NULL;
	return field;
}

/* Messages that a path goes into; the name of a report is one value. */
static bool is_inner(const ProtobufCFieldDescriptor *field)
{
	return field->type == PROTOBUF_C_TYPE_MESSAGE && field->descriptor != &simpul__name__descriptor;
}

static bool path_walk(const char *text, struct field_path *path)
{
	const ProtobufCMessageDescriptor *type = &simpul__draft__descriptor;

	*path = (struct field_path){.count = 0};
	while (path->count < PATH_DEEPEST) {
		const ProtobufCFieldDescriptor *field = step_parse(&text, type, &path->steps[path->count]);

		if (field == NULL)
			return false;
		path->count++;
		if (*text == '\0') {
			path->leaf = field;
			return true;
		}
		if (*text != '.' || !is_inner(field))
			return false;
		text++;
		type = field->descriptor;
	}
	return false;
}

bool path_parse(const char *text, struct field_path *path)
{
	return path_walk(text, path) && !is_inner(path->leaf);
}

bool path_parse_message(const char *text, const ProtobufCMessageDescriptor *type, struct field_path *path)
{
	return path_walk(text, path) && is_inner(path->leaf) && path->leaf->descriptor == type;
}

/* The list that a step names in `object`, long enough for the step's index. */
static json_t *list_at(json_t *object, const struct path_step *step)
{
	json_t *list = json_object_get(object, step->name);

	if (list == NULL) {
		list = json_array();
		json_object_set_new(object, step->name, list);
	}
	while (json_array_size(list) <= (size_t)step->index)
		json_array_append_new(list, json_null());
	return list;
}

static void step_set(json_t *object, const struct path_step *step, json_t *value)
{
	if (step->index < 0)
		json_object_set_new(object, step->name, value);
	else
		json_array_set_new(list_at(object, step), (size_t)step->index, value);
}

static json_t *step_get(const json_t *object, const struct path_step *step)
{
	json_t *value = json_object_get(object, step->name);

	return step->index < 0 ? value : json_array_get(value, (size_t)step->index);
}

void path_set(const struct field_path *path, json_t *root, json_t *value)
{
	json_t *object = root;

	for (size_t i = 0; i + 1 < path->count; i++) {
		json_t *inner = step_get(object, &path->steps[i]);

		if (!json_is_object(inner)) {
			inner = json_object();
			step_set(object, &path->steps[i], inner);
		}
		object = inner;
	}
	step_set(object, &path->steps[path->count - 1], value);
}

json_t *path_get(const struct field_path *path, size_t count, json_t *root)
{
	json_t *value = root;

	for (size_t i = 0; i < count && value != NULL; i++)
		value = step_get(value, &path->steps[i]);
	return json_is_null(value) ? NULL : value;
}

size_t path_element(const struct field_path *path)
{
	size_t count = path->count - 1;

	while (count > 0 && path->steps[count - 1].index < 0)
		count--;
	return count;
}

bool path_same(const struct field_path *a, const struct field_path *b, size_t count)
{
	if (a->count < count || b->count < count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (a->steps[i].name != b->steps[i].name || a->steps[i].index != b->steps[i].index)
			return false;
	return true;
}
