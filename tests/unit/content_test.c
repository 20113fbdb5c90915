/* content_test - an incomplete or contradictory header or body is refused, with the field at fault. */
#include "common/content.h"
#include "common/limit.h"
#include "tests/support/fixed.h"

#define NOW UINT64_C(1770000000000)
#define TEXT(text) ((char *)(uintptr_t)(text))

/* A sound header and bodies of every kind for it; a test changes one thing. */
struct sample {
	uint8_t salt[16];
	Simpul__Name name, reference, *references[2];
	Simpul__LegalBasis basis;
	Simpul__Handling handling[3];
	Simpul__Protection protection[3];
	Simpul__Header header;
	Simpul__TravelDocument document, *documents[1];
	Simpul__Person person, other, *persons[2];
	Simpul__Place place;
	Simpul__Lodging lodging;
	Simpul__Sighting sighting;
	Simpul__Alert alert;
	Simpul__Update update;
	Simpul__Cancel cancel;
	Simpul__Void nothing;
	Simpul__Name purged_name;
	Simpul__LegalBasis held_by;
	Simpul__SinkPurge sink, *sinks[1];
	Simpul__Purged purged, *purges[1];
	Simpul__PurgeReceipt receipt;
	Simpul__SubjectAccess access;
	Simpul__Query query;
	Simpul__Holder holder, *holders[1];
	Simpul__HeldReport held, *helds[1];
	Simpul__SubjectHoldings holdings;
	Simpul__Answer answer;
	Simpul__Body body;
	struct fault fault;
};

static void person_init(Simpul__Person *person)
{
	simpul__person__init(person);
	person->capacity = SIMPUL__CAPACITY__CAPACITY_SEEN;
	person->identity = SIMPUL__IDENTITY__IDENTITY_CLAIMED;
	person->age = SIMPUL__AGE__AGE_ADULT;
}

static void bodies_init(struct sample *s)
{
	simpul__travel_document__init(&s->document);
	s->document.type = TEXT("P");
	s->document.issuing_state = TEXT("UTO");
	s->document.number = TEXT("L898902C3");
	s->document.expiry_date = TEXT("2030-04");
	person_init(&s->person);
	person_init(&s->other);
	s->person.documents = s->documents;
	s->person.n_documents = 1;
	s->documents[0] = &s->document;
	s->persons[0] = &s->other;
	s->persons[1] = &s->person;
	simpul__place__init(&s->place);
	s->place.region = TEXT("16.01.14");
	simpul__lodging__init(&s->lodging);
	simpul__sighting__init(&s->sighting);
	s->sighting.first_seen = NOW - DAY_MS;
	s->sighting.assertion = SIMPUL__ASSERTION__ASSERTION_FACT;
	s->sighting.where_sighted = &s->place;
	s->sighting.lodging = &s->lodging;
	s->sighting.persons = s->persons;
	s->sighting.n_persons = 2;
	simpul__alert__init(&s->alert);
	s->alert.urgency = SIMPUL__URGENCY__URGENCY_IMMEDIATE;
	s->alert.severity = SIMPUL__SEVERITY__SEVERITY_MINOR;
	s->alert.certainty = SIMPUL__CERTAINTY__CERTAINTY_LIKELY;
	s->alert.headline = TEXT("Headline");
	s->alert.assertion = SIMPUL__ASSERTION__ASSERTION_ASSESSMENT;
	simpul__update__init(&s->update);
	simpul__cancel__init(&s->cancel);
	s->cancel.reason = SIMPUL__CANCEL_REASON__CANCEL_REASON_RESOLVED;
	simpul__void__init(&s->nothing);
	simpul__body__init(&s->body);
	s->body.salt = (ProtobufCBinaryData){.len = 16, .data = s->salt};
	s->body.content_case = SIMPUL__BODY__CONTENT_SIGHTING;
	s->body.sighting = &s->sighting;
}

static void sighting_init(struct sample *s)
{
	memset(s, 0, sizeof *s);
	simpul__name__init(&s->name);
	s->name.origin = TEXT("police.oku");
	s->name.epoch = 1;
	s->name.number = 7;
	s->reference = s->name;
	s->reference.number = 3;
	s->references[0] = s->references[1] = &s->reference;
	simpul__legal_basis__init(&s->basis);
	simpul__header__init(&s->header);
	s->header.salt = (ProtobufCBinaryData){.len = 16, .data = s->salt};
	s->header.name = &s->name;
	s->header.created_at = NOW;
	s->header.status = SIMPUL__STATUS__STATUS_ACTUAL;
	s->header.msg_type = SIMPUL__MSG_TYPE__MSG_TYPE_ALERT;
	s->header.kind = SIMPUL__KIND__KIND_SIGHTING;
	s->header.category = TEXT("overstay");
	s->header.region = TEXT("16.01");
	s->header.label = SIMPUL__LABEL__LABEL_AMBER;
	s->header.handling = s->handling;
	s->header.protection = s->protection;
	s->header.purpose = (char *)"immigration-oversight";
	s->header.expires = NOW + 30 * DAY_MS;
	s->header.references = s->references;
	s->header.form = SIMPUL__BODY_FORM__BODY_FORM_PLAIN;
	bodies_init(s);
}

static void alert_init(struct sample *s)
{
	sighting_init(s);
	s->header.kind = SIMPUL__KIND__KIND_ALERT;
	s->body.content_case = SIMPUL__BODY__CONTENT_ALERT;
	s->body.alert = &s->alert;
}

