/* content - the rules that make a header and a body complete and consistent in themselves. */
#include "common/content.h"
#include "common/limit.h"
#include "common/name.h"
#include "common/region.h"

#include <string.h>

#define DAY_MS (UINT64_C(24) * 3600 * 1000)
#define SALT_SIZE 16
#define COUNT_LIMIT 999999999u
#define LATITUDE_LIMIT 900000000
#define LONGITUDE_LIMIT 1800000000

/* ------------------------------------------------------------------ patterns */

enum { LOWER = 1, UPPER = 2, DIGIT = 4 };

static bool in_class(char c, unsigned classes, const char *others)
{
	if (c >= 'a' && c <= 'z')
		return (classes & LOWER) != 0;
	if (c >= 'A' && c <= 'Z')
		return (classes & UPPER) != 0;
	if (c >= '0' && c <= '9')
		return (classes & DIGIT) != 0;
	return c != '\0' && strchr(others, c) != NULL;
}

/* 1..most characters out of the classes and `others`. */
static bool matches(const char *text, unsigned classes, const char *others, size_t most)
{
	size_t length = 0;

	while (in_class(text[length], classes, others))
		length++;
	return text[length] == '\0' && length >= 1 && length <= most;
}

static bool is_category(const char *text)
{
	return matches(text, LOWER | DIGIT, "-", 32);
}

bool purpose_valid(const char *text)
{
	return is_category(text); /* both are words of a list that the exchange keeps */
}

bool law_code_valid(const char *text)
{
	return in_class(text[0], UPPER | DIGIT, "") && matches(text, UPPER | DIGIT, ".-", 32);
}

/* Numbers of letters, operations and cases, and pseudonyms: too narrow for a sentence. */
static bool is_reference_code(const char *text)
{
	return in_class(text[0], UPPER | LOWER | DIGIT, "") && matches(text, UPPER | LOWER | DIGIT, "./-", 64);
}

static bool is_sink(const char *text)
{
	return matches(text, LOWER | DIGIT, "._-", 63);
}

/* ICAO 9303 part 3: three letters, or D for Germany. */
static bool is_state(const char *text)
{
	return strcmp(text, "D") == 0 || (strlen(text) == 3 && matches(text, UPPER, "", 3));
}

static bool is_document_type(const char *text)
{
	return matches(text, UPPER, "", 2);
}

static bool is_document_number(const char *text)
{
	return matches(text, UPPER | DIGIT, "<", 20);
}

/* Empty, or of the form that `valid` knows. */
static enum error optional_check(const char *text, bool (*valid)(const char *), const char *field, struct fault *fault)
{
	return text[0] == '\0' || valid(text) ? E_OK : fault_at(fault, E_INVALID, "%s", field);
}

static enum error required_check(const char *text, bool (*valid)(const char *), const char *field, struct fault *fault)
{
	return text[0] == '\0' ? fault_at(fault, E_MISSING, "%s", field) : optional_check(text, valid, field, fault);
}

/* For enumerations and times, whose 0 means "not given". */
static enum error given(bool is_given, const char *field, struct fault *fault)
{
	return is_given ? E_OK : fault_at(fault, E_MISSING, "%s", field);
}

/* The opposite: a field that has no place here. */
static enum error absent(bool is_given, const char *field, struct fault *fault)
{
	return is_given ? fault_at(fault, E_INVALID, "%s", field) : E_OK;
}

static enum error salt_check(ProtobufCBinaryData salt, struct fault *fault)
{
	return salt.len == SALT_SIZE ? E_OK : fault_at(fault, salt.len == 0 ? E_MISSING : E_INVALID, "salt");
}

static enum error name_check(const Simpul__Name *name, struct fault *fault)
{
	if (!node_name_valid(name->origin))
		return fault_at(fault, E_INVALID, "origin");
	if (name->epoch == 0)
		return fault_at(fault, E_INVALID, "epoch");
	if (name->stream > SIMPUL__STREAM__STREAM_EXERCISE_RED)
		return fault_at(fault, E_UNKNOWN_VALUE, "stream");
	if (name->number == 0)
		return fault_at(fault, E_INVALID, "number");
	return E_OK;
}

