/* Tries to break what draft.h promises. */
#include "agents/reports/draft.h"
#include "common/content.h"
#include "common/limit.h"
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define NODE "police.oku"
#define NOW UINT64_C(1795000000000) /* 2026-11-18 */

#define SEEN "'first_seen':'2026-11-18T01:00:00+07:00','assertion':'fact'"
#define PERSON "{'capacity':'seen','identity':'claimed','age':'adult'}"
#define SIGHTING "'sighting':{" SEEN ",'persons':[" PERSON "]}"
#define ALERT "'urgency':'Immediate','severity':'Severe','certainty':'Likely','headline':'x','assertion':'fact'"
#define HEAD \
	"'category':'overstay','region':'16.01','label':'AMBER','purpose':'law-enforcement','expires':'2026-12-01T00:" \
	"00:00Z',"

static const struct draft_defaults no_defaults;

/* A draft under test; quotes are written as ' so that it can be read. */
struct attempt {
	struct arena arena;
	struct prepared prepared;
	struct fault fault;
	enum error error;
};

static void attempt_with(struct attempt *attempt, const struct draft_defaults *defaults, const char *text)
{
	char *copy = strdup(text);
	json_t *json;

	for (char *c = copy; *c != '\0'; c++)
		if (*c == '\'')
			*c = '"';
	json = json_loads(copy, 0, NULL);
	assert_non_null(json);
	memset(attempt, 0, sizeof(*attempt));
	arena_init(&attempt->arena);
	attempt->error = draft_of_json(json, defaults, NODE, NOW, &attempt->arena, &attempt->prepared, &attempt->fault);
	json_decref(json);
	free(copy);
}

static void attempt_end(struct attempt *attempt)
{
	arena_fini(&attempt->arena);
}

static void good(struct attempt *attempt, const char *text)
{
	attempt_with(attempt, &no_defaults, text);
	if (attempt->error != E_OK)
		fail_msg("%s at %s", error_name(attempt->error), attempt->fault.field);
}

static void refused(const char *text, enum error error, const char *field)
{
	struct attempt attempt;

	attempt_with(&attempt, &no_defaults, text);
	if (attempt.error != error || attempt.fault.code != error)
		fail_msg("%s instead of %s at %s", error_name(attempt.error), error_name(error), attempt.fault.field);
	assert_string_equal(attempt.fault.field, field);
	attempt_end(&attempt);
}

static void a_draft_becomes_a_report_that_the_broker_would_take(void **state)
{
	struct attempt a;

	(void)state;
	good(&a, "{" HEAD SIGHTING
		 ",'handling':['H2','H0'],'legal_basis':{'code':'UU-6-2011-72'},'to':['immigration','army.oku']}");
	assert_int_equal(header_check(a.prepared.header, NOW, &a.fault), E_OK);
	assert_int_equal(body_check(a.prepared.header, a.prepared.body, &a.fault), E_OK);
	assert_int_equal(a.prepared.header->kind, SIMPUL__KIND__KIND_SIGHTING);
	assert_int_equal(a.prepared.header->msg_type, SIMPUL__MSG_TYPE__MSG_TYPE_ALERT);
	assert_int_equal(a.prepared.header->status, SIMPUL__STATUS__STATUS_ACTUAL);
	assert_int_equal(a.prepared.header->form, SIMPUL__BODY_FORM__BODY_FORM_PLAIN);
	assert_int_equal(a.prepared.header->created_at, NOW);
	assert_string_equal(a.prepared.header->name->origin, NODE);
	assert_string_equal(a.prepared.header->legal_basis->code, "UU-6-2011-72");
	assert_int_equal(a.prepared.header->handling[0], SIMPUL__HANDLING__HANDLING_H0);
	assert_int_equal(a.prepared.stream, SIMPUL__STREAM__STREAM_MAIN);
	assert_int_equal(a.prepared.routing->n_to, 2);
	assert_string_equal(a.prepared.routing->to[0], "immigration");
	attempt_end(&a);
}

