/* content_query - the rules that make a question about a person, and what is answered to it, complete and consistent.
 */
#include "common/content.h"
#include "common/content_form.h"
#include "common/name.h"

#include <string.h>

enum { MOST_PARTS = 64 };

/* ------------------------------------------------------------------ asking */

/* Nothing is asked for or told about a person beyond what finds him. */
static enum error spare_check(const Simpul__Person *subject, struct fault *fault)
{
	const struct {
		const char *name;
		bool is_given;
	} fields[] = {{"capacity", subject->capacity != 0},
		      {"permit", subject->permit != 0},
		      {"permit_number", subject->permit_number[0] != '\0'},
		      {"permit_until_date", subject->permit_until_date[0] != '\0'},
		      {"telephone", subject->telephone[0] != '\0'},
		      {"address", subject->address[0] != '\0'},
		      {"sponsor", subject->sponsor[0] != '\0'},
		      {"remark", subject->remark[0] != '\0'}};
	enum error error = E_OK;

	for (size_t i = 0; error == E_OK && i < sizeof fields / sizeof fields[0]; i++)
		error = form_absent(fields[i].is_given, fields[i].name, fault);
	return error;
}

/* A document with its issuing state, or a name with a date of birth: nobody is found by less. */
static enum error findable_check(const Simpul__Person *subject, struct fault *fault)
{
	for (size_t i = 0; i < subject->n_documents; i++)
		if (subject->documents[i]->issuing_state[0] != '\0')
			return E_OK;
	if (subject->primary_identifier[0] == '\0' && subject->secondary_identifier[0] == '\0')
		return fault_at(fault, E_MISSING, "%s",
				subject->n_documents > 0 ? "documents[0].issuing_state" : "documents");
	return form_given(subject->date_of_birth[0] != '\0', "date_of_birth", fault);
}

static enum error subject_check(const Simpul__Person *subject, struct fault *fault)
{
	enum error error = form_given(subject->identity != 0, "identity", fault);

	if (error == E_OK)
		error = spare_check(subject, fault);
	if (error == E_OK)
		error = form_person(subject, fault);
	return error == E_OK ? findable_check(subject, fault) : error;
}

static enum error access_check(const Simpul__Header *header, const Simpul__SubjectAccess *access, struct fault *fault)
{
	enum error error;

	if ((error = form_required(access->request_number, form_is_code, "request_number", fault)) != E_OK ||
	    (error = form_given(access->received_at != 0, "received_at", fault)) != E_OK ||
	    (error = form_given(access->subject != NULL, "subject", fault)) != E_OK)
		return error;
	if (access->received_at > header->created_at || header->deadline != access->received_at + SUBJECT_ACCESS_DUE_MS)
		return fault_at(fault, E_INVALID, "received_at");
	error = subject_check(access->subject, fault);
	if (error != E_OK)
		fault_within(fault, "subject");
	return error;
}

enum error query_check(const Simpul__Header *header, const Simpul__Query *query, struct fault *fault)
{
	enum error error;

	if (query->question_case != SIMPUL__QUERY__QUESTION_SUBJECT_ACCESS)
		return fault_at(fault, E_MISSING, "query.subject_access");
	/* Nobody but those who are asked can see what is asked: it must be what the policy let this office ask. */
	if (strcmp(header->category, CATEGORY_SUBJECT_ACCESS) != 0)
		return fault_at(fault, E_INVALID, "query.subject_access");
	error = access_check(header, query->subject_access, fault);
	if (error != E_OK)
		fault_within(fault, "query.subject_access");
	return error;
}

/* ------------------------------------------------------------------ answering */

static enum error holders_check(const Simpul__HeldReport *report, struct fault *fault)
{
	for (size_t i = 0; i < report->n_holders; i++)
		if (!node_name_valid(report->holders[i]->node))
			return fault_at(fault, E_INVALID, "holders[%zu].node", i);
	return E_OK;
}

/* What is withheld whole says no more than its name and why: kind, category, times and who has it tell what it is. */
static enum error withheld_check(const Simpul__HeldReport *report, struct fault *fault)
{
	const struct {
		const char *name;
		bool is_given;
	} fields[] = {{"kind", report->kind != 0},
		      {"category", report->category[0] != '\0'},
		      {"at", report->at != 0},
		      {"expires", report->expires != 0},
		      {"holders", report->n_holders > 0}};
	enum error error = E_OK;