/* ------------------------------------------------------------------ header */

Simpul__MsgType msg_type_of(Simpul__Kind kind)
{
	switch (kind) {
	case SIMPUL__KIND__KIND_UPDATE:
		return SIMPUL__MSG_TYPE__MSG_TYPE_UPDATE;
	case SIMPUL__KIND__KIND_CANCEL:
		return SIMPUL__MSG_TYPE__MSG_TYPE_CANCEL;
	default:
		return kind_is_answer(kind) ? SIMPUL__MSG_TYPE__MSG_TYPE_ACK : SIMPUL__MSG_TYPE__MSG_TYPE_ALERT;
	}
}

Simpul__Stream stream_of(Simpul__Status status, Simpul__Label label)
{
	const bool exercise = status == SIMPUL__STATUS__STATUS_EXERCISE, red = label == SIMPUL__LABEL__LABEL_RED;

	if (red)
		return exercise ? SIMPUL__STREAM__STREAM_EXERCISE_RED : SIMPUL__STREAM__STREAM_RED;
	return exercise ? SIMPUL__STREAM__STREAM_EXERCISE : SIMPUL__STREAM__STREAM_MAIN;
}

static bool is_kind(Simpul__Kind kind)
{
	return kind > 0 && kind <= SIMPUL__KIND__KIND_RELEASE;
}

static bool refers(const Simpul__Header *header)
{
	return header->kind == SIMPUL__KIND__KIND_UPDATE || header->kind == SIMPUL__KIND__KIND_CANCEL;
}

/* Which report, made when, of what sort. */
static enum error origin_check(const Simpul__Header *header, wall_ms now, struct fault *fault)
{
	enum error error = salt_check(header->salt, fault);

	if (error != E_OK)
		return error;
	if (!header->name)
		return fault_at(fault, E_MISSING, "name");
	error = name_check(header->name, fault);
	if (error != E_OK) {
		fault_within(fault, "name");
		return error;
	}
	if ((error = given(header->created_at != 0, "created_at", fault)) != E_OK ||
	    (error = given(header->status != 0, "status", fault)) != E_OK ||
	    (error = given(header->kind != 0, "kind", fault)) != E_OK ||
	    (error = given(header->msg_type != 0, "msg_type", fault)) != E_OK ||
	    (error = given(header->form != 0, "form", fault)) != E_OK)
		return error;
	if (!is_kind(header->kind))
		return fault_at(fault, E_UNKNOWN_VALUE, "kind");
	if (header->msg_type != msg_type_of(header->kind))
		return fault_at(fault, E_INVALID, "msg_type");
	if (header->created_at > now + LIMIT_CLOCK_AHEAD_MS)
		return fault_at(fault, E_CLOCK, "created_at");
	return E_OK;
}

static bool in_exercise(Simpul__Stream stream)
{
	return stream == SIMPUL__STREAM__STREAM_EXERCISE || stream == SIMPUL__STREAM__STREAM_EXERCISE_RED;
}

/* The one report that is meant. An exercise speaks of exercises, and nothing else does. */
static enum error meant_check(const Simpul__Header *header, struct fault *fault)
{
	const bool own = refers(header);
	const Simpul__Name *meant;
	enum error error = given(header->n_references > 0, "references", fault);

	if (error != E_OK)
		return error;
	if (header->n_references > 1)
		return fault_at(fault, E_INVALID, "references");
	meant = header->references[0];
	error = name_check(meant, fault);
	if (error == E_OK && own != (strcmp(meant->origin, header->name->origin) == 0))
		error = fault_at(fault, own ? E_NOT_ORIGIN : E_INVALID, "%s", "");
	if (error == E_OK && in_exercise(meant->stream) != in_exercise(header->name->stream))
		error = fault_at(fault, E_STREAM, "stream");
	if (error != E_OK)
		fault_within(fault, "references[0]");
	return error;
}

