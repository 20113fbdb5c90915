/* seal_test - a sealed thing opens only at its place, with its key, unchanged. */
#include "common/seal.h"
#include "tests/support/fixed.h"

#define BATCH BYTES("batch", 5)
#define BODY BYTES("body", 4)

static struct feed feed_sample(void)
{
	struct feed feed = {.node = "police.oku", .session = 0x1122334455667788};

	memcpy(feed.exchange, fixed_exchange(), EXCHANGE_SIZE);
	fixed_fill(feed.key, KEY_SIZE, 0x61);
	return feed;
}

/* The publication of a batch, whose key is always the same here. */
static void publish(const struct feed *feed, const struct feed_head *head, struct bytes batch, uint8_t *frame)
{
	uint8_t key[KEY_SIZE];

	fixed_fill(key, KEY_SIZE, 0x17);
	feed_lead(feed, head, key, frame);
	batch_seal(key, batch, frame + FEED_LEAD_SIZE);
}

static struct body_place place_sample(void)
{
	return (struct body_place){.exchange = fixed_exchange(),
				   .name = {.origin = "police.oku", .epoch = 2, .stream = 2, .number = 17}};
}

static void a_publication_keeps_its_bytes(void **state)
{
	const struct feed feed = feed_sample();
	const struct feed_head head = {.incarnation = 1, .after = 7, .upto = 9, .counter = 3};
	uint8_t frame[FEED_SIZE(5)], out[sizeof frame];
	struct feed_head back;
	size_t size;

	(void)state;
	publish(&feed, &head, BATCH, frame);
	assert_hex(frame, sizeof frame,
		   "0000000000000001000000000000000700000000000000090000000000000003"
		   "6fa3f5abc4b1de73e4440ab6a963c062f44962db5de520e45a9fe256a04d7668"
		   "15e71f1b907e311c5a1376e98fc04676405bad4f1d5ba534967386870bbe00edb01e343f24");
	assert_int_equal(feed_open(&feed, BYTES(frame, sizeof frame), &back, out, &size), E_OK);
	assert_int_equal(size, 5);
	assert_memory_equal(out, "batch", 5);
	assert_memory_equal(&back, &head, sizeof head);
}

static void no_byte_of_a_publication_can_be_changed(void **state)
{
	const struct feed feed = feed_sample();
	const struct feed_head head = {.incarnation = 1, .after = 7, .upto = 9, .counter = 3};
	uint8_t frame[FEED_SIZE(5)], out[sizeof frame];
	struct feed_head back;
	size_t size;

	(void)state;
	publish(&feed, &head, BATCH, frame);
	for (size_t i = 0; i < sizeof frame; i++) {
		frame[i] ^= 1;
		assert_int_equal(feed_open(&feed, BYTES(frame, sizeof frame), &back, out, &size), E_CANNOT_OPEN);
		frame[i] ^= 1;
	}
	assert_int_equal(feed_open(&feed, BYTES(frame, sizeof frame - 1), &back, out, &size), E_CANNOT_OPEN);
	for (size_t i = 0; i < FEED_SIZE(0); i++)
		assert_int_equal(feed_open(&feed, BYTES(frame, i), &back, out, &size), E_MALFORMED);
}

static void a_publication_is_for_one_node_and_session(void **state)
{
	const struct feed_head head = {.incarnation = 1, .after = 7, .upto = 9, .counter = 3};
	struct feed feed = feed_sample(), other;
	uint8_t frame[FEED_SIZE(5)], out[sizeof frame];
	struct feed_head back;
	size_t size;

	(void)state;
	publish(&feed, &head, BATCH, frame);
#define CLOSED(change) \
	do { \
		other = feed; \
		change; \
		assert_int_equal(feed_open(&other, BYTES(frame, sizeof frame), &back, out, &size), E_CANNOT_OPEN); \
	} while (0)
	CLOSED(other.exchange[0] ^= 1);
	CLOSED(other.node[0] = 'q');
	CLOSED(other.session++);
	CLOSED(other.key[31] ^= 1);
#undef CLOSED
}

static void an_empty_batch_is_a_publication(void **state)
{
	const struct feed feed = feed_sample();
	const struct feed_head head = {.incarnation = 1, .after = 9, .upto = 9, .counter = 4};
	uint8_t frame[FEED_SIZE(0)], out[sizeof frame];
	struct feed_head back;
	size_t size = 1;

	(void)state;
	publish(&feed, &head, BYTES(NULL, 0), frame);
	assert_int_equal(feed_open(&feed, BYTES(frame, sizeof frame), &back, out, &size), E_OK);
	assert_int_equal(size, 0);
}

