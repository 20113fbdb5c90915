/* mutate - changes a message field by field: what bytes changed at random would hardly ever get past wire_check.
 *
 * The strings of a report are messages within bytes fields; they are changed as such. */
#include "common/memory.h"
#include "common/wire.h"
#include "proto/journal.pb-c.h"
#include "tests/fuzz/fuzz.h"
#include <stdlib.h>
#include <string.h>

enum { RAW_ONE_IN = 8, TEXT_MOST = 400, ROUNDS = 3 };

struct mutation {
	struct arena arena;
	uint64_t state;
	size_t most;
};

static uint32_t pick(struct mutation *m, uint32_t below)
{
	m->state = m->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(m->state >> 33) % below;
}

/* ------------------------------------------------------------------ what is within a bytes field */

static const struct {
	const ProtobufCMessageDescriptor *outer;
	const char *field;
	const ProtobufCMessageDescriptor *inner;
} embedded[] = {
	{&simpul__submitted_report__descriptor, "header", &simpul__header__descriptor},
	{&simpul__submitted_report__descriptor, "body", &simpul__body__descriptor},
	{&simpul__delivered_report__descriptor, "header", &simpul__header__descriptor},
	{&simpul__delivered_report__descriptor, "body", &simpul__body__descriptor},
	{&simpul__submission__descriptor, "routing", &simpul__routing__descriptor},
};

static const ProtobufCMessageDescriptor *inner_of(const ProtobufCMessageDescriptor *type,
						  const ProtobufCFieldDescriptor *field)
{
	for (size_t i = 0; i < sizeof embedded / sizeof embedded[0]; i++)
		if (embedded[i].outer == type && strcmp(embedded[i].field, field->name) == 0)
			return embedded[i].inner;
	return NULL;
}

/* ------------------------------------------------------------------ values */

static uint64_t number_mutate(struct mutation *m, uint64_t value)
{
	switch (pick(m, 6)) {
	case 0:
		return value + 1;
	case 1:
		return value - 1;
	case 2:
		return pick(m, 8);
	case 3:
		return value ^ UINT64_C(1) << pick(m, 64);
	case 4:
		return UINT64_C(1) << pick(m, 64);
	default:
		return (uint64_t)pick(m, UINT32_MAX) << 16;
	}
}

static void binary_mutate(struct mutation *m, const ProtobufCMessageDescriptor *inner, ProtobufCBinaryData *data)
{
	const size_t room = data->len + TEXT_MOST;
	uint8_t *copy = arena_alloc(&m->arena, room);

	if (data->len > 0)
		memcpy(copy, data->data, data->len);
	if (inner != NULL && pick(m, RAW_ONE_IN) > 0)
		data->len = mutate_message(inner, copy, data->len, room, pick(m, UINT32_MAX));
	else
		data->len = LLVMFuzzerMutate(copy, data->len, room);
	data->data = copy;
}

static char *text_mutate(struct mutation *m, const char *text)
{
	char *copy = arena_alloc(&m->arena, TEXT_MOST + 1);
	size_t size = strlen(text) < TEXT_MOST ? strlen(text) : TEXT_MOST;

	memcpy(copy, text, size);
	size = LLVMFuzzerMutate((uint8_t *)copy, size, TEXT_MOST);
	copy[size] = '\0';
	return copy;
}

static size_t value_size(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_MESSAGE:
		return sizeof(void *);
	case PROTOBUF_C_TYPE_BYTES:
		return sizeof(ProtobufCBinaryData);
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		return sizeof(uint64_t);
	default:
		return sizeof(uint32_t);
	}
}

static void message_mutate(struct mutation *m, ProtobufCMessage *message);

static void *message_new(struct mutation *m, const ProtobufCMessageDescriptor *type)
{
	void *message = arena_alloc(&m->arena, type->sizeof_message);

	protobuf_c_message_init(type, message);
	return message;
}

/* The value of a field, or one element of it. */
static void value_mutate(struct mutation *m, const ProtobufCMessageDescriptor *type,
			 const ProtobufCFieldDescriptor *field, void *value)
{
	switch (field->type) {
	case PROTOBUF_C_TYPE_MESSAGE:
		message_mutate(m, *(ProtobufCMessage **)value);
		break;
	case PROTOBUF_C_TYPE_STRING:
		*(char **)value = text_mutate(m, *(char **)value);
		break;
	case PROTOBUF_C_TYPE_BYTES:
		binary_mutate(m, inner_of(type, field), value);
		break;
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		*(uint64_t *)value = number_mutate(m, *(uint64_t *)value);
		break;
	case PROTOBUF_C_TYPE_ENUM:
		*(uint32_t *)value = pick(m, ((const ProtobufCEnumDescriptor *)field->descriptor)->n_values + 1);
		break;
	default:
		*(uint32_t *)value = (uint32_t)number_mutate(m, *(uint32_t *)value);
	}
}

/* What a field has before it is given a value. */
static void value_make(struct mutation *m, const ProtobufCFieldDescriptor *field, void *value)
{
	memset(value, 0, value_size(field->type));
	if (field->type == PROTOBUF_C_TYPE_MESSAGE)
		*(void **)value = message_new(m, field->descriptor);
	else if (field->type == PROTOBUF_C_TYPE_STRING)
		*(char **)value = arena_text(&m->arena, "");
}

