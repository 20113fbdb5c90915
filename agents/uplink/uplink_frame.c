/* uplink_frame - finds and places whole parts in a frame, so that a batch or a submission is neither decoded nor
 * copied twice. */
#include "agents/uplink/uplink_state.h"

enum { VARINT = 0, FIXED64 = 1, DELIMITED = 2, SEQ_FIELD = 1 };

static bool varint_read(struct bytes *rest, uint64_t *value)
{
	*value = 0;
	for (unsigned shift = 0; rest->size > 0 && shift < 64; shift += 7) {
		const uint8_t byte = *rest->data;

		*rest = BYTES(rest->data + 1, rest->size - 1);
		*value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return true;
	}
	return false;
}

/* Takes one field off the front: `value` is its number, or `part` its bytes. False at the end and for what is no
 * field. */
static bool field_take(struct bytes *rest, uint64_t *tag, uint64_t *value, struct bytes *part)
{
	uint64_t size = 8;

	*value = 0;
	*part = (struct bytes){0};
	if (!varint_read(rest, tag))
		return false;
	switch (*tag & 7) {
	case VARINT:
		return varint_read(rest, value);
	case DELIMITED:
		if (!varint_read(rest, &size))
			return false;
		break;
	case FIXED64:
		break;
	default:
		return false;
	}
	if (size > rest->size)
		return false;
	*part = BYTES(rest->data, size);
	*rest = BYTES(rest->data + size, rest->size - size);
	return true;
}

bool frame_part(struct bytes message, uint32_t number, struct bytes *part)
{
	uint64_t tag, value;

	while (field_take(&message, &tag, &value, part))
		if (tag == ((uint64_t)number << 3 | DELIMITED))
			return true;
	return false;
}

uint64_t frame_number(struct bytes message, uint32_t number)
{
	uint64_t tag, value;
	struct bytes part;

	while (field_take(&message, &tag, &value, &part))
		if (tag == ((uint64_t)number << 3 | VARINT))
			return value;
	return 0;
}

static size_t varint_write(uint8_t *out, uint64_t value)
{
	size_t size = 0;

	for (; value >= 0x80; value >>= 7)
		out[size++] = (uint8_t)(value | 0x80);
	out[size++] = (uint8_t)value;
	return size;
}

size_t frame_prefix(uint8_t prefix[FRAME_PREFIX_SIZE], uint64_t seq, uint32_t number, size_t size)
{
	size_t used = 0;

	used += varint_write(prefix + used, SEQ_FIELD << 3 | VARINT);
	used += varint_write(prefix + used, seq);
	used += varint_write(prefix + used, (uint64_t)number << 3 | DELIMITED);
	used += varint_write(prefix + used, size);
	return used;
}
