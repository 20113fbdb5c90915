/* json_test - messages survive JSON, and JSON that is no message is refused at its place. */
#include "common/json.h"
#include "common/bytes.h"
#include "common/wire.h"
#include "proto/journal.pb-c.h"
#include "tests/support/fixed.h"

#include <ctype.h>

static const ProtobufCEnumDescriptor *const enums[] = {
	&simpul__stream__descriptor,	    &simpul__status__descriptor,
	&simpul__msg_type__descriptor,	    &simpul__kind__descriptor,
	&simpul__label__descriptor,	    &simpul__handling__descriptor,
	&simpul__protection__descriptor,    &simpul__source_grade__descriptor,
	&simpul__information_grade__descriptor, &simpul__body_form__descriptor, &simpul__capacity__descriptor,
	&simpul__identity__descriptor,	    &simpul__age__descriptor,
	&simpul__sex__descriptor,	    &simpul__permit__descriptor,
	&simpul__assertion__descriptor,	    &simpul__requested_action__descriptor,
	&simpul__urgency__descriptor,	    &simpul__severity__descriptor,
	&simpul__certainty__descriptor,	    &simpul__response_type__descriptor,
	&simpul__cancel_reason__descriptor, &simpul__entry_type__descriptor,
	&simpul__standing__descriptor};

/* Letters and digits of `text` in upper case. */
static void letters(const char *text, char out[64])
{
	size_t used = 0;

	for (; *text; text++)
		if (isalnum((unsigned char)*text))
			out[used++] = (char)toupper((unsigned char)*text);
	out[used] = '\0';
}

/* "CAPACITY_POSSIBLE_VICTIM" must end with the letters of its word, after those of "Capacity". */
static void every_value_has_its_own_word(void **state)
{
	char name[64], word[64], prefix[64];

	(void)state;
	for (size_t i = 0; i < sizeof enums / sizeof enums[0]; i++) {
		for (unsigned j = 0; j < enums[i]->n_values; j++) {
			const int value = enums[i]->values[j].value;
			int back = -1;

			letters(enums[i]->values[j].name, name);
			letters(enums[i]->short_name, prefix);
			letters(enum_text(enums[i], value), word);
			assert_memory_equal(name, prefix, strlen(prefix));
			if (word[0] == '\0')
				strcpy(word, "UNSPECIFIED");
			assert_string_equal(name + strlen(prefix), word);
			assert_true(enum_parse(enums[i], enum_text(enums[i], value), &back));
			assert_int_equal(back, value);
		}
		assert_string_equal(enum_text(enums[i], 99), "");
		assert_string_equal(enum_text(enums[i], -1), "");
	}
}

static void words_are_written_as_people_know_them(void **state)
{
	(void)state;
	assert_string_equal(enum_text(&simpul__label__descriptor, 4), "AMBER+STRICT");
	assert_string_equal(enum_text(&simpul__capacity__descriptor, 6), "possible-victim");
	assert_string_equal(enum_text(&simpul__status__descriptor, 1), "Actual");
	assert_string_equal(enum_text(&simpul__response_type__descriptor, 8), "AllClear");
	assert_string_equal(enum_text(&simpul__status__descriptor, 0), "");
}

static void words_are_read_in_any_case_and_with_any_separator(void **state)
{
	static const char *const strict[] = {"AMBER+STRICT", "amber-strict", "Amber Strict", "AMBER_STRICT",
					     "amberstrict"};
	static const char *const clear[] = {"AllClear", "all-clear", "ALL_CLEAR", "all clear"};
	static const char *const wrong[] = {"AMBER+",	   "PURPLE",	" ", "-",	    "+",
					    "UNSPECIFIED", "LABEL_RED", "4", "AMBER,STRICT"};
	int value;

	(void)state;
	for (size_t i = 0; i < sizeof strict / sizeof strict[0]; i++) {
		assert_true(enum_parse(&simpul__label__descriptor, strict[i], &value) && value == 4);
	}
	for (size_t i = 0; i < sizeof clear / sizeof clear[0]; i++)
		assert_true(enum_parse(&simpul__response_type__descriptor, clear[i], &value) && value == 8);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
		assert_false(enum_parse(&simpul__label__descriptor, wrong[i], &value));
	assert_true(enum_parse(&simpul__information_grade__descriptor, "4", &value) && value == 4);
	assert_true(enum_parse(&simpul__label__descriptor, "", &value) && value == 0);
}

