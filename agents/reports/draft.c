/* draft - makes the header, body and routing of a report out of a draft, and checks them before anything is taken. */
#include "agents/reports/draft.h"
#include "common/content.h"
#include "common/json.h"
#include "common/limit.h"
#include "common/region.h"
#include "common/wire.h"
#include <stdlib.h>
#include <string.h>

enum {
	RECIPIENTS = 64, /* as limit.h has it for simpul.Routing */
	ROOM = 128,	 /* what the true number and the seal of a body may add */
};

/* What all steps share. */
struct making {
	const Simpul__Draft *draft;
	const struct draft_defaults *defaults;
	const char *node;
	wall_ms now;
	struct arena *arena;
	struct fault *fault;
};

static void *message_new(struct arena *arena, const ProtobufCMessageDescriptor *type)
{
	void *message = arena_alloc(arena, type->sizeof_message);

	protobuf_c_message_init(type, message);
	return message;
}

/* Zeros of the right size: they stand in for the salt that the outbox draws. */
static ProtobufCBinaryData salt_provisional(struct arena *arena)
{
	ProtobufCBinaryData salt = {.len = SALT_SIZE, .data = arena_alloc(arena, SALT_SIZE)};

	memset(salt.data, 0, SALT_SIZE);
	return salt;
}

/* ------------------------------------------------------------------ regions */

/* A name becomes the code; a code stays. */
static enum error region_resolve(const struct making *m, char **region, const char *field)
{
	const char *within = m->defaults->region_within ? m->defaults->region_within : "";
	const struct region *found;
	size_t matches;

	if ((*region)[0] == '\0' || region_exists(*region))
		return E_OK;
	found = region_by_name(*region, within, &matches);
	if (!found)
		return fault_at(m->fault, E_REGION_UNKNOWN, "%s", field);
	*region = arena_text(m->arena, found->code);
	return E_OK;
}

static enum error place_resolve(const struct making *m, Simpul__Place *place, const char *field)
{
	return place ? region_resolve(m, &place->region, field) : E_OK;
}

/* The places that a body names. */
static enum error places_resolve(const struct making *m)
{
	const Simpul__Draft *draft = m->draft;
	const Simpul__Update *update;

	switch (draft->content_case) {
	case SIMPUL__DRAFT__CONTENT_SIGHTING:
		return place_resolve(m, draft->sighting->where_sighted, "sighting.where_sighted.region");
	case SIMPUL__DRAFT__CONTENT_ALERT:
		return place_resolve(m, draft->alert->area, "alert.area.region");
	case SIMPUL__DRAFT__CONTENT_UPDATE:
		update = draft->update;
		if (update->replacement_case == SIMPUL__UPDATE__REPLACEMENT_SIGHTING)
			return place_resolve(m, update->sighting->where_sighted,
					     "update.sighting.where_sighted.region");
		if (update->replacement_case == SIMPUL__UPDATE__REPLACEMENT_ALERT)
			return place_resolve(m, update->alert->area, "update.alert.area.region");
		return E_OK;
	default:
		return E_OK;
	}
}

/* ------------------------------------------------------------------ kind */

/* What a draft may hold, and what becomes of it. */
static const struct content {
	Simpul__Draft__ContentCase in_draft;
	Simpul__Body__ContentCase in_body;
	Simpul__Kind kind;
} contents[] = {
	{SIMPUL__DRAFT__CONTENT__NOT_SET, SIMPUL__BODY__CONTENT__NOT_SET, SIMPUL__KIND__KIND_UNSPECIFIED},
	{SIMPUL__DRAFT__CONTENT_SIGHTING, SIMPUL__BODY__CONTENT_SIGHTING, SIMPUL__KIND__KIND_SIGHTING},
	{SIMPUL__DRAFT__CONTENT_ALERT, SIMPUL__BODY__CONTENT_ALERT, SIMPUL__KIND__KIND_ALERT},
	{SIMPUL__DRAFT__CONTENT_UPDATE, SIMPUL__BODY__CONTENT_UPDATE, SIMPUL__KIND__KIND_UPDATE},
	{SIMPUL__DRAFT__CONTENT_CANCEL, SIMPUL__BODY__CONTENT_CANCEL, SIMPUL__KIND__KIND_CANCEL},
	{SIMPUL__DRAFT__CONTENT_FLAG, SIMPUL__BODY__CONTENT_FLAG, SIMPUL__KIND__KIND_FLAG},
	{SIMPUL__DRAFT__CONTENT_RELEASE_REQUEST, SIMPUL__BODY__CONTENT_RELEASE_REQUEST,
	 SIMPUL__KIND__KIND_RELEASE_REQUEST},
	{SIMPUL__DRAFT__CONTENT_RELEASE, SIMPUL__BODY__CONTENT_RELEASE, SIMPUL__KIND__KIND_RELEASE},
	{SIMPUL__DRAFT__CONTENT_QUERY, SIMPUL__BODY__CONTENT_QUERY, SIMPUL__KIND__KIND_QUERY},
	{SIMPUL__DRAFT__CONTENT_ANSWER, SIMPUL__BODY__CONTENT_ANSWER, SIMPUL__KIND__KIND_ANSWER},
};

