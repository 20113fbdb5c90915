/* json - protobuf messages as JSON and back, by reflection over their descriptors.
 *
 * Names are the .proto names; a oneof is its chosen member. Enumerations are written as people know
 * them ("AMBER+STRICT", "possible-victim", "Actual") and read in any case, with '-', '_', '+' and ' '
 * alike. fixed64 is a time, RFC 3339 with a zone. bytes are hexadecimal. latitude_e7/longitude_e7 stay
 * integers. A Name is its text ("police.oku#1842"). Default values are left out. */
#ifndef SIMPUL_JSON_H
#define SIMPUL_JSON_H

#include "common/arena.h"
#include "common/bytes.h"
#include "common/error.h"
#include <jansson.h>
#include <stdbool.h>

/* A new reference. `zone_minutes` is the offset in which times are written. */
json_t *json_of_message(const void *message, int zone_minutes);
/* Into memory of `arena`; NULL with `fault` on an error: E_UNKNOWN_FIELD, E_UNKNOWN_VALUE, E_INVALID (wrong type or
 * form), E_TOO_LARGE; `fault->field` is the path ("sighting.persons[0].age"). Two members of a oneof are E_INVALID. */
void *json_to_message(const ProtobufCMessageDescriptor *type, const json_t *json, struct arena *arena,
		      struct fault *fault);

/* The text under a key, "" where there is none; whether a list of texts has this one. */
const char *json_text(const json_t *object, const char *key);
bool json_list_holds(const json_t *list, const char *text);

/* One value of an enumeration as text, and back; false when there is none. "" for the unspecified value. */
const char *enum_text(const ProtobufCEnumDescriptor *type, int value);
/* What stands before everything else wherever a person sees a report: "EXERCISE", "TEST", "SYSTEM"; "" for an Actual one.
 * A value that is not known is "NOT ACTUAL". */
const char *status_mark(int status);
bool enum_parse(const ProtobufCEnumDescriptor *type, const char *text, int *value);
/* Appends the words that enum_parse takes: "fact, assessment". */
void enum_words(const ProtobufCEnumDescriptor *type, struct buffer *out);
/* The enumeration that a path in a message leads to ("alert.urgency", "sighting.persons[0].age"); NULL when it leads to
 * something else. */
const ProtobufCEnumDescriptor *enum_at(const ProtobufCMessageDescriptor *type, const char *path);

#endif