static void update_init(struct sample *s)
{
	sighting_init(s);
	s->header.kind = SIMPUL__KIND__KIND_UPDATE;
	s->header.msg_type = SIMPUL__MSG_TYPE__MSG_TYPE_UPDATE;
	s->header.about = SIMPUL__KIND__KIND_SIGHTING;
	s->header.n_references = 1;
	s->body.content_case = SIMPUL__BODY__CONTENT_UPDATE;
	s->body.update = &s->update;
	s->update.replacement_case = SIMPUL__UPDATE__REPLACEMENT_SIGHTING;
	s->update.sighting = &s->sighting;
}

static void cancel_init(struct sample *s)
{
	update_init(s);
	s->header.kind = SIMPUL__KIND__KIND_CANCEL;
	s->header.msg_type = SIMPUL__MSG_TYPE__MSG_TYPE_CANCEL;
	s->body.content_case = SIMPUL__BODY__CONTENT_CANCEL;
	s->body.cancel = &s->cancel;
}

static void void_init(struct sample *s)
{
	sighting_init(s);
	s->header.kind = SIMPUL__KIND__KIND_VOID;
	s->header.category = s->header.region = TEXT("");
	s->header.label = SIMPUL__LABEL__LABEL_UNSPECIFIED;
	s->header.purpose = (char *)"";
	s->header.expires = 0;
	s->body.content_case = SIMPUL__BODY__CONTENT_VOID;
	s->body.void_ = &s->nothing;
}

static void purge_init(struct sample *s)
{
	void_init(s);
	s->header.kind = SIMPUL__KIND__KIND_PURGE_RECEIPT;
	s->header.msg_type = SIMPUL__MSG_TYPE__MSG_TYPE_ACK;
	simpul__name__init(&s->purged_name);
	s->purged_name.origin = TEXT("army.oku");
	s->purged_name.epoch = s->purged_name.number = 1;
	simpul__legal_basis__init(&s->held_by);
	s->held_by.code = TEXT("UU-6-2011");
	simpul__sink_purge__init(&s->sink);
	s->sink.sink = TEXT("registry");
	s->sink.outcome = SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_ERASED;
	s->sinks[0] = &s->sink;
	simpul__purged__init(&s->purged);
	s->purged.name = &s->purged_name;
	s->purged.rule = SIMPUL__PURGE_RULE__PURGE_RULE_RETRACTED;
	s->purged.at = NOW;
	s->purged.sinks = s->sinks;
	s->purged.n_sinks = 1;
	s->purges[0] = &s->purged;
	simpul__purge_receipt__init(&s->receipt);
	s->receipt.purged = s->purges;
	s->receipt.n_purged = 1;
	s->body.content_case = SIMPUL__BODY__CONTENT_PURGE_RECEIPT;
	s->body.purge_receipt = &s->receipt;
}

static void held(struct sample *s)
{
	s->sink.outcome = SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_HELD;
	s->sink.basis = &s->held_by;
	s->sink.until = NOW + DAY_MS;
}

static void query_init(struct sample *s)
{
	sighting_init(s);
	s->header.kind = SIMPUL__KIND__KIND_QUERY;
	s->header.category = TEXT("subject-access");
	s->header.form = SIMPUL__BODY_FORM__BODY_FORM_SEALED;
	s->header.deadline = NOW + 2 * DAY_MS;
	simpul__subject_access__init(&s->access);
	s->access.request_number = TEXT("DS/2026/7");
	s->access.received_at = NOW - DAY_MS;
	s->access.subject = &s->person;
	s->person.capacity = 0;
	s->person.age = 0;
	simpul__query__init(&s->query);
	s->query.question_case = SIMPUL__QUERY__QUESTION_SUBJECT_ACCESS;
	s->query.subject_access = &s->access;
	s->body.content_case = SIMPUL__BODY__CONTENT_QUERY;
	s->body.query = &s->query;
}

static void answer_init(struct sample *s)
{
	void_init(s);
	s->header.kind = SIMPUL__KIND__KIND_ANSWER;
	s->header.msg_type = SIMPUL__MSG_TYPE__MSG_TYPE_ACK;
	s->header.form = SIMPUL__BODY_FORM__BODY_FORM_SEALED;
	s->header.expires = NOW + DAY_MS;
	s->reference.origin = TEXT("army.oku");
	s->header.n_references = 1;
	simpul__holder__init(&s->holder);
	s->holder.node = TEXT("army.oku");
	s->holders[0] = &s->holder;
	simpul__held_report__init(&s->held);
	s->held.name = &s->name;
	s->held.kind = SIMPUL__KIND__KIND_SIGHTING;
	s->held.category = TEXT("overstay");
	s->held.at = s->held.expires = NOW;
	s->held.persons = &s->persons[1];
	s->held.n_persons = 1;
	s->held.holders = s->holders;
	s->held.n_holders = 1;
	s->helds[0] = &s->held;
	simpul__subject_holdings__init(&s->holdings);
	s->holdings.part = s->holdings.parts = 1;
	s->holdings.reports = s->helds;
	s->holdings.n_reports = 1;
	simpul__answer__init(&s->answer);
	s->answer.reply_case = SIMPUL__ANSWER__REPLY_SUBJECT_ACCESS;
	s->answer.subject_access = &s->holdings;
	s->body.content_case = SIMPUL__BODY__CONTENT_ANSWER;
	s->body.answer = &s->answer;
}

