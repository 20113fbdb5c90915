/* content_body - the rules that make a body complete and consistent in itself and with its header. */
#include "common/content.h"
#include "common/content_form.h"
#include "common/limit.h"
#include "common/name.h"
#include "common/region.h"

#include <string.h>

#define COUNT_LIMIT 999999999u
#define LATITUDE_LIMIT 900000000
#define LONGITUDE_LIMIT 1800000000

/* ------------------------------------------------------------------ persons and things */

static enum error document_check(const Simpul__TravelDocument *document, struct fault *fault)
{
	enum error error;

	if ((error = form_optional(document->type, form_is_document_type, "type", fault)) != E_OK ||
	    (error = form_optional(document->issuing_state, form_is_state, "issuing_state", fault)) != E_OK ||
	    (error = form_required(document->number, form_is_document_number, "number", fault)) != E_OK)
		return error;
	return form_optional(document->expiry_date, date_valid, "expiry_date", fault);
}

/* The forms of what identifies a person, as far as it is given. */
enum error form_person(const Simpul__Person *person, struct fault *fault)
{
	enum error error;

	if ((error = form_optional(person->date_of_birth, date_valid, "date_of_birth", fault)) != E_OK ||
	    (error = form_optional(person->nationality, form_is_state, "nationality", fault)) != E_OK ||
	    (error = form_optional(person->permit_until_date, date_valid, "permit_until_date", fault)) != E_OK)
		return error;
	for (size_t i = 0; i < person->n_documents; i++) {
		error = document_check(person->documents[i], fault);
		if (error != E_OK) {
			fault_within(fault, "documents[%zu]", i);
			return error;
		}
	}
	return E_OK;
}

static enum error person_check(const Simpul__Person *person, struct fault *fault)
{
	enum error error;

	if ((error = form_given(person->capacity != 0, "capacity", fault)) != E_OK ||
	    (error = form_given(person->identity != 0, "identity", fault)) != E_OK ||
	    (error = form_given(person->age != 0, "age", fault)) != E_OK)
		return error;
	return form_person(person, fault);
}

enum error form_persons(Simpul__Person *const *persons, size_t count, struct fault *fault)
{
	for (size_t i = 0; i < count; i++) {
		enum error error = person_check(persons[i], fault);

		if (error != E_OK) {
			fault_within(fault, "persons[%zu]", i);
			return error;
		}
	}
	return E_OK;
}

/* `field` is what the message calls the place. */
static enum error place_check(const Simpul__Header *header, const Simpul__Place *place, const char *field,
			      struct fault *fault)
{
	if (!place)
		return E_OK;
	if (place->region[0] != '\0' && !region_exists(place->region))
		return fault_at(fault, E_REGION_UNKNOWN, "%s.region", field);
	if (place->region[0] != '\0' && !region_covers(header->region, place->region))
		return fault_at(fault, E_INVALID, "%s.region", field);
	if (place->latitude_e7 < -LATITUDE_LIMIT || place->latitude_e7 > LATITUDE_LIMIT)
		return fault_at(fault, E_INVALID, "%s.latitude_e7", field);
	if (place->longitude_e7 < -LONGITUDE_LIMIT || place->longitude_e7 > LONGITUDE_LIMIT)
		return fault_at(fault, E_INVALID, "%s.longitude_e7", field);
	return E_OK;
}

/* ------------------------------------------------------------------ bodies */

static enum error sighting_check(const Simpul__Header *header, const Simpul__Sighting *sighting, struct fault *fault)
{
	const Simpul__Lodging *lodging = sighting->lodging;
	enum error error;

