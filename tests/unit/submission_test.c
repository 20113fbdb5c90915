/* submission_test - what an origin signs has exactly the bytes of PROTOCOL.md, and every part of it counts. */
#include "common/submission.h"
#include "tests/support/fixed.h"

#define DIGEST "3a81f155694d935b6c8be9c062b01217ac38e45ef1171fe2288ba3d27cd65e60"

/* A submission of two reports, the same delivered to a recipient, and the storage of both. */
struct sample {
	uint8_t seen[HASH_SIZE];
	Simpul__SubmittedReport reports[2], *report_list[2];
	Simpul__Submission submission;
	struct hash routing;
	Simpul__DeliveredReport delivered[2], *delivered_list[2];
	Simpul__Delivery delivery;
	struct hash leaves[2], bodies[2], digest;
	struct fault fault;
};

static ProtobufCBinaryData text(const char *text)
{
	return (ProtobufCBinaryData){.len = strlen(text), .data = (uint8_t *)(uintptr_t)text};
}

static ProtobufCBinaryData hashed(struct hash *hash)
{
	return (ProtobufCBinaryData){.len = HASH_SIZE, .data = hash->bytes};
}

static void sample_init(struct sample *s)
{
	static const char *const headers[] = {"header0", "header1"}, *const bodies[] = {"body0", "body1"};

	memset(s, 0, sizeof *s);
	memset(s->seen, 0x55, HASH_SIZE);
	simpul__submission__init(&s->submission);
	s->submission.origin = (char *)(uintptr_t) "police.oku";
	s->submission.key_id = 3;
	s->submission.epoch = 2;
	s->submission.stream = SIMPUL__STREAM__STREAM_EXERCISE;
	s->submission.first = 1842;
	s->submission.seen_entry = 77;
	s->submission.seen_head = (ProtobufCBinaryData){.len = HASH_SIZE, .data = s->seen};
	s->submission.routing = text("routing");
	s->submission.n_reports = 2;
	s->submission.reports = s->report_list;
	s->routing = hash_of(BYTES("routing", 7));
	for (size_t i = 0; i < 2; i++) {
		simpul__submitted_report__init(&s->reports[i]);
		s->reports[i].header = text(headers[i]);
		s->reports[i].body = text(bodies[i]);
		s->report_list[i] = &s->reports[i];
		simpul__delivered_report__init(&s->delivered[i]);
		s->delivered[i].header = text(headers[i]);
		s->delivered[i].body = text(bodies[i]);
		s->delivered_list[i] = &s->delivered[i];
	}
	simpul__delivery__init(&s->delivery);
	s->delivery.origin = s->submission.origin;
	s->delivery.key_id = 3;
	s->delivery.epoch = 2;
	s->delivery.stream = SIMPUL__STREAM__STREAM_EXERCISE;
	s->delivery.first = 1842;
	s->delivery.seen_entry = 77;
	s->delivery.seen_head = s->submission.seen_head;
	s->delivery.routing_hash = hashed(&s->routing);
	s->delivery.n_reports = 2;
	s->delivery.reports = s->delivered_list;
	assert_int_equal(
		submission_digest(&s->submission, fixed_exchange(), s->leaves, s->bodies, &s->digest, &s->fault), E_OK);
}

static void leaf_digest_and_signature_keep_their_bytes(void **state)
{
	const struct signing_key key = fixed_signing_key(0x01);
	uint8_t signature[SIGNATURE_SIZE];
	struct sample s;

	(void)state;
	sample_init(&s);
	ASSERT_HASH(s.leaves[0], "e50e149c640237e721ddd909048ee015302f65fe737ddd2baf46d8bd73e6f978");
	ASSERT_HASH(s.digest, DIGEST);
	digest_sign(&key, SIGN_TAG_SUBMISSION, &s.digest, signature);
	assert_hex(signature, SIGNATURE_SIZE,
		   "be5d6c186093c176ad3cef183001518068b82367694394f8b6d4d6fed8aec590"
		   "dfe98445427ea681684b83582c91525be8e179281cb142961b39b0d35a5c1b0b");
}

