/* Tries to break what agents/reports/proof.h promises: that only what the origin signed passes. */
#include "agents/reports/proof.h"
#include "common/json.h"
#include "common/memory.h"
#include "common/seal.h"
#include "common/submission.h"
#include "common/wire.h"
#include "tests/support/fixed.h"
#include "tests/support/reports.h"

enum { REPORTS = 3, MIDDLE = 1 };

static const uint8_t content_key[KEY_SIZE] = {9, 8, 7};

struct place {
	char *folder;
	struct store store;
	struct arena arena;
	struct signing_key authority;
	struct node_keys keys;
	struct join join;
	struct test_report report; /* the middle one of three */
	Simpul__Proof *proof;
};


/* The body string as it travels. */
static void body_string(struct place *place, struct buffer *out)
{
	const struct body_place where = {.exchange = fixed_exchange(), .name = place->report.name};
	struct buffer plain = {0};

	test_body(&place->report, &plain);
	if (place->report.form == SIMPUL__BODY_FORM__BODY_FORM_SEALED)
		body_seal(content_key, &where, buffer_view(&plain), out);
	else
		buffer_bytes(out, buffer_view(&plain));
	buffer_free(&plain);
}

static struct hash leaf_in_the_middle(struct place *place, const struct hash *routing)
{
	struct buffer header = {0}, body = {0};
	struct hash header_hash, body_hash;

	test_header(&place->report, &header);
	body_string(place, &body);
	header_hash = hash_of(buffer_view(&header));
	body_hash = hash_of(buffer_view(&body));
	buffer_free(&header);
	buffer_free(&body);
	return leaf_of(routing, &header_hash, &body_hash);
}

/* A Delivery of three leaves, as the inbox keeps it, signed by army.oku. */
static void delivery_make(struct place *place, struct buffer *out)
{
	const struct hash routing = hash_of(BYTES("routing", 7));
	struct hash leaves[REPORTS] = {hash_of(BYTES("a", 1)), leaf_in_the_middle(place, &routing),
				       hash_of(BYTES("c", 1))};
	Simpul__Delivery delivery = SIMPUL__DELIVERY__INIT;
	Simpul__DeliveredReport reports[REPORTS], *list[REPORTS];
	uint8_t head[HASH_SIZE] = {0}, signature[SIGNATURE_SIZE];
	struct hash digest;

	for (size_t i = 0; i < REPORTS; i++) {
		simpul__delivered_report__init(&reports[i]);
		reports[i].leaf = (ProtobufCBinaryData){HASH_SIZE, leaves[i].bytes};
		list[i] = &reports[i];
	}
	delivery.origin = (char *)(uintptr_t)"army.oku";
	delivery.key_id = 1;
	delivery.epoch = 1;
	delivery.stream = (Simpul__Stream)place->report.name.stream;
	delivery.first = place->report.name.number - MIDDLE;
	delivery.seen_head = (ProtobufCBinaryData){HASH_SIZE, head};
	delivery.routing_hash = (ProtobufCBinaryData){HASH_SIZE, (uint8_t *)(uintptr_t)routing.bytes};
	delivery.n_reports = REPORTS;
	delivery.reports = list;
	assert_int_equal(delivery_digest(&delivery, fixed_exchange(), &digest, NULL), E_OK);
	digest_sign(&place->keys.signing, SIGN_TAG_SUBMISSION, &digest, signature);
	delivery.signature = (ProtobufCBinaryData){SIGNATURE_SIZE, signature};
	wire_pack(&delivery, out);
}

static void inbox_fill(struct place *place)
{
	sqlite3_stmt *put = store_statement(
		&place->store, "INSERT INTO inbox_delivery(delivery_id, incarnation, entry, origin, key_id, accepted_at,"
			  " policy_version, content_key, proof) VALUES(1, 1, 7, 'army.oku', 1, 1795190001000, 1, ?1, ?2)");
	bool sealed = place->report.form == SIMPUL__BODY_FORM__BODY_FORM_SEALED;
	struct buffer delivery = {0};

	delivery_make(place, &delivery);
	bind_bytes(put, 1, BYTES(content_key, sealed ? KEY_SIZE : 0));
	bind_bytes(put, 2, buffer_view(&delivery));
	assert_int_equal(database_step(put, NULL), E_OK);
	buffer_free(&delivery);
	test_inbox_add(&place->store, &place->report, TRUST_GOOD, 1);
	test_sql(&place->store, "UPDATE inbox SET idx = 1");
}

static enum error check(struct place *place, struct proof_finding *finding, struct fault *fault)
{
	return proof_check(place->proof, place->join.exchange, place->join.authority, &place->arena, finding, fault);
}

static void refused(struct place *place, enum error error, const char *field)
{
	struct proof_finding finding;
	struct fault fault = {0};

	assert_int_equal(check(place, &finding, &fault), error);
	assert_string_equal(fault.field, field);
}

