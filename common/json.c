/* json - turns protobuf messages into JSON and back by walking their descriptors. */
#include "common/json.h"
#include "common/bytes.h"
#include "common/clock.h"
#include "common/limit.h"
#include "common/memory.h"
#include "common/name.h"
#include "common/wire.h"
#include "proto/link.pb-c.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ words of enumerations */

/* The words of one enumeration, by value; all of ours count from 0 without gaps. */
struct vocabulary {
	const ProtobufCEnumDescriptor *type;
	const char *const *words;
	size_t count;
};

#define WORDS(type, ...) \
	{ \
		&simpul__##type##__descriptor, (const char *const[]){__VA_ARGS__}, \
			sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *) \
	}

static const struct vocabulary vocabularies[] = {
	WORDS(stream, "main", "exercise", "red", "exercise-red"),
	WORDS(status, "", "Actual", "Exercise", "System", "Test"),
	WORDS(msg_type, "", "Alert", "Update", "Cancel", "Ack"),
	WORDS(kind, "", "sighting", "alert", "update", "cancel", "void", "purge-receipt", "flag", "release-request",
	      "release", "query", "answer"),
	WORDS(label, "", "CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"),
	WORDS(handling, "", "H0", "H1", "H2", "H3"),
	WORDS(protection, "", "child", "refugee", "trafficking", "health", "biometric", "genetic", "criminal-record",
	      "finance"),
	WORDS(source_grade, "", "A", "B", "C", "X"),
	WORDS(information_grade, "", "1", "2", "3", "4"),
	WORDS(body_form, "", "plain", "sealed"),
	WORDS(capacity, "", "seen", "guest", "suspected", "wanted", "witness", "possible-victim", "missing"),
	WORDS(identity, "", "document-verified", "claimed", "alias", "misused"),
	WORDS(age, "", "adult", "child", "unknown"),
	WORDS(sex, "", "F", "M", "X"),
	WORDS(permit, "", "ITK", "ITAS", "ITAP", "none"),
	WORDS(assertion, "", "fact", "assessment"),
	WORDS(requested_action, "none", "inform-origin", "observe-discreetly", "check-documents",
	      "detain-under-own-law", "assist-victim", "search-missing", "medical-care"),
	WORDS(urgency, "", "Immediate", "Expected", "Future", "Past", "Unknown"),
	WORDS(severity, "", "Extreme", "Severe", "Moderate", "Minor", "Unknown"),
	WORDS(certainty, "", "Observed", "Likely", "Possible", "Unlikely", "Unknown"),
	WORDS(response_type, "", "Shelter", "Evacuate", "Prepare", "Execute", "Avoid", "Monitor", "Assess", "AllClear",
	      "None"),
	WORDS(flag_reason, "", "legally-barred", "no-capacity", "wrong-region"),
	WORDS(release_reason, "", "other-region", "other-competence", "investigation", "victim-protection",
	      "legal-duty"),
	WORDS(release_decision, "", "granted", "refused"),
	WORDS(withhold_reason, "", "defence-security", "law-enforcement", "state-interest", "rights-of-others",
	      "origin-decides"),
	WORDS(cancel_reason, "", "wrong-person", "wrong-facts", "resolved", "duplicate", "sent-by-mistake",
	      "no-legal-basis"),
	WORDS(entry_type, "", "genesis", "submission", "member", "standing", "policy", "subscription", "grant",
	      "tombstone", "act", "broker-key", "hold"),
	WORDS(purge_rule, "", "expired", "retracted", "former"),
	WORDS(purge_outcome, "", "erased", "requested", "held", "unknown"),
	WORDS(standing, "", "active", "suspended", "retired", "compromised"),
};

const char *json_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text == NULL ? "" : text;
}

bool json_list_holds(const json_t *list, const char *text)
{
	json_t *each;
	size_t i;

	json_array_foreach(list, i, each)
		if (json_is_string(each) && strcmp(json_string_value(each), text) == 0)
			return true;
	return false;
}

