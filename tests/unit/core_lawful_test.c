/* core_lawful_test - nothing about a person gets in without the purpose, basis, grades, protection and term that the
 * policy demands, and nothing is refused that it does not. */
#include "tests/support/core_world.h"
#include <stdio.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define DEMANDS \
	"demands:\n" \
	"  - {kinds: [sighting, alert], categories: ['*'], grading: true}\n" \
	"  - {kinds: [sighting], categories: [wanted], legal_basis: true}\n" \
	"  - {kinds: [sighting], categories: [missing], protection: [child]}\n" \
	"expires_days: {sighting: 30, alert: 365}\n"

static struct world *world;
static uint64_t next;

static int setup(void **state)
{
	char text[4096];

	(void)state;
	world = world_new();
	snprintf(text, sizeof(text), "%s%s", DEMANDS, world_policy);
	world_load_policy(world, text);
	world_commit(world, E_OK);
	world_hello(world, POLICE, world->position.entry);
	next = 1;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	world_free(world);
	return 0;
}

/* ---- what is said */

/* Each test spoils one thing of what is complete. */
static void (*spoil)(Simpul__Header *header);

static void complete(Simpul__Header *header, size_t index)
{
	static Simpul__LegalBasis basis = SIMPUL__LEGAL_BASIS__INIT;

	(void)index;
	basis.code = (char *)"UU-6-2011-68";
	header->legal_basis = &basis;
	header->source_grade = SIMPUL__SOURCE_GRADE__SOURCE_GRADE_B;
	header->information_grade = SIMPUL__INFORMATION_GRADE__INFORMATION_GRADE_2;
	if (spoil)
		spoil(header);
}

static void person(Simpul__Body *body)
{
	static Simpul__Person person = SIMPUL__PERSON__INIT;
	static Simpul__Person *persons[] = {&person};
	Simpul__Sighting *sighting =
		body->content_case == SIMPUL__BODY__CONTENT_UPDATE ? body->update->sighting : body->sighting;

	person.capacity = SIMPUL__CAPACITY__CAPACITY_SEEN;
	person.identity = SIMPUL__IDENTITY__IDENTITY_CLAIMED;
	person.age = SIMPUL__AGE__AGE_ADULT;
	sighting->persons = persons;
	sighting->n_persons = 1;
}

static void nothing_given(Simpul__Header *header)
{
	header->legal_basis = NULL;
	header->source_grade = 0;
	header->information_grade = 0;
}
static void no_basis(Simpul__Header *header)
{
	header->legal_basis = NULL;
}
static void no_source(Simpul__Header *header)
{
	header->source_grade = 0;
}
static void no_information(Simpul__Header *header)
{
	header->information_grade = 0;
}
static void strange_purpose(Simpul__Header *header)
{
	header->purpose = (char *)"curiosity";
}
static void too_long(Simpul__Header *header)
{
	header->expires = header->created_at + 30 * DAY_MS + 1;
}
static void a_child(Simpul__Header *header)
{
	static Simpul__Protection child = SIMPUL__PROTECTION__PROTECTION_CHILD;

	header->protection = &child;
	header->n_protection = 1;
}

/* Says it and compares what becomes of it; "" for what is taken. */
static void judge(struct speech speech, void (*what)(Simpul__Header *), enum error code, const char *field)
{
	const Simpul__Receipt *receipt;

	spoil = what;
	speech.node = POLICE;
	speech.first = next++;
	speech.spoil_header = complete;
	world_forget(world);
	world_say(world, &speech);
	world_commit(world, E_OK);
	assert_int_equal(world_refusal(world), E_OK);
	receipt = world_down(world, SIMPUL__DOWN__MESSAGE_RECEIPT)->receipt;
	if (receipt->n_verdicts != (code != E_OK) || (code != E_OK && receipt->verdicts[0]->code != (uint32_t)code))
		fail_msg("verdict %s, not %s",
			 error_name(error_of_code(receipt->n_verdicts ? receipt->verdicts[0]->code : 0)),
			 error_name(code));
	if (code != E_OK)
		assert_string_equal(receipt->verdicts[0]->field, field);
}

/* ---- promises */

static void what_a_report_on_a_person_lacks_is_named(void **state)
{
	const struct speech report = {.spoil_body = person};

	(void)state;
	judge(report, NULL, E_OK, "");
	judge(report, no_basis, E_MISSING, "header.legal_basis");
	judge(report, no_source, E_MISSING, "header.source_grade");
	judge(report, no_information, E_MISSING, "header.information_grade");
	judge(report, strange_purpose, E_PURPOSE_UNKNOWN, "header.purpose");
	judge(report, too_long, E_EXPIRES_TOO_LATE, "header.expires");
}

static void specific_data_is_marked_where_the_policy_says_so(void **state)
{
	const struct speech report = {.category = "missing", .spoil_body = person};

	(void)state;
	judge(report, NULL, E_MISSING, "header.protection");
	judge(report, a_child, E_OK, "");
	judge((struct speech){.category = "missing"}, NULL, E_OK, "");
}

static void without_a_person_no_grade_is_asked_for(void **state)
{
	(void)state;
	judge((struct speech){.category = "missing"}, nothing_given, E_OK, "");
	/* The order behind it is asked for all the same. */
	judge((struct speech){.category = "wanted"}, no_basis, E_MISSING, "header.legal_basis");
}

/* Nobody but the recipients can look whether there is a person in it. */
static void a_sealed_report_is_taken_for_one_on_a_person(void **state)
{
	const struct speech sealed = {
		.sealed = true, .to = {"immigration.muara-enim"}, .wraps = {"immigration.muara-enim"}};

	(void)state;
	judge(sealed, no_source, E_MISSING, "header.source_grade");
	judge(sealed, NULL, E_OK, "");
}

static void an_update_rests_on_what_its_report_needs(void **state)
{
	const struct speech update = {.kind = SIMPUL__KIND__KIND_UPDATE, .reference = 1, .spoil_body = person};

	(void)state;
	judge((struct speech){.spoil_body = person}, NULL, E_OK, "");
	judge(update, no_information, E_MISSING, "header.information_grade");
	judge(update, too_long, E_EXPIRES_TOO_LATE, "header.expires");
	judge(update, NULL, E_OK, "");
}

/* What was wrong can always be taken back, whatever the policy has come to demand since. */
static void a_cancel_needs_no_grounds(void **state)
{
	const struct speech cancel = {.kind = SIMPUL__KIND__KIND_CANCEL, .reference = 1};

	(void)state;
	judge((struct speech){.spoil_body = person}, NULL, E_OK, "");
	judge(cancel, nothing_given, E_OK, "");
	judge(cancel, too_long, E_OK, "");
	judge(cancel, strange_purpose, E_OK, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_a_report_on_a_person_lacks_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(specific_data_is_marked_where_the_policy_says_so, setup, teardown),
		cmocka_unit_test_setup_teardown(without_a_person_no_grade_is_asked_for, setup, teardown),
		cmocka_unit_test_setup_teardown(a_sealed_report_is_taken_for_one_on_a_person, setup, teardown),
		cmocka_unit_test_setup_teardown(an_update_rests_on_what_its_report_needs, setup, teardown),
		cmocka_unit_test_setup_teardown(a_cancel_needs_no_grounds, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