	if ((error = form_given(sighting->first_seen != 0, "first_seen", fault)) != E_OK ||
	    (error = form_given(sighting->assertion != 0, "assertion", fault)) != E_OK)
		return error;
	/* By the origin's own clock, which the header has: nobody has seen what is still to come. */
	if (sighting->first_seen > header->created_at + LIMIT_CLOCK_AHEAD_MS)
		return fault_at(fault, E_CLOCK, "first_seen");
	if (sighting->last_seen > header->created_at + LIMIT_CLOCK_AHEAD_MS)
		return fault_at(fault, E_CLOCK, "last_seen");
	if (sighting->last_seen != 0 && sighting->last_seen < sighting->first_seen)
		return fault_at(fault, E_INVALID, "last_seen");
	if (sighting->count > COUNT_LIMIT)
		return fault_at(fault, E_INVALID, "count");
	if (sighting->sighting_of && (error = form_name(sighting->sighting_of, fault)) != E_OK) {
		fault_within(fault, "sighting_of");
		return error;
	}
	if (lodging && lodging->check_out != 0 && lodging->check_out < lodging->check_in)
		return fault_at(fault, E_INVALID, "lodging.check_out");
	error = place_check(header, sighting->where_sighted, "where_sighted", fault);
	return error == E_OK ? form_persons(sighting->persons, sighting->n_persons, fault) : error;
}

static enum error alert_check(const Simpul__Header *header, const Simpul__Alert *alert, struct fault *fault)
{
	enum error error;

	if ((error = form_given(alert->urgency != 0, "urgency", fault)) != E_OK ||
	    (error = form_given(alert->severity != 0, "severity", fault)) != E_OK ||
	    (error = form_given(alert->certainty != 0, "certainty", fault)) != E_OK ||
	    (error = form_given(alert->headline[0] != '\0', "headline", fault)) != E_OK ||
	    (error = form_given(alert->assertion != 0, "assertion", fault)) != E_OK ||
	    (error = place_check(header, alert->area, "area", fault)) != E_OK)
		return error;
	return form_persons(alert->persons, alert->n_persons, fault);
}

struct stated body_stated(const Simpul__Body *body)
{
	const Simpul__Update *update;

	switch (body->content_case) {
	case SIMPUL__BODY__CONTENT_SIGHTING:
		return (struct stated){.sighting = body->sighting};
	case SIMPUL__BODY__CONTENT_ALERT:
		return (struct stated){.alert = body->alert};
	case SIMPUL__BODY__CONTENT_UPDATE:
		update = body->update;
		if (update->replacement_case == SIMPUL__UPDATE__REPLACEMENT_SIGHTING)
			return (struct stated){.sighting = update->sighting};
		if (update->replacement_case == SIMPUL__UPDATE__REPLACEMENT_ALERT)
			return (struct stated){.alert = update->alert};
		return (struct stated){0};
	default:
		return (struct stated){0};
	}
}

Simpul__Person *const *body_persons(const Simpul__Body *body, size_t *count)
{
	const struct stated statement = body_stated(body);

	*count = statement.sighting ? statement.sighting->n_persons : statement.alert ? statement.alert->n_persons : 0;
	return statement.sighting ? statement.sighting->persons : statement.alert ? statement.alert->persons : NULL;
}

bool body_age_unknown(const Simpul__Body *body)
{
	size_t count;
	Simpul__Person *const *persons = body_persons(body, &count);

	for (size_t i = 0; i < count; i++)
		if (persons[i]->age == SIMPUL__AGE__AGE_UNKNOWN)
			return true;
	return false;
}

size_t body_person_count(const Simpul__Body *body)
{
	size_t count;

	body_persons(body, &count);
	return count;
}

bool body_identifies(const Simpul__Body *body)
{
	const struct stated said = body_stated(body);

	return body_person_count(body) > 0 ||
	       (said.sighting && (said.sighting->n_vehicles > 0 || said.sighting->lodging)) ||
	       (said.alert && said.alert->n_vehicles > 0);
}

static bool protected_as(const Simpul__Header *header, Simpul__Protection protection)
{
	for (size_t i = 0; i < header->n_protection; i++)
		if (header->protection[i] == protection)
			return true;
	return false;
}

/* Children and possible victims are written about only under their protection. */
static enum error protection_check(const Simpul__Header *header, const Simpul__Body *body, struct fault *fault)
{
	size_t count;
	Simpul__Person *const *persons = body_persons(body, &count);
	const bool child = protected_as(header, SIMPUL__PROTECTION__PROTECTION_CHILD);
	const bool victim = protected_as(header, SIMPUL__PROTECTION__PROTECTION_TRAFFICKING);