/* The proof through its file form: JSON and back. */
static void exported(struct place *place)
{
	json_t *json;
	struct fault fault = {0};

	assert_int_equal(proof_make(&place->store, &place->report.name, &place->arena, &place->proof, &fault), E_OK);
	json = json_of_message(place->proof, 0);
	place->proof = json_to_message(&simpul__proof__descriptor, json, &place->arena, &fault);
	assert_non_null(place->proof);
	json_decref(json);
}

static Simpul__DeliveredReport *middle(struct place *place)
{
	return place->proof->delivery->reports[MIDDLE];
}

static void an_exported_report_is_proven(void **state)
{
	struct place *place = *state;
	struct proof_finding finding;

	exported(place);
	assert_int_equal(check(place, &finding, NULL), E_OK);
	assert_true(finding.countersigned);
	assert_false(finding.doubtful);
	assert_string_equal(finding.name.origin, "army.oku");
	assert_int_equal(finding.name.number, 12);
	assert_string_equal(finding.body->sighting->summary, "at the terminal");
	/* And tells nothing of the others. */
	assert_int_equal(place->proof->delivery->reports[0]->header.len, 0);
	assert_int_equal(place->proof->delivery->reports[2]->body.len, 0);
}

static void a_changed_header_is_found(void **state)
{
	exported(*state);
	middle(*state)->header.data[middle(*state)->header.len - 1] ^= 1;
	refused(*state, E_BAD_SIGNATURE, "delivery.signature");
}

static void a_changed_body_is_found(void **state)
{
	exported(*state);
	middle(*state)->body.data[40] ^= 1;
	refused(*state, E_BAD_SIGNATURE, "delivery.signature");
}

static void another_place_in_the_submission_is_found(void **state)
{
	struct place *place = *state;

	exported(place);
	place->proof->index = 0;
	refused(place, E_MISSING, "delivery.reports[0]");
	place->proof->index = 7;
	refused(place, E_INVALID, "index");
	place->proof->index = MIDDLE;
	place->proof->delivery->first++;
	refused(place, E_BAD_SIGNATURE, "delivery.signature");
}

static void a_header_under_another_number_is_found(void **state)
{
	struct place *place = *state;

	/* Signed by the origin, but the header names a number that is not its place. */
	test_sql(&place->store, "DELETE FROM inbox");
	test_sql(&place->store, "DELETE FROM inbox_delivery");
	place->report.name.number = 50;
	inbox_fill(place);
	exported(place);
	place->report.name.number = 12;
	place->proof->delivery->first = 11;
	{
		struct hash digest;

		assert_int_equal(delivery_digest(place->proof->delivery, fixed_exchange(), &digest, NULL), E_OK);
		digest_sign(&place->keys.signing, SIGN_TAG_SUBMISSION, &digest, place->proof->delivery->signature.data);
	}
	refused(place, E_INVALID, "delivery.reports[1].header.name");
}

static void a_key_without_countersignature_is_found(void **state)
{
	struct place *place = *state;
	struct proof_finding finding;

	exported(place);
	place->proof->member->authority_signature = (ProtobufCBinaryData){0};
	refused(place, E_BAD_SIGNATURE, "member.authority_signature");
	/* Without the authority's key nothing is claimed about it. */
	assert_int_equal(proof_check(place->proof, NULL, NULL, &place->arena, &finding, NULL), E_OK);
	assert_false(finding.countersigned);
}

static void a_stranger_who_calls_himself_army_is_found(void **state)
{
	struct place *place = *state;
	struct member stranger;
	struct node_keys keys;
	struct hash digest;

	exported(place);
	node_keys_generate(&keys, 1);
	member_request(&stranger, fixed_exchange(), "army.oku", &keys, 1);
	member_countersign(&stranger, &keys.signing); /* he is no authority */
	member_to_message(&stranger, place->proof->member);
	assert_int_equal(delivery_digest(place->proof->delivery, fixed_exchange(), &digest, NULL), E_OK);
	digest_sign(&keys.signing, SIGN_TAG_SUBMISSION, &digest, place->proof->delivery->signature.data);
	refused(place, E_BAD_SIGNATURE, "member.authority_signature");
}

static void another_exchange_is_found(void **state)
{
	struct place *place = *state;

	exported(place);
	place->join.exchange[0] ^= 1;
	refused(place, E_EXCHANGE, "exchange");
	place->join.exchange[0] ^= 1;
	place->proof->exchange.data[0] ^= 1;
	refused(place, E_EXCHANGE, "exchange");
	place->proof->exchange.len = 3;
	refused(place, E_INVALID, "exchange");
}

static void parts_that_are_missing_are_named(void **state)
{
	struct place *place = *state;
	Simpul__Delivery *delivery;

	exported(place);
	delivery = place->proof->delivery;
	place->proof->delivery = NULL;
	refused(place, E_MISSING, "delivery");
	place->proof->delivery = delivery;
	delivery->seen_head.len = 0;
	refused(place, E_INVALID, "delivery.seen_head");
	place->proof->member = NULL;
	refused(place, E_MISSING, "member");
}

