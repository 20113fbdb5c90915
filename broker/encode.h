/* encode - protobuf fields written and read one by one, for messages put together from parts that are encoded already.
 */
#ifndef SIMPUL_ENCODE_H
#define SIMPUL_ENCODE_H

#include "common/bytes.h"

/* Most bytes that put_bytes adds before its data, for fields up to 15. */
#define ENCODE_HEAD 6

/* Default values are left out, as proto3 has it. */
void put_number(struct buffer *out, uint32_t field, uint64_t value);
void put_fixed64(struct buffer *out, uint32_t field, uint64_t value);
/* A message, text or bytes; written even when empty. */
void put_bytes(struct buffer *out, uint32_t field, struct bytes data);
/* The tag and length alone; the caller appends `size` bytes. */
void put_head(struct buffer *out, uint32_t field, size_t size);

/* What put_bytes adds for so many bytes, of a field up to 15. */
size_t field_size(size_t size);

/* One field of a message; `data` is empty unless it is length-delimited. */
struct encoded_field {
	uint32_t field;
	uint64_t number;
	struct bytes data;
};
/* Takes the next field off `rest`; false at the end and at bytes that make no field. */
bool next_field(struct bytes *rest, struct encoded_field *field);

/* The key wrap for `node` among those of an encoded Routing; false when there is none. */
bool routing_wrap_find(struct bytes routing, const char *node, uint32_t *key_id, struct bytes *wrapped);

#endif
