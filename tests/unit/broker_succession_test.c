/* broker_succession_test - nobody but the broker's present key and the authority together makes newer keys good, and
 * for each entry there is one key. */
#include "common/arena.h"
#include "common/broker_succession.h"
#include "tests/support/fixed.h"

#include <string.h>

#define KEYS 4
#define MADE_AT 1770000000000

struct way {
	struct signing_key authority;
	struct broker_keys keys[KEYS];
	struct broker_succession steps[KEYS]; /* to keys[i]; none to the first */
};

static struct way way_make(void)
{
	static const struct successions none;
	struct way way;

	signing_key_generate(&way.authority);
	for (size_t i = 0; i < KEYS; i++)
		broker_keys_generate(&way.keys[i]);
	for (size_t i = 1; i < KEYS; i++)
		broker_succession_sign(&way.steps[i], fixed_exchange(), &way.keys[i - 1].signing, &way.keys[i],
				       MADE_AT + i, &way.authority, &none);
	return way;
}

static enum error checked(const struct way *way, const struct broker_succession *succession)
{
	return broker_succession_check(succession, fixed_exchange(), way->authority.public_key, NULL);
}

/* ---- a statement */

static void every_part_of_it_is_signed(void **state)
{
	const struct way way = way_make();
	struct broker_succession forged;

	(void)state;
	assert_int_equal(checked(&way, &way.steps[1]), E_OK);
#define FORGED(change, code) \
	forged = way.steps[1]; \
	change; \
	assert_int_equal(checked(&way, &forged), code)
	FORGED(forged.exchange[0] ^= 1, E_EXCHANGE);
	FORGED(forged.former_key[0] ^= 1, E_BAD_SIGNATURE);
	FORGED(forged.signing_key[0] ^= 1, E_BAD_SIGNATURE);
	FORGED(forged.curve_key[0] ^= 1, E_BAD_SIGNATURE);
	FORGED(forged.created_at++, E_BAD_SIGNATURE);
	FORGED(forged.former_signature[9] ^= 1, E_BAD_SIGNATURE);
	FORGED(forged.authority_signature[9] ^= 1, E_BAD_SIGNATURE);
	FORGED(memcpy(forged.former_signature, forged.authority_signature, SIGNATURE_SIZE), E_BAD_SIGNATURE);
	FORGED(forged.successions.size = 1, E_INVALID);
#undef FORGED
}

static void a_stolen_key_of_the_broker_does_not_make_one_alone(void **state)
{
	static const struct successions none;
	const struct way way = way_make();
	struct broker_succession forged;

	(void)state;
	broker_succession_sign(&forged, fixed_exchange(), &way.keys[0].signing, &way.keys[1], MADE_AT,
			       &way.keys[0].signing, &none);
	assert_int_equal(checked(&way, &forged), E_BAD_SIGNATURE);
}

static void a_stolen_key_of_the_authority_does_not_make_one_alone(void **state)
{
	static const struct successions none;
	const struct way way = way_make();
	struct broker_succession forged;

	(void)state;
	broker_succession_sign(&forged, fixed_exchange(), &way.authority, &way.keys[1], MADE_AT, &way.authority, &none);
	memcpy(forged.former_key, way.keys[0].signing.public_key, KEY_SIZE);
	assert_int_equal(checked(&way, &forged), E_BAD_SIGNATURE);
}

static void an_authority_that_was_handed_on_signs_it_too(void **state)
{
	const struct way way = way_make();
	struct successions successions = {.size = 0};
	struct broker_succession succession;
	struct signing_key newer;

	(void)state;
	signing_key_generate(&newer);
	assert_int_equal(
		succession_add(&successions, fixed_exchange(), &way.authority, newer.public_key, MADE_AT, NULL), E_OK);
	broker_succession_sign(&succession, fixed_exchange(), &way.keys[0].signing, &way.keys[1], MADE_AT, &newer,
			       &successions);
	assert_int_equal(checked(&way, &succession), E_OK);
	succession.successions.size = 0;
	assert_int_equal(checked(&way, &succession), E_BAD_SIGNATURE);
}

static void over_the_message_and_back_it_is_the_same(void **state)
{
	const struct way way = way_make();
	Simpul__BrokerSuccession message;
	struct broker_succession back;
	uint8_t shorter[KEY_SIZE - 1] = {0};

	(void)state;
	broker_succession_to_message(&way.steps[1], &message);
	assert_int_equal(broker_succession_of_message(&back, &message, NULL), E_OK);
	assert_int_equal(checked(&way, &back), E_OK);
	assert_int_equal(back.created_at, MADE_AT + 1);
	message.curve_key = (ProtobufCBinaryData){sizeof shorter, shorter};
	assert_int_equal(broker_succession_of_message(&back, &message, NULL), E_INVALID);
	message.curve_key = (ProtobufCBinaryData){0, NULL};
	assert_int_equal(broker_succession_of_message(&back, &message, NULL), E_MISSING);
	assert_int_equal(broker_succession_of_message(&back, NULL, NULL), E_MISSING);
}

