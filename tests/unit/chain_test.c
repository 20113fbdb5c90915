/* chain_test - an edit, a cut or a reorder of the chain is found, and receipts prove what they say. */
#include "common/chain.h"
#include "tests/support/fixed.h"

#define DIGEST "3a81f155694d935b6c8be9c062b01217ac38e45ef1171fe2288ba3d27cd65e60"

struct sample {
	struct signing_key broker;
	Simpul__Verdict verdict, *verdicts[1];
	char *audience[2];
	struct hash digest, previous, later[2];
	ProtobufCBinaryData later_list[2];
	Simpul__Receipt receipt;
	struct position position; /* after the receipt's own entry */
	uint8_t signature[SIGNATURE_SIZE];
	struct fault fault;
};

static ProtobufCBinaryData binary(uint8_t *data, size_t size)
{
	return (ProtobufCBinaryData){.len = size, .data = data};
}

static struct chain_entry entry_of(const struct sample *s)
{
	return (struct chain_entry){.type = SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBMISSION,
				    .entry = 9,
				    .accepted_at = 1770000000123,
				    .policy_version = 4,
				    .broker_key = s->broker.public_key,
				    .digest = s->digest,
				    .verdicts = (const Simpul__Verdict *const *)s->verdicts,
				    .verdict_count = 1,
				    .audience = (const char *const *)s->audience,
				    .audience_count = 2};
}

static void sample_init(struct sample *s)
{
	struct chain_entry entry;
	struct hash hash;

	memset(s, 0, sizeof *s);
	s->broker = fixed_signing_key(0x01);
	assert_true(hex_parse(DIGEST, s->digest.bytes, HASH_SIZE));
	simpul__verdict__init(&s->verdict);
	s->verdict.number = 1843;
	s->verdict.code = 85;
	s->verdict.field = (char *)(uintptr_t) "header.region";
	s->verdicts[0] = &s->verdict;
	s->audience[0] = (char *)(uintptr_t) "army.oku";
	s->audience[1] = (char *)(uintptr_t) "police.oku";
	entry = entry_of(s);
	hash = chain_entry_hash(&entry);
	s->position = (struct position){.incarnation = 1, .entry = 9, .head = chain_head(&s->previous, &hash)};
	simpul__receipt__init(&s->receipt);
	s->receipt.incarnation = 1;
	s->receipt.entry = 9;
	s->receipt.accepted_at = entry.accepted_at;
	s->receipt.policy_version = 4;
	s->receipt.digest = binary(s->digest.bytes, HASH_SIZE);
	s->receipt.n_verdicts = 1;
	s->receipt.verdicts = s->verdicts;
	s->receipt.n_audience = 2;
	s->receipt.audience = s->audience;
	s->receipt.previous_head = binary(s->previous.bytes, HASH_SIZE);
	chain_sign(&s->broker, fixed_exchange(), &s->position, s->signature);
	s->receipt.signature = binary(s->signature, SIGNATURE_SIZE);
}

/* Two more entries follow in the same commit; only the head after them is signed. */
static void sample_extend(struct sample *s)
{
	struct position last = s->position;

	for (size_t i = 0; i < 2; i++) {
		memset(s->later[i].bytes, 0x70 + (int)i, HASH_SIZE);
		s->later_list[i] = binary(s->later[i].bytes, HASH_SIZE);
		last.head = chain_head(&last.head, &s->later[i]);
		last.entry++;
	}
	s->receipt.n_later = 2;
	s->receipt.later = s->later_list;
	chain_sign(&s->broker, fixed_exchange(), &last, s->signature);
}

static enum error check(struct sample *s, struct position *position)
{
	return receipt_check(&s->receipt, fixed_exchange(), s->broker.public_key, position, &s->fault);
}

static void entry_head_and_signature_keep_their_bytes(void **state)
{
	struct chain_entry entry;
	struct sample s;

	(void)state;
	sample_init(&s);
	entry = entry_of(&s);
	ASSERT_HASH(chain_entry_hash(&entry), "62bf058a042d28f78585f608857676470831695f13576eb7eeba12adb8d16753");
	ASSERT_HASH(s.position.head, "4a49dbc54257aa2049fa9475dfeece89abd2e3e4110e022f51c484a4833061bd");
	ASSERT_HASH(chain_content_digest(SIMPUL__ENTRY_TYPE__ENTRY_TYPE_POLICY, BYTES("policy", 6)),
		    "4258c0ca08d0397e99ad8478cbefc1f5fe2d5578c6972529b143dabc7b284af2");
	assert_hex(s.signature, SIGNATURE_SIZE,
		   "71ee2a4df1e89dacb168c99f23f3e766be1227ee0005726b0ae6e9abe7f4c439"
		   "ff88b8f7539f0829520c4b88be003c23e9c52267370c75ed5efc0c19461ea301");
}

