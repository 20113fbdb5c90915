/* encode - writes and reads single protobuf fields without descriptors. */
#include "broker/journal/encode.h"
#include <string.h>

/* Field numbers of report.proto. */
enum {
	ROUTING_NOT_TO = 3,
	ROUTING_WRAPS = 4,
	ROUTING_SUPERSEDED = 5,
	WRAP_NODE = 1,
	WRAP_KEY_ID = 2,
	WRAP_WRAPPED = 3
};

enum wire_type { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2 };

#define VARINT_SIZE 10

static void put_varint(struct buffer *out, uint64_t value)
{
	uint8_t bytes[VARINT_SIZE];
	size_t size = 0;

	for (; value >= 0x80; value >>= 7)
		bytes[size++] = (uint8_t)(value | 0x80);
	bytes[size++] = (uint8_t)value;
	buffer_append(out, bytes, size);
}

void put_number(struct buffer *out, uint32_t field, uint64_t value)
{
	if (value == 0)
		return;
	put_varint(out, (uint64_t)field << 3 | WIRE_VARINT);
	put_varint(out, value);
}

void put_fixed64(struct buffer *out, uint32_t field, uint64_t value)
{
	uint8_t bytes[8];

	if (value == 0)
		return;
	put_varint(out, (uint64_t)field << 3 | WIRE_FIXED64);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(value >> 8 * i);
	buffer_append(out, bytes, sizeof(bytes));
}

void put_head(struct buffer *out, uint32_t field, size_t size)
{
	put_varint(out, (uint64_t)field << 3 | WIRE_BYTES);
	put_varint(out, size);
}

void put_bytes(struct buffer *out, uint32_t field, struct bytes data)
{
	put_head(out, field, data.size);
	buffer_bytes(out, data);
}

size_t field_size(size_t size)
{
	size_t head = 2;

	for (size_t rest = size; rest >= 0x80; rest >>= 7)
		head++;
	return head + size;
}

void put_entry_head(struct buffer *out, uint64_t entry, uint32_t type, uint64_t accepted_at, uint32_t policy_version)
{
	put_number(out, ENTRY_NUMBER, entry);
	put_number(out, ENTRY_TYPE, type);
	put_fixed64(out, ENTRY_ACCEPTED_AT, accepted_at);
	put_number(out, ENTRY_POLICY_VERSION, policy_version);
}

static bool take(struct bytes *rest, size_t size, struct bytes *out)
{
	if (size > rest->size)
		return false;
	*out = BYTES(rest->data, size);
	*rest = BYTES(rest->data + size, rest->size - size);
	return true;
}

static bool take_varint(struct bytes *rest, uint64_t *value)
{
	struct bytes byte;

	*value = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		if (!take(rest, 1, &byte))
			return false;
		*value |= (uint64_t)(byte.data[0] & 0x7f) << shift;
		if (byte.data[0] < 0x80)
			return true;
	}
	return false;
}

bool next_field(struct bytes *rest, struct encoded_field *field)
{
	struct bytes fixed;
	uint64_t tag;

	*field = (struct encoded_field){0};
	if (rest->size == 0 || !take_varint(rest, &tag))
		return false;
	field->field = (uint32_t)(tag >> 3);
	switch (tag & 7) {
	case WIRE_VARINT:
		return take_varint(rest, &field->number);
	case WIRE_FIXED64:
		if (!take(rest, 8, &fixed))
			return false;
		for (size_t i = 0; i < 8; i++)
			field->number |= (uint64_t)fixed.data[i] << 8 * i;
		return true;
	case WIRE_BYTES:
		return take_varint(rest, &field->number) && field->number <= rest->size &&
		       take(rest, (size_t)field->number, &field->data);
	default:
		return false;
	}
}

bool field_find(struct bytes message, uint32_t number, struct bytes *data)
{
	struct encoded_field field;

	while (next_field(&message, &field)) {
		if (field.field != number)
			continue;
		*data = field.data;
		return true;
	}
	return false;
}

static void wrap_take(struct bytes wrap, struct bytes node, struct routing_share *share)
{
	struct encoded_field field;
	struct bytes wrapped = {0};
	uint32_t key_id = 0;
	bool mine = false;

	while (next_field(&wrap, &field)) {
		if (field.field == WRAP_NODE)
			mine = bytes_equal(field.data, node);
		else if (field.field == WRAP_KEY_ID)
			key_id = (uint32_t)field.number;
		else if (field.field == WRAP_WRAPPED)
			wrapped = field.data;
	}
	if (!mine)
		return;
	share->wrap_key_id = key_id;
	share->wrap = wrapped;
}

struct routing_share routing_share(struct bytes routing, const char *node)
{
	const struct bytes name = BYTES(node, strlen(node)), agency = BYTES(node, strcspn(node, "."));
	struct routing_share share = {0};
	struct encoded_field field;

	while (next_field(&routing, &field)) {
		if (field.field == ROUTING_NOT_TO)
			share.left_out |= bytes_equal(field.data, name) || bytes_equal(field.data, agency);
		else if (field.field == ROUTING_WRAPS && share.wrap_key_id == 0)
			wrap_take(field.data, name, &share);
		else if (field.field == ROUTING_SUPERSEDED)
			share.superseded = field.data;
	}
	return share;
}
