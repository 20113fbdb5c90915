/* Tries to change what goes over the link and to leave its version as it was. */
#include "common/hash.h"
#include "common/limit.h"
#include "proto/link.pb-c.h"

#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* The messages of the link in this version, as a hash: a program of the same version understands all of it. */
#define VERSION 2
#define MESSAGES "f3a61966e5f8f5a232cb615ecd06c90d712504459f0c7e794a1eab363aab9a1e"

enum { MESSAGES_MOST = 100 };

/* Every message that is in another one, once. */
struct seen {
	const ProtobufCMessageDescriptor *messages[MESSAGES_MOST];
	size_t count;
};

static void see(struct seen *seen, const ProtobufCMessageDescriptor *message)
{
	for (size_t i = 0; i < seen->count; i++)
		if (seen->messages[i] == message)
			return;
	assert_true(seen->count < MESSAGES_MOST);
	seen->messages[seen->count++] = message;
	for (unsigned i = 0; i < message->n_fields; i++)
		if (message->fields[i].type == PROTOBUF_C_TYPE_MESSAGE)
			see(seen, message->fields[i].descriptor);
}

static void values_put(struct buffer *out, const ProtobufCEnumDescriptor *values)
{
	for (unsigned i = 0; i < values->n_values; i++)
		buffer_u32(out, (uint32_t)values->values[i].value);
}

static void message_put(struct buffer *out, const ProtobufCMessageDescriptor *message)
{
	buffer_text(out, message->name);
	for (unsigned i = 0; i < message->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &message->fields[i];

		buffer_u32(out, field->id);
		buffer_u8(out, (uint8_t)field->label);
		buffer_u8(out, (uint8_t)field->type);
		buffer_text(out, field->name);
		if (field->type == PROTOBUF_C_TYPE_ENUM)
			values_put(out, field->descriptor);
	}
}

static void what_is_added_to_the_link_raises_its_version(void **state)
{
	struct seen seen = {.count = 0};
	struct buffer text = {0};
	char hex[2 * HASH_SIZE + 1];
	struct hash hash;

	(void)state;
	see(&seen, &simpul__up__descriptor);
	see(&seen, &simpul__down__descriptor);
	for (size_t i = 0; i < seen.count; i++)
		message_put(&text, seen.messages[i]);
	hash = hash_of(buffer_view(&text));
	buffer_free(&text);
	assert_int_equal(LINK_VERSION, VERSION);
	if (strcmp(hex_of(hex, BYTES(hash.bytes, HASH_SIZE)), MESSAGES) != 0)
		fail_msg("the link's messages changed: raise LINK_VERSION in common/limit.h, and put VERSION and %s "
			 "here",
			 hex);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_added_to_the_link_raises_its_version)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