static void every_signed_part_changes_the_digest(void **state)
{
	const uint8_t other_exchange[EXCHANGE_SIZE] = {1};
	struct sample s;
	struct hash digest;

	(void)state;
	sample_init(&s);
#define CHANGED(change) \
	do { \
		sample_init(&s); \
		change; \
		assert_int_equal(submission_digest(&s.submission, fixed_exchange(), s.leaves, NULL, &digest, NULL), \
				 E_OK); \
		assert_false(hash_equal(&digest, &s.digest)); \
	} while (0)
	CHANGED(s.submission.origin = (char *)(uintptr_t) "police.okv");
	CHANGED(s.submission.key_id++);
	CHANGED(s.submission.epoch++);
	CHANGED(s.submission.stream = SIMPUL__STREAM__STREAM_MAIN);
	CHANGED(s.submission.first++);
	CHANGED(s.submission.seen_entry++);
	CHANGED(s.seen[31] ^= 1);
	CHANGED(s.submission.routing = text("routinG"));
	CHANGED(s.reports[0].header = text("headeR0"));
	CHANGED(s.reports[1].body = text("bodY1"));
	CHANGED(s.submission.n_reports = 1);
	CHANGED((s.report_list[0] = &s.reports[1], s.report_list[1] = &s.reports[0]));
#undef CHANGED
	sample_init(&s);
	assert_int_equal(submission_digest(&s.submission, other_exchange, s.leaves, NULL, &digest, NULL), E_OK);
	assert_false(hash_equal(&digest, &s.digest));
}

static void erased_and_refused_reports_keep_the_digest(void **state)
{
	struct sample s;
	struct hash digest;

	(void)state;
	sample_init(&s);
	assert_int_equal(delivery_digest(&s.delivery, fixed_exchange(), &digest, NULL), E_OK);
	ASSERT_HASH(digest, DIGEST);
	s.delivered[0].body = text("");
	s.delivered[0].body_hash = hashed(&s.bodies[0]);
	assert_int_equal(delivery_digest(&s.delivery, fixed_exchange(), &digest, NULL), E_OK);
	ASSERT_HASH(digest, DIGEST);
	s.delivered[1] = (Simpul__DeliveredReport)SIMPUL__DELIVERED_REPORT__INIT;
	s.delivered[1].leaf = hashed(&s.leaves[1]);
	assert_int_equal(delivery_digest(&s.delivery, fixed_exchange(), &digest, NULL), E_OK);
	ASSERT_HASH(digest, DIGEST);
}

static void a_report_that_is_neither_whole_nor_erased_nor_refused_is_refused(void **state)
{
	struct sample s;
	struct hash digest;

	(void)state;
#define REFUSED(change, where) \
	do { \
		sample_init(&s); \
		change; \
		assert_int_equal(delivery_digest(&s.delivery, fixed_exchange(), &digest, &s.fault), E_INVALID); \
		assert_string_equal(s.fault.field, where); \
	} while (0)
	REFUSED(s.delivered[1].header = text(""), "reports[1]");
	REFUSED(s.delivered[1].body = text(""), "reports[1]");
	REFUSED(s.delivered[1].body_hash = hashed(&s.bodies[1]), "reports[1]");
	REFUSED(s.delivered[1].leaf = hashed(&s.leaves[1]), "reports[1]");
	REFUSED((s.delivered[0].body = text(""), s.delivered[0].body_hash = text("short")), "reports[0]");
	REFUSED(s.delivery.routing_hash.len = 31, "routing_hash");
	REFUSED(s.delivery.seen_head.len = 0, "seen_head");
	REFUSED(s.delivery.n_reports = 0, "reports");
	REFUSED(s.delivery.n_reports = LIMIT_SUBMISSION_REPORTS + 1, "reports");
#undef REFUSED
	sample_init(&s);
	s.submission.seen_head.len = 31;
	assert_int_equal(submission_digest(&s.submission, fixed_exchange(), s.leaves, NULL, &digest, &s.fault),
			 E_INVALID);
	assert_string_equal(s.fault.field, "seen_head");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(leaf_digest_and_signature_keep_their_bytes),
		cmocka_unit_test(every_signed_part_changes_the_digest),
		cmocka_unit_test(erased_and_refused_reports_keep_the_digest),
		cmocka_unit_test(a_report_that_is_neither_whole_nor_erased_nor_refused_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