static void an_exercise_and_a_red_report_go_to_streams_of_their_own(void **state)
{
	struct attempt a;

	(void)state;
	good(&a, "{'status':'exercise'," HEAD SIGHTING "}");
	assert_int_equal(a.prepared.stream, SIMPUL__STREAM__STREAM_EXERCISE);
	attempt_end(&a);
	good(&a, "{'category':'tppo','region':'16.01','label':'RED','purpose':'law-enforcement','expires':'2026-12-"
		 "01T00:00:00Z',"
		 "'to':['army.oku']," SIGHTING "}");
	assert_int_equal(a.prepared.stream, SIMPUL__STREAM__STREAM_RED);
	assert_int_equal(a.prepared.header->form, SIMPUL__BODY_FORM__BODY_FORM_SEALED);
	attempt_end(&a);
}

static void red_is_for_named_nodes_alone(void **state)
{
#define RED \
	"{'category':'tppo','region':'16.01','label':'RED','purpose':'law-enforcement','expires':'2026-12-01T00:00:" \
	"00Z'," SIGHTING
	(void)state;
	refused(RED "}", E_RED_NEEDS_NODES, "to");
	refused(RED ",'to':['army.oku','police']}", E_RED_NEEDS_NODES, "to[1]");
}

static void defaults_fill_in_what_the_draft_leaves_out(void **state)
{
	const struct draft_defaults defaults = {.label = SIMPUL__LABEL__LABEL_GREEN,
						.purpose = "state-security",
						.region = "16.09",
						.region_within = "16",
						.expires_days = 30};
	struct attempt a;

	(void)state;
	attempt_with(&a, &defaults, "{'category':'tppm'," SIGHTING "}");
	assert_int_equal(a.error, E_OK);
	assert_int_equal(a.prepared.header->label, SIMPUL__LABEL__LABEL_GREEN);
	assert_string_equal(a.prepared.header->purpose, "state-security");
	assert_string_equal(a.prepared.header->region, "16.09");
	assert_int_equal(a.prepared.header->expires, NOW + 30 * DAY_MS);
	attempt_end(&a);
	attempt_with(&a, &defaults, "{" HEAD SIGHTING "}");
	assert_int_equal(a.error, E_OK);
	assert_int_equal(a.prepared.header->label, SIMPUL__LABEL__LABEL_AMBER);
	assert_string_equal(a.prepared.header->region, "16.01");
	attempt_end(&a);
}

static void a_default_keeps_no_protected_report_too_long(void **state)
{
	const struct draft_defaults defaults = {.expires_days = 365};
	struct attempt a;

	(void)state;
	attempt_with(&a, &defaults,
		     "{'category':'tppo','region':'16.01','label':'AMBER','purpose':'victim-protection',"
		     "'protection':['trafficking','child']," SIGHTING "}");
	assert_int_equal(a.error, E_OK);
	assert_int_equal(a.prepared.header->expires, NOW + LIMIT_PROTECTED_LIFE_DAYS * DAY_MS);
	assert_int_equal(a.prepared.header->protection[0], SIMPUL__PROTECTION__PROTECTION_CHILD);
	attempt_end(&a);
}

static void a_region_may_be_given_by_name(void **state)
{
	const struct draft_defaults within = {.region_within = "16", .expires_days = 30};
	const struct draft_defaults elsewhere = {.region_within = "11", .expires_days = 30};
#define NAMED(region) \
	"{'category':'other','label':'AMBER','purpose':'law-enforcement','region':'" region "'," \
	"'sighting':{" SEEN ",'where_sighted':{'region':'Baturaja Timur'}}}"
	struct attempt a;

	(void)state;
	attempt_with(&a, &within, NAMED("Kabupaten Ogan Komering Ulu"));
	assert_int_equal(a.error, E_OK);
	assert_string_equal(a.prepared.header->region, "16.01");
	assert_string_equal(a.prepared.body->sighting->where_sighted->region, "16.01.14");
	attempt_end(&a);
	attempt_with(&a, &elsewhere, NAMED("16.01"));
	assert_int_equal(a.error, E_REGION_UNKNOWN);
	assert_string_equal(a.fault.field, "sighting.where_sighted.region");
	attempt_end(&a);
	refused("{'category':'other','label':'AMBER','purpose':'law-enforcement','region':'Atlantis'," SIGHTING "}",
		E_REGION_UNKNOWN, "region");
}