	for (size_t i = 0; i < count; i++)
		if ((persons[i]->age == SIMPUL__AGE__AGE_CHILD && !child) ||
		    (persons[i]->capacity == SIMPUL__CAPACITY__CAPACITY_POSSIBLE_VICTIM && !victim))
			return fault_at(fault, E_MISSING, "header.protection");
	return E_OK;
}

/* That the body holds what the header announces. */
static enum error kind_check(const Simpul__Header *header, const Simpul__Body *body, struct fault *fault)
{
	static const struct {
		Simpul__Body__ContentCase content;
		const char *field;
	} expected[] = {[SIMPUL__KIND__KIND_SIGHTING] = {SIMPUL__BODY__CONTENT_SIGHTING, "sighting"},
			[SIMPUL__KIND__KIND_ALERT] = {SIMPUL__BODY__CONTENT_ALERT, "alert"},
			[SIMPUL__KIND__KIND_UPDATE] = {SIMPUL__BODY__CONTENT_UPDATE, "update"},
			[SIMPUL__KIND__KIND_CANCEL] = {SIMPUL__BODY__CONTENT_CANCEL, "cancel"},
			[SIMPUL__KIND__KIND_VOID] = {SIMPUL__BODY__CONTENT_VOID, "void"},
			[SIMPUL__KIND__KIND_PURGE_RECEIPT] = {SIMPUL__BODY__CONTENT_PURGE_RECEIPT, "purge_receipt"},
			[SIMPUL__KIND__KIND_FLAG] = {SIMPUL__BODY__CONTENT_FLAG, "flag"},
			[SIMPUL__KIND__KIND_RELEASE_REQUEST] = {SIMPUL__BODY__CONTENT_RELEASE_REQUEST, "release_request"},
			[SIMPUL__KIND__KIND_RELEASE] = {SIMPUL__BODY__CONTENT_RELEASE, "release"},
			[SIMPUL__KIND__KIND_QUERY] = {SIMPUL__BODY__CONTENT_QUERY, "query"},
			[SIMPUL__KIND__KIND_ANSWER] = {SIMPUL__BODY__CONTENT_ANSWER, "answer"}};
	struct stated replacement;

	if (!kind_known(header->kind))
		return fault_at(fault, E_UNKNOWN_VALUE, "%s", "");
	if (body->content_case != expected[header->kind].content)
		return fault_at(fault, body->content_case == SIMPUL__BODY__CONTENT__NOT_SET ? E_MISSING : E_INVALID,
				"%s", expected[header->kind].field);
	if (header->kind != SIMPUL__KIND__KIND_UPDATE)
		return E_OK;
	replacement = body_stated(body);
	if (!replacement.sighting && !replacement.alert)
		return fault_at(fault, E_MISSING, "update.%s",
				header->about == SIMPUL__KIND__KIND_ALERT ? "alert" : "sighting");
	if ((header->about == SIMPUL__KIND__KIND_SIGHTING) != (replacement.sighting != NULL))
		return fault_at(fault, E_INVALID, "update");
	return E_OK;
}

enum error sink_purge_check(const Simpul__SinkPurge *sink, struct fault *fault)
{
	const bool held = sink->outcome == SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_HELD;
	enum error error;

	if ((error = form_required(sink->sink, form_is_sink, "sink", fault)) != E_OK ||
	    (error = form_given(sink->outcome != 0, "outcome", fault)) != E_OK)
		return error;
	if (!held) {
		error = form_absent(sink->basis != NULL, "basis", fault);
		return error == E_OK ? form_absent(sink->until != 0, "until", fault) : error;
	}
	if ((error = form_given(sink->basis != NULL, "basis", fault)) != E_OK ||
	    (error = form_given(sink->until != 0, "until", fault)) != E_OK)
		return error;
	return form_basis(sink->basis, "basis", fault);
}

static enum error purged_check(const Simpul__Purged *purged, struct fault *fault)
{
	enum error error;