static void a_receipt_proves_its_entry(void **state)
{
	struct position position;
	struct sample s;

	(void)state;
	sample_init(&s);
	assert_int_equal(check(&s, &position), E_OK);
	assert_int_equal(position.entry, 9);
	assert_true(hash_equal(&position.head, &s.position.head));
	sample_extend(&s);
	assert_int_equal(check(&s, &position), E_OK);
	assert_int_equal(position.entry, 11);
	assert_int_equal(check(&s, NULL), E_OK);
}

static void no_part_of_a_receipt_can_be_changed(void **state)
{
	const uint8_t other_exchange[EXCHANGE_SIZE] = {1};
	const struct signing_key other = fixed_signing_key(0x99);
	struct sample s;

	(void)state;
#define FORGED(change) \
	do { \
		sample_init(&s); \
		sample_extend(&s); \
		change; \
		assert_int_equal(check(&s, NULL), E_BAD_SIGNATURE); \
	} while (0)
	FORGED(s.receipt.incarnation = 2);
	FORGED(s.receipt.entry++);
	FORGED(s.receipt.accepted_at++);
	FORGED(s.receipt.policy_version++);
	FORGED(s.digest.bytes[0] ^= 1);
	FORGED(s.verdict.number++);
	FORGED(s.verdict.code++);
	FORGED(s.verdict.field = (char *)(uintptr_t) "header.label");
	FORGED(s.receipt.n_verdicts = 0);
	FORGED(s.audience[1] = (char *)(uintptr_t) "police.okv");
	FORGED(s.receipt.n_audience = 1);
	FORGED(s.previous.bytes[5] ^= 1);
	FORGED(s.receipt.n_later = 1);
	FORGED(s.later_list[0] = s.later_list[1]);
	FORGED(s.signature[10] ^= 1);
	FORGED(s.receipt.signature.len = 63);
#undef FORGED
	sample_init(&s);
	assert_int_equal(receipt_check(&s.receipt, other_exchange, s.broker.public_key, NULL, NULL), E_BAD_SIGNATURE);
	assert_int_equal(receipt_check(&s.receipt, fixed_exchange(), other.public_key, NULL, NULL), E_BAD_SIGNATURE);
}

static void a_receipt_of_wrong_sizes_is_invalid(void **state)
{
	char long_name[300];
	struct sample s;

	(void)state;
	memset(long_name, 'a', sizeof long_name);
	long_name[sizeof long_name - 1] = '\0';
#define WRONG(change, where) \
	do { \
		sample_init(&s); \
		sample_extend(&s); \
		change; \
		assert_int_equal(check(&s, NULL), E_INVALID); \
		assert_string_equal(s.fault.field, where); \
	} while (0)
	WRONG(s.receipt.digest.len = 31, "digest");
	WRONG(s.receipt.previous_head.len = 0, "previous_head");
	WRONG(s.later_list[1].len = 31, "later[1]");
	WRONG(s.verdict.field = long_name, "verdicts[0]");
	WRONG(s.verdict.code = 65536 + 85, "verdicts[0]");
	WRONG(s.audience[0] = long_name, "audience[0]");
#undef WRONG
}

static void positions_survive_the_message(void **state)
{
	struct position back;
	struct sample s;
	Simpul__Position message;

	(void)state;
	sample_init(&s);
	position_to_message(&s.position, &message);
	assert_int_equal(position_of_message(&back, &message), E_OK);
	assert_int_equal(back.incarnation, 1);
	assert_int_equal(back.entry, 9);
	assert_true(hash_equal(&back.head, &s.position.head));
	message.head.len = 31;
	assert_int_equal(position_of_message(&back, &message), E_INVALID);
	assert_int_equal(position_of_message(&back, NULL), E_MISSING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entry_head_and_signature_keep_their_bytes),
		cmocka_unit_test(a_receipt_proves_its_entry),
		cmocka_unit_test(no_part_of_a_receipt_can_be_changed),
		cmocka_unit_test(a_receipt_of_wrong_sizes_is_invalid),
		cmocka_unit_test(positions_survive_the_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