/* ------------------------------------------------------------------ fields */

/* A new element, one twice, one less, two that change places, or another value in one. */
static void list_mutate(struct mutation *m, const ProtobufCMessageDescriptor *type,
			const ProtobufCFieldDescriptor *field, uint8_t *message)
{
	size_t *count = (size_t *)(void *)(message + field->quantifier_offset);
	uint8_t **elements = (uint8_t **)(void *)(message + field->offset);
	const size_t size = value_size(field->type), at = *count > 0 ? pick(m, (uint32_t)*count) : 0;
	const uint32_t what = *count > 0 ? pick(m, 8) : 0;
	uint8_t *grown = arena_alloc(&m->arena, (*count + 1) * size);

	if (*count > 0)
		memcpy(grown, *elements, *count * size);
	*elements = grown;
	if (what == 0) {
		value_make(m, field, grown + *count * size);
		value_mutate(m, type, field, grown + (*count)++ * size);
	} else if (what == 1) {
		memcpy(grown + (*count)++ * size, grown + at * size, size);
	} else if (what == 2) {
		memcpy(grown + at * size, grown + --*count * size, size);
	} else {
		value_mutate(m, type, field, grown + at * size);
	}
}

static bool is_oneof(const ProtobufCFieldDescriptor *field)
{
	return (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
}

static void field_mutate(struct mutation *m, const ProtobufCMessageDescriptor *type,
			 const ProtobufCFieldDescriptor *field, uint8_t *message)
{
	void *value = message + field->offset;
	uint32_t *chosen = (uint32_t *)(void *)(message + field->quantifier_offset);

	if (field->label == PROTOBUF_C_LABEL_REPEATED) {
		list_mutate(m, type, field, message);
		return;
	}
	if (is_oneof(field) && *chosen != field->id) {
		*chosen = field->id;
		value_make(m, field, value);
	} else if (field->type == PROTOBUF_C_TYPE_MESSAGE && *(void **)value == NULL) {
		value_make(m, field, value);
	} else if (pick(m, 16) == 0) {
		if (is_oneof(field))
			*chosen = 0;
		else
			value_make(m, field, value);
		if (field->type == PROTOBUF_C_TYPE_MESSAGE)
			*(void **)value = NULL;
		return;
	}
	value_mutate(m, type, field, value);
}

/* Whether changing this field keeps what the message already is: another member of a oneof seldom does. */
static bool keeps(struct mutation *m, const ProtobufCFieldDescriptor *field, const uint8_t *message)
{
	const uint32_t *chosen = (const uint32_t *)(const void *)(message + field->quantifier_offset);

	return !is_oneof(field) || *chosen == 0 || *chosen == field->id || pick(m, 16) == 0;
}

static void message_mutate(struct mutation *m, ProtobufCMessage *message)
{
	const ProtobufCMessageDescriptor *type = message->descriptor;

	for (unsigned i = 0; i < 8 && type->n_fields > 0; i++) {
		const ProtobufCFieldDescriptor *field = &type->fields[pick(m, type->n_fields)];

		if (!keeps(m, field, (const uint8_t *)message))
			continue;
		field_mutate(m, type, field, (uint8_t *)message);
		return;
	}
}

size_t mutate_message(const ProtobufCMessageDescriptor *type, uint8_t *data, size_t size, size_t most, unsigned seed)
{
	struct mutation m = {.state = seed, .most = most};
	struct buffer out = {0};
	void *message = NULL;

	arena_init(&m.arena);
	if (pick(&m, RAW_ONE_IN) > 0)
		message = wire_unpack(type, BYTES(data, size), &m.arena, NULL);
	for (uint32_t rounds = 1 + pick(&m, ROUNDS); message != NULL && rounds > 0; rounds--)
		message_mutate(&m, message);
	if (message != NULL)
		wire_pack(message, &out);
	arena_fini(&m.arena);
	if (message == NULL || out.size > most) {
		buffer_free(&out);
		return LLVMFuzzerMutate(data, size, most);
	}
	if (out.size > 0)
		memcpy(data, out.data, out.size);
	size = out.size;
	buffer_free(&out);
	return size;
}

size_t mutate_piece(const ProtobufCMessageDescriptor *type, uint8_t *data, size_t size, size_t most, size_t at,
		    unsigned seed)
{
	struct bytes rest = BYTES(data + at, size - at);
	const struct bytes piece = take_bytes(&rest);
	const size_t tail = rest.size, room = most - (size - piece.size);
	uint8_t *copy = memory_alloc(room + 1);
	size_t changed;

	if (piece.size > 0)
		memcpy(copy, piece.data, piece.size);
	changed = mutate_message(type, copy, piece.size, room < UINT16_MAX ? room : UINT16_MAX, seed);
	memmove(data + at + 2 + changed, data + size - tail, tail);
	memcpy(data + at + 2, copy, changed);
	data[at] = (uint8_t)(changed >> 8);
	data[at + 1] = (uint8_t)changed;
	free(copy);
	return at + 2 + changed + tail;
}
