/* wire_test - what wire_check accepts is exactly what protobuf-c writes, within the limits. */
#include "common/limit.h"
#include "common/wire.h"
#include "proto/journal.pb-c.h"
#include "proto/watch.pb-c.h"
#include "tests/support/fixed.h"

#include <stdio.h>

/* ------------------------------------------------------------------ single promises */

static enum error check_hex(const ProtobufCMessageDescriptor *type, const char *hex, struct fault *fault)
{
	const size_t size = strlen(hex) / 2;
	uint8_t *data = malloc(size + 1); /* exact, so that the sanitizer sees a reach beyond */
	enum error error;

	assert_non_null(data);
	assert_true(hex_parse(hex, data, size));
	error = wire_check(type, BYTES(data, size), fault);
	free(data);
	return error;
}

#define REFUSED(type, hex, expected, where) \
	do { \
		struct fault fault = {0}; \
		assert_int_equal(check_hex(&simpul__##type##__descriptor, hex, &fault), expected); \
		assert_int_equal(fault.code, expected); \
		assert_string_equal(fault.field, where); \
	} while (0)
#define ACCEPTED(type, hex) assert_int_equal(check_hex(&simpul__##type##__descriptor, hex, NULL), E_OK)

static void well_formed_messages_are_accepted(void **state)
{
	(void)state;
	ACCEPTED(name, "");
	ACCEPTED(name, "0a0161"
		       "1001"
		       "1803"
		       "20ffffffffffffffffff01");
	ACCEPTED(bye, "");
	ACCEPTED(up, "08013200"); /* an empty message in a oneof */
	ACCEPTED(up, "0801"
		     "2a020a00");	 /* an empty nested message */
	ACCEPTED(place, "20ffffffff0f"); /* the least sint32 */
	ACCEPTED(cancel, "0801");
	ACCEPTED(header, "5a020102"); /* packed */
	ACCEPTED(lodging, "190000000000000001");
}

static void truncated_bytes_are_malformed(void **state)
{
	(void)state;
	REFUSED(name, "0a", E_MALFORMED, "origin");
	REFUSED(name, "0a0261", E_MALFORMED, "origin");
	REFUSED(name, "10", E_MALFORMED, "epoch");
	REFUSED(name, "1080", E_MALFORMED, "epoch");
	REFUSED(name, "80", E_MALFORMED, "");
	REFUSED(name, "0affffffffffffffffff01", E_MALFORMED, "origin");
	REFUSED(lodging, "1900000000000001", E_MALFORMED, "check_in");
	REFUSED(body, "12044a028201", E_MALFORMED, "sighting.persons[0].remark");
	REFUSED(name, "20ffffffffffffffffff02", E_MALFORMED, "number");
	REFUSED(name, "20ffffffffffffffffff8101", E_MALFORMED, "number");
}

static void field_zero_groups_and_wrong_wire_types_are_malformed(void **state)
{
	(void)state;
	REFUSED(name, "0001", E_MALFORMED, "");
	REFUSED(name, "8080808010", E_MALFORMED, "");
	REFUSED(name, "0b", E_MALFORMED, "origin");
	REFUSED(name, "0c", E_MALFORMED, "origin");
	REFUSED(name, "0801", E_MALFORMED, "origin");
	REFUSED(name, "1500000001", E_MALFORMED, "epoch");
	REFUSED(lodging, "1801", E_MALFORMED, "check_in");
}

static void a_field_given_twice_is_refused(void **state)
{
	(void)state;
	REFUSED(name, "10011002", E_NOT_CANONICAL, "epoch");
	REFUSED(name, "0a01610a0162", E_NOT_CANONICAL, "origin");
	REFUSED(up, "32003200", E_NOT_CANONICAL, "bye");
	REFUSED(header, "5a01015a0102", E_NOT_CANONICAL, "handling[1]");
}

static void fields_out_of_order_are_refused(void **state)
{
	(void)state;
	REFUSED(name, "10010a0161", E_NOT_CANONICAL, "");
	REFUSED(name, "200110012002", E_NOT_CANONICAL, "");
	REFUSED(routing, "1201611a0162120163", E_NOT_CANONICAL, "");
}

static void unknown_fields_are_refused(void **state)
{
	(void)state;
	REFUSED(name, "2801", E_UNKNOWN_FIELD, "");
	REFUSED(name, "10012801", E_UNKNOWN_FIELD, "");
	REFUSED(bye, "0801", E_UNKNOWN_FIELD, "");
	REFUSED(body, "6a00", E_UNKNOWN_FIELD, "");
	REFUSED(body, "12054a03880101", E_UNKNOWN_FIELD, "sighting.persons[0]");
}

static void default_values_are_not_written_out(void **state)
{
	(void)state;
	REFUSED(name, "0a00", E_NOT_CANONICAL, "origin");
	REFUSED(name, "1000", E_NOT_CANONICAL, "epoch");
	REFUSED(name, "1800", E_NOT_CANONICAL, "stream");
	REFUSED(lodging, "190000000000000000", E_NOT_CANONICAL, "check_in");
	REFUSED(key_wrap, "1a00", E_NOT_CANONICAL, "wrapped");
	REFUSED(header, "5a00", E_NOT_CANONICAL, "handling[0]");
	ACCEPTED(routing, "1200"); /* an element may be empty */
}

static void varints_are_as_short_as_can_be(void **state)
{
	(void)state;
	REFUSED(name, "108100", E_NOT_CANONICAL, "epoch");
	REFUSED(name, "900001", E_NOT_CANONICAL, "");
	REFUSED(name, "0a810061", E_NOT_CANONICAL, "origin");
	REFUSED(name, "108080808010", E_NOT_CANONICAL, "epoch"); /* 2^32 in a uint32 */
	REFUSED(place, "208080808010", E_NOT_CANONICAL, "latitude_e7");
}

static void numbers_that_belong_packed_are_refused_one_by_one(void **state)
{
	(void)state;
	REFUSED(header, "5801", E_NOT_CANONICAL, "handling[0]");
	REFUSED(header, "5a020181", E_MALFORMED, "handling[1]");
	REFUSED(header, "5a020105", E_UNKNOWN_VALUE, "handling[1]");
	REFUSED(header, "5a050101010101", E_TOO_LARGE, "handling[4]");
}

static void values_outside_their_list_are_refused(void **state)
{
	(void)state;
	REFUSED(name, "1804", E_UNKNOWN_VALUE, "stream");
	REFUSED(name, "18ffffffffffffffffff01", E_UNKNOWN_VALUE, "stream");
	REFUSED(name, "188180808010", E_UNKNOWN_VALUE, "stream"); /* 1 after a cut to 32 bits */
	REFUSED(header, "300c", E_UNKNOWN_VALUE, "kind");
}

static void two_members_of_a_oneof_are_refused(void **state)
{
	(void)state;
	REFUSED(up, "22003200", E_NOT_CANONICAL, "bye");
	REFUSED(body, "120022021200", E_NOT_CANONICAL, "update");
}

static void texts_are_utf8_without_control_characters(void **state)
{
	static const char *const right[] = {"7e",     "09",	"0a",	  "c280",     "dfbf",	 "e0a080",
					    "ed9fbf", "ee8080", "efbfbf", "f0908080", "f48fbfbf"};
	static const char *const wrong[] = {"80",	"bf",	    "c0af",	"c1bf",	    "c2",     "c228",
					    "e0",	"e080",	    "e09fbf",	"eda080",   "edbfbf", "e28228",
					    "f08fbfbf", "f0808080", "f4908080", "f5808080", "ff",     "fe"};
	static const char *const control[] = {"00", "01", "08", "0b", "0d", "1f", "7f"};
	char hex[32];

	(void)state;
	for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
		snprintf(hex, sizeof hex, "0a%02zx%s", strlen(right[i]) / 2, right[i]);
		ACCEPTED(name, hex);
	}
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		snprintf(hex, sizeof hex, "0a%02zx%s", strlen(wrong[i]) / 2, wrong[i]);
		REFUSED(name, hex, E_NOT_UTF8, "origin");
	}
	for (size_t i = 0; i < sizeof control / sizeof control[0]; i++) {
		snprintf(hex, sizeof hex, "0a%02zx%s", strlen(control[i]) / 2, control[i]);
		REFUSED(name, hex, E_INVALID, "origin");
	}
}

