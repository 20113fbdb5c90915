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

/* Field numbers of Entry, and all of one up to its content. */
enum {
	ENTRY_NUMBER = 1,
	ENTRY_TYPE = 2,
	ENTRY_ACCEPTED_AT = 3,
	ENTRY_POLICY_VERSION = 4,
	ENTRY_DELIVERY = 5,
	ENTRY_MEMBER = 6,
	ENTRY_STANDING = 7,
	ENTRY_STUB = 8,
	ENTRY_BROKER_KEY = 9,
};
void put_entry_head(struct buffer *out, uint64_t entry, uint32_t type, uint64_t accepted_at, uint32_t policy_version);

/* One field of a message; `data` is empty unless it is length-delimited. */
struct encoded_field {
	uint32_t field;
	uint64_t number;
	struct bytes data;
};
/* Takes the next field off `rest`; false at the end and at bytes that make no field. */
bool next_field(struct bytes *rest, struct encoded_field *field);

/* The first field of this number that holds bytes; false when there is none. */
bool field_find(struct bytes message, uint32_t number, struct bytes *data);

/* What an encoded Routing has for one node; borrowed. */
struct routing_share {
	uint32_t wrap_key_id; /* 0: no key wrap */
	struct bytes wrap;
	bool left_out;		 /* `not_to` names the node or its agency */
	struct bytes superseded; /* what stands for an UPDATE; empty: it is none */
};
struct routing_share routing_share(struct bytes routing, const char *node);

#endif