static const struct content *content_of(const Simpul__Draft *draft)
{
	for (size_t i = 1; i < sizeof(contents) / sizeof(contents[0]); i++)
		if (contents[i].in_draft == draft->content_case)
			return &contents[i];
	return &contents[0];
}

/* What an update is about follows from what it replaces the report with. */
static Simpul__Kind about_of(const Simpul__Draft *draft)
{
	if (draft->content_case != SIMPUL__DRAFT__CONTENT_UPDATE || draft->about != SIMPUL__KIND__KIND_UNSPECIFIED)
		return draft->about;
	if (draft->update->replacement_case == SIMPUL__UPDATE__REPLACEMENT_SIGHTING)
		return SIMPUL__KIND__KIND_SIGHTING;
	if (draft->update->replacement_case == SIMPUL__UPDATE__REPLACEMENT_ALERT)
		return SIMPUL__KIND__KIND_ALERT;
	return SIMPUL__KIND__KIND_UNSPECIFIED;
}

/* ------------------------------------------------------------------ header */

static Simpul__Name *name_new(const struct making *m, const struct report_name *name)
{
	Simpul__Name *message = message_new(m->arena, &simpul__name__descriptor);

	message->origin = arena_text(m->arena, name->origin);
	message->epoch = name->epoch;
	message->stream = (Simpul__Stream)name->stream;
	message->number = name->number;
	return message;
}

static enum error reference_set(const struct making *m, Simpul__Header *header)
{
	struct report_name name;

	if (m->draft->reference[0] == '\0')
		return E_OK;
	if (!report_name_parse(m->draft->reference, &name))
		return fault_at(m->fault, E_INVALID, "reference");
	header->n_references = 1;
	header->references = arena_alloc(m->arena, sizeof(*header->references));
	header->references[0] = name_new(m, &name);
	return E_OK;
}

static int compare_ints(const void *a, const void *b)
{
	return (*(const int *)a > *(const int *)b) - (*(const int *)a < *(const int *)b);
}

static void words_set(const struct making *m, Simpul__Header *header)
{
	const Simpul__Draft *draft = m->draft;

	/* People list them in any order, a header does not. */
	if (draft->n_handling > 1)
		qsort(draft->handling, draft->n_handling, sizeof(*draft->handling), compare_ints);
	if (draft->n_protection > 1)
		qsort(draft->protection, draft->n_protection, sizeof(*draft->protection), compare_ints);
	header->n_handling = draft->n_handling;
	header->handling = draft->handling;
	header->n_protection = draft->n_protection;
	header->protection = draft->protection;
	header->category = draft->category;
	header->operation = draft->operation;
	header->actor = draft->actor;
	header->case_ref = draft->case_ref;
	header->erase = draft->erase;
	header->deadline = draft->deadline;
}

/* The end of the report's life; a default never keeps a protected report longer than it may be kept. */
static wall_ms expires_of(const struct making *m)
{
	uint64_t days = m->defaults->expires_days;

	if (m->draft->expires != 0 || days == 0)
		return m->draft->expires;
	if (m->draft->n_protection > 0 && days > LIMIT_PROTECTED_LIFE_DAYS)
		days = LIMIT_PROTECTED_LIFE_DAYS;
	return m->now + days * DAY_MS;
}

static Simpul__LegalBasis *basis_of(const struct making *m)
{
	Simpul__LegalBasis *basis;

	if (m->draft->legal_basis || !m->defaults->legal_basis)
		return m->draft->legal_basis;
	basis = message_new(m->arena, &simpul__legal_basis__descriptor);
	basis->code = arena_text(m->arena, m->defaults->legal_basis);
	return basis;
}

/* What the report rests on: given, or by default. A CANCEL states nothing that would have to be graded. */
static void grounds_set(const struct making *m, Simpul__Header *header)
{
	const Simpul__Draft *draft = m->draft;
	const bool states = header->kind != SIMPUL__KIND__KIND_CANCEL;

	header->purpose = draft->purpose;
	if (header->purpose[0] == '\0' && m->defaults->purpose)
		header->purpose = arena_text(m->arena, m->defaults->purpose);
	header->legal_basis = states ? basis_of(m) : draft->legal_basis;
	header->source_grade = draft->source_grade;
	if (header->source_grade == 0 && states)
		header->source_grade = m->defaults->source_grade;
	header->information_grade = draft->information_grade;
	if (header->information_grade == 0 && states)
		header->information_grade = m->defaults->information_grade;
}