/* What an UPDATE or CANCEL is about; nothing for the others. */
static enum error reference_check(const Simpul__Header *header, struct fault *fault)
{
	enum error error;

	if (header->kind != SIMPUL__KIND__KIND_CANCEL && header->erase)
		return fault_at(fault, E_INVALID, "erase");
	if (!refers(header)) {
		error = absent(header->about != 0, "about", fault);
		if (error == E_OK && kind_answers_one(header->kind))
			return meant_check(header, fault);
		return error == E_OK ? absent(header->n_references > 0, "references", fault) : error;
	}
	if ((error = given(header->about != 0, "about", fault)) != E_OK)
		return error;
	if (header->about != SIMPUL__KIND__KIND_SIGHTING && header->about != SIMPUL__KIND__KIND_ALERT)
		return fault_at(fault, E_INVALID, "about");
	return meant_check(header, fault);
}

/* Strictly ascending and without the unspecified value. */
static enum error ascending_check(const int *values, size_t count, const char *field, struct fault *fault)
{
	for (size_t i = 0; i < count; i++)
		if (values[i] <= (i == 0 ? 0 : values[i - 1]))
			return fault_at(fault, E_INVALID, "%s[%zu]", field, i);
	return E_OK;
}

_Static_assert(sizeof(Simpul__Handling) == sizeof(int) && sizeof(Simpul__Protection) == sizeof(int),
	       "protobuf-c forces enumerations to the size of an int");

/* What decides the audience. */
static enum error class_check(const Simpul__Header *header, struct fault *fault)
{
	enum error error;

	if ((error = required_check(header->category, is_category, "category", fault)) != E_OK ||
	    (error = given(header->region[0] != '\0', "region", fault)) != E_OK ||
	    (error = given(header->label != 0, "label", fault)) != E_OK ||
	    (error = required_check(header->purpose, purpose_valid, "purpose", fault)) != E_OK ||
	    (error = ascending_check((const int *)header->handling, header->n_handling, "handling", fault)) != E_OK ||
	    (error = ascending_check((const int *)header->protection, header->n_protection, "protection", fault)) !=
		    E_OK)
		return error;
	if (!region_exists(header->region))
		return fault_at(fault, E_REGION_UNKNOWN, "region");
	if (header->name->stream != stream_of(header->status, header->label))
		return fault_at(fault, E_STREAM, "name.stream");
	if (header->label == SIMPUL__LABEL__LABEL_RED && header->form != SIMPUL__BODY_FORM__BODY_FORM_SEALED)
		return fault_at(fault, E_UNSEALED, "form");
	return E_OK;
}

static enum error expiry_check(const Simpul__Header *header, wall_ms now, struct fault *fault)
{
	const uint64_t days = header->n_protection > 0 ? LIMIT_PROTECTED_LIFE_DAYS : LIMIT_LIFE_DAYS;

	if (header->expires == 0)
		return fault_at(fault, E_MISSING, "expires");
	if (header->expires <= now)
		return fault_at(fault, E_EXPIRED, "expires");
	if (header->expires > header->created_at + days * DAY_MS)
		return fault_at(fault, E_EXPIRES_TOO_LATE, "expires");
	return E_OK;
}

/* `field` is what the message calls the place. */
static enum error basis_check(const Simpul__LegalBasis *basis, const char *field, struct fault *fault)
{
	enum error error = required_check(basis->code, law_code_valid, "code", fault);

	if (error == E_OK)
		error = optional_check(basis->number, is_reference_code, "number", fault);
	if (error != E_OK)
		fault_within(fault, "%s", field);
	return error;
}

/* Codes of laws, letters and cases: they match a pattern, for a header holds no free text. */
static enum error codes_check(const Simpul__Header *header, struct fault *fault)
{
	enum error error;

