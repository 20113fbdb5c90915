/* member_test - a member record cannot be changed, borrowed or passed off, and survives its file. */
#include "common/member.h"
#include "tests/support/fixed.h"

#include <stdio.h>
#include <unistd.h>

static struct member request(void)
{
	const struct node_keys keys = fixed_node_keys();
	struct member member;

	member_request(&member, fixed_exchange(), "police.oku", &keys, 1770000000000);
	return member;
}

static struct member countersigned(void)
{
	const struct signing_key authority = fixed_signing_key(0x01);
	struct member member = request();

	member_countersign(&member, &authority);
	return member;
}

static void digest_and_signatures_keep_their_bytes(void **state)
{
	const struct member member = countersigned();
	char text[FINGERPRINT_SIZE];

	(void)state;
	ASSERT_HASH(member_digest(&member), "23d53b3f4374acb987022a21ee35e2565456469cfc85bafa850dec62f8291ffe");
	assert_hex(member.node_signature, SIGNATURE_SIZE,
		   "cc95b79b48b3990a117fcd0bd43b86a2d78070078a8bbf367601981dc7ec4cf6"
		   "ef915cf57763f3c9f720358ec18fe373a4d6b7bfe7526d6cdca6a57c097f3908");
	assert_hex(member.authority_signature, SIGNATURE_SIZE,
		   "1fdee37a35a827e9b892a311148ec75b55d69f1255f89d60ef5a566204f996ae"
		   "0d93e0f2df915c5b7f21045046f48ab3f4438ec71800459cb89c3ac89075ae0d");
	assert_string_equal(member_fingerprint(&member, text), "85187 46210 85922 27772 82149 83881");
}

static void a_fingerprint_is_the_same_however_its_digits_are_grouped(void **state)
{
	const struct member member = request();
	char text[FINGERPRINT_SIZE], other[FINGERPRINT_SIZE + 8];

	(void)state;
	member_fingerprint(&member, text);
	assert_true(member_fingerprint_is(&member, text));
	for (size_t i = 0; text[i] != '\0'; i++) {
		strcpy(other, text);
		other[i] = other[i] == ' ' ? '-' : (char)('0' + (other[i] - '0' + 1) % 10);
		assert_int_equal(member_fingerprint_is(&member, other), text[i] == ' ');
		strcpy(other, text);
		other[i] = '\0';
		assert_false(member_fingerprint_is(&member, other));
	}
	snprintf(other, sizeof other, "%s1", text);
	assert_false(member_fingerprint_is(&member, other));
	assert_false(member_fingerprint_is(&member, ""));
	assert_false(member_fingerprint_is(&member, "yes"));
}

static void the_end_of_a_record_is_signed(void **state)
{
	const struct signing_key authority = fixed_signing_key(0x01);
	struct member member = request();
	struct fault fault;

	(void)state;
	member.expires_at = member.created_at + 1000;
	member_countersign(&member, &authority);
	assert_int_equal(member_check(&member, fixed_exchange(), authority.public_key, &fault), E_OK);
	assert_false(member_lapsed(&member, member.expires_at - 1));
	assert_true(member_lapsed(&member, member.expires_at));
	member.expires_at++;
	assert_int_equal(member_check(&member, NULL, authority.public_key, &fault), E_BAD_SIGNATURE);
	member.expires_at = 0; /* taken away */
	assert_int_equal(member_check(&member, NULL, authority.public_key, &fault), E_BAD_SIGNATURE);
	assert_false(member_lapsed(&member, UINT64_MAX));
	member = countersigned();
	member.expires_at = member.created_at + 1000; /* added */
	assert_int_equal(member_check(&member, NULL, authority.public_key, &fault), E_BAD_SIGNATURE);
	member.expires_at = member.created_at;
	member_countersign(&member, &authority);
	assert_int_equal(member_check(&member, NULL, authority.public_key, &fault), E_INVALID);
}

static void no_field_can_be_changed(void **state)
{
	const struct signing_key authority = fixed_signing_key(0x01);
	struct member member;
	struct fault fault;

	(void)state;
	member = countersigned();
	assert_int_equal(member_check(&member, fixed_exchange(), authority.public_key, &fault), E_OK);
#define FORGED(change) \
	do { \
		member = countersigned(); \
		change; \
		assert_int_equal(member_check(&member, NULL, authority.public_key, &fault), E_BAD_SIGNATURE); \
	} while (0)
	FORGED(member.exchange[3] ^= 1);
	FORGED(strcpy(member.node, "police.okv"));
	FORGED(member.key_id++);
	FORGED(member.curve_key[0] ^= 1);
	FORGED(member.signing_key[0] ^= 1);
	FORGED(member.sealing_key[0] ^= 1);
	FORGED(member.created_at++);
	FORGED(member.node_signature[7] ^= 1);
	FORGED(member.authority_signature[7] ^= 1);
	FORGED(member.authority_signed = false);
	FORGED(memcpy(member.authority_signature, member.node_signature, SIGNATURE_SIZE));
#undef FORGED
}