/* ------------------------------------------------------------------ limits */

static enum error check_packed(const void *message, struct fault *fault)
{
	struct buffer packed = {0};
	enum error error;

	wire_pack(message, &packed);
	error = wire_check(((const ProtobufCMessage *)message)->descriptor, buffer_view(&packed), fault);
	buffer_free(&packed);
	return error;
}

/* Plain characters are looked at by the eight: a bad one must be found wherever it stands. */
static void a_bad_character_is_found_wherever_it_stands(void **state)
{
	static const uint8_t bad[] = {0x00, 0x01, 0x1f, 0x7f, 0x80, 0xc0, 0xff};
	uint8_t data[2 + 24];

	(void)state;
	for (size_t at = 0; at < 24; at++) {
		for (size_t i = 0; i < sizeof bad; i++) {
			memset(data, 'a', sizeof data);
			data[0] = 0x0a;
			data[1] = 24;
			assert_int_equal(wire_check(&simpul__name__descriptor, BYTES(data, sizeof data), NULL), E_OK);
			data[2 + at] = bad[i];
			assert_int_equal(wire_check(&simpul__name__descriptor, BYTES(data, sizeof data), NULL),
					 bad[i] < 0x80 ? E_INVALID : E_NOT_UTF8);
		}
	}
}

static void texts_and_bytes_have_their_limits(void **state)
{
	static char text[5000];
	Simpul__Sighting sighting = SIMPUL__SIGHTING__INIT;
	Simpul__Person person = SIMPUL__PERSON__INIT;
	Simpul__Header header = SIMPUL__HEADER__INIT;
	struct fault fault;

	(void)state;
	memset(text, 'a', sizeof text - 1);
#define LIMITED(message, set, limit, where) \
	do { \
		memset(text, 'a', sizeof text - 1); \
		text[limit] = '\0'; \
		set; \
		assert_int_equal(check_packed(message, &fault), E_OK); \
		text[limit] = 'a'; \
		text[(limit) + 1] = '\0'; \
		set; \
		assert_int_equal(check_packed(message, &fault), E_TOO_LARGE); \
		assert_string_equal(fault.field, where); \
	} while (0)
	LIMITED(&sighting, sighting.summary = text, 4000, "summary"); /* above the default */
	LIMITED(&person, person.address = text, LIMIT_TEXT, "address");
	LIMITED(&person, (person.address = (char *)(uintptr_t) "", person.remark = text), 1000, "remark");
	LIMITED(&header, (header.salt.data = (uint8_t *)text, header.salt.len = strlen(text)), 16,
		"salt"); /* below it */
#undef LIMITED
}