#define HEADER(init, change, expected, where) \
	do { \
		struct sample s; \
		init(&s); \
		change; \
		assert_int_equal(header_check(&s.header, NOW, &s.fault), expected); \
		assert_string_equal(s.fault.field, where); \
		assert_int_equal(header_check(&s.header, NOW, NULL), expected); \
	} while (0)
#define BODY(init, change, expected, where) \
	do { \
		struct sample s; \
		init(&s); \
		change; \
		assert_int_equal(body_check(&s.header, &s.body, &s.fault), expected); \
		assert_string_equal(s.fault.field, where); \
		assert_int_equal(body_check(&s.header, &s.body, NULL), expected); \
	} while (0)

static void sound_reports_of_every_kind_pass(void **state)
{
	(void)state;
	HEADER(sighting_init, (void)0, E_OK, "");
	HEADER(alert_init, (void)0, E_OK, "");
	HEADER(update_init, (void)0, E_OK, "");
	HEADER(cancel_init, (void)0, E_OK, "");
	HEADER(void_init, (void)0, E_OK, "");
	BODY(sighting_init, (void)0, E_OK, "");
	BODY(alert_init, (void)0, E_OK, "");
	BODY(update_init, (void)0, E_OK, "");
	BODY(cancel_init, (void)0, E_OK, "");
	BODY(void_init, (void)0, E_OK, "");
}

#define ASKED "body.query.subject_access."
#define TOLD "body.answer.subject_access.reports[0]"

static void a_question_names_somebody_who_can_be_found_and_nothing_else(void **state)
{
	(void)state;
	HEADER(query_init, (void)0, E_OK, "");
	BODY(query_init, (void)0, E_OK, "");
	BODY(query_init, s.header.category = TEXT("overstay"), E_INVALID, "body.query.subject_access");
	BODY(query_init, s.query.question_case = 0, E_MISSING, "body.query.subject_access");
	BODY(query_init, s.access.request_number = TEXT("for Anna"), E_INVALID, ASKED "request_number");
	BODY(query_init, s.access.received_at++, E_INVALID, ASKED "received_at");
	BODY(query_init, (s.access.received_at += 2 * DAY_MS, s.header.deadline += 2 * DAY_MS), E_INVALID, ASKED "received_at");
	BODY(query_init, s.person.identity = 0, E_MISSING, ASKED "subject.identity");
	BODY(query_init, s.person.n_documents = 0, E_MISSING, ASKED "subject.documents");
	BODY(query_init, s.document.issuing_state = TEXT(""), E_MISSING, ASKED "subject.documents[0].issuing_state");
	BODY(query_init, (s.person.n_documents = 0, s.person.primary_identifier = TEXT("ERIKSSON")), E_MISSING,
	     ASKED "subject.date_of_birth");
	BODY(query_init,
	     (s.person.n_documents = 0, s.person.primary_identifier = TEXT("ERIKSSON"), s.person.date_of_birth = TEXT("1974")),
	     E_OK, "");
	BODY(query_init, s.person.remark = TEXT("tall"), E_INVALID, ASKED "subject.remark");
	BODY(query_init, s.person.capacity = SIMPUL__CAPACITY__CAPACITY_WANTED, E_INVALID, ASKED "subject.capacity");
	/* It is not changed, but can be taken back. */
	HEADER(update_init, s.header.about = SIMPUL__KIND__KIND_QUERY, E_INVALID, "header.about");
	HEADER(cancel_init, s.header.about = SIMPUL__KIND__KIND_QUERY, E_OK, "");
	HEADER(sighting_init, s.header.deadline = NOW + DAY_MS, E_INVALID, "header.deadline");
	HEADER(query_init, (s.header.expires = NOW + 31 * DAY_MS + 1), E_EXPIRES_TOO_LATE, "header.expires");
}

static void an_answer_tells_of_each_report_what_it_says_or_why_not(void **state)
{
	(void)state;
	HEADER(answer_init, (void)0, E_OK, "");
	BODY(answer_init, (void)0, E_OK, "");
	BODY(answer_init, s.holdings.n_reports = 0, E_OK, "");
	BODY(answer_init, s.held.n_persons = 0, E_MISSING, TOLD ".withheld");
	BODY(answer_init, s.held.withheld = SIMPUL__WITHHOLD_REASON__WITHHOLD_REASON_LAW_ENFORCEMENT, E_INVALID,
	     TOLD ".withheld");
	BODY(answer_init, s.held.withheld = SIMPUL__WITHHOLD_REASON__WITHHOLD_REASON_RIGHTS_OF_OTHERS, E_OK, "");
	BODY(answer_init,
	     (s.held.n_persons = 0, s.held.withheld = SIMPUL__WITHHOLD_REASON__WITHHOLD_REASON_LAW_ENFORCEMENT,
	      s.held.summary = TEXT("all the same")),
	     E_MISSING, TOLD ".persons");
	BODY(answer_init, s.held.kind = SIMPUL__KIND__KIND_QUERY, E_INVALID, TOLD ".kind");
	BODY(answer_init, s.holder.node = TEXT("army"), E_INVALID, TOLD ".holders[0].node");
	BODY(answer_init, s.person.age = 0, E_MISSING, TOLD ".persons[0].age");
	BODY(answer_init, s.holdings.part = 2, E_INVALID, "body.answer.subject_access.part");
	BODY(answer_init, s.holdings.parts = 65, E_TOO_LARGE, "body.answer.subject_access.parts");
	HEADER(answer_init, s.header.expires = NOW + 31 * DAY_MS + 1, E_EXPIRES_TOO_LATE, "header.expires");
}