/* ------------------------------------------------------------------ messages */

static const char whole_draft[] =
	"{\"status\":\"Exercise\",\"category\":\"overstay\",\"region\":\"16.01\",\"label\":\"AMBER+STRICT\","
	"\"handling\":[\"H1\",\"H3\"],\"protection\":[\"child\"],\"purpose\":\"immigration-oversight\","
	"\"legal_basis\":{\"code\":\"UU-6-2011-72\",\"number\":\"W6/12.2026\"},\"source_grade\":\"A\","
	"\"information_grade\":\"2\",\"expires\":\"2026-12-01T07:00:00+07:00\",\"to\":[\"police.oku\",\"army\"],"
	"\"sighting\":{\"first_seen\":\"2026-11-20T10:00:00+07:00\",\"count\":2,\"sighting_of\":\"police.oku#2.X17\","
	"\"summary\":\"Dua orang \\u00e9\",\"assertion\":\"fact\",\"where_sighted\":{\"region\":\"16.01.14\","
	"\"latitude_e7\":-41234567,\"longitude_e7\":1041234567},\"persons\":[{\"capacity\":\"possible-victim\","
	"\"identity\":\"document-verified\",\"age\":\"child\",\"sex\":\"F\",\"nationality\":\"UTO\",\"documents\":"
	"[{\"type\":\"P\",\"issuing_state\":\"UTO\",\"number\":\"L898902C3\",\"expiry_date\":\"2030-04-15\"}]}]}}";

static json_t *parse(const char *text)
{
	json_error_t error;
	json_t *json = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);

	if (!json)
		fail_msg("%s: %s", text, error.text);
	return json;
}

static void a_draft_survives_both_ways(void **state)
{
	json_t *json = parse(whole_draft), *back;
	struct arena arena;
	struct fault fault;
	const Simpul__Draft *draft;
	char *text;

	(void)state;
	arena_init(&arena);
	draft = json_to_message(&simpul__draft__descriptor, json, &arena, &fault);
	assert_non_null(draft);
	assert_int_equal(draft->content_case, SIMPUL__DRAFT__CONTENT_SIGHTING);
	assert_int_equal(draft->n_to, 2);
	assert_int_equal(draft->expires, UINT64_C(1796083200000));
	assert_int_equal(draft->sighting->where_sighted->latitude_e7, -41234567);
	assert_string_equal(draft->sighting->sighting_of->origin, "police.oku");
	assert_int_equal(draft->sighting->sighting_of->number, 17);
	assert_int_equal(draft->sighting->sighting_of->epoch, 2);
	back = json_of_message(draft, 420);
	text = json_dumps(back, JSON_COMPACT | JSON_PRESERVE_ORDER);
	if (!json_equal(json, back))
		fail_msg("%s", text);
	free(text);
	json_decref(json);
	json_decref(back);
	arena_fini(&arena);
}

/* What came from JSON is canonical once packed. */
static void what_is_read_passes_the_wire(void **state)
{
	json_t *json = parse(whole_draft);
	struct buffer packed = {0};
	struct arena arena;
	void *draft;

	(void)state;
	arena_init(&arena);
	draft = json_to_message(&simpul__draft__descriptor, json, &arena, NULL);
	assert_non_null(draft);
	wire_pack(draft, &packed);
	assert_int_equal(wire_check(&simpul__draft__descriptor, buffer_view(&packed), NULL), E_OK);
	buffer_free(&packed);
	json_decref(json);
	arena_fini(&arena);
}

