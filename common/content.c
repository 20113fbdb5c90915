/* content - the rules that make a header complete and consistent in itself. Those of bodies stand in content_body.c, the
 * forms of single fields in content_form.c. */
#include "common/content.h"
#include "common/content_form.h"
#include "common/limit.h"
#include "common/region.h"

#include <string.h>

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

bool kind_known(Simpul__Kind kind)
{
	return kind > 0 && kind <= SIMPUL__KIND__KIND_ANSWER;
}

static bool refers(const Simpul__Header *header)
{
	return header->kind == SIMPUL__KIND__KIND_UPDATE || header->kind == SIMPUL__KIND__KIND_CANCEL;
}

/* Which report, made when, of what sort. */
static enum error origin_check(const Simpul__Header *header, wall_ms now, struct fault *fault)
{
	enum error error = form_salt(header->salt, fault);

	if (error != E_OK)
		return error;
	if (!header->name)
		return fault_at(fault, E_MISSING, "name");
	error = form_name(header->name, fault);
	if (error != E_OK) {
		fault_within(fault, "name");
		return error;
	}
	if ((error = form_given(header->created_at != 0, "created_at", fault)) != E_OK ||
	    (error = form_given(header->status != 0, "status", fault)) != E_OK ||
	    (error = form_given(header->kind != 0, "kind", fault)) != E_OK ||
	    (error = form_given(header->msg_type != 0, "msg_type", fault)) != E_OK ||
	    (error = form_given(header->form != 0, "form", fault)) != E_OK)
		return error;
	if (!kind_known(header->kind))
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
	enum error error = form_given(header->n_references > 0, "references", fault);

	if (error != E_OK)
		return error;
	if (header->n_references > 1)
		return fault_at(fault, E_INVALID, "references");
	meant = header->references[0];
	error = form_name(meant, fault);
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
		error = form_absent(header->about != 0, "about", fault);
		if (error == E_OK && kind_answers_one(header->kind))
			return meant_check(header, fault);
		return error == E_OK ? form_absent(header->n_references > 0, "references", fault) : error;
	}
	if ((error = form_given(header->about != 0, "about", fault)) != E_OK)
		return error;
	/* A question is not changed, it is taken back and asked again. */
	if (header->about != SIMPUL__KIND__KIND_SIGHTING && header->about != SIMPUL__KIND__KIND_ALERT &&
	    (header->about != SIMPUL__KIND__KIND_QUERY || header->kind != SIMPUL__KIND__KIND_CANCEL))
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

	if ((error = form_required(header->category, form_is_category, "category", fault)) != E_OK ||
	    (error = form_given(header->region[0] != '\0', "region", fault)) != E_OK ||
	    (error = form_given(header->label != 0, "label", fault)) != E_OK ||
	    (error = form_required(header->purpose, purpose_valid, "purpose", fault)) != E_OK ||
	    (error = ascending_check((const int *)header->handling, header->n_handling, "handling", fault)) != E_OK ||
	    (error = ascending_check((const int *)header->protection, header->n_protection, "protection", fault)) !=
		    E_OK)
		return error;
	if (!region_exists(header->region))
		return fault_at(fault, E_REGION_UNKNOWN, "region");
	if (header->name->stream != stream_of(header->status, header->label))
		return fault_at(fault, E_STREAM, "name.stream");
	return E_OK;
}

static enum error seal_check(const Simpul__Header *header, struct fault *fault)
{
	const bool must = header->label == SIMPUL__LABEL__LABEL_RED || kind_is_sealed(header->kind);

	return must && header->form != SIMPUL__BODY_FORM__BODY_FORM_SEALED ? fault_at(fault, E_UNSEALED, "form") : E_OK;
}

static enum error expiry_check(const Simpul__Header *header, wall_ms now, struct fault *fault)
{
	const uint64_t days = kind_is_sealed(header->kind) ? LIMIT_QUERY_LIFE_DAYS
			      : header->n_protection > 0   ? LIMIT_PROTECTED_LIFE_DAYS
							   : LIMIT_LIFE_DAYS;

	if (header->expires == 0)
		return fault_at(fault, E_MISSING, "expires");
	if (header->expires <= now)
		return fault_at(fault, E_EXPIRED, "expires");
	if (header->expires > header->created_at + days * DAY_MS)
		return fault_at(fault, E_EXPIRES_TOO_LATE, "expires");
	return E_OK;
}

/* Codes of laws, letters and cases: they match a pattern, for a header holds no free text. */
static enum error codes_check(const Simpul__Header *header, struct fault *fault)
{
	enum error error;

	if (header->legal_basis && (error = form_basis(header->legal_basis, "legal_basis", fault)) != E_OK)
		return error;
	if ((error = form_optional(header->operation, form_is_code, "operation", fault)) != E_OK ||
	    (error = form_optional(header->actor, form_is_code, "actor", fault)) != E_OK ||
	    (error = form_optional(header->case_ref, form_is_code, "case_ref", fault)) != E_OK)
		return error;
	if (header->kind != SIMPUL__KIND__KIND_QUERY)
		return form_absent(header->deadline != 0, "deadline", fault);
	error = form_given(header->deadline != 0, "deadline", fault);
	/* It may have passed: a request that was left lying is answered all the same. */
	return error == E_OK && header->deadline > header->expires ? fault_at(fault, E_INVALID, "deadline") : error;
}

/* A VOID uses up a number and says nothing else; an answer says it all in its body. That of an ANSWER is sealed, and
 * dies. */
static enum error bare_check(const Simpul__Header *header, struct fault *fault)
{
	const bool exercise = in_exercise(header->name->stream), sealed = kind_is_sealed(header->kind);
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
		      {"expires", header->expires != 0 && !sealed},
		      {"operation", header->operation[0] != '\0'},
		      {"actor", header->actor[0] != '\0'},
		      {"case_ref", header->case_ref[0] != '\0'},
		      {"deadline", header->deadline != 0},
		      {"form", header->form != SIMPUL__BODY_FORM__BODY_FORM_PLAIN && !sealed}};

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
			error = codes_check(header, fault);
	}
	if (error == E_OK)
		error = seal_check(header, fault);
	if (error == E_OK && (kind_is_sealed(header->kind) || !kind_is_bare(header->kind)))
		error = expiry_check(header, now, fault);
	if (error != E_OK)
		fault_within(fault, "header");
	return error;
}

bool kind_answers_one(Simpul__Kind kind)
{
	return kind == SIMPUL__KIND__KIND_FLAG || kind == SIMPUL__KIND__KIND_RELEASE_REQUEST ||
	       kind == SIMPUL__KIND__KIND_RELEASE || kind == SIMPUL__KIND__KIND_ANSWER;
}

bool kind_is_sealed(Simpul__Kind kind)
{
	return kind == SIMPUL__KIND__KIND_QUERY || kind == SIMPUL__KIND__KIND_ANSWER;
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