static void repeated_fields_have_their_limits(void **state)
{
	static char *names[LIMIT_REPEATED + 1];
	static Simpul__Person persons[65], *list[65];
	Simpul__Routing routing = SIMPUL__ROUTING__INIT;
	Simpul__Receipt receipt = SIMPUL__RECEIPT__INIT;
	Simpul__Sighting sighting = SIMPUL__SIGHTING__INIT;
	struct fault fault;

	(void)state;
	for (size_t i = 0; i <= LIMIT_REPEATED; i++)
		names[i] = (char *)(uintptr_t) "a.b";
	for (size_t i = 0; i < 65; i++) {
		simpul__person__init(&persons[i]);
		list[i] = &persons[i];
	}
	routing.to = receipt.unreachable = names;
	sighting.persons = list;
	routing.n_to = 64;
	assert_int_equal(check_packed(&routing, &fault), E_OK);
	routing.n_to = 65;
	assert_int_equal(check_packed(&routing, &fault), E_TOO_LARGE);
	assert_string_equal(fault.field, "to[64]");
	receipt.n_unreachable = LIMIT_REPEATED;
	assert_int_equal(check_packed(&receipt, &fault), E_OK);
	receipt.n_unreachable = LIMIT_REPEATED + 1;
	assert_int_equal(check_packed(&receipt, &fault), E_TOO_LARGE);
	sighting.n_persons = 64;
	assert_int_equal(check_packed(&sighting, &fault), E_OK);
	sighting.n_persons = 65;
	assert_int_equal(check_packed(&sighting, &fault), E_TOO_LARGE);
	assert_string_equal(fault.field, "persons[64]");
}

/* Each row of the table must name a field that exists, or it limits nothing; and short texts are not looked up. */
static void row_check(const ProtobufCMessageDescriptor *type, const char *name, unsigned limit)
{
	const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(type, name);

	assert_non_null(field);
	assert_true(field->type != PROTOBUF_C_TYPE_STRING || field->label == PROTOBUF_C_LABEL_REPEATED || limit >= LIMIT_TEXT);
}

static void every_limit_belongs_to_a_field(void **state)
{
	(void)state;
#define X(message, field, limit) row_check(&simpul__##message##__descriptor, #field, limit);
	FIELD_LIMITS(X)
#undef X
}

/* ------------------------------------------------------------------ agreement with protobuf-c */