/* Withholds the report whole. */
static void withhold(struct sample *s, Simpul__WithholdReason reason)
{
	s->held.withheld = reason;
	s->held.kind = 0;
	s->held.category = TEXT("");
	s->held.at = s->held.expires = 0;
	s->held.n_persons = s->held.n_holders = 0;
}

#define WITHHOLD withhold(&s, SIMPUL__WITHHOLD_REASON__WITHHOLD_REASON_LAW_ENFORCEMENT)

static void what_is_withheld_is_named_and_no_more(void **state)
{
	(void)state;
	BODY(answer_init, WITHHOLD, E_OK, "");
	BODY(answer_init, (WITHHOLD, s.held.kind = SIMPUL__KIND__KIND_ALERT), E_INVALID, TOLD ".kind");
	BODY(answer_init, (WITHHOLD, s.held.category = TEXT("wanted")), E_INVALID, TOLD ".category");
	BODY(answer_init, (WITHHOLD, s.held.at = NOW), E_INVALID, TOLD ".at");
	BODY(answer_init, (WITHHOLD, s.held.expires = NOW), E_INVALID, TOLD ".expires");
	BODY(answer_init, (WITHHOLD, s.held.n_holders = 1), E_INVALID, TOLD ".holders");
}

/* The sender is who signed the header. */
static void of_what_another_office_said_no_more_is_told_than_that_it_is_withheld(void **state)
{
	(void)state;
	BODY(answer_init, s.held.name = &s.reference, E_NOT_ORIGIN, TOLD ".withheld");
	BODY(answer_init,
	     (s.held.name = &s.reference,
	      s.held.withheld = SIMPUL__WITHHOLD_REASON__WITHHOLD_REASON_RIGHTS_OF_OTHERS),
	     E_NOT_ORIGIN, TOLD ".withheld");
	BODY(answer_init,
	     (s.held.name = &s.reference, s.held.withheld = SIMPUL__WITHHOLD_REASON__WITHHOLD_REASON_ORIGIN_DECIDES,
	      s.held.n_holders = 0),
	     E_INVALID, TOLD ".withheld");
	BODY(answer_init,
	     (s.held.name = &s.reference, withhold(&s, SIMPUL__WITHHOLD_REASON__WITHHOLD_REASON_ORIGIN_DECIDES)), E_OK,
	     "");
	BODY(answer_init,
	     (s.held.n_persons = 0, s.held.withheld = SIMPUL__WITHHOLD_REASON__WITHHOLD_REASON_ORIGIN_DECIDES),
	     E_INVALID, TOLD ".withheld");
}

static void a_missing_field_is_named(void **state)
{
	(void)state;
	HEADER(sighting_init, s.header.salt.len = 0, E_MISSING, "header.salt");
	HEADER(sighting_init, s.header.name = NULL, E_MISSING, "header.name");
	HEADER(sighting_init, s.header.created_at = 0, E_MISSING, "header.created_at");
	HEADER(sighting_init, s.header.status = 0, E_MISSING, "header.status");
	HEADER(sighting_init, s.header.msg_type = 0, E_MISSING, "header.msg_type");
	HEADER(sighting_init, s.header.kind = 0, E_MISSING, "header.kind");
	HEADER(sighting_init, s.header.category = TEXT(""), E_MISSING, "header.category");
	HEADER(sighting_init, s.header.region = TEXT(""), E_MISSING, "header.region");
	HEADER(sighting_init, s.header.label = 0, E_MISSING, "header.label");
	HEADER(sighting_init, s.header.purpose = (char *)"", E_MISSING, "header.purpose");
	HEADER(sighting_init, s.header.expires = 0, E_MISSING, "header.expires");
	HEADER(sighting_init, s.header.form = 0, E_MISSING, "header.form");
	HEADER(update_init, s.header.about = 0, E_MISSING, "header.about");
	HEADER(cancel_init, s.header.n_references = 0, E_MISSING, "header.references");
	HEADER(sighting_init, s.header.legal_basis = &s.basis, E_MISSING, "header.legal_basis.code");
}

static void names_and_salts_have_their_form(void **state)
{
	(void)state;
	HEADER(sighting_init, s.header.salt.len = 15, E_INVALID, "header.salt");
	HEADER(sighting_init, s.name.origin = TEXT("police"), E_INVALID, "header.name.origin");
	HEADER(sighting_init, s.name.epoch = 0, E_INVALID, "header.name.epoch");
	HEADER(sighting_init, s.name.number = 0, E_INVALID, "header.name.number");
	HEADER(sighting_init, s.name.stream = 4, E_UNKNOWN_VALUE, "header.name.stream");
	BODY(sighting_init, s.body.salt.len = 17, E_INVALID, "body.salt");
	BODY(sighting_init, s.body.salt.len = 0, E_MISSING, "body.salt");
}