const char *enum_text(const ProtobufCEnumDescriptor *type, int value)
{
	for (size_t i = 0; i < sizeof vocabularies / sizeof vocabularies[0]; i++)
		if (vocabularies[i].type == type && value >= 0 && (size_t)value < vocabularies[i].count)
			return vocabularies[i].words[value];
	return "";
}

const char *status_mark(int status)
{
	static const char *const marks[] = {[SIMPUL__STATUS__STATUS_UNSPECIFIED] = "NOT ACTUAL",
					    [SIMPUL__STATUS__STATUS_ACTUAL] = "",
					    [SIMPUL__STATUS__STATUS_EXERCISE] = "EXERCISE",
					    [SIMPUL__STATUS__STATUS_SYSTEM] = "SYSTEM",
					    [SIMPUL__STATUS__STATUS_TEST] = "TEST"};

	return status >= 0 && (size_t)status < sizeof(marks) / sizeof(marks[0]) ? marks[status] : marks[0];
}

#define SEPARATORS "-_+ "

static const char *skip_separators(const char *text)
{
	return text + strspn(text, SEPARATORS);
}

/* Equal but for case and separators. */
static bool words_equal(const char *a, const char *b)
{
	for (;;) {
		a = skip_separators(a);
		b = skip_separators(b);
		if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
			return false;
		if (*a == '\0')
			return true;
		a++;
		b++;
	}
}

bool enum_parse(const ProtobufCEnumDescriptor *type, const char *text, int *value)
{
	/* Separators stand between words only: "AMBER+" may be the start of something stricter. */
	if (text[0] != '\0' && (strchr(SEPARATORS, text[0]) || strchr(SEPARATORS, text[strlen(text) - 1])))
		return false;
	for (unsigned i = 0; i < type->n_values; i++) {
		const char *word = enum_text(type, type->values[i].value);

		if (!words_equal(word, text))
			continue;
		*value = type->values[i].value;
		return true;
	}
	return false;
}

void enum_words(const ProtobufCEnumDescriptor *type, struct buffer *out)
{
	const char *between = "";

	for (unsigned i = 0; i < type->n_values; i++) {
		const char *word = enum_text(type, type->values[i].value);

		if (word[0] == '\0')
			continue;
		buffer_text(out, between);
		buffer_text(out, word);
		between = ", ";
	}
}

const ProtobufCEnumDescriptor *enum_at(const ProtobufCMessageDescriptor *type, const char *path)
{
	while (type != NULL) {
		const size_t length = strcspn(path, ".[");
		const ProtobufCFieldDescriptor *field = NULL;

		for (unsigned i = 0; i < type->n_fields && field == NULL; i++)
			if (strncmp(type->fields[i].name, path, length) == 0 && type->fields[i].name[length] == '\0')
				field = &type->fields[i];
		path += strcspn(path, ".");
		if (field == NULL || (*path == '.') != (field->type == PROTOBUF_C_TYPE_MESSAGE))
			return NULL;
		if (field->type == PROTOBUF_C_TYPE_ENUM)
			return field->descriptor;
		type = *path == '.' ? field->descriptor : NULL;
		path++;
	}
	return NULL;
}

/* ------------------------------------------------------------------ message to JSON */

static size_t element_size(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_STRING:
		return sizeof(char *);
	case PROTOBUF_C_TYPE_MESSAGE:
		return sizeof(void *);
	case PROTOBUF_C_TYPE_BYTES:
		return sizeof(ProtobufCBinaryData);
	case PROTOBUF_C_TYPE_BOOL:
		return sizeof(protobuf_c_boolean);
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		return sizeof(uint64_t);
	default:
		return sizeof(uint32_t);
	}
}

static json_t *json_of_bytes(const ProtobufCBinaryData *data)
{
	char *text = memory_alloc(2 * data->len + 1);
	json_t *json = json_string(hex_of(text, BYTES(data->data, data->len)));

	free(text);
	return json;
}

/* JSON integers end at 2^63 - 1; what is above is written as text. */
static json_t *json_of_uint64(uint64_t value)
{
	char text[24];

	if (value <= INT64_MAX)
		return json_integer((json_int_t)value);
	snprintf(text, sizeof text, "%" PRIu64, value);
	return json_string(text);
}

