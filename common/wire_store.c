/* wire_store - finds the place of a value in its message and writes it there. */
#include "common/wire_store.h"

#include <string.h>

enum { FIRST_ELEMENTS = 4 };

void *wire_store_message(struct wire_store *store, const ProtobufCMessageDescriptor *type)
{
	void *message = arena_alloc(store->arena, type->sizeof_message);

	type->message_init(message);
	return message;
}

/* One more element. Room doubles from FIRST_ELEMENTS on, so the count tells when it is used up. */
static void *element_add(struct wire_store *store, uint8_t *message, const ProtobufCFieldDescriptor *field, size_t size)
{
	size_t *const count = (size_t *)(void *)(message + field->quantifier_offset);
	uint8_t **const elements = (uint8_t **)(void *)(message + field->offset);

	if (*count == 0) {
		*elements = arena_alloc(store->arena, FIRST_ELEMENTS * size);
	} else if (*count >= FIRST_ELEMENTS && (*count & (*count - 1)) == 0) {
		uint8_t *larger = arena_alloc(store->arena, 2 * *count * size);

		memcpy(larger, *elements, *count * size);
		*elements = larger;
	}
	return *elements + (*count)++ * size;
}

/* Where a value of `size` bytes belongs. */
static void *place_of(struct wire_store *store, uint8_t *message, const ProtobufCFieldDescriptor *field, size_t size)
{
	if (field->label == PROTOBUF_C_LABEL_REPEATED)
		return element_add(store, message, field, size);
	if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
		memcpy(message + field->quantifier_offset, &field->id, sizeof field->id);
	return message + field->offset;
}

void *wire_store_nested(struct wire_store *store, void *message, const ProtobufCFieldDescriptor *field)
{
	void *nested = wire_store_message(store, field->descriptor);

	memcpy(place_of(store, message, field, sizeof nested), &nested, sizeof nested);
	return nested;
}

void wire_store_number(struct wire_store *store, void *message, const ProtobufCFieldDescriptor *field, uint64_t value)
{
	uint32_t narrow = (uint32_t)value;

	switch (field->type) {
	case PROTOBUF_C_TYPE_SINT64:
		value = value >> 1 ^ -(value & 1);
		/* fall through */
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_UINT64:
		memcpy(place_of(store, message, field, sizeof value), &value, sizeof value);
		break;
	case PROTOBUF_C_TYPE_SINT32:
		narrow = narrow >> 1 ^ -(narrow & 1);
		/* fall through */
	default: /* 32 bits: numbers, enumerations, booleans */
		memcpy(place_of(store, message, field, sizeof narrow), &narrow, sizeof narrow);
	}
}

void wire_store_fixed64(struct wire_store *store, void *message, const ProtobufCFieldDescriptor *field,
		   const uint8_t little_endian[8])
{
	uint64_t value = 0;

	for (size_t i = 0; i < sizeof value; i++)
		value |= (uint64_t)little_endian[i] << 8 * i;
	memcpy(place_of(store, message, field, sizeof value), &value, sizeof value);
}

void wire_store_bytes(struct wire_store *store, void *message, const ProtobufCFieldDescriptor *field, struct bytes data)
{
	const bool is_text = field->type == PROTOBUF_C_TYPE_STRING;
	ProtobufCBinaryData bytes = {.len = data.size, .data = (uint8_t *)(uintptr_t)data.data};

	if (is_text || !store->views) {
		bytes.data = arena_alloc(store->arena, data.size + 1);
		memcpy(bytes.data, data.data, data.size);
		bytes.data[data.size] = '\0';
	}
	if (is_text)
		memcpy(place_of(store, message, field, sizeof bytes.data), &bytes.data, sizeof bytes.data);
	else
		memcpy(place_of(store, message, field, sizeof bytes), &bytes, sizeof bytes);
}