static void codes_match_their_patterns(void **state)
{
	(void)state;
	HEADER(sighting_init, s.header.category = TEXT("Over stay"), E_INVALID, "header.category");
	HEADER(sighting_init, s.header.category = TEXT("abcdefghijklmnopqrstuvwxyz0123456"), E_INVALID,
	       "header.category");
	HEADER(sighting_init, s.header.region = TEXT("99.99"), E_REGION_UNKNOWN, "header.region");
	HEADER(sighting_init, (s.header.legal_basis = &s.basis, s.basis.code = TEXT("uu")), E_INVALID,
	       "header.legal_basis.code");
	HEADER(sighting_init,
	       (s.header.legal_basis = &s.basis, s.basis.code = TEXT("UU-6-2011-72"), s.basis.number = TEXT("a b")),
	       E_INVALID, "header.legal_basis.number");
	HEADER(sighting_init,
	       (s.header.legal_basis = &s.basis, s.basis.code = TEXT("UU-6-2011-72"),
		s.basis.number = TEXT("W6/12.a-1")),
	       E_OK, "");
	HEADER(sighting_init, s.header.operation = TEXT("-x"), E_INVALID, "header.operation");
	HEADER(sighting_init, s.header.actor = TEXT("Budi Santoso"), E_INVALID, "header.actor");
	HEADER(sighting_init, s.header.case_ref = TEXT("free text here"), E_INVALID, "header.case_ref");
	HEADER(sighting_init, s.header.deadline = NOW + DAY_MS, E_INVALID, "header.deadline");
}

static void times_are_neither_ahead_nor_over_nor_too_long(void **state)
{
	(void)state;
	HEADER(sighting_init, s.header.created_at = NOW + LIMIT_CLOCK_AHEAD_MS, E_OK, "");
	HEADER(sighting_init, s.header.created_at = NOW + LIMIT_CLOCK_AHEAD_MS + 1, E_CLOCK, "header.created_at");
	HEADER(sighting_init, s.header.created_at = UINT64_MAX, E_CLOCK, "header.created_at");
	HEADER(sighting_init, s.header.expires = NOW, E_EXPIRED, "header.expires");
	HEADER(sighting_init, s.header.expires = NOW + 1, E_OK, "");
	HEADER(sighting_init, s.header.expires = NOW + LIMIT_LIFE_DAYS * DAY_MS, E_OK, "");
	HEADER(sighting_init, s.header.expires = NOW + LIMIT_LIFE_DAYS * DAY_MS + 1, E_EXPIRES_TOO_LATE, "header.expires");
	HEADER(sighting_init, s.header.expires = UINT64_MAX, E_EXPIRES_TOO_LATE, "header.expires");
	HEADER(sighting_init,
	       (s.header.n_protection = 1, s.protection[0] = 1,
		s.header.expires = NOW + LIMIT_PROTECTED_LIFE_DAYS * DAY_MS),
	       E_OK, "");
	HEADER(sighting_init,
	       (s.header.n_protection = 1, s.protection[0] = 1,
		s.header.expires = NOW + LIMIT_PROTECTED_LIFE_DAYS * DAY_MS + 1),
	       E_EXPIRES_TOO_LATE, "header.expires");
}

static void lists_ascend_without_repeats(void **state)
{
	(void)state;
	HEADER(sighting_init, (s.header.n_handling = 2, s.handling[0] = 1, s.handling[1] = 3), E_OK, "");
	HEADER(sighting_init, (s.header.n_handling = 2, s.handling[0] = 3, s.handling[1] = 1), E_INVALID,
	       "header.handling[1]");
	HEADER(sighting_init, (s.header.n_handling = 2, s.handling[0] = 2, s.handling[1] = 2), E_INVALID,
	       "header.handling[1]");
	HEADER(sighting_init, s.header.n_protection = 1, E_INVALID, "header.protection[0]");
}

static void parts_of_a_header_agree(void **state)
{
	(void)state;
	HEADER(sighting_init, s.header.msg_type = SIMPUL__MSG_TYPE__MSG_TYPE_UPDATE, E_INVALID, "header.msg_type");
	HEADER(update_init, s.header.msg_type = SIMPUL__MSG_TYPE__MSG_TYPE_ALERT, E_INVALID, "header.msg_type");
	HEADER(sighting_init, s.header.kind = SIMPUL__KIND__KIND_ANSWER + 1, E_UNKNOWN_VALUE, "header.kind");
	HEADER(sighting_init, s.header.about = SIMPUL__KIND__KIND_ALERT, E_INVALID, "header.about");
	HEADER(update_init, s.header.about = SIMPUL__KIND__KIND_UPDATE, E_INVALID, "header.about");
	HEADER(sighting_init, s.header.n_references = 1, E_INVALID, "header.references");
	HEADER(update_init, s.header.n_references = 2, E_INVALID, "header.references");
	HEADER(update_init, s.reference.number = 0, E_INVALID, "header.references[0].number");
	HEADER(update_init, s.reference.origin = TEXT("army.oku"), E_NOT_ORIGIN, "header.references[0]");
	HEADER(sighting_init, s.header.status = SIMPUL__STATUS__STATUS_EXERCISE, E_STREAM, "header.name.stream");
	HEADER(sighting_init, s.name.stream = SIMPUL__STREAM__STREAM_RED, E_STREAM, "header.name.stream");
	HEADER(sighting_init,
	       (s.header.status = SIMPUL__STATUS__STATUS_EXERCISE, s.name.stream = SIMPUL__STREAM__STREAM_EXERCISE),
	       E_OK, "");
	HEADER(sighting_init, (s.header.label = SIMPUL__LABEL__LABEL_RED, s.name.stream = SIMPUL__STREAM__STREAM_RED),
	       E_UNSEALED, "header.form");
	HEADER(sighting_init,
	       (s.header.label = SIMPUL__LABEL__LABEL_RED, s.name.stream = SIMPUL__STREAM__STREAM_RED,
		s.header.form = SIMPUL__BODY_FORM__BODY_FORM_SEALED),
	       E_OK, "");
}