static void defaults_are_left_out(void **state)
{
	const Simpul__Draft draft = SIMPUL__DRAFT__INIT;
	Simpul__Sighting sighting = SIMPUL__SIGHTING__INIT;
	json_t *json = json_of_message(&draft, 0);

	(void)state;
	assert_int_equal(json_object_size(json), 0);
	json_decref(json);
	sighting.requested_action = SIMPUL__REQUESTED_ACTION__REQUESTED_ACTION_NONE;
	json = json_of_message(&sighting, 0);
	assert_int_equal(json_object_size(json), 0);
	json_decref(json);
}

static void large_numbers_and_bytes_survive(void **state)
{
	uint8_t bytes[] = {0x00, 0xff, 0x10};
	Simpul__Proof proof = SIMPUL__PROOF__INIT, *back;
	struct arena arena;
	json_t *json;

	(void)state;
	arena_init(&arena);
	proof.entry = UINT64_MAX;
	proof.index = UINT32_MAX;
	proof.exchange = (ProtobufCBinaryData){.len = 3, .data = bytes};
	json = json_of_message(&proof, 0);
	assert_string_equal(json_string_value(json_object_get(json, "exchange")), "00ff10");
	back = json_to_message(&simpul__proof__descriptor, json, &arena, NULL);
	assert_non_null(back);
	assert_true(back->entry == UINT64_MAX);
	assert_true(back->index == UINT32_MAX);
	assert_memory_equal(back->exchange.data, bytes, 3);
	json_decref(json);
	arena_fini(&arena);
}

static void what_is_no_draft_is_refused_at_its_place(void **state)
{
	static const struct {
		const char *json;
		enum error code;
		const char *field;
	} cases[] = {
		{"[]", E_INVALID, ""},
		{"3", E_INVALID, ""},
		{"{\"colour\": 1}", E_UNKNOWN_FIELD, "colour"},
		{"{\"Budi Santoso\": 1}", E_UNKNOWN_FIELD, ""},
		{"{\"alert\": {\"colour\": 1}}", E_UNKNOWN_FIELD, "alert.colour"},
		{"{\"category\": 3}", E_INVALID, "category"},
		{"{\"category\": null}", E_INVALID, "category"},
		{"{\"category\": \"a\\u0007b\"}", E_INVALID, "category"},
		{"{\"label\": \"PURPLE\"}", E_UNKNOWN_VALUE, "label"},
		{"{\"label\": 3}", E_INVALID, "label"},
		{"{\"handling\": \"H1\"}", E_INVALID, "handling"},
		{"{\"handling\": [\"H1\", \"H9\"]}", E_UNKNOWN_VALUE, "handling[1]"},
		{"{\"handling\": [\"H1\", \"H1\", \"H1\", \"H1\", \"H1\"]}", E_TOO_LARGE, "handling"},
		{"{\"expires\": \"tomorrow\"}", E_INVALID, "expires"},
		{"{\"expires\": \"2026-12-01T07:00:00\"}", E_INVALID, "expires"},
		{"{\"sighting\": {\"count\": -1}}", E_INVALID, "sighting.count"},
		{"{\"sighting\": {\"count\": 4294967296}}", E_INVALID, "sighting.count"},
		{"{\"sighting\": {\"count\": 1.5}}", E_INVALID, "sighting.count"},
		{"{\"sighting\": {\"count\": \"1\"}}", E_INVALID, "sighting.count"},
		{"{\"sighting\": {\"where_sighted\": {\"latitude_e7\": 2147483648}}}", E_INVALID,
		 "sighting.where_sighted.latitude_e7"},
		{"{\"sighting\": {\"sighting_of\": \"police\"}}", E_INVALID, "sighting.sighting_of"},
		{"{\"sighting\": {\"persons\": [{}, {\"age\": \"old\"}]}}", E_UNKNOWN_VALUE, "sighting.persons[1].age"},
		{"{\"sighting\": {\"persons\": {}}}", E_INVALID, "sighting.persons"},
		{"{\"sighting\": {}, \"alert\": {}}", E_INVALID, "alert"},
	};
	struct arena arena;

	(void)state;
	arena_init(&arena);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		json_t *json = parse(cases[i].json);
		struct fault fault = {0};

		if (json_to_message(&simpul__draft__descriptor, json, &arena, &fault) || fault.code != cases[i].code ||
		    strcmp(fault.field, cases[i].field) != 0)
			fail_msg("%s: %s at \"%s\"", cases[i].json, error_name(fault.code), fault.field);
		json_decref(json);
	}
	arena_fini(&arena);
}