struct random {
	uint64_t state;
};

static uint64_t random_next(struct random *random)
{
	random->state ^= random->state << 13;
	random->state ^= random->state >> 7;
	random->state ^= random->state << 17;
	return random->state;
}

static size_t random_below(struct random *random, size_t limit)
{
	return (size_t)(random_next(random) >> 11) % limit;
}

/* Numbers of every length. */
static uint64_t random_number(struct random *random)
{
	const unsigned shift = (unsigned)random_below(random, 64);

	return random_next(random) >> shift;
}

static char *random_text(struct random *random, struct arena *arena)
{
	static const char *const pieces[] = {"",   "a", "police.oku", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x99\x82",
					     "\n", "~"};
	char text[64] = "";

	for (size_t i = random_below(random, 4); i > 0; i--)
		strcat(text, pieces[random_below(random, sizeof pieces / sizeof pieces[0])]);
	return arena_text(arena, text);
}

static void *random_message(struct random *random, const ProtobufCMessageDescriptor *type, struct arena *arena);

static void random_value(struct random *random, const ProtobufCFieldDescriptor *field, struct arena *arena,
			 uint8_t *out)
{
	const ProtobufCEnumDescriptor *values = field->descriptor;
	ProtobufCBinaryData data;

	switch (field->type) {
	case PROTOBUF_C_TYPE_STRING:
		*(char **)(void *)out = random_text(random, arena);
		break;
	case PROTOBUF_C_TYPE_BYTES:
		data.len = random_below(random, 17);
		data.data = arena_alloc(arena, data.len);
		fixed_fill(data.data, data.len, (uint8_t)random_next(random));
		memcpy(out, &data, sizeof data);
		break;
	case PROTOBUF_C_TYPE_MESSAGE:
		*(void **)(void *)out = random_message(random, field->descriptor, arena);
		break;
	case PROTOBUF_C_TYPE_ENUM:
		*(int *)(void *)out = values->values[random_below(random, values->n_values)].value;
		break;
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_FIXED64:
		*(uint64_t *)(void *)out = random_number(random);
		break;
	default:
		*(uint32_t *)(void *)out = (uint32_t)random_number(random);
		break;
	}
}

static size_t element_size(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_BYTES:
		return sizeof(ProtobufCBinaryData);
	case PROTOBUF_C_TYPE_ENUM:
		return sizeof(int);
	default:
		return sizeof(void *);
	}
}

static void random_field(struct random *random, const ProtobufCFieldDescriptor *field, struct arena *arena,
			 uint8_t *message)
{
	uint8_t *value = message + field->offset, *quantifier = message + field->quantifier_offset, *elements;
	size_t count;

	if (field->label == PROTOBUF_C_LABEL_REPEATED) {
		count = 1 + random_below(random, 4);
		elements = arena_alloc(arena, count * element_size(field->type));
		for (size_t i = 0; i < count; i++)
			random_value(random, field, arena, elements + i * element_size(field->type));
		*(size_t *)(void *)quantifier = count;
		*(void **)(void *)value = elements;
		return;
	}
	if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
		if (*(uint32_t *)(void *)quantifier != 0)
			return;
		*(uint32_t *)(void *)quantifier = field->id;
	}
	random_value(random, field, arena, value);
}

static void *random_message(struct random *random, const ProtobufCMessageDescriptor *type, struct arena *arena)
{
	uint8_t *message = arena_alloc(arena, type->sizeof_message);

	protobuf_c_message_init(type, message);
	for (unsigned i = 0; i < type->n_fields; i++)
		if (random_next(random) & 1 << 20)
			random_field(random, &type->fields[i], arena, message);
	return message;
}

static void assert_packs_as(const void *message, struct bytes data)
{
	struct buffer packed = {0};

	assert_non_null(message);
	wire_pack(message, &packed);
	assert_true(bytes_equal(data, buffer_view(&packed)));
	buffer_free(&packed);
}

/* Unpacks and packs again; fails unless the bytes are the same, and unless protobuf-c reads the same out of them. */
static void assert_same_again(const ProtobufCMessageDescriptor *type, struct bytes data, struct arena *arena)
{
	assert_packs_as(wire_unpack(type, data, arena, NULL), data);
	assert_packs_as(wire_view(type, data, arena, NULL), data);
	assert_packs_as(protobuf_c_message_unpack(type, &arena->protobuf, data.size, data.data ? data.data : (const uint8_t *)""),
			data);
}

