/* wire - checks foreign bytes against a protobuf descriptor and decodes them, each field checked before it is stored.
 *
 * Canonical means what PROTOCOL.md, "Encoding", says: fields ascending and given once, no unknown
 * field, no default value written out, shortest varints, packed where proto3 packs, enumerations
 * within their list, valid UTF-8 without control characters other than tab and newline, every
 * string, count and depth within limit.h. Equal messages then have equal bytes. */
#ifndef SIMPUL_WIRE_H
#define SIMPUL_WIRE_H

#include "common/arena.h"
#include "common/bytes.h"
#include "common/error.h"

/* Walks `data` without allocating. On an error `fault->field` is the path below this message
 * ("persons[2].age"). E_OK, E_MALFORMED, E_NOT_CANONICAL, E_NOT_UTF8, E_TOO_LARGE, E_TOO_DEEP,
 * E_UNKNOWN_FIELD, E_UNKNOWN_VALUE, E_INVALID (a control character). */
enum error wire_check(const ProtobufCMessageDescriptor *type, struct bytes data, struct fault *fault);

/* Whether limit.h admits so many bytes in this text or bytes field, or so many elements in this repeated field. One
 * element of repeated texts has at most LIMIT_TEXT bytes, one of repeated bytes LIMIT_HEADER. */
bool wire_size_allowed(const ProtobufCMessageDescriptor *type, const ProtobufCFieldDescriptor *field, size_t size);

/* wire_check and unpack into `arena` in one walk; NULL with `fault` filled on an error. The message lives as
 * long as the arena's content; its strings and bytes are copies. */
void *wire_unpack(const ProtobufCMessageDescriptor *type, struct bytes data, struct arena *arena, struct fault *fault);
/* The same, but bytes fields point into `data`, which must live as long as the message: for submissions and batches. */
void *wire_view(const ProtobufCMessageDescriptor *type, struct bytes data, struct arena *arena, struct fault *fault);

/* Appends the encoding of `message`, which is canonical by construction when its repeated enums are. */
void wire_pack(const void *message, struct buffer *out);

/* A bytes field of a decoded message. */
static inline struct bytes of_binary(ProtobufCBinaryData data)
{
	return BYTES(data.data, data.len);
}

/* And one to be encoded: borrowed, for protobuf-c has no const, and nobody writes through a message that is packed. */
static inline ProtobufCBinaryData to_binary(struct bytes data)
{
	return (ProtobufCBinaryData){.len = data.size, .data = (uint8_t *)(uintptr_t)data.data};
}

#endif
