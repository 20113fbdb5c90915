/* wire_store - puts checked values into a message as protobuf-c lays it out. For wire.c.
 *
 * The layout is that of protobuf-c 1.4: a member at `offset`; the count of a repeated field, or the number of the chosen
 * member of a oneof, at `quantifier_offset`. Memory comes from the arena. */
#ifndef SIMPUL_WIRE_STORE_H
#define SIMPUL_WIRE_STORE_H

#include "common/arena.h"
#include "common/bytes.h"

struct wire_store {
	struct arena *arena;
	bool views; /* bytes fields point into the encoded message */
};

/* A message with every field at its default. */
void *wire_store_message(struct wire_store *store, const ProtobufCMessageDescriptor *type);
/* The same as (an element of) `field`. */
void *wire_store_nested(struct wire_store *store, void *message, const ProtobufCFieldDescriptor *field);
/* A varint, as read. */
void wire_store_number(struct wire_store *store, void *message, const ProtobufCFieldDescriptor *field, uint64_t value);
void wire_store_fixed64(struct wire_store *store, void *message, const ProtobufCFieldDescriptor *field,
		   const uint8_t little_endian[8]);
/* A text, which is copied and gets its zero, or bytes. */
void wire_store_bytes(struct wire_store *store, void *message, const ProtobufCFieldDescriptor *field, struct bytes data);

#endif
