/* wire_fuzz - wire_check, wire_unpack and wire_view for every message that a foreigner sends: what they accept is
 * canonical, so its encoding gives back the very bytes; what they refuse they refuse for a reason. */
#include "common/wire.h"
#include "proto/journal.pb-c.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>

static const ProtobufCMessageDescriptor *const types[] = {
	&simpul__up__descriptor,
	&simpul__down__descriptor,
	&simpul__batch__descriptor,
	&simpul__submission__descriptor,
	&simpul__delivery__descriptor,
	&simpul__header__descriptor,
	&simpul__body__descriptor,
	&simpul__routing__descriptor,
	&simpul__receipt__descriptor,
	&simpul__member_record__descriptor,
	&simpul__sealed_body__descriptor,
	&simpul__proof__descriptor,
	&simpul__genesis__descriptor,
	&simpul__stored_submission__descriptor,
	&simpul__policy_version__descriptor,
	&simpul__subscription__descriptor,
	&simpul__broker_terms__descriptor,
	&simpul__broker_key__descriptor,
};

/* The first byte says which message the rest is. */
static const ProtobufCMessageDescriptor *type_of(uint8_t first)
{
	return types[first % (sizeof types / sizeof types[0])];
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
	if (size < 2 || most < 2)
		return LLVMFuzzerMutate(data, size, most);
	return 1 + mutate_message(type_of(data[0]), data + 1, size - 1, most - 1, seed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes rest = BYTES(data, size);
	const ProtobufCMessageDescriptor *type = type_of(take_u8(&rest));
	struct fault fault = {.code = E_OK};
	struct buffer again = {0};
	struct arena arena;
	const void *message, *view;

	arena_init(&arena);
	message = wire_unpack(type, rest, &arena, &fault);
	PROMISE((message != NULL) == (fault.code == E_OK));
	PROMISE(wire_check(type, rest, NULL) == fault.code);
	PROMISE(memchr(fault.field, '\0', sizeof fault.field) != NULL);
	view = wire_view(type, rest, &arena, NULL);
	PROMISE((view != NULL) == (message != NULL));
	if (message != NULL) {
		wire_pack(message, &again);
		PROMISE(bytes_equal(rest, buffer_view(&again)));
		buffer_clear(&again);
		wire_pack(view, &again);
		PROMISE(bytes_equal(rest, buffer_view(&again)));
	}
	buffer_free(&again);
	arena_fini(&arena);
	return 0;
}
