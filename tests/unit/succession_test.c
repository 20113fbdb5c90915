/* succession_test - a newer key of the authority is accepted by who knows an older one, and nobody else's is. */
#include "common/member.h"
#include "tests/support/fixed.h"

#include <stdio.h>
#include <unistd.h>

#define KEYS 4

/* The authority's keys, and the way through all of them. */
struct way {
	struct signing_key keys[KEYS];
	struct successions successions;
};

static struct way way_make(void)
{
	struct way way = {.successions = {.size = 0}};

	for (size_t i = 0; i < KEYS; i++)
		signing_key_generate(&way.keys[i]);
	for (size_t i = 1; i < KEYS; i++)
		assert_int_equal(succession_add(&way.successions, fixed_exchange(), &way.keys[i - 1],
						way.keys[i].public_key, 1770000000000 + i, NULL),
				 E_OK);
	return way;
}

static struct member signed_by(const struct way *way, size_t key)
{
	const struct node_keys keys = fixed_node_keys();
	struct member member;

	member_request(&member, fixed_exchange(), "police.oku", &keys, 1770000000000);
	member.successions = way->successions;
	member.successions.size = key * SUCCESSION_SIZE;
	member_countersign(&member, &way->keys[key]);
	return member;
}

static void whatever_key_signed_whoever_knows_it_or_an_older_one_accepts(void **state)
{
	const struct way way = way_make();
	struct fault fault;

	(void)state;
	for (size_t key = 0; key < KEYS; key++) {
		const struct member member = signed_by(&way, key);

		for (size_t known = 0; known <= key; known++)
			assert_int_equal(member_check(&member, NULL, way.keys[known].public_key, &fault), E_OK);
	}
}

static void who_knows_only_a_newer_key_does_not_accept_an_older_one(void **state)
{
	const struct way way = way_make();
	const struct member member = signed_by(&way, 1);
	struct fault fault;

	(void)state;
	assert_int_equal(member_check(&member, NULL, way.keys[2].public_key, &fault), E_BAD_SIGNATURE);
}

static void a_key_that_was_not_handed_on_to_is_refused(void **state)
{
	const struct way way = way_make(), other = way_make();
	struct member member = signed_by(&other, 2);
	struct fault fault;

	(void)state;
	assert_int_equal(member_check(&member, NULL, way.keys[0].public_key, &fault), E_BAD_SIGNATURE);
	member = signed_by(&way, 2);
	member_countersign(&member, &other.keys[2]);
	assert_int_equal(member_check(&member, NULL, way.keys[0].public_key, &fault), E_BAD_SIGNATURE);
	/* The way must lead to the key that signed, and no further. */
	member = signed_by(&way, 2);
	member.successions.size = SUCCESSION_SIZE;
	assert_int_equal(member_check(&member, NULL, way.keys[0].public_key, &fault), E_BAD_SIGNATURE);
	member.successions.size = 3 * SUCCESSION_SIZE;
	assert_int_equal(member_check(&member, NULL, way.keys[0].public_key, &fault), E_BAD_SIGNATURE);
}

static void no_byte_of_a_succession_can_be_changed(void **state)
{
	const struct way way = way_make();
	struct fault fault;

	(void)state;
	for (size_t at = 0; at < 2 * SUCCESSION_SIZE; at++) {
		struct member member = signed_by(&way, 2);

		member.successions.bytes[at] ^= 1;
		assert_int_equal(member_check(&member, NULL, way.keys[0].public_key, &fault), E_BAD_SIGNATURE);
	}
}

static void a_succession_is_for_one_exchange(void **state)
{
	const uint8_t other[EXCHANGE_SIZE] = {1};
	const struct way way = way_make();
	uint8_t last[KEY_SIZE];
	struct fault fault;

	(void)state;
	assert_int_equal(successions_follow(&way.successions, fixed_exchange(), way.keys[0].public_key, last, &fault), E_OK);
	assert_memory_equal(last, way.keys[KEYS - 1].public_key, KEY_SIZE);
	assert_int_equal(successions_follow(&way.successions, other, way.keys[0].public_key, last, &fault), E_BAD_SIGNATURE);
}

static void the_way_survives_message_and_file_and_has_an_end(void **state)
{
	char path[] = "/tmp/simpul-succession-XXXXXX";
	struct way way = way_make();
	const struct member member = signed_by(&way, KEYS - 1);
	struct successions back;
	Simpul__MemberRecord record;
	struct member again;
	struct fault fault;

	(void)state;
	member_to_message(&member, &record);
	assert_int_equal(member_of_message(&again, &record, &fault), E_OK);
	assert_int_equal(member_check(&again, NULL, way.keys[0].public_key, &fault), E_OK);
	record.successions.len--;
	assert_int_equal(member_of_message(&again, &record, &fault), E_OK);
	assert_int_equal(member_check(&again, NULL, way.keys[0].public_key, &fault), E_INVALID);
	close(mkstemp(path));
	assert_int_equal(successions_save(&way.successions, path, &fault), E_EXISTS);
	unlink(path);
	assert_int_equal(successions_load(&back, path, &fault), E_NOT_FOUND);
	assert_int_equal(successions_save(&way.successions, path, &fault), E_OK);
	assert_int_equal(successions_load(&back, path, &fault), E_OK);
	assert_int_equal(back.size, way.successions.size);
	assert_memory_equal(back.bytes, way.successions.bytes, back.size);
	assert_int_equal(truncate(path, 200), 0);
	assert_int_equal(successions_load(&back, path, &fault), E_INVALID);
	unlink(path);
	while (way.successions.size < sizeof way.successions.bytes)
		assert_int_equal(succession_add(&way.successions, fixed_exchange(), &way.keys[0], way.keys[1].public_key, 1,
						&fault),
				 E_OK);
	assert_int_equal(succession_add(&way.successions, fixed_exchange(), &way.keys[0], way.keys[1].public_key, 1, &fault),
			 E_TOO_LARGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whatever_key_signed_whoever_knows_it_or_an_older_one_accepts),
		cmocka_unit_test(who_knows_only_a_newer_key_does_not_accept_an_older_one),
		cmocka_unit_test(a_key_that_was_not_handed_on_to_is_refused),
		cmocka_unit_test(no_byte_of_a_succession_can_be_changed),
		cmocka_unit_test(a_succession_is_for_one_exchange),
		cmocka_unit_test(the_way_survives_message_and_file_and_has_an_end),
	};

	keys_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