	if (header->legal_basis && (error = basis_check(header->legal_basis, "legal_basis", fault)) != E_OK)
		return error;
	if ((error = optional_check(header->operation, is_reference_code, "operation", fault)) != E_OK ||
	    (error = optional_check(header->actor, is_reference_code, "actor", fault)) != E_OK ||
	    (error = optional_check(header->case_ref, is_reference_code, "case_ref", fault)) != E_OK)
		return error;
	/* No kind of this version wants a reply. */
	return absent(header->deadline != 0, "deadline", fault);
}

/* A VOID uses up a number and says nothing else; an answer says it all in its body. */
static enum error bare_check(const Simpul__Header *header, struct fault *fault)
{
	const bool exercise = in_exercise(header->name->stream);
	const struct {
		const char *name;
		bool is_given;
	} fields[] = {{"category", header->category[0] != '\0'},
		      {"region", header->region[0] != '\0'},
		      {"label", header->label != 0},
		      {"handling", header->n_handling > 0},
		      {"protection", header->n_protection > 0},
		      {"purpose", header->purpose[0] != '\0'},
		      {"legal_basis", header->legal_basis != NULL},
		      {"source_grade", header->source_grade != 0},
		      {"information_grade", header->information_grade != 0},
		      {"expires", header->expires != 0},
		      {"operation", header->operation[0] != '\0'},
		      {"actor", header->actor[0] != '\0'},
		      {"case_ref", header->case_ref[0] != '\0'},
		      {"deadline", header->deadline != 0},
		      {"form", header->form != SIMPUL__BODY_FORM__BODY_FORM_PLAIN}};

	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
		if (fields[i].is_given)
			return fault_at(fault, E_INVALID, "%s", fields[i].name);
	if (exercise != (header->status == SIMPUL__STATUS__STATUS_EXERCISE))
		return fault_at(fault, E_STREAM, "name.stream");
	return E_OK;
}

enum error header_check(const Simpul__Header *header, wall_ms now, struct fault *fault)
{
	enum error error = origin_check(header, now, fault);

	if (error == E_OK)
		error = reference_check(header, fault);
	if (error == E_OK && kind_is_bare(header->kind)) {
		error = bare_check(header, fault);
	} else if (error == E_OK) {
		error = class_check(header, fault);
		if (error == E_OK)
			error = expiry_check(header, now, fault);
		if (error == E_OK)
			error = codes_check(header, fault);
	}
	if (error != E_OK)
		fault_within(fault, "header");
	return error;
}

bool kind_answers_one(Simpul__Kind kind)
{
	return kind == SIMPUL__KIND__KIND_FLAG || kind == SIMPUL__KIND__KIND_RELEASE_REQUEST ||
	       kind == SIMPUL__KIND__KIND_RELEASE;
}

bool kind_is_answer(Simpul__Kind kind)
{
	return kind == SIMPUL__KIND__KIND_PURGE_RECEIPT || kind_answers_one(kind);
}

bool kind_is_bare(Simpul__Kind kind)
{
	return kind == SIMPUL__KIND__KIND_VOID || kind_is_answer(kind);
}

bool kind_travels_alone(Simpul__Kind kind)
{
	return kind == SIMPUL__KIND__KIND_UPDATE || kind == SIMPUL__KIND__KIND_CANCEL ||
	       kind == SIMPUL__KIND__KIND_VOID || kind_answers_one(kind);
}

bool header_same_class(const Simpul__Header *a, const Simpul__Header *b)
{
	return a->kind == b->kind && a->about == b->about && a->label == b->label && a->status == b->status &&
	       a->form == b->form && strcmp(a->category, b->category) == 0 && strcmp(a->region, b->region) == 0 &&
	       bytes_equal(BYTES(a->protection, a->n_protection * sizeof(int)),
			   BYTES(b->protection, b->n_protection * sizeof(int)));
}