/* Nothing that is in earnest is replaced or taken back by an exercise, nor the other way round. */
static void an_exercise_and_what_is_in_earnest_never_mix(void **state)
{
	(void)state;
	HEADER(update_init,
	       (s.header.status = SIMPUL__STATUS__STATUS_EXERCISE, s.name.stream = SIMPUL__STREAM__STREAM_EXERCISE), E_STREAM,
	       "header.references[0].stream");
	HEADER(cancel_init,
	       (s.header.status = SIMPUL__STATUS__STATUS_EXERCISE, s.name.stream = SIMPUL__STREAM__STREAM_EXERCISE), E_STREAM,
	       "header.references[0].stream");
	HEADER(update_init, s.reference.stream = SIMPUL__STREAM__STREAM_EXERCISE, E_STREAM,
	       "header.references[0].stream");
	HEADER(cancel_init, s.reference.stream = SIMPUL__STREAM__STREAM_EXERCISE_RED, E_STREAM,
	       "header.references[0].stream");
	HEADER(update_init, s.reference.stream = SIMPUL__STREAM__STREAM_RED, E_OK, "");
	HEADER(update_init,
	       (s.header.status = SIMPUL__STATUS__STATUS_EXERCISE, s.name.stream = SIMPUL__STREAM__STREAM_EXERCISE,
		s.reference.stream = SIMPUL__STREAM__STREAM_EXERCISE),
	       E_OK, "");
}

static void only_a_cancel_erases(void **state)
{
	(void)state;
	HEADER(cancel_init, s.header.erase = true, E_OK, "");
	HEADER(update_init, s.header.erase = true, E_INVALID, "header.erase");
	HEADER(sighting_init, s.header.erase = true, E_INVALID, "header.erase");
	HEADER(void_init, s.header.erase = true, E_INVALID, "header.erase");
	HEADER(purge_init, s.header.erase = true, E_INVALID, "header.erase");
}

static void a_purge_receipt_says_in_its_body_what_became_of_each_copy(void **state)
{
	(void)state;
	HEADER(purge_init, (void)0, E_OK, "");
	HEADER(purge_init, s.header.msg_type = SIMPUL__MSG_TYPE__MSG_TYPE_ALERT, E_INVALID, "header.msg_type");
	HEADER(purge_init, s.header.label = 1, E_INVALID, "header.label");
	HEADER(purge_init, s.header.category = TEXT("overstay"), E_INVALID, "header.category");
	BODY(purge_init, (void)0, E_OK, "");
	BODY(purge_init, held(&s), E_OK, "");
	BODY(purge_init, s.receipt.n_purged = 0, E_MISSING, "body.purge_receipt.purged");
	BODY(purge_init, s.purged.name = NULL, E_MISSING, "body.purge_receipt.purged[0].name");
	BODY(purge_init, s.purged_name.number = 0, E_INVALID, "body.purge_receipt.purged[0].name.number");
	BODY(purge_init, s.purged.rule = 0, E_MISSING, "body.purge_receipt.purged[0].rule");
	BODY(purge_init, s.purged.at = 0, E_MISSING, "body.purge_receipt.purged[0].at");
	BODY(purge_init, s.sink.sink = TEXT(""), E_MISSING, "body.purge_receipt.purged[0].sinks[0].sink");
	BODY(purge_init, s.sink.sink = TEXT("Anna Maria"), E_INVALID, "body.purge_receipt.purged[0].sinks[0].sink");
	BODY(purge_init, s.sink.outcome = 0, E_MISSING, "body.purge_receipt.purged[0].sinks[0].outcome");
	BODY(purge_init, s.sink.until = NOW, E_INVALID, "body.purge_receipt.purged[0].sinks[0].until");
	BODY(purge_init, s.sink.basis = &s.held_by, E_INVALID, "body.purge_receipt.purged[0].sinks[0].basis");
	BODY(purge_init, (held(&s), s.sink.basis = NULL), E_MISSING, "body.purge_receipt.purged[0].sinks[0].basis");
	BODY(purge_init, (held(&s), s.sink.until = 0), E_MISSING, "body.purge_receipt.purged[0].sinks[0].until");
	BODY(purge_init, (held(&s), s.held_by.code = TEXT("a sentence")), E_INVALID,
	     "body.purge_receipt.purged[0].sinks[0].basis.code");
	BODY(purge_init, s.body.content_case = SIMPUL__BODY__CONTENT_CANCEL, E_INVALID, "body.purge_receipt");
}

static void a_void_says_nothing_else(void **state)
{
	(void)state;
	HEADER(void_init, s.header.category = TEXT("overstay"), E_INVALID, "header.category");
	HEADER(void_init, s.header.region = TEXT("16"), E_INVALID, "header.region");
	HEADER(void_init, s.header.label = 1, E_INVALID, "header.label");
	HEADER(void_init, s.header.n_handling = 1, E_INVALID, "header.handling");
	HEADER(void_init, s.header.purpose = (char *)"tppo", E_INVALID, "header.purpose");
	HEADER(void_init, s.header.expires = NOW + 1, E_INVALID, "header.expires");
	HEADER(void_init, s.header.actor = TEXT("a"), E_INVALID, "header.actor");
	HEADER(void_init, s.header.n_references = 1, E_INVALID, "header.references");
	HEADER(void_init, s.header.form = SIMPUL__BODY_FORM__BODY_FORM_SEALED, E_INVALID, "header.form");
	HEADER(void_init, s.name.stream = SIMPUL__STREAM__STREAM_EXERCISE, E_STREAM, "header.name.stream");
	HEADER(void_init, s.header.status = SIMPUL__STATUS__STATUS_EXERCISE, E_STREAM, "header.name.stream");
	HEADER(void_init, s.name.stream = SIMPUL__STREAM__STREAM_RED, E_OK, "");
}

