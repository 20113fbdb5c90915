/* json_fuzz - the JSON mapping of drafts, members and proofs: what is read can be written and read again, and is the
 * same message then; what is written of any message that the wire accepts can be read. */
#include "common/json.h"
#include "common/wire.h"
#include "proto/journal.pb-c.h"
#include "tests/fuzz/fuzz.h"

static const ProtobufCMessageDescriptor *const types[] = {
	&simpul__draft__descriptor,  &simpul__member_record__descriptor, &simpul__proof__descriptor,
	&simpul__header__descriptor, &simpul__body__descriptor,		 &simpul__routing__descriptor,
};

/* Jakarta's zone, none, and one west of Greenwich with minutes. */
static const int zones[] = {420, 0, -210};

/* Times are written to the year 9999 and names to 64 bytes; what lies beyond no reader accepts. */
static void written_and_read(const void *message, int zone)
{
	json_t *json = json_of_message(message, zone);
	struct fault fault = {.code = E_OK};
	struct buffer first = {0}, second = {0};
	struct arena arena;
	void *again;

	arena_init(&arena);
	again = json_to_message(((const ProtobufCMessage *)message)->descriptor, json, &arena, &fault);
	PROMISE(again != NULL);
	wire_pack(message, &first);
	wire_pack(again, &second);
	PROMISE(bytes_equal(buffer_view(&first), buffer_view(&second)));
	json_decref(json);
	arena_fini(&arena);
	buffer_free(&first);
	buffer_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes rest = BYTES(data, size);
	const uint8_t first = take_u8(&rest);
	json_t *json = json_loadb((const char *)rest.data, rest.size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
	struct fault fault = {.code = E_OK};
	struct arena arena;
	void *message;

	arena_init(&arena);
	if (json != NULL) {
		message = json_to_message(types[first % (sizeof types / sizeof types[0])], json, &arena, &fault);
		PROMISE((message != NULL) == (fault.code == E_OK));
		if (message != NULL)
			written_and_read(message, zones[first / 64 % (sizeof zones / sizeof zones[0])]);
	}
	json_decref(json);
	arena_fini(&arena);
	return 0;
}
