/* profile_path - fields of a draft by path ("sighting.persons[0].age"), checked against the message by reflection. */
#ifndef SIMPUL_PROFILE_PATH_H
#define SIMPUL_PROFILE_PATH_H

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

enum { PATH_DEEPEST = 8, PATH_LARGEST_INDEX = 63 };

struct path_step {
	const char *name; /* of the descriptor */
	int index;	  /* -1: not repeated */
};

struct field_path {
	struct path_step steps[PATH_DEEPEST];
	size_t count;
	/* A text, a number, a time, a word of a list, or the name of a report; of path_parse_message a message. */
	const ProtobufCFieldDescriptor *leaf;
};

/* False when a draft has no such field, or it is not a single value. */
bool path_parse(const char *text, struct field_path *path);
/* The same for a field that is a message of this type, such as a person. */
bool path_parse_message(const char *text, const ProtobufCMessageDescriptor *type, struct field_path *path);
/* Puts `value` (whose reference it takes) into the draft `root`; makes the objects and lists on the way. */
void path_set(const struct field_path *path, json_t *root, json_t *value);
/* What stands at the first `count` steps; NULL when nothing does. */
json_t *path_get(const struct field_path *path, size_t count, json_t *root);
/* Number of steps up to the innermost list element that holds the field as a member; 0 when it is in none. */
size_t path_element(const struct field_path *path);
/* True when the first `count` steps of both are the same. */
bool path_same(const struct field_path *a, const struct field_path *b, size_t count);

#endif
