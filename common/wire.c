/* wire - walks foreign bytes along a protobuf descriptor, refuses whatever protobuf-c would not have written, and stores the
 * rest in the same walk. */
#include "common/wire.h"
#include "common/limit.h"
#include "common/wire_store.h"
#include "common/wire_text.h"
#include "proto/journal.pb-c.h"
#include "proto/watch.pb-c.h"

#include <string.h>

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_NONE = 8 };

#define FIELD_NUMBER_MAX ((1u << 29) - 1)

/* Where the walk stands in one message. */
struct walk {
	const ProtobufCMessageDescriptor *type;
	const ProtobufCFieldDescriptor *field, *last; /* the current one, and behind the last; sorted by number */
	size_t count;			       /* elements of it so far; 0: nothing was there yet */
	uint64_t oneofs;		       /* members of oneofs so far, one bit a field: no message has more than 64 */
	const uint8_t *next, *end;
	unsigned depth;
	size_t limit;			       /* of the current field; 0: not looked up */
	struct wire_store *store; /* NULL: nothing is stored */
	void *message;		  /* of protobuf-c, where it is stored */
	struct fault *fault;
};

/* ------------------------------------------------------------------ limits */

static const struct {
	const ProtobufCMessageDescriptor *type;
	const char *field;
	unsigned limit;
} field_limits[] = {
#define X(message, field, limit) {&simpul__##message##__descriptor, #field, limit},
	FIELD_LIMITS(X)
#undef X
};

static bool is_repeated(const ProtobufCFieldDescriptor *field)
{
	return field->label == PROTOBUF_C_LABEL_REPEATED;
}

static size_t limit_of(const ProtobufCMessageDescriptor *type, const ProtobufCFieldDescriptor *field)
{
	for (size_t i = 0; i < sizeof field_limits / sizeof field_limits[0]; i++)
		if (field_limits[i].type == type && strcmp(field_limits[i].field, field->name) == 0)
			return field_limits[i].limit;
	return is_repeated(field) ? LIMIT_REPEATED : LIMIT_TEXT;
}

/* No row of the table allows a text less than LIMIT_TEXT, and most texts are short: they need no look into it. */
static bool is_short_text(const ProtobufCFieldDescriptor *field, size_t size)
{
	return field->type == PROTOBUF_C_TYPE_STRING && !is_repeated(field) && size <= LIMIT_TEXT;
}

bool wire_size_allowed(const ProtobufCMessageDescriptor *type, const ProtobufCFieldDescriptor *field, size_t size)
{
	return is_short_text(field, size) || size <= limit_of(type, field);
}

/* The same for the current field, which is looked up once. */
static bool size_allowed(struct walk *walk, size_t size)
{
	if (is_short_text(walk->field, size))
		return true;
	if (walk->limit == 0)
		walk->limit = limit_of(walk->type, walk->field);
	return size <= walk->limit;
}

/* ------------------------------------------------------------------ values */

static bool is_packed(const ProtobufCFieldDescriptor *field)
{
	return is_repeated(field) && (field->flags & PROTOBUF_C_FIELD_FLAG_PACKED);
}

static bool is_oneof(const ProtobufCFieldDescriptor *field)
{
	return (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
}

/* True where proto3 leaves a zero or empty value out. */
static bool omits_default(const ProtobufCFieldDescriptor *field)
{
	return !is_repeated(field) && !is_oneof(field);
}

static enum error long_varint_read(const uint8_t **next, const uint8_t *end, uint64_t *value)
{
	const uint8_t *in = *next;

	*value = 0;
	for (unsigned shift = 0; in < end && shift < 70; shift += 7) {
		const uint8_t byte = *in++;

		if (shift == 63 && byte > 1)
			return E_MALFORMED;
		*value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte & 0x80)
			continue;
		*next = in;
		return byte == 0 && shift > 0 ? E_NOT_CANONICAL : E_OK;
	}
	return E_MALFORMED;
}

/* Most have one byte. */
static inline enum error varint_read(const uint8_t **next, const uint8_t *end, uint64_t *value)
{
	if (*next == end || **next >= 0x80)
		return long_varint_read(next, end, value);
	*value = *(*next)++;
	return E_OK;
}

/* Whether protobuf-c writes `value` for a field of this type. */
static enum error number_check(const ProtobufCFieldDescriptor *field, uint64_t value)
{
	switch (field->type) {
	case PROTOBUF_C_TYPE_BOOL:
		return value <= 1 ? E_OK : E_NOT_CANONICAL;
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_SINT32:
		return value <= UINT32_MAX ? E_OK : E_NOT_CANONICAL;
	case PROTOBUF_C_TYPE_INT32:
		return (uint64_t)(int64_t)(int32_t)(uint32_t)value == value ? E_OK : E_NOT_CANONICAL;
	case PROTOBUF_C_TYPE_ENUM:
		if (value > INT32_MAX || !protobuf_c_enum_descriptor_get_value(field->descriptor, (int)value))
			return E_UNKNOWN_VALUE;
		return E_OK;
	default:
		return E_OK;
	}
}