static void faults_are_in_the_words_of_the_draft(void **state)
{
	(void)state;
	refused("{" HEAD "'to':['army']}", E_MISSING, "sighting, alert, update or cancel");
	refused("{" HEAD "'sighting':{" SEEN ",'persons':[{'capacity':'seen','identity':'claimed'}]}}", E_MISSING,
		"sighting.persons[0].age");
	refused("{'region':'16.01','label':'AMBER','purpose':'law-enforcement','expires':'2026-12-01T00:00:00Z'"
		"," SIGHTING "}",
		E_MISSING, "category");
	refused("{'category':'x','region':'16.01','label':'AMBER','purpose':'law-enforcement'," SIGHTING "}", E_MISSING,
		"expires");
	refused("{" HEAD "'sighting':{" SEEN ",'persons':[{'capacity':'seen','identity':'claimed','age':'child'}]}}",
		E_MISSING, "protection");
	refused("{" HEAD "'status':'sometimes'," SIGHTING "}", E_UNKNOWN_VALUE, "status");
	refused("{" HEAD SIGHTING ",'alert':{" ALERT "}}", E_INVALID, "alert");
}

static void an_unknown_age_is_never_broadcast(void **state)
{
#define UNKNOWN_AGE HEAD "'sighting':{" SEEN ",'persons':[{'capacity':'seen','identity':'claimed','age':'unknown'}]}"
	struct attempt a;

	(void)state;
	refused("{" UNKNOWN_AGE "}", E_MISSING, "to");
	good(&a, "{" UNKNOWN_AGE ",'to':['army.oku']}");
	attempt_end(&a);
	good(&a, "{" UNKNOWN_AGE ",'protection':['child']}");
	attempt_end(&a);
}

static void recipients_are_named_once_and_well(void **state)
{
	(void)state;
	refused("{" HEAD SIGHTING ",'to':['army','police.oku','army']}", E_INVALID, "to[2]");
	refused("{" HEAD SIGHTING ",'not_to':['Army']}", E_INVALID, "not_to[0]");
	refused("{" HEAD SIGHTING ",'to':['army'],'not_to':['army']}", E_INVALID, "not_to[0]");
}

static void an_update_says_which_report_it_replaces(void **state)
{
	struct attempt a;

	(void)state;
	good(&a, "{" HEAD "'reference':'police.oku#2.7','update':{'alert':{" ALERT "}}}");
	assert_int_equal(a.prepared.header->about, SIMPUL__KIND__KIND_ALERT);
	assert_int_equal(a.prepared.header->msg_type, SIMPUL__MSG_TYPE__MSG_TYPE_UPDATE);
	assert_int_equal(a.prepared.header->references[0]->number, 7);
	assert_int_equal(a.prepared.header->references[0]->epoch, 2);
	attempt_end(&a);
	refused("{" HEAD "'update':{'alert':{" ALERT "}}}", E_MISSING, "reference");
	refused("{" HEAD "'reference':'the last one','update':{'alert':{" ALERT "}}}", E_INVALID, "reference");
	refused("{" HEAD "'reference':'army.oku#7','update':{'alert':{" ALERT "}}}", E_NOT_ORIGIN, "reference");
	refused("{" HEAD "'reference':'police.oku#7','about':'sighting','update':{'alert':{" ALERT "}}}", E_INVALID,
		"update");
	refused("{" HEAD "'reference':'police.oku#7'," SIGHTING "}", E_INVALID, "reference");
}