/* Status, label, region, expiry: given, or by default. */
static enum error defaults_set(const struct making *m, Simpul__Header *header)
{
	const Simpul__Draft *draft = m->draft;

	header->status = draft->status != 0 ? draft->status : SIMPUL__STATUS__STATUS_ACTUAL;
	header->label = draft->label != 0 ? draft->label : m->defaults->label;
	header->expires = expires_of(m);
	header->region = draft->region;
	if (header->region[0] == '\0' && m->defaults->region)
		header->region = arena_text(m->arena, m->defaults->region);
	return region_resolve(m, &header->region, "region");
}

static bool is_sealed(const Simpul__Header *header)
{
	return header->label == SIMPUL__LABEL__LABEL_RED || kind_is_sealed(header->kind);
}

static enum error header_make(const struct making *m, struct prepared *prepared)
{
	Simpul__Header *header = message_new(m->arena, &simpul__header__descriptor);
	struct report_name name = {.epoch = 1, .number = 1};
	enum error error;

	header->kind = content_of(m->draft)->kind;
	if (header->kind == SIMPUL__KIND__KIND_UNSPECIFIED)
		return fault_at(m->fault, E_MISSING, "sighting, alert, update or cancel");
	header->msg_type = msg_type_of(header->kind);
	header->about = about_of(m->draft);
	header->created_at = m->now;
	words_set(m, header);
	grounds_set(m, header);
	error = defaults_set(m, header);
	if (error == E_OK)
		error = reference_set(m, header);
	if (error != E_OK)
		return error;
	header->form = is_sealed(header) ? SIMPUL__BODY_FORM__BODY_FORM_SEALED : SIMPUL__BODY_FORM__BODY_FORM_PLAIN;
	prepared->stream = stream_of(header->status, header->label);
	name.stream = prepared->stream;
	memcpy(name.origin, m->node, strlen(m->node) + 1);
	header->name = name_new(m, &name);
	header->salt = salt_provisional(m->arena);
	prepared->header = header;
	return E_OK;
}

/* ------------------------------------------------------------------ body */

static void body_make(const struct making *m, struct prepared *prepared)
{
	const Simpul__Draft *draft = m->draft;
	Simpul__Body *body = message_new(m->arena, &simpul__body__descriptor);

	body->salt = salt_provisional(m->arena);
	prepared->body = body;
	body->content_case = content_of(draft)->in_body;
	body->sighting = draft->sighting; /* whichever it is: in both messages they are pointers that share a place */
}

/* ------------------------------------------------------------------ routing */