/* ------------------------------------------------------------------ fields */

static enum error message_walk(const ProtobufCMessageDescriptor *type, struct bytes data, unsigned depth,
			       struct wire_store *store, void *message, struct fault *fault);

static enum error refuse(const struct walk *walk, enum error code)
{
	if (is_repeated(walk->field) && walk->count > 0)
		return fault_at(walk->fault, code, "%s[%zu]", walk->field->name, walk->count - 1);
	return fault_at(walk->fault, code, "%s", walk->field->name);
}

static enum error nested_check(const struct walk *walk, struct bytes data)
{
	void *nested = NULL;
	enum error error;

	if (walk->depth >= LIMIT_NESTING)
		return refuse(walk, E_TOO_DEEP);
	if (walk->store)
		nested = wire_store_nested(walk->store, walk->message, walk->field);
	error = message_walk(walk->field->descriptor, data, walk->depth + 1, walk->store, nested, walk->fault);
	if (error == E_OK)
		return error;
	if (is_repeated(walk->field))
		fault_within(walk->fault, "%s[%zu]", walk->field->name, walk->count - 1);
	else
		fault_within(walk->fault, "%s", walk->field->name);
	return error;
}

static bool count_allowed(struct walk *walk)
{
	return size_allowed(walk, walk->count);
}

/* A number of its own, or one of a packed field. */
static enum error number_field(struct walk *walk)
{
	uint64_t value;
	enum error error = varint_read(&walk->next, walk->end, &value);

	if (error == E_OK)
		error = number_check(walk->field, value);
	if (error == E_OK && value == 0 && omits_default(walk->field))
		error = E_NOT_CANONICAL;
	if (error != E_OK)
		return refuse(walk, error);
	if (walk->store)
		wire_store_number(walk->store, walk->message, walk->field, value);
	return E_OK;
}

static enum error fixed64_field(struct walk *walk)
{
	static const uint8_t zero[8];

	if (walk->end - walk->next < 8)
		return refuse(walk, E_MALFORMED);
	if (memcmp(walk->next, zero, 8) == 0 && omits_default(walk->field))
		return refuse(walk, E_NOT_CANONICAL);
	if (walk->store)
		wire_store_fixed64(walk->store, walk->message, walk->field, walk->next);
	walk->next += 8;
	return E_OK;
}

static enum error packed_field(struct walk *walk, struct bytes data)
{
	struct walk inner = *walk;

	if (data.size == 0)
		return refuse(walk, E_NOT_CANONICAL);
	inner.next = data.data;
	inner.end = data.data + data.size;
	for (inner.count = 1; inner.next < inner.end; inner.count++) {
		enum error error = count_allowed(&inner) ? E_OK : refuse(&inner, E_TOO_LARGE);

		if (error == E_OK)
			error = number_field(&inner);
		if (error != E_OK)
			return error;
	}
	return E_OK;
}

/* A text or a bytes value. The limits' table counts the elements of a repeated field, not their bytes. */
static enum error string_field(struct walk *walk, struct bytes data)
{
	const bool is_text = walk->field->type == PROTOBUF_C_TYPE_STRING;
	enum error error = E_OK;

	if (is_repeated(walk->field) ? data.size > (is_text ? LIMIT_TEXT : LIMIT_HEADER)
				     : !size_allowed(walk, data.size))
		error = E_TOO_LARGE;
	else if (data.size == 0 && omits_default(walk->field))
		error = E_NOT_CANONICAL;
	else if (is_text)
		error = wire_text_check(data);
	if (error != E_OK)
		return refuse(walk, error);
	if (walk->store)
		wire_store_bytes(walk->store, walk->message, walk->field, data);
	return E_OK;
}

static enum error delimited_field(struct walk *walk)
{
	uint64_t size;
	enum error error = varint_read(&walk->next, walk->end, &size);
	struct bytes data;

	if (error != E_OK)
		return refuse(walk, error);
	if (size > (uint64_t)(walk->end - walk->next))
		return refuse(walk, E_MALFORMED);
	data = BYTES(walk->next, size);
	walk->next += size;
	if (is_packed(walk->field))
		return packed_field(walk, data);
	if (walk->field->type == PROTOBUF_C_TYPE_MESSAGE)
		return nested_check(walk, data);
	return string_field(walk, data);
}

/* ------------------------------------------------------------------ messages */

static enum wire_type wire_type_of(const ProtobufCFieldDescriptor *field)
{
	if (is_packed(field))
		return WIRE_BYTES;
	switch (field->type) {
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_BYTES:
	case PROTOBUF_C_TYPE_MESSAGE:
		return WIRE_BYTES;
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_SFIXED64:
		return WIRE_FIXED64;
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_FLOAT:
	case PROTOBUF_C_TYPE_DOUBLE:
		return WIRE_NONE; /* no message of Simpul has them */
	default:
		return WIRE_VARINT;
	}
}