static void a_cancel_says_what_it_is_about(void **state)
{
	struct attempt a;

	(void)state;
	refused("{" HEAD "'reference':'police.oku#7','cancel':{'reason':'wrong-person'}}", E_MISSING, "about");
	good(&a, "{" HEAD "'reference':'police.oku#7','about':'alert','cancel':{'reason':'wrong-person'}}");
	assert_int_equal(a.prepared.header->kind, SIMPUL__KIND__KIND_CANCEL);
	assert_int_equal(a.prepared.header->msg_type, SIMPUL__MSG_TYPE__MSG_TYPE_CANCEL);
	assert_int_equal(a.prepared.header->about, SIMPUL__KIND__KIND_ALERT);
	attempt_end(&a);
	refused("{" HEAD "'about':'sighting'," SIGHTING "}", E_INVALID, "about");
}

static void no_report_is_larger_than_the_wire_takes(void **state)
{
	char *text = malloc(128 * 1024), *at = text;
	char remark[1000];

	(void)state;
	memset(remark, 'x', sizeof(remark) - 1);
	remark[sizeof(remark) - 1] = '\0';
	at += sprintf(at, "{" HEAD "'sighting':{" SEEN ",'persons':[");
	for (int i = 0; i < 64; i++)
		at += sprintf(at, "%s{'capacity':'seen','identity':'claimed','age':'adult','remark':'%s'}",
			      i > 0 ? "," : "", remark);
	sprintf(at, "]}}");
	refused(text, E_TOO_LARGE, "");
	free(text);
}

static void what_a_report_rests_on_comes_from_the_defaults(void **state)
{
	const struct draft_defaults defaults = {.purpose = "wanted",
						.legal_basis = "UU-6-2011-75",
						.source_grade = SIMPUL__SOURCE_GRADE__SOURCE_GRADE_B,
						.information_grade = SIMPUL__INFORMATION_GRADE__INFORMATION_GRADE_2};
	struct attempt a;

	(void)state;
	attempt_with(&a, &defaults, "{'category':'overstay','region':'16.01','label':'AMBER','expires':'2026-12-01T00:00:00Z',"
				    "'source_grade':'A'," SIGHTING "}");
	assert_int_equal(a.error, E_OK);
	assert_string_equal(a.prepared.header->purpose, "wanted");
	assert_string_equal(a.prepared.header->legal_basis->code, "UU-6-2011-75");
	assert_int_equal(a.prepared.header->source_grade, SIMPUL__SOURCE_GRADE__SOURCE_GRADE_A);
	assert_int_equal(a.prepared.header->information_grade, SIMPUL__INFORMATION_GRADE__INFORMATION_GRADE_2);
	arena_fini(&a.arena);
	attempt_with(&a, &defaults, "{'reference':'army.oku#3','flag':{'reason':'no-capacity'}}");
	assert_int_equal(a.error, E_OK);
	assert_string_equal(a.prepared.header->purpose, "");
	assert_null(a.prepared.header->legal_basis);
	assert_string_equal(a.prepared.routing->to[0], "army.oku");
	arena_fini(&a.arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_draft_becomes_a_report_that_the_broker_would_take),
		cmocka_unit_test(what_a_report_rests_on_comes_from_the_defaults),
		cmocka_unit_test(an_exercise_and_a_red_report_go_to_streams_of_their_own),
		cmocka_unit_test(red_is_for_named_nodes_alone),
		cmocka_unit_test(defaults_fill_in_what_the_draft_leaves_out),
		cmocka_unit_test(a_default_keeps_no_protected_report_too_long),
		cmocka_unit_test(a_region_may_be_given_by_name),
		cmocka_unit_test(faults_are_in_the_words_of_the_draft),
		cmocka_unit_test(an_unknown_age_is_never_broadcast),
		cmocka_unit_test(recipients_are_named_once_and_well),
		cmocka_unit_test(an_update_says_which_report_it_replaces),
		cmocka_unit_test(a_cancel_says_what_it_is_about),
		cmocka_unit_test(no_report_is_larger_than_the_wire_takes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