	for (size_t i = 0; error == E_OK && i < sizeof fields / sizeof fields[0]; i++)
		error = form_absent(fields[i].is_given, fields[i].name, fault);
	return error;
}

/* What a report that is told is. */
static enum error kept_check(const Simpul__HeldReport *report, struct fault *fault)
{
	enum error error;

	if ((error = form_given(report->kind != 0, "kind", fault)) != E_OK ||
	    (error = form_required(report->category, form_is_category, "category", fault)) != E_OK ||
	    (error = form_given(report->at != 0, "at", fault)) != E_OK)
		return error;
	if (report->kind > SIMPUL__KIND__KIND_UPDATE)
		return fault_at(fault, E_INVALID, "kind");
	return form_given(report->expires != 0, "expires", fault);
}

/* What is told at all names the person. */
static enum error told_check(const Simpul__HeldReport *report, struct fault *fault)
{
	const bool told = report->n_persons > 0;
	const bool more = report->seen_at != 0 || report->place != NULL || report->summary[0] != '\0';
	enum error error = E_OK;

	if (!told && report->withheld == SIMPUL__WITHHOLD_REASON__WITHHOLD_REASON_UNSPECIFIED)
		error = fault_at(fault, E_MISSING, "withheld");
	else if (told && report->withheld != SIMPUL__WITHHOLD_REASON__WITHHOLD_REASON_UNSPECIFIED &&
		 report->withheld != SIMPUL__WITHHOLD_REASON__WITHHOLD_REASON_RIGHTS_OF_OTHERS)
		error = fault_at(fault, E_INVALID, "withheld");
	else if (!told && more)
		error = fault_at(fault, E_MISSING, "persons");
	if (error == E_OK)
		error = told ? kept_check(report, fault) : withheld_check(report, fault);
	return error == E_OK ? form_persons(report->persons, report->n_persons, fault) : error;
}

/* Whose report it is decides what is told of it. Another office says that it is withheld, and no more: that its origin
 * decides, or that it keeps it by order of an authority, which the origin cannot know. */
static enum error origin_check(const Simpul__HeldReport *report, const char *sender, struct fault *fault)
{
	const bool own = strcmp(report->name->origin, sender) == 0;

	if (own && report->withheld == SIMPUL__WITHHOLD_REASON__WITHHOLD_REASON_ORIGIN_DECIDES)
		return fault_at(fault, E_INVALID, "withheld");
	if (own)
		return E_OK;
	return report->withheld == SIMPUL__WITHHOLD_REASON__WITHHOLD_REASON_ORIGIN_DECIDES ||
			       report->withheld == SIMPUL__WITHHOLD_REASON__WITHHOLD_REASON_LAW_ENFORCEMENT
		       ? E_OK
		       : fault_at(fault, E_NOT_ORIGIN, "withheld");
}

static enum error held_check(const Simpul__HeldReport *report, const char *sender, struct fault *fault)
{
	enum error error = form_given(report->name != NULL, "name", fault);

	if (error != E_OK)
		return error;
	error = form_name(report->name, fault);
	if (error != E_OK) {
		fault_within(fault, "name");
		return error;
	}
	error = origin_check(report, sender, fault);
	if (error == E_OK)
		error = told_check(report, fault);
	return error == E_OK ? holders_check(report, fault) : error;
}

static enum error holdings_check(const Simpul__SubjectHoldings *holdings, const char *sender, struct fault *fault)
{
	enum error error = form_given(holdings->parts > 0, "parts", fault);

	if (error == E_OK)
		error = form_given(holdings->part > 0, "part", fault);
	if (error == E_OK && holdings->parts > MOST_PARTS)
		error = fault_at(fault, E_TOO_LARGE, "parts");
	if (error == E_OK && holdings->part > holdings->parts)
		error = fault_at(fault, E_INVALID, "part");
	for (size_t i = 0; error == E_OK && i < holdings->n_reports; i++) {
		error = held_check(holdings->reports[i], sender, fault);
		if (error != E_OK)
			fault_within(fault, "reports[%zu]", i);
	}
	return error;
}

enum error reply_check(const Simpul__Header *header, const Simpul__Answer *answer, struct fault *fault)
{
	enum error error;

	if (answer->reply_case != SIMPUL__ANSWER__REPLY_SUBJECT_ACCESS)
		return fault_at(fault, E_MISSING, "answer.subject_access");
	error = holdings_check(answer->subject_access, header->name->origin, fault);
	if (error != E_OK)
		fault_within(fault, "answer.subject_access");
	return error;
}