/* True when another member of the current field's oneof was there already; notes that this one is. */
static bool oneof_taken(struct walk *walk)
{
	const size_t bit = (size_t)(walk->field - walk->type->fields);

	for (unsigned i = 0; i < walk->type->n_fields; i++)
		if (walk->oneofs & UINT64_C(1) << i &&
		    walk->type->fields[i].quantifier_offset == walk->field->quantifier_offset)
			return true;
	walk->oneofs |= UINT64_C(1) << bit;
	return false;
}

/* Goes forward to the field with this number. */
static enum error field_advance(struct walk *walk, uint64_t number)
{
	const ProtobufCFieldDescriptor *field = walk->field;

	while (field < walk->last && field->id < number)
		field++;
	if (field == walk->last || field->id != number)
		return fault_at(walk->fault,
				field < walk->last && field == walk->field && walk->count > 0 ? E_NOT_CANONICAL
											      : E_UNKNOWN_FIELD,
				"%s", "");
	walk->field = field;
	walk->count = walk->limit = 0;
	return E_OK;
}

/* Makes the field with this number the current one. Numbers ascend, so what is not the current field was not there yet. */
static enum error field_enter(struct walk *walk, uint64_t number)
{
	if (walk->count == 0 || walk->field->id != number) {
		const enum error error = field_advance(walk, number);

		if (error != E_OK)
			return error;
	}
	walk->count++;
	if (walk->count > 1 && (!is_repeated(walk->field) || is_packed(walk->field)))
		return refuse(walk, E_NOT_CANONICAL);
	if (is_oneof(walk->field) && oneof_taken(walk))
		return refuse(walk, E_NOT_CANONICAL);
	if (is_repeated(walk->field) && !count_allowed(walk))
		return refuse(walk, E_TOO_LARGE);
	return E_OK;
}

static enum error field_check(struct walk *walk)
{
	uint64_t tag;
	enum error error = varint_read(&walk->next, walk->end, &tag);

	if (error == E_OK && (tag >> 3 == 0 || tag >> 3 > FIELD_NUMBER_MAX))
		error = E_MALFORMED;
	if (error != E_OK)
		return fault_at(walk->fault, error, "%s", "");
	error = field_enter(walk, tag >> 3);
	if (error != E_OK)
		return error;
	if ((tag & 7) != wire_type_of(walk->field))
		/* Numbers one by one where they belong packed are valid protobuf; else the type is wrong. */
		return refuse(walk, is_packed(walk->field) && (tag & 7) == WIRE_VARINT ? E_NOT_CANONICAL : E_MALFORMED);
	switch (tag & 7) {
	case WIRE_VARINT:
		return number_field(walk);
	case WIRE_FIXED64:
		return fixed64_field(walk);
	default:
		return delimited_field(walk);
	}
}

static enum error message_walk(const ProtobufCMessageDescriptor *type, struct bytes data, unsigned depth,
			       struct wire_store *store, void *message, struct fault *fault)
{
	struct walk walk = {.type = type,
			    .field = type->fields,
			    /* A message without fields has no table of them, and nothing may be added to NULL. */
			    .last = type->n_fields > 0 ? type->fields + type->n_fields : NULL,
			    .next = data.data,
			    .end = data.data + data.size,
			    .depth = depth,
			    .store = store,
			    .message = message,
			    .fault = fault};
	enum error error = type->n_fields <= 64 ? E_OK : fault_at(fault, E_INTERNAL, "%s", "");

	while (error == E_OK && walk.next < walk.end)
		error = field_check(&walk);
	return error;
}

enum error wire_check(const ProtobufCMessageDescriptor *type, struct bytes data, struct fault *fault)
{
	if (data.size == 0)
		return E_OK;
	return message_walk(type, data, 0, NULL, NULL, fault);
}

static void *unpack(const ProtobufCMessageDescriptor *type, struct bytes data, struct wire_store *store,
		    struct fault *fault)
{
	void *message = wire_store_message(store, type);

	if (data.size > 0 && message_walk(type, data, 0, store, message, fault) != E_OK)
		return NULL;
	return message;
}

void *wire_unpack(const ProtobufCMessageDescriptor *type, struct bytes data, struct arena *arena, struct fault *fault)
{
	struct wire_store store = {.arena = arena};

	return unpack(type, data, &store, fault);
}

void *wire_view(const ProtobufCMessageDescriptor *type, struct bytes data, struct arena *arena, struct fault *fault)
{
	struct wire_store store = {.arena = arena, .views = true};

	return unpack(type, data, &store, fault);
}

void wire_pack(const void *message, struct buffer *out)
{
	const size_t size = protobuf_c_message_get_packed_size(message);

	if (size > 0)
		protobuf_c_message_pack(message, buffer_room(out, size));
}