static json_t *json_of_name(const Simpul__Name *message)
{
	struct report_name name = {.epoch = message->epoch, .stream = message->stream, .number = message->number};
	char text[REPORT_NAME_SIZE];

	strncpy(name.origin, message->origin, LIMIT_NODE_NAME);
	return json_string(report_name_text(&name, text));
}

static json_t *json_of_value(const ProtobufCFieldDescriptor *field, const void *value, int zone_minutes)
{
	char time[TIME_TEXT_SIZE];

	switch (field->type) {
	case PROTOBUF_C_TYPE_STRING:
		return json_string(*(char *const *)value);
	case PROTOBUF_C_TYPE_MESSAGE:
		return json_of_message(*(void *const *)value, zone_minutes);
	case PROTOBUF_C_TYPE_BYTES:
		return json_of_bytes(value);
	case PROTOBUF_C_TYPE_BOOL:
		return json_boolean(*(const protobuf_c_boolean *)value);
	case PROTOBUF_C_TYPE_ENUM:
		return json_string(enum_text(field->descriptor, *(const int *)value));
	case PROTOBUF_C_TYPE_FIXED64:
		return json_string(time_text(time, *(const uint64_t *)value, zone_minutes));
	case PROTOBUF_C_TYPE_UINT64:
		return json_of_uint64(*(const uint64_t *)value);
	case PROTOBUF_C_TYPE_UINT32:
		return json_integer(*(const uint32_t *)value);
	default:
		return json_integer(*(const int32_t *)value);
	}
}

static json_t *json_of_array(const ProtobufCFieldDescriptor *field, const uint8_t *elements, size_t count,
			     int zone_minutes)
{
	json_t *array = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(array,
				      json_of_value(field, elements + i * element_size(field->type), zone_minutes));
	return array;
}

/* True for what the encoding leaves out. */
static bool is_default(const ProtobufCFieldDescriptor *field, const void *value)
{
	switch (field->type) {
	case PROTOBUF_C_TYPE_STRING:
		return **(char *const *)value == '\0';
	case PROTOBUF_C_TYPE_MESSAGE:
		return *(void *const *)value == NULL;
	case PROTOBUF_C_TYPE_BYTES:
		return ((const ProtobufCBinaryData *)value)->len == 0;
	default:
		return bytes_all_zero(BYTES(value, element_size(field->type)));
	}
}

/* NULL when the field has its default. */
static json_t *json_of_field(const ProtobufCFieldDescriptor *field, const uint8_t *message, int zone_minutes)
{
	const void *value = message + field->offset, *quantifier = message + field->quantifier_offset;

	if (field->label == PROTOBUF_C_LABEL_REPEATED) {
		const uint8_t *elements = *(const uint8_t *const *)value;
		const size_t count = *(const size_t *)quantifier;

		return count == 0 ? NULL : json_of_array(field, elements, count, zone_minutes);
	}
	if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
		if (*(const uint32_t *)quantifier != field->id)
			return NULL;
	} else if (is_default(field, value)) {
		return NULL;
	}
	return json_of_value(field, value, zone_minutes);
}

json_t *json_of_message(const void *message, int zone_minutes)
{
	const ProtobufCMessageDescriptor *type = ((const ProtobufCMessage *)message)->descriptor;
	json_t *object;

	if (type == &simpul__name__descriptor)
		return json_of_name(message);
	object = json_object();
	for (unsigned i = 0; i < type->n_fields; i++) {
		json_t *value = json_of_field(&type->fields[i], message, zone_minutes);

		if (value)
			json_object_set_new(object, type->fields[i].name, value);
	}
	return object;
}

/* ------------------------------------------------------------------ JSON to message */

/* What all steps of one reading share. */
struct reader {
	struct arena *arena;
	struct fault *fault;
};

static enum error refuse(const struct reader *reader, enum error code)
{
	return fault_at(reader->fault, code, "%s", "");
}