	if ((error = form_given(purged->name != NULL, "name", fault)) != E_OK ||
	    (error = form_given(purged->rule != 0, "rule", fault)) != E_OK ||
	    (error = form_given(purged->at != 0, "at", fault)) != E_OK)
		return error;
	error = form_name(purged->name, fault);
	if (error != E_OK)
		fault_within(fault, "name");
	for (size_t i = 0; error == E_OK && i < purged->n_sinks; i++) {
		error = sink_purge_check(purged->sinks[i], fault);
		if (error != E_OK)
			fault_within(fault, "sinks[%zu]", i);
	}
	return error;
}

static enum error purge_receipt_check(const Simpul__PurgeReceipt *receipt, struct fault *fault)
{
	enum error error = form_given(receipt->n_purged > 0, "purged", fault);

	for (size_t i = 0; error == E_OK && i < receipt->n_purged; i++) {
		error = purged_check(receipt->purged[i], fault);
		if (error != E_OK)
			fault_within(fault, "purged[%zu]", i);
	}
	if (error != E_OK)
		fault_within(fault, "purge_receipt");
	return error;
}

/* The nodes that should have it, each once; no agencies, for the origin decides about offices. */
static enum error release_request_check(const Simpul__ReleaseRequest *request, struct fault *fault)
{
	enum error error = form_given(request->reason != 0, "reason", fault);

	if (error == E_OK)
		error = form_given(request->n_nodes > 0, "nodes", fault);
	for (size_t i = 0; error == E_OK && i < request->n_nodes; i++) {
		bool twice = false;

		for (size_t k = 0; k < i; k++)
			twice = twice || strcmp(request->nodes[k], request->nodes[i]) == 0;
		if (twice || !node_name_valid(request->nodes[i]))
			error = fault_at(fault, E_INVALID, "nodes[%zu]", i);
	}
	if (error != E_OK)
		fault_within(fault, "release_request");
	return error;
}

/* What is neither a sighting nor an alert, nor replaces one. */
static enum error answer_check(const Simpul__Header *header, const Simpul__Body *body, struct fault *fault)
{
	switch (body->content_case) {
	case SIMPUL__BODY__CONTENT_CANCEL:
		return form_given(body->cancel->reason != 0, "cancel.reason", fault);
	case SIMPUL__BODY__CONTENT_PURGE_RECEIPT:
		return purge_receipt_check(body->purge_receipt, fault);
	case SIMPUL__BODY__CONTENT_FLAG:
		return form_given(body->flag->reason != 0, "flag.reason", fault);
	case SIMPUL__BODY__CONTENT_RELEASE_REQUEST:
		return release_request_check(body->release_request, fault);
	case SIMPUL__BODY__CONTENT_RELEASE:
		return form_given(body->release->decision != 0, "release.decision", fault);
	case SIMPUL__BODY__CONTENT_QUERY:
		return query_check(header, body->query, fault);
	case SIMPUL__BODY__CONTENT_ANSWER:
		return reply_check(header, body->answer, fault);
	default:
		return E_OK;
	}
}

static enum error statement_check(const Simpul__Header *header, const Simpul__Body *body, struct fault *fault)
{
	const struct stated statement = body_stated(body);
	enum error error = E_OK;

	if (statement.sighting)
		error = sighting_check(header, statement.sighting, fault);
	else if (statement.alert)
		error = alert_check(header, statement.alert, fault);
	if (error != E_OK)
		fault_within(fault, "%s%s", header->kind == SIMPUL__KIND__KIND_UPDATE ? "update." : "",
			     statement.sighting ? "sighting" : "alert");
	return error;
}

enum error body_check(const Simpul__Header *header, const Simpul__Body *body, struct fault *fault)
{
	enum error error = form_salt(body->salt, fault);

	if (error == E_OK)
		error = kind_check(header, body, fault);
	if (error == E_OK)
		error = answer_check(header, body, fault);
	if (error == E_OK)
		error = statement_check(header, body, fault);
	if (error != E_OK) {
		fault_within(fault, "body");
		return error;
	}
	return protection_check(header, body, fault);
}