/* ---- which key was in force when */

/* Terms that begin at these entries, with the steps of these numbers; 0 ends. `announced` may be 0. */
static enum error terms_of(const struct way *way, const uint64_t *entries, const size_t *steps, size_t announced,
			   struct broker_terms *terms)
{
	Simpul__BrokerSuccession messages[KEYS], last;
	Simpul__BrokerTerm each[KEYS], *list[KEYS];
	Simpul__BrokerTerms message = SIMPUL__BROKER_TERMS__INIT;

	for (; entries[message.n_terms] != 0; message.n_terms++) {
		const size_t i = message.n_terms;

		broker_succession_to_message(&way->steps[steps[i]], &messages[i]);
		simpul__broker_term__init(&each[i]);
		each[i].entry = entries[i];
		each[i].succession = &messages[i];
		list[i] = &each[i];
	}
	message.terms = list;
	if (announced != 0) {
		broker_succession_to_message(&way->steps[announced], &last);
		message.announced = &last;
	}
	return broker_terms_of_message(terms, &message, fixed_exchange(), way->authority.public_key, NULL);
}

#define ENTRIES(...) ((const uint64_t[]){__VA_ARGS__, 0})
#define STEPS(...) ((const size_t[]){__VA_ARGS__})

static void each_entry_has_the_key_of_its_time(void **state)
{
	const struct way way = way_make();
	struct broker_terms terms;
	const uint8_t present[KEY_SIZE] = {7};

	(void)state;
	assert_int_equal(terms_of(&way, ENTRIES(10, 20), STEPS(1, 2), 3, &terms), E_OK);
#define KEY_AT(entry, key) \
	assert_memory_equal(broker_terms_key(&terms, entry, present), way.keys[key].signing.public_key, KEY_SIZE)
	KEY_AT(1, 0);
	KEY_AT(9, 0);
	KEY_AT(10, 1);
	KEY_AT(19, 1);
	KEY_AT(20, 2);
	KEY_AT(UINT64_MAX, 2);
#undef KEY_AT
	for (size_t i = 0; i < 3; i++)
		assert_true(broker_terms_know(&terms, way.keys[i].signing.public_key));
	/* What is announced is not the broker's yet. */
	assert_false(broker_terms_know(&terms, way.keys[3].signing.public_key));
	assert_true(terms.is_announced);
	assert_memory_equal(terms.announced.curve_key, way.keys[3].curve_public, KEY_SIZE);
	assert_int_equal(broker_terms_of_message(&terms, NULL, fixed_exchange(), way.authority.public_key, NULL), E_OK);
	assert_memory_equal(broker_terms_key(&terms, 5, present), present, KEY_SIZE);
}

static void a_way_with_a_gap_or_out_of_order_is_none(void **state)
{
	const struct way way = way_make();
	struct broker_terms terms;

	(void)state;
	assert_int_equal(terms_of(&way, ENTRIES(10, 20), STEPS(1, 3), 0, &terms), E_INVALID);
	assert_int_equal(terms_of(&way, ENTRIES(10, 20), STEPS(2, 1), 0, &terms), E_INVALID);
	assert_int_equal(terms_of(&way, ENTRIES(10, 10), STEPS(1, 2), 0, &terms), E_INVALID);
	assert_int_equal(terms_of(&way, ENTRIES(20, 10), STEPS(1, 2), 0, &terms), E_INVALID);
	assert_int_equal(terms_of(&way, ENTRIES(10), STEPS(1), 3, &terms), E_INVALID);
	assert_int_equal(terms_of(&way, ENTRIES(10), STEPS(1), 2, &terms), E_OK);
	/* A way may be known from its middle on. */
	assert_int_equal(terms_of(&way, ENTRIES(10, 20), STEPS(2, 3), 0, &terms), E_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_part_of_it_is_signed),
		cmocka_unit_test(a_stolen_key_of_the_broker_does_not_make_one_alone),
		cmocka_unit_test(a_stolen_key_of_the_authority_does_not_make_one_alone),
		cmocka_unit_test(an_authority_that_was_handed_on_signs_it_too),
		cmocka_unit_test(over_the_message_and_back_it_is_the_same),
		cmocka_unit_test(each_entry_has_the_key_of_its_time),
		cmocka_unit_test(a_way_with_a_gap_or_out_of_order_is_none),
	};

	keys_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