static enum error read_text(const struct reader *reader, const json_t *json, char **out)
{
	const char *text = json_string_value(json);

	if (!text)
		return refuse(reader, E_INVALID);
	for (const char *c = text; *c; c++)
		if (((unsigned char)*c < 0x20 && *c != '\t' && *c != '\n') || *c == 0x7f)
			return refuse(reader, E_INVALID);
	*out = arena_text(reader->arena, text);
	return E_OK;
}

static enum error read_bytes(const struct reader *reader, const json_t *json, ProtobufCBinaryData *out)
{
	const char *text = json_string_value(json);

	if (!text || json_string_length(json) % 2 != 0)
		return refuse(reader, E_INVALID);
	out->len = json_string_length(json) / 2;
	out->data = arena_alloc(reader->arena, out->len);
	return hex_parse(text, out->data, out->len) ? E_OK : refuse(reader, E_INVALID);
}

static enum error read_enum(const struct reader *reader, const ProtobufCEnumDescriptor *type, const json_t *json,
			    int *out)
{
	const char *text = json_string_value(json);

	if (!text)
		return refuse(reader, E_INVALID);
	return enum_parse(type, text, out) ? E_OK : refuse(reader, E_UNKNOWN_VALUE);
}

static enum error read_time(const struct reader *reader, const json_t *json, uint64_t *out)
{
	const char *text = json_string_value(json);

	return text && time_parse(text, out) ? E_OK : refuse(reader, E_INVALID);
}

static enum error read_uint64(const struct reader *reader, const json_t *json, uint64_t *out)
{
	const char *text = json_string_value(json);
	char *end;

	if (json_is_integer(json) && json_integer_value(json) >= 0) {
		*out = (uint64_t)json_integer_value(json);
		return E_OK;
	}
	if (!text || !isdigit((unsigned char)text[0]))
		return refuse(reader, E_INVALID);
	errno = 0;
	*out = strtoull(text, &end, 10);
	return *end == '\0' && errno == 0 ? E_OK : refuse(reader, E_INVALID);
}

/* An integer of 32 bits between the two bounds, stored as its bits. */
static enum error read_integer(const struct reader *reader, const json_t *json, json_int_t least, json_int_t most,
			       uint32_t *out)
{
	if (!json_is_integer(json) || json_integer_value(json) < least || json_integer_value(json) > most)
		return refuse(reader, E_INVALID);
	*out = (uint32_t)json_integer_value(json);
	return E_OK;
}

static enum error read_name(const struct reader *reader, const json_t *json, void **out)
{
	const char *text = json_string_value(json);
	struct report_name name;
	Simpul__Name *message;

	if (!text || !report_name_parse(text, &name))
		return refuse(reader, E_INVALID);
	message = arena_alloc(reader->arena, sizeof *message);
	simpul__name__init(message);
	message->origin = arena_text(reader->arena, name.origin);
	message->epoch = name.epoch;
	message->stream = (Simpul__Stream)name.stream;
	message->number = name.number;
	*out = message;
	return E_OK;
}

static enum error read_message(const struct reader *reader, const ProtobufCMessageDescriptor *type, const json_t *json,
			       void **out);

static enum error read_value(const struct reader *reader, const ProtobufCFieldDescriptor *field, const json_t *json,
			     void *out)
{
	switch (field->type) {
	case PROTOBUF_C_TYPE_STRING:
		return read_text(reader, json, out);
	case PROTOBUF_C_TYPE_MESSAGE:
		return read_message(reader, field->descriptor, json, out);
	case PROTOBUF_C_TYPE_BYTES:
		return read_bytes(reader, json, out);
	case PROTOBUF_C_TYPE_BOOL:
		*(protobuf_c_boolean *)out = json_is_true(json);
		return json_is_boolean(json) ? E_OK : refuse(reader, E_INVALID);
	case PROTOBUF_C_TYPE_ENUM:
		return read_enum(reader, field->descriptor, json, out);
	case PROTOBUF_C_TYPE_FIXED64:
		return read_time(reader, json, out);
	case PROTOBUF_C_TYPE_UINT64:
		return read_uint64(reader, json, out);
	case PROTOBUF_C_TYPE_UINT32:
		return read_integer(reader, json, 0, UINT32_MAX, out);
	default:
		return read_integer(reader, json, INT32_MIN, INT32_MAX, out);
	}
}