static void a_body_is_what_its_header_announces(void **state)
{
	(void)state;
	BODY(sighting_init, s.body.content_case = SIMPUL__BODY__CONTENT__NOT_SET, E_MISSING, "body.sighting");
	BODY(alert_init, s.body.content_case = SIMPUL__BODY__CONTENT__NOT_SET, E_MISSING, "body.alert");
	BODY(sighting_init, s.header.kind = SIMPUL__KIND__KIND_ALERT, E_INVALID, "body.alert");
	BODY(update_init, s.update.replacement_case = 0, E_MISSING, "body.update.sighting");
	BODY(update_init, s.header.about = SIMPUL__KIND__KIND_ALERT, E_INVALID, "body.update");
	BODY(cancel_init, s.cancel.reason = 0, E_MISSING, "body.cancel.reason");
}

static void persons_say_capacity_identity_and_age(void **state)
{
	(void)state;
	BODY(sighting_init, s.person.capacity = 0, E_MISSING, "body.sighting.persons[1].capacity");
	BODY(sighting_init, s.person.identity = 0, E_MISSING, "body.sighting.persons[1].identity");
	BODY(sighting_init, s.other.age = 0, E_MISSING, "body.sighting.persons[0].age");
	BODY(update_init, s.person.age = 0, E_MISSING, "body.update.sighting.persons[1].age");
	BODY(alert_init, (s.alert.persons = s.persons, s.alert.n_persons = 2, s.person.age = 0), E_MISSING,
	     "body.alert.persons[1].age");
	BODY(sighting_init, s.person.nationality = TEXT("Uto"), E_INVALID, "body.sighting.persons[1].nationality");
	BODY(sighting_init, s.person.nationality = TEXT("D"), E_OK, "");
	BODY(sighting_init, s.person.date_of_birth = TEXT("1990-02-30"), E_INVALID,
	     "body.sighting.persons[1].date_of_birth");
	BODY(sighting_init, s.person.date_of_birth = TEXT("1990"), E_OK, "");
	BODY(sighting_init, s.person.permit_until_date = TEXT("soon"), E_INVALID,
	     "body.sighting.persons[1].permit_until_date");
	BODY(sighting_init, s.document.number = TEXT(""), E_MISSING, "body.sighting.persons[1].documents[0].number");
	BODY(sighting_init, s.document.number = TEXT("abc"), E_INVALID, "body.sighting.persons[1].documents[0].number");
	BODY(sighting_init, s.document.issuing_state = TEXT("UTOP"), E_INVALID,
	     "body.sighting.persons[1].documents[0].issuing_state");
	BODY(sighting_init, s.document.type = TEXT("passport"), E_INVALID,
	     "body.sighting.persons[1].documents[0].type");
	BODY(sighting_init, s.document.expiry_date = TEXT("2030-13"), E_INVALID,
	     "body.sighting.persons[1].documents[0].expiry_date");
}

static void children_and_victims_need_their_protection(void **state)
{
	(void)state;
	BODY(sighting_init, s.person.age = SIMPUL__AGE__AGE_CHILD, E_MISSING, "header.protection");
	BODY(update_init, s.person.age = SIMPUL__AGE__AGE_CHILD, E_MISSING, "header.protection");
	BODY(sighting_init, s.person.capacity = SIMPUL__CAPACITY__CAPACITY_POSSIBLE_VICTIM, E_MISSING,
	     "header.protection");
	BODY(sighting_init,
	     (s.person.age = SIMPUL__AGE__AGE_CHILD, s.protection[0] = SIMPUL__PROTECTION__PROTECTION_TRAFFICKING,
	      s.header.n_protection = 1),
	     E_MISSING, "header.protection");
	BODY(sighting_init,
	     (s.person.age = SIMPUL__AGE__AGE_CHILD, s.person.capacity = SIMPUL__CAPACITY__CAPACITY_POSSIBLE_VICTIM,
	      s.protection[0] = SIMPUL__PROTECTION__PROTECTION_CHILD,
	      s.protection[1] = SIMPUL__PROTECTION__PROTECTION_TRAFFICKING, s.header.n_protection = 2),
	     E_OK, "");
}

static void unknown_age_is_noticed(void **state)
{
	struct sample s;

	(void)state;
	sighting_init(&s);
	assert_false(body_age_unknown(&s.body));
	s.person.age = SIMPUL__AGE__AGE_UNKNOWN;
	assert_true(body_age_unknown(&s.body));
	assert_int_equal(body_check(&s.header, &s.body, NULL), E_OK);
	update_init(&s);
	s.other.age = SIMPUL__AGE__AGE_UNKNOWN;
	assert_true(body_age_unknown(&s.body));
	cancel_init(&s);
	assert_false(body_age_unknown(&s.body));
}