static void a_sealed_report_is_proven_with_its_key_alone(void **state)
{
	struct place *place = *state;
	struct proof_finding finding;

	test_sql(&place->store, "DELETE FROM inbox");
	test_sql(&place->store, "DELETE FROM inbox_delivery");
	place->report.form = SIMPUL__BODY_FORM__BODY_FORM_SEALED;
	place->report.label = SIMPUL__LABEL__LABEL_RED;
	place->report.name.stream = SIMPUL__STREAM__STREAM_RED;
	inbox_fill(place);
	exported(place);
	assert_int_equal(check(place, &finding, NULL), E_OK);
	assert_string_equal(finding.body->sighting->summary, "at the terminal");
	place->proof->content_key.data[0] ^= 1;
	refused(place, E_CANNOT_OPEN, "delivery.reports[1].body.commitment");
	place->proof->content_key.len = 0;
	refused(place, E_MISSING, "content_key");
}

static void a_compromised_key_makes_doubtful(void **state)
{
	struct place *place = *state;
	struct proof_finding finding;

	test_sql(&place->store, "INSERT INTO standing VALUES('army.oku', 1, 9, 4, 1795190000000, 0, '')");
	exported(place);
	assert_int_equal(check(place, &finding, NULL), E_OK);
	assert_true(finding.doubtful);
	place->proof->standing->since = 1795190001001; /* after the report was accepted */
	assert_int_equal(check(place, &finding, NULL), E_OK);
	assert_false(finding.doubtful);
	place->proof->standing->key_id = 2;
	refused(place, E_INVALID, "standing");
}

static void a_retired_key_leaves_its_reports_good(void **state)
{
	struct place *place = *state;
	struct proof_finding finding;

	test_sql(&place->store, "INSERT INTO standing VALUES('army.oku', 1, 9, 3, 0, 0, '')");
	exported(place);
	assert_int_equal(check(place, &finding, NULL), E_OK);
	assert_true(finding.retired);
	assert_false(finding.doubtful);
}

/* Somebody else's report came under its name before it did. */
static void what_others_made_up_under_its_name_is_not_exported(void **state)
{
	struct place *place = *state;
	struct proof_finding finding;

	test_sql(&place->store, "UPDATE inbox SET row = row + 10");
	test_inbox_add(&place->store, &place->report, TRUST_BAD, 1);
	test_sql(&place->store, "UPDATE inbox SET row = 1, idx = 1, body = x'0a00' WHERE trust = 2");
	exported(place);
	assert_int_equal(check(place, &finding, NULL), E_OK);
}

static void what_is_not_there_cannot_be_exported(void **state)
{
	struct place *place = *state;
	struct report_name name = place->report.name;

	name.number = 99;
	assert_int_equal(proof_make(&place->store, &name, &place->arena, &place->proof, NULL), E_NOT_FOUND);
	test_sql(&place->store, "UPDATE inbox SET body = x''");
	assert_int_equal(proof_make(&place->store, &place->report.name, &place->arena, &place->proof, NULL),
			 E_NOT_FOUND);
}

static int begin(void **state)
{
	struct place *place = memory_zero(1, sizeof(*place));
	struct member member;

	place->folder = test_folder();
	test_store_open(&place->store, place->folder);
	arena_init(&place->arena);
	place->keys = fixed_node_keys();
	place->authority = fixed_signing_key(0x61);
	memcpy(place->join.exchange, fixed_exchange(), EXCHANGE_SIZE);
	memcpy(place->join.authority, place->authority.public_key, KEY_SIZE);
	place->report = (struct test_report){.name = {"army.oku", 1, 0, 12}};
	member_request(&member, fixed_exchange(), "army.oku", &place->keys, 1);
	member_countersign(&member, &place->authority);
	assert_int_equal(store_member(&place->store, 2, &member, NULL), E_OK);
	inbox_fill(place);
	*state = place;
	return 0;
}

static int end(void **state)
{
	struct place *place = *state;

	arena_fini(&place->arena);
	store_close(&place->store);
	test_folder_remove(place->folder);
	free(place);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_exported_report_is_proven),
		TEST(a_changed_header_is_found),
		TEST(a_changed_body_is_found),
		TEST(another_place_in_the_submission_is_found),
		TEST(a_header_under_another_number_is_found),
		TEST(a_key_without_countersignature_is_found),
		TEST(a_stranger_who_calls_himself_army_is_found),
		TEST(another_exchange_is_found),
		TEST(parts_that_are_missing_are_named),
		TEST(a_sealed_report_is_proven_with_its_key_alone),
		TEST(a_compromised_key_makes_doubtful),
		TEST(a_retired_key_leaves_its_reports_good),
		TEST(what_others_made_up_under_its_name_is_not_exported),
		TEST(what_is_not_there_cannot_be_exported),
	};

	keys_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