/* A byte changed, removed, added or doubled, or a piece repeated. Returns a new size. */
static size_t mutate(struct random *random, uint8_t *data, size_t size)
{
	const size_t at = random_below(random, size), length = 1 + random_below(random, size - at);

	switch (random_below(random, 5)) {
	case 0:
		data[at] = (uint8_t)random_next(random);
		return size;
	case 1:
		data[at] ^= (uint8_t)(1u << random_below(random, 8));
		return size;
	case 2:
		memmove(data + at, data + at + 1, size - at - 1);
		return size - 1;
	case 3:
		memmove(data + at + 1, data + at, size - at);
		data[at] = (uint8_t)random_below(random, 8);
		return size + 1;
	default:
		memmove(data + at + length, data + at, size - at);
		return size + length;
	}
}

static const ProtobufCMessageDescriptor *const random_types[] = {
	&simpul__header__descriptor,	  &simpul__body__descriptor,  &simpul__routing__descriptor,
	&simpul__up__descriptor,	  &simpul__down__descriptor,  &simpul__batch__descriptor,
	&simpul__draft__descriptor,	  &simpul__proof__descriptor, &simpul__stored_submission__descriptor,
	&simpul__sealed_body__descriptor, &simpul__name__descriptor};

#define TYPES (sizeof random_types / sizeof random_types[0])

static void what_protobuf_writes_is_accepted(void **state)
{
	struct random random = {.state = 0x9e3779b97f4a7c15};
	struct buffer packed = {0};
	struct arena arena;
	struct fault fault;
	char text[256];

	(void)state;
	arena_init(&arena);
	for (unsigned i = 0; i < 2000; i++) {
		const ProtobufCMessageDescriptor *type = random_types[i % TYPES];

		buffer_clear(&packed);
		wire_pack(random_message(&random, type, &arena), &packed);
		if (wire_check(type, buffer_view(&packed), &fault) != E_OK)
			fail_msg("%s: %s", type->name, fault_text(&fault, text, sizeof text));
		assert_same_again(type, buffer_view(&packed), &arena);
		arena_reset(&arena);
	}
	buffer_free(&packed);
	arena_fini(&arena);
}

static void what_is_accepted_is_written_the_same_again(void **state)
{
	struct random random = {.state = 0xd1b54a32d192ed03};
	struct buffer packed = {0};
	unsigned accepted = 0, refused = 0;
	struct arena arena;

	(void)state;
	arena_init(&arena);
	for (unsigned i = 0; i < 50000; i++) {
		const ProtobufCMessageDescriptor *type = random_types[i % TYPES];
		size_t size;

		buffer_clear(&packed);
		wire_pack(random_message(&random, type, &arena), &packed);
		size = packed.size;
		if (size == 0)
			continue;
		buffer_room(&packed, size + 1);
		size = mutate(&random, packed.data, size);
		if (wire_check(type, BYTES(packed.data, size), NULL) == E_OK) {
			assert_same_again(type, BYTES(packed.data, size), &arena);
			accepted++;
		} else {
			refused++;
		}
		arena_reset(&arena);
	}
	/* Otherwise the loop has shown nothing. */
	assert_true(accepted > 1000);
	assert_true(refused > 1000);
	buffer_free(&packed);
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(well_formed_messages_are_accepted),
		cmocka_unit_test(truncated_bytes_are_malformed),
		cmocka_unit_test(field_zero_groups_and_wrong_wire_types_are_malformed),
		cmocka_unit_test(a_field_given_twice_is_refused),
		cmocka_unit_test(fields_out_of_order_are_refused),
		cmocka_unit_test(unknown_fields_are_refused),
		cmocka_unit_test(default_values_are_not_written_out),
		cmocka_unit_test(varints_are_as_short_as_can_be),
		cmocka_unit_test(numbers_that_belong_packed_are_refused_one_by_one),
		cmocka_unit_test(values_outside_their_list_are_refused),
		cmocka_unit_test(two_members_of_a_oneof_are_refused),
		cmocka_unit_test(texts_are_utf8_without_control_characters),
		cmocka_unit_test(a_bad_character_is_found_wherever_it_stands),
		cmocka_unit_test(texts_and_bytes_have_their_limits),
		cmocka_unit_test(repeated_fields_have_their_limits),
		cmocka_unit_test(every_limit_belongs_to_a_field),
		cmocka_unit_test(what_protobuf_writes_is_accepted),
		cmocka_unit_test(what_is_accepted_is_written_the_same_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