/* The sealed batch may be shared; the wrap of its key is for one node, session and place in the feed. */
static void nodes_share_a_sealed_batch_and_nothing_else(void **state)
{
	const struct feed_head head = {.incarnation = 1, .after = 7, .upto = 9, .counter = 3};
	struct feed one = feed_sample(), two = feed_sample();
	uint8_t a[FEED_SIZE(5)], b[FEED_SIZE(5)], out[sizeof a];
	struct feed_head back;
	size_t size;

	(void)state;
	fixed_fill(two.key, KEY_SIZE, 0x33);
	publish(&one, &head, BATCH, a);
	publish(&two, &head, BATCH, b);
	assert_memory_equal(a + FEED_LEAD_SIZE, b + FEED_LEAD_SIZE, sizeof a - FEED_LEAD_SIZE);
	assert_memory_not_equal(a + FEED_HEAD_SIZE, b + FEED_HEAD_SIZE, FEED_WRAP_SIZE);
	assert_int_equal(feed_open(&one, BYTES(b, sizeof b), &back, out, &size), E_CANNOT_OPEN);
	assert_int_equal(feed_open(&two, BYTES(b, sizeof b), &back, out, &size), E_OK);
}

static void a_sealed_body_keeps_its_bytes(void **state)
{
	const struct body_place place = place_sample();
	struct buffer sealed = {0};
	struct arena arena;
	struct bytes body;
	uint8_t key[KEY_SIZE];

	(void)state;
	arena_init(&arena);
	fixed_fill(key, KEY_SIZE, 0x61);
	body_seal(key, &place, BODY, &sealed);
	assert_hex(sealed.data, sealed.size,
		   "0a20e92d21d3ae7a8d5e76e8205c5fd1ac25d7042e3bc02d5a8d8bd87ed167cfd4b6"
		   "1214fb7da42656f4a92d2da9de67fe4cc56f2a909421");
	assert_int_equal(body_open(key, &place, buffer_view(&sealed), &arena, &body, NULL), E_OK);
	assert_true(bytes_equal(body, BODY));
	buffer_free(&sealed);
	arena_fini(&arena);
}

static void a_sealed_body_opens_at_its_place_only(void **state)
{
	const struct body_place place = place_sample();
	struct body_place other;
	struct buffer sealed = {0};
	struct arena arena;
	struct bytes body;
	uint8_t key[KEY_SIZE];
	struct fault fault;

	(void)state;
	arena_init(&arena);
	fixed_fill(key, KEY_SIZE, 0x61);
	body_seal(key, &place, BODY, &sealed);
#define CLOSED(change) \
	do { \
		other = place; \
		change; \
		assert_int_equal(body_open(key, &other, buffer_view(&sealed), &arena, &body, &fault), E_CANNOT_OPEN); \
		assert_string_equal(fault.field, "ciphertext"); \
	} while (0)
	CLOSED(other.name.origin[0] = 'q');
	CLOSED(other.name.epoch++);
	CLOSED(other.name.stream = 3);
	CLOSED(other.name.number++);
	CLOSED(other.exchange = key);
	CLOSED(sealed.data[sealed.size - 1] ^= 1);
#undef CLOSED
	key[0] ^= 1;
	assert_int_equal(body_open(key, &place, buffer_view(&sealed), &arena, &body, &fault), E_CANNOT_OPEN);
	assert_string_equal(fault.field, "commitment");
	assert_int_equal(body_open(key, &place, BYTES(sealed.data, 10), &arena, &body, &fault), E_MALFORMED);
	assert_int_equal(body_open(key, &place, BYTES(sealed.data, 0), &arena, &body, &fault), E_CANNOT_OPEN);
	buffer_free(&sealed);
	arena_fini(&arena);
}

static void a_wrapped_key_opens_for_its_node_only(void **state)
{
	const struct node_keys keys = fixed_node_keys();
	struct node_keys other;
	uint8_t key[KEY_SIZE], back[KEY_SIZE], wrapped[WRAP_SIZE];

	(void)state;
	content_key_generate(key);
	node_keys_generate(&other, 1);
	content_key_wrap(key, keys.sealing_public, wrapped);
	assert_true(content_key_unwrap(BYTES(wrapped, WRAP_SIZE), &keys, back));
	assert_memory_equal(back, key, KEY_SIZE);
	assert_false(content_key_unwrap(BYTES(wrapped, WRAP_SIZE), &other, back));
	assert_false(content_key_unwrap(BYTES(wrapped, WRAP_SIZE - 1), &keys, back));
	wrapped[WRAP_SIZE - 1] ^= 1;
	assert_false(content_key_unwrap(BYTES(wrapped, WRAP_SIZE), &keys, back));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_publication_keeps_its_bytes),
		cmocka_unit_test(no_byte_of_a_publication_can_be_changed),
		cmocka_unit_test(a_publication_is_for_one_node_and_session),
		cmocka_unit_test(nodes_share_a_sealed_batch_and_nothing_else),
		cmocka_unit_test(an_empty_batch_is_a_publication),
		cmocka_unit_test(a_sealed_body_keeps_its_bytes),
		cmocka_unit_test(a_sealed_body_opens_at_its_place_only),
		cmocka_unit_test(a_wrapped_key_opens_for_its_node_only),
	};

	keys_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