/* ------------------------------------------------------------------ persons and things */

static enum error document_check(const Simpul__TravelDocument *document, struct fault *fault)
{
	enum error error;

	if ((error = optional_check(document->type, is_document_type, "type", fault)) != E_OK ||
	    (error = optional_check(document->issuing_state, is_state, "issuing_state", fault)) != E_OK ||
	    (error = required_check(document->number, is_document_number, "number", fault)) != E_OK)
		return error;
	return optional_check(document->expiry_date, date_valid, "expiry_date", fault);
}

static enum error person_check(const Simpul__Person *person, struct fault *fault)
{
	enum error error;

	if ((error = given(person->capacity != 0, "capacity", fault)) != E_OK ||
	    (error = given(person->identity != 0, "identity", fault)) != E_OK ||
	    (error = given(person->age != 0, "age", fault)) != E_OK ||
	    (error = optional_check(person->date_of_birth, date_valid, "date_of_birth", fault)) != E_OK ||
	    (error = optional_check(person->nationality, is_state, "nationality", fault)) != E_OK ||
	    (error = optional_check(person->permit_until_date, date_valid, "permit_until_date", fault)) != E_OK)
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

static enum error persons_check(Simpul__Person *const *persons, size_t count, struct fault *fault)
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

	if ((error = given(sighting->first_seen != 0, "first_seen", fault)) != E_OK ||
	    (error = given(sighting->assertion != 0, "assertion", fault)) != E_OK)
		return error;
	if (sighting->last_seen != 0 && sighting->last_seen < sighting->first_seen)
		return fault_at(fault, E_INVALID, "last_seen");
	if (sighting->count > COUNT_LIMIT)
		return fault_at(fault, E_INVALID, "count");
	if (sighting->sighting_of && (error = name_check(sighting->sighting_of, fault)) != E_OK) {
		fault_within(fault, "sighting_of");
		return error;
	}
	if (lodging && lodging->check_out != 0 && lodging->check_out < lodging->check_in)
		return fault_at(fault, E_INVALID, "lodging.check_out");
	error = place_check(header, sighting->where_sighted, "where_sighted", fault);
	return error == E_OK ? persons_check(sighting->persons, sighting->n_persons, fault) : error;
}

static enum error alert_check(const Simpul__Header *header, const Simpul__Alert *alert, struct fault *fault)
{
	enum error error;

	if ((error = given(alert->urgency != 0, "urgency", fault)) != E_OK ||
	    (error = given(alert->severity != 0, "severity", fault)) != E_OK ||
	    (error = given(alert->certainty != 0, "certainty", fault)) != E_OK ||
	    (error = given(alert->headline[0] != '\0', "headline", fault)) != E_OK ||
	    (error = given(alert->assertion != 0, "assertion", fault)) != E_OK ||
	    (error = place_check(header, alert->area, "area", fault)) != E_OK)
		return error;
	return persons_check(alert->persons, alert->n_persons, fault);
}

/* The sighting or the alert that a body states, whether first or as a replacement; at most one is not NULL. */
struct stated {
	const Simpul__Sighting *sighting;
	const Simpul__Alert *alert;
};

static struct stated stated_in(const Simpul__Body *body)
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

static Simpul__Person *const *persons_of(const Simpul__Body *body, size_t *count)
{
	const struct stated statement = stated_in(body);

	*count = statement.sighting ? statement.sighting->n_persons : statement.alert ? statement.alert->n_persons : 0;
	return statement.sighting ? statement.sighting->persons : statement.alert ? statement.alert->persons : NULL;
}

bool body_age_unknown(const Simpul__Body *body)
{
	size_t count;
	Simpul__Person *const *persons = persons_of(body, &count);

	for (size_t i = 0; i < count; i++)
		if (persons[i]->age == SIMPUL__AGE__AGE_UNKNOWN)
			return true;
	return false;
}