static void a_request_is_checked_without_an_authority(void **state)
{
	const struct signing_key other = fixed_signing_key(0x77);
	const uint8_t other_exchange[EXCHANGE_SIZE] = {1};
	struct member member = request();
	struct fault fault;

	(void)state;
	assert_int_equal(member_check(&member, fixed_exchange(), NULL, &fault), E_OK);
	assert_int_equal(member_check(&member, other_exchange, NULL, &fault), E_EXCHANGE);
	assert_int_equal(member_check(&member, NULL, other.public_key, &fault), E_BAD_SIGNATURE);
	assert_string_equal(fault.field, "authority_signature");
	member_countersign(&member, &other);
	assert_int_equal(member_check(&member, NULL, other.public_key, &fault), E_OK);
}

static void a_key_that_anybody_could_read_for_is_refused(void **state)
{
	struct node_keys keys = fixed_node_keys();
	struct member member;
	struct fault fault;

	(void)state;
	memset(keys.sealing_public, 0, KEY_SIZE);
	member_request(&member, fixed_exchange(), "police.oku", &keys, 1770000000000);
	assert_int_equal(member_check(&member, NULL, NULL, &fault), E_INVALID);
	assert_string_equal(fault.field, "sealing_key");
}

static void a_record_survives_message_and_file(void **state)
{
	char path[] = "/tmp/simpul-member-XXXXXX";
	const struct member member = countersigned();
	struct member back;
	Simpul__MemberRecord record;
	struct fault fault;

	(void)state;
	member_to_message(&member, &record);
	assert_int_equal(member_of_message(&back, &record, &fault), E_OK);
	assert_memory_equal(&back, &member, sizeof member);
	record.curve_key.len = 31;
	assert_int_equal(member_of_message(&back, &record, &fault), E_INVALID);
	assert_string_equal(fault.field, "curve_key");
	close(mkstemp(path));
	assert_int_equal(member_save(&member, path, &fault), E_OK);
	assert_int_equal(member_load(&back, path, &fault), E_OK);
	assert_memory_equal(&back, &member, sizeof member);
	unlink(path);
	assert_int_equal(member_load(&back, path, &fault), E_NOT_FOUND);
}

static void a_request_stays_a_request_in_its_file(void **state)
{
	char path[] = "/tmp/simpul-member-XXXXXX";
	const struct member member = request();
	struct member back;
	struct fault fault;

	(void)state;
	close(mkstemp(path));
	assert_int_equal(member_save(&member, path, &fault), E_OK);
	assert_int_equal(member_load(&back, path, &fault), E_OK);
	assert_false(back.authority_signed);
	assert_memory_equal(&back, &member, sizeof member);
	unlink(path);
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void files_that_are_no_records_are_refused(void **state)
{
	char path[] = "/tmp/simpul-member-XXXXXX";
	struct member member;
	struct join join;
	struct fault fault;

	(void)state;
	close(mkstemp(path));
	write_text(path, "{\"node\": \"police.oku\",\n \"node\"");
	assert_int_equal(member_load(&member, path, &fault), E_MALFORMED);
	write_text(path, "{\"node\": \"police.oku\"}");
	assert_int_equal(member_load(&member, path, &fault), E_MISSING);
	write_text(path, "{\"node\": \"police.oku\", \"colour\": 1}");
	assert_int_equal(member_load(&member, path, &fault), E_UNKNOWN_FIELD);
	write_text(path, "[]");
	assert_int_equal(member_load(&member, path, &fault), E_INVALID);
	assert_int_equal(join_load(&join, path, &fault), E_INVALID);
	unlink(path);
}

static void a_join_file_comes_back(void **state)
{
	char path[] = "/tmp/simpul-join-XXXXXX";
	struct join join = {.link_endpoint = "tcp://192.0.2.1:7000", .feed_endpoint = "tcp://192.0.2.1:7001"}, back;
	struct fault fault;

	(void)state;
	fixed_fill(join.exchange, EXCHANGE_SIZE, 1);
	fixed_fill(join.broker_curve, KEY_SIZE, 2);
	fixed_fill(join.broker_signing, KEY_SIZE, 3);
	fixed_fill(join.authority, KEY_SIZE, 4);
	close(mkstemp(path));
	assert_int_equal(join_save(&join, path, &fault), E_OK);
	assert_int_equal(join_load(&back, path, &fault), E_OK);
	assert_memory_equal(&back, &join, sizeof join);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digest_and_signatures_keep_their_bytes),
		cmocka_unit_test(a_fingerprint_is_the_same_however_its_digits_are_grouped),
		cmocka_unit_test(the_end_of_a_record_is_signed),
		cmocka_unit_test(no_field_can_be_changed),
		cmocka_unit_test(a_request_is_checked_without_an_authority),
		cmocka_unit_test(a_key_that_anybody_could_read_for_is_refused),
		cmocka_unit_test(a_record_survives_message_and_file),
		cmocka_unit_test(a_request_stays_a_request_in_its_file),
		cmocka_unit_test(files_that_are_no_records_are_refused),
		cmocka_unit_test(a_join_file_comes_back),
	};

	keys_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