static void sightings_and_alerts_are_complete(void **state)
{
	(void)state;
	BODY(sighting_init, s.sighting.first_seen = 0, E_MISSING, "body.sighting.first_seen");
	BODY(sighting_init, s.sighting.last_seen = s.sighting.first_seen - 1, E_INVALID, "body.sighting.last_seen");
	BODY(sighting_init, s.sighting.last_seen = s.sighting.first_seen, E_OK, "");
	BODY(sighting_init, s.sighting.first_seen = NOW + LIMIT_CLOCK_AHEAD_MS, E_OK, "");
	BODY(sighting_init, s.sighting.first_seen = NOW + LIMIT_CLOCK_AHEAD_MS + 1, E_CLOCK, "body.sighting.first_seen");
	BODY(sighting_init, s.sighting.last_seen = NOW + LIMIT_CLOCK_AHEAD_MS, E_OK, "");
	BODY(sighting_init, s.sighting.last_seen = NOW + LIMIT_CLOCK_AHEAD_MS + 1, E_CLOCK, "body.sighting.last_seen");
	BODY(sighting_init, s.sighting.count = 999999999, E_OK, "");
	BODY(sighting_init, s.sighting.count = 1000000000, E_INVALID, "body.sighting.count");
	BODY(sighting_init, s.sighting.assertion = 0, E_MISSING, "body.sighting.assertion");
	BODY(sighting_init, (s.reference.epoch = 0, s.sighting.sighting_of = &s.reference), E_INVALID,
	     "body.sighting.sighting_of.epoch");
	BODY(sighting_init, (s.lodging.check_in = NOW, s.lodging.check_out = NOW - 1), E_INVALID,
	     "body.sighting.lodging.check_out");
	BODY(alert_init, s.alert.urgency = 0, E_MISSING, "body.alert.urgency");
	BODY(alert_init, s.alert.severity = 0, E_MISSING, "body.alert.severity");
	BODY(alert_init, s.alert.certainty = 0, E_MISSING, "body.alert.certainty");
	BODY(alert_init, s.alert.headline = TEXT(""), E_MISSING, "body.alert.headline");
	BODY(alert_init, s.alert.assertion = 0, E_MISSING, "body.alert.assertion");
}

static void places_lie_in_the_region_of_the_header(void **state)
{
	(void)state;
	BODY(sighting_init, s.place.region = TEXT("99.99"), E_REGION_UNKNOWN, "body.sighting.where_sighted.region");
	BODY(sighting_init, s.place.region = TEXT("16.08"), E_INVALID, "body.sighting.where_sighted.region");
	BODY(sighting_init, s.place.region = TEXT("16"), E_INVALID, "body.sighting.where_sighted.region");
	BODY(sighting_init, s.place.region = TEXT(""), E_OK, "");
	BODY(alert_init, (s.alert.area = &s.place, s.place.latitude_e7 = 900000001), E_INVALID,
	     "body.alert.area.latitude_e7");
	BODY(sighting_init, s.place.latitude_e7 = -900000000, E_OK, "");
	BODY(sighting_init, s.place.longitude_e7 = -1800000001, E_INVALID, "body.sighting.where_sighted.longitude_e7");
}

static void each_difference_of_audience_is_another_class(void **state)
{
	struct sample a, b;

	(void)state;
	sighting_init(&a);
	sighting_init(&b);
	b.name.number++;
	b.header.created_at++;
	b.header.expires++;
	assert_true(header_same_class(&a.header, &b.header));
#define OTHER(change) \
	do { \
		sighting_init(&b); \
		change; \
		assert_false(header_same_class(&a.header, &b.header)); \
	} while (0)
	OTHER(b.header.kind = SIMPUL__KIND__KIND_ALERT);
	OTHER(b.header.about = SIMPUL__KIND__KIND_ALERT);
	OTHER(b.header.category = TEXT("other"));
	OTHER(b.header.region = TEXT("16"));
	OTHER(b.header.label = SIMPUL__LABEL__LABEL_GREEN);
	OTHER((b.header.n_protection = 1, b.protection[0] = 1));
	OTHER(b.header.status = SIMPUL__STATUS__STATUS_TEST);
	OTHER(b.header.form = SIMPUL__BODY_FORM__BODY_FORM_SEALED);
#undef OTHER
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sound_reports_of_every_kind_pass),
		cmocka_unit_test(a_question_names_somebody_who_can_be_found_and_nothing_else),
		cmocka_unit_test(an_answer_tells_of_each_report_what_it_says_or_why_not),
		cmocka_unit_test(what_is_withheld_is_named_and_no_more),
		cmocka_unit_test(of_what_another_office_said_no_more_is_told_than_that_it_is_withheld),
		cmocka_unit_test(a_missing_field_is_named),
		cmocka_unit_test(names_and_salts_have_their_form),
		cmocka_unit_test(codes_match_their_patterns),
		cmocka_unit_test(times_are_neither_ahead_nor_over_nor_too_long),
		cmocka_unit_test(lists_ascend_without_repeats),
		cmocka_unit_test(parts_of_a_header_agree),
		cmocka_unit_test(an_exercise_and_what_is_in_earnest_never_mix),
		cmocka_unit_test(only_a_cancel_erases),
		cmocka_unit_test(a_purge_receipt_says_in_its_body_what_became_of_each_copy),
		cmocka_unit_test(a_void_says_nothing_else),
		cmocka_unit_test(a_body_is_what_its_header_announces),
		cmocka_unit_test(persons_say_capacity_identity_and_age),
		cmocka_unit_test(children_and_victims_need_their_protection),
		cmocka_unit_test(unknown_age_is_noticed),
		cmocka_unit_test(sightings_and_alerts_are_complete),
		cmocka_unit_test(places_lie_in_the_region_of_the_header),
		cmocka_unit_test(each_difference_of_audience_is_another_class),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