size_t body_person_count(const Simpul__Body *body)
{
	size_t count;

	persons_of(body, &count);
	return count;
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
	Simpul__Person *const *persons = persons_of(body, &count);
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
			[SIMPUL__KIND__KIND_RELEASE] = {SIMPUL__BODY__CONTENT_RELEASE, "release"}};
	struct stated replacement;

	if (!is_kind(header->kind))
		return fault_at(fault, E_UNKNOWN_VALUE, "%s", "");
	if (body->content_case != expected[header->kind].content)
		return fault_at(fault, body->content_case == SIMPUL__BODY__CONTENT__NOT_SET ? E_MISSING : E_INVALID,
				"%s", expected[header->kind].field);
	if (header->kind != SIMPUL__KIND__KIND_UPDATE)
		return E_OK;
	replacement = stated_in(body);
	if (!replacement.sighting && !replacement.alert)
		return fault_at(fault, E_MISSING, "update.%s",
				header->about == SIMPUL__KIND__KIND_ALERT ? "alert" : "sighting");
	if ((header->about == SIMPUL__KIND__KIND_SIGHTING) != (replacement.sighting != NULL))
		return fault_at(fault, E_INVALID, "update");
	return E_OK;
}

static enum error sink_purge_check(const Simpul__SinkPurge *sink, struct fault *fault)
{
	const bool held = sink->outcome == SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_HELD;
	enum error error;

	if ((error = required_check(sink->sink, is_sink, "sink", fault)) != E_OK ||
	    (error = given(sink->outcome != 0, "outcome", fault)) != E_OK)
		return error;
	if (!held) {
		error = absent(sink->basis != NULL, "basis", fault);
		return error == E_OK ? absent(sink->until != 0, "until", fault) : error;
	}
	if ((error = given(sink->basis != NULL, "basis", fault)) != E_OK ||
	    (error = given(sink->until != 0, "until", fault)) != E_OK)
		return error;
	return basis_check(sink->basis, "basis", fault);
}

static enum error purged_check(const Simpul__Purged *purged, struct fault *fault)
{
	enum error error;

	if ((error = given(purged->name != NULL, "name", fault)) != E_OK ||
	    (error = given(purged->rule != 0, "rule", fault)) != E_OK ||
	    (error = given(purged->at != 0, "at", fault)) != E_OK)
		return error;
	error = name_check(purged->name, fault);
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
	enum error error = given(receipt->n_purged > 0, "purged", fault);

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
	enum error error = given(request->reason != 0, "reason", fault);

	if (error == E_OK)
		error = given(request->n_nodes > 0, "nodes", fault);
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
static enum error answer_check(const Simpul__Body *body, struct fault *fault)
{
	switch (body->content_case) {
	case SIMPUL__BODY__CONTENT_CANCEL:
		return given(body->cancel->reason != 0, "cancel.reason", fault);
	case SIMPUL__BODY__CONTENT_PURGE_RECEIPT:
		return purge_receipt_check(body->purge_receipt, fault);
	case SIMPUL__BODY__CONTENT_FLAG:
		return given(body->flag->reason != 0, "flag.reason", fault);
	case SIMPUL__BODY__CONTENT_RELEASE_REQUEST:
		return release_request_check(body->release_request, fault);
	case SIMPUL__BODY__CONTENT_RELEASE:
		return given(body->release->decision != 0, "release.decision", fault);
	default:
		return E_OK;
	}
}

static enum error statement_check(const Simpul__Header *header, const Simpul__Body *body, struct fault *fault)
{
	const struct stated statement = stated_in(body);
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
	enum error error = salt_check(body->salt, fault);

	if (error == E_OK)
		error = kind_check(header, body, fault);
	if (error == E_OK)
		error = answer_check(body, fault);
	if (error == E_OK)
		error = statement_check(header, body, fault);
	if (error != E_OK) {
		fault_within(fault, "body");
		return error;
	}
	return protection_check(header, body, fault);
}