/* Bytes of a text or of hexadecimal digits as they will be on the wire; 0 for everything else. */
static size_t value_size(const ProtobufCFieldDescriptor *field, const json_t *json)
{
	if (field->type == PROTOBUF_C_TYPE_STRING)
		return json_string_length(json);
	return field->type == PROTOBUF_C_TYPE_BYTES ? json_string_length(json) / 2 : 0;
}

static enum error read_array(const struct reader *reader, const ProtobufCMessageDescriptor *type,
			     const ProtobufCFieldDescriptor *field, const json_t *json, uint8_t *message)
{
	const size_t count = json_array_size(json), size = element_size(field->type);
	const size_t longest = field->type == PROTOBUF_C_TYPE_BYTES ? LIMIT_HEADER : LIMIT_TEXT;
	uint8_t *elements;

	if (!json_is_array(json))
		return refuse(reader, E_INVALID);
	if (!wire_size_allowed(type, field, count))
		return refuse(reader, E_TOO_LARGE);
	elements = arena_alloc(reader->arena, count * size);
	for (size_t i = 0; i < count; i++) {
		const json_t *element = json_array_get(json, i);
		enum error error = value_size(field, element) > longest
					   ? refuse(reader, E_TOO_LARGE)
					   : read_value(reader, field, element, elements + i * size);

		if (error != E_OK) {
			fault_within(reader->fault, "[%zu]", i);
			return error;
		}
	}
	*(size_t *)(void *)(message + field->quantifier_offset) = count;
	*(uint8_t **)(void *)(message + field->offset) = elements;
	return E_OK;
}

static enum error read_field(const struct reader *reader, const ProtobufCMessageDescriptor *type,
			     const ProtobufCFieldDescriptor *field, const json_t *json, uint8_t *message)
{
	uint32_t *chosen = (uint32_t *)(void *)(message + field->quantifier_offset);

	if (field->label == PROTOBUF_C_LABEL_REPEATED)
		return read_array(reader, type, field, json, message);
	if (!wire_size_allowed(type, field, value_size(field, json)))
		return refuse(reader, E_TOO_LARGE);
	if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
		if (*chosen != 0)
			return refuse(reader, E_INVALID);
		*chosen = field->id;
	}
	return read_value(reader, field, json, message + field->offset);
}

/* An unknown key is named only where it looks like a field's name: it may be anything, a person's name too. */
static enum error unknown_key(const struct reader *reader, const char *key)
{
	const size_t length = strspn(key, "abcdefghijklmnopqrstuvwxyz_");

	return fault_at(reader->fault, E_UNKNOWN_FIELD, "%s", key[length] == '\0' && length <= 32 ? key : "");
}

static enum error read_message(const struct reader *reader, const ProtobufCMessageDescriptor *type, const json_t *json,
			       void **out)
{
	uint8_t *message;
	const char *key;
	json_t *value;

	if (type == &simpul__name__descriptor)
		return read_name(reader, json, out);
	if (!json_is_object(json))
		return refuse(reader, E_INVALID);
	message = arena_alloc(reader->arena, type->sizeof_message);
	protobuf_c_message_init(type, message);
	json_object_foreach((json_t *)(uintptr_t)json, key, value)
	{
		const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(type, key);
		enum error error;

		if (!field)
			return unknown_key(reader, key);
		error = read_field(reader, type, field, value, message);
		if (error != E_OK) {
			fault_within(reader->fault, "%s", field->name);
			return error;
		}
	}
	*out = message;
	return E_OK;
}

void *json_to_message(const ProtobufCMessageDescriptor *type, const json_t *json, struct arena *arena,
		      struct fault *fault)
{
	const struct reader reader = {.arena = arena, .fault = fault};
	void *message;

	return read_message(&reader, type, json, &message) == E_OK ? message : NULL;
}