static bool named_before(char *const *names, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

static enum error names_check(const struct making *m, char *const *names, size_t count, const char *field)
{
	if (count > RECIPIENTS)
		return fault_at(m->fault, E_TOO_LARGE, "%s", field);
	for (size_t i = 0; i < count; i++)
		if ((!node_name_valid(names[i]) && !agency_name_valid(names[i])) || named_before(names, i, names[i]))
			return fault_at(m->fault, E_INVALID, "%s[%zu]", field, i);
	return E_OK;
}

/* RED and what is sealed anyway are for named nodes alone; a question too. */
static enum error red_check(const struct making *m, const Simpul__Header *header)
{
	if (!is_sealed(header) || kind_answers_one(header->kind))
		return E_OK;
	if (m->draft->n_to == 0)
		return fault_at(m->fault, E_RED_NEEDS_NODES, "to");
	for (size_t i = 0; i < m->draft->n_to; i++)
		if (!node_name_valid(m->draft->to[i]))
			return fault_at(m->fault, E_RED_NEEDS_NODES, "to[%zu]", i);
	return E_OK;
}

/* An answer goes to the origin of what it answers, and to nobody else. */
static enum error answer_address(const struct making *m, struct prepared *prepared, Simpul__Routing *routing)
{
	const Simpul__Header *header = prepared->header;

	if (m->draft->n_to > 0 || m->draft->n_not_to > 0)
		return fault_at(m->fault, E_INVALID, m->draft->n_to > 0 ? "to" : "not_to");
	if (header->n_references != 1)
		return fault_at(m->fault, E_MISSING, "reference");
	routing->n_to = 1;
	routing->to = arena_alloc(m->arena, sizeof(*routing->to));
	routing->to[0] = header->references[0]->origin;
	prepared->routing = routing;
	return E_OK;
}

static enum error routing_make(const struct making *m, struct prepared *prepared)
{
	const Simpul__Draft *draft = m->draft;
	Simpul__Routing *routing = message_new(m->arena, &simpul__routing__descriptor);
	enum error error;

	if ((error = names_check(m, draft->to, draft->n_to, "to")) != E_OK ||
	    (error = names_check(m, draft->not_to, draft->n_not_to, "not_to")) != E_OK ||
	    (error = red_check(m, prepared->header)) != E_OK)
		return error;
	for (size_t i = 0; i < draft->n_not_to; i++)
		if (named_before(draft->to, draft->n_to, draft->not_to[i]))
			return fault_at(m->fault, E_INVALID, "not_to[%zu]", i);
	routing->salt = salt_provisional(m->arena);
	if (kind_answers_one(prepared->header->kind))
		return answer_address(m, prepared, routing);
	routing->n_to = draft->n_to;
	routing->to = draft->to;
	routing->n_not_to = draft->n_not_to;
	routing->not_to = draft->not_to;
	prepared->routing = routing;
	return E_OK;
}

/* ------------------------------------------------------------------ checks */

/* A fault of header or body in the words of the draft, the only ones that its author knows. */
static void fault_to_draft(struct fault *fault)
{
	static const char *const outer[] = {"header.", "body."};

	for (size_t i = 0; i < sizeof(outer) / sizeof(outer[0]); i++)
		if (strncmp(fault->field, outer[i], strlen(outer[i])) == 0)
			memmove(fault->field, fault->field + strlen(outer[i]),
				strlen(fault->field + strlen(outer[i])) + 1);
	if (strncmp(fault->field, "references", strlen("references")) == 0)
		fault_at(fault, fault->code, "reference");
}

/* Who is meant when it is not certain that there is no child among the persons. */
static enum error age_check(const struct making *m, const struct prepared *prepared)
{
	if (!body_age_unknown(prepared->body) || prepared->routing->n_to > 0)
		return E_OK;
	for (size_t i = 0; i < prepared->header->n_protection; i++)
		if (prepared->header->protection[i] == SIMPUL__PROTECTION__PROTECTION_CHILD)
			return E_OK;
	return fault_at(m->fault, E_MISSING, "to");
}

/* What the broker would find wrong with the bytes. */
static enum error encoding_check(const struct making *m, const ProtobufCMessage *message, size_t limit)
{
	struct buffer encoded = {0};
	enum error error;

	wire_pack(message, &encoded);
	error = encoded.size + ROOM > limit ? fault_at(m->fault, E_TOO_LARGE, "%s", "")
					    : wire_check(message->descriptor, buffer_view(&encoded), m->fault);
	buffer_free(&encoded);
	return error;
}

static enum error report_check(const struct making *m, const struct prepared *prepared)
{
	enum error error;

	if ((error = header_check(prepared->header, m->now, m->fault)) == E_OK &&
	    (error = body_check(prepared->header, prepared->body, m->fault)) == E_OK &&
	    (error = age_check(m, prepared)) == E_OK &&
	    (error = encoding_check(m, &prepared->header->base, LIMIT_HEADER)) == E_OK &&
	    (error = encoding_check(m, &prepared->routing->base, LIMIT_ROUTING)) == E_OK)
		error = encoding_check(m, &prepared->body->base, LIMIT_REPORT - LIMIT_HEADER);
	if (error != E_OK)
		fault_to_draft(m->fault);
	return error;
}

enum error draft_unrecorded(const json_t *json, struct fault *fault)
{
	static const char *const contents_recorded[] = {"query", "answer"};

	for (size_t i = 0; i < sizeof(contents_recorded) / sizeof(contents_recorded[0]); i++)
		if (json_object_get(json, contents_recorded[i]) != NULL)
			return fault_at(fault, E_UNRECORDED, "%s", contents_recorded[i]);
	return E_OK;
}

static const struct draft_defaults no_defaults;

enum error draft_of_json(const json_t *json, const struct draft_defaults *defaults, const char *node, wall_ms now,
			 struct arena *arena, struct prepared *prepared, struct fault *fault)
{
	struct fault local = {.code = E_OK};
	struct making m = {
		.defaults = defaults, .node = node, .now = now, .arena = arena, .fault = fault ? fault : &local};
	enum error error;

	m.draft = json_to_message(&simpul__draft__descriptor, json, arena, m.fault);
	if (!m.draft)
		return m.fault->code;
	if (kind_is_bare(content_of(m.draft)->kind))
		m.defaults = &no_defaults; /* its header names nothing that could be left out */
	if ((error = places_resolve(&m)) != E_OK || (error = header_make(&m, prepared)) != E_OK)
		return error;
	body_make(&m, prepared);
	error = routing_make(&m, prepared);
	return error == E_OK ? report_check(&m, prepared) : error;
}