static void a_text_that_is_too_long_is_refused(void **state)
{
	static const char *const fields[] = {"category", "operation"};
	struct arena arena;
	struct fault fault;
	char text[258];

	(void)state;
	arena_init(&arena);
	memset(text, 'a', 257);
	text[257] = '\0';
	for (size_t i = 0; i < 2; i++) {
		json_t *json = json_pack("{s:s}", fields[i], text);

		assert_null(json_to_message(&simpul__draft__descriptor, json, &arena, &fault));
		assert_int_equal(fault.code, E_TOO_LARGE);
		assert_string_equal(fault.field, fields[i]);
		json_decref(json);
	}
	json_t *json = json_pack("{s:[s,s]}", "to", "a.b", text);

	assert_null(json_to_message(&simpul__draft__descriptor, json, &arena, &fault));
	assert_int_equal(fault.code, E_TOO_LARGE);
	assert_string_equal(fault.field, "to[1]");
	json_decref(json);
	arena_fini(&arena);
}

static void bytes_are_whole_hexadecimal_digits(void **state)
{
	static const char *const wrong[] = {"0", "0g", "001", "00 1"};
	struct arena arena;
	struct fault fault;

	(void)state;
	arena_init(&arena);
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		json_t *json = json_pack("{s:s}", "exchange", wrong[i]);

		assert_null(json_to_message(&simpul__member_record__descriptor, json, &arena, &fault));
		assert_int_equal(fault.code, E_INVALID);
		assert_string_equal(fault.field, "exchange");
		json_decref(json);
	}
	arena_fini(&arena);
}

static void a_path_leads_to_its_list_of_words_and_to_no_other(void **state)
{
	static const char *const elsewhere[] = {"",	    "alert",	   "alert.headline", "alert.urgency.x", "urgency", "alert..urgency",
						"reference", "reference.x", "sighting.persons[0]", "alerts.urgency"};
	struct buffer words = {0};

	(void)state;
	assert_ptr_equal(enum_at(&simpul__draft__descriptor, "alert.urgency"), &simpul__urgency__descriptor);
	assert_ptr_equal(enum_at(&simpul__draft__descriptor, "label"), &simpul__label__descriptor);
	assert_ptr_equal(enum_at(&simpul__draft__descriptor, "protection[2]"), &simpul__protection__descriptor);
	assert_ptr_equal(enum_at(&simpul__draft__descriptor, "update.sighting.persons[12].age"), &simpul__age__descriptor);
	for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++)
		assert_null(enum_at(&simpul__draft__descriptor, elsewhere[i]));
	enum_words(&simpul__assertion__descriptor, &words);
	buffer_u8(&words, 0);
	assert_string_equal((char *)words.data, "fact, assessment");
	buffer_free(&words);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_value_has_its_own_word),
		cmocka_unit_test(words_are_written_as_people_know_them),
		cmocka_unit_test(words_are_read_in_any_case_and_with_any_separator),
		cmocka_unit_test(a_draft_survives_both_ways),
		cmocka_unit_test(what_is_read_passes_the_wire),
		cmocka_unit_test(defaults_are_left_out),
		cmocka_unit_test(large_numbers_and_bytes_survive),
		cmocka_unit_test(what_is_no_draft_is_refused_at_its_place),
		cmocka_unit_test(a_text_that_is_too_long_is_refused),
		cmocka_unit_test(bytes_are_whole_hexadecimal_digits),
		cmocka_unit_test(a_path_leads_to_its_list_of_words_and_to_no_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
