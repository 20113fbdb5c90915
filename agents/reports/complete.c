/* complete - copies what decides an audience from an outbox row into the draft that updates or cancels it. */
#include "agents/reports/complete.h"
#include "agents/reports/view.h"
#include "agents/store/reference.h"
#include "common/content.h"
#include "common/json.h"
#include "common/wire.h"
#include <string.h>

/* What the two steps below share. */
struct completion {
	json_t *draft;
	wall_ms now;
	bool found;
	bool refused;
	wall_ms expires; /* of the report that is meant */
	bool mixed; /* an exercise and something in earnest */
};

static void fill(json_t *draft, const char *key, const json_t *from)
{
	json_t *value = json_object_get(from, key);

	if (value != NULL && json_object_get(draft, key) == NULL)
		json_object_set(draft, key, value);
}

static void fill_about(json_t *draft, const Simpul__Header *header)
{
	Simpul__Kind about = header->about != SIMPUL__KIND__KIND_UNSPECIFIED ? header->about : header->kind;

	if (json_object_get(draft, "about") == NULL)
		json_object_set_new(draft, "about", json_string(enum_text(&simpul__kind__descriptor, (int)about)));
}

static void fill_from_header(struct completion *completion, const Simpul__Header *header)
{
	static const char *const keys[] = {"status",	 "category", "region",	    "label",	 "handling",
					   "protection", "purpose",  "legal_basis", "operation", "case_ref"};
	static const char *const grades[] = {"source_grade", "information_grade"};
	json_t *json = json_of_message(header, 0);

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		fill(completion->draft, keys[i], json);
	completion->expires = header->expires;
	/* A new content may be graded otherwise; unless that is said it is as good as the one before. */
	for (size_t i = 0; json_object_get(completion->draft, "update") != NULL && i < 2; i++)
		fill(completion->draft, grades[i], json);
	/* A report that has run out can still be cancelled; how long that is kept must then be said. */
	if (header->expires > completion->now)
		fill(completion->draft, "expires", json);
	fill_about(completion->draft, header);
	json_decref(json);
}

static void fill_from_routing(struct completion *completion, const Simpul__Routing *routing)
{
	json_t *json = json_of_message(routing, 0);

	fill(completion->draft, "to", json);
	fill(completion->draft, "not_to", json);
	json_decref(json);
}

/* A status that cannot be read is refused when the draft is. */
static bool same_status(const json_t *draft, const Simpul__Header *header)
{
	const char *text = json_string_value(json_object_get(draft, "status"));
	int status;

	return text == NULL || !enum_parse(&simpul__status__descriptor, text, &status) || status == (int)header->status;
}

static bool original_take(void *context, const struct outbox_row *row)
{
	struct completion *completion = context;
	const Simpul__Routing *routing;
	const Simpul__Header *header;
	struct arena arena;

	arena_init(&arena);
	header = wire_unpack(&simpul__header__descriptor, row->header, &arena, NULL);
	routing = wire_unpack(&simpul__routing__descriptor, row->routing, &arena, NULL);
	completion->found = header != NULL && !kind_is_bare(header->kind);
	completion->refused = row->state == OUTBOX_REFUSED;
	if (completion->found && !completion->refused)
		fill_from_header(completion, header);
	if (completion->found)
		completion->mixed = !same_status(completion->draft, header);
	if (completion->found && !completion->refused && routing != NULL)
		fill_from_routing(completion, routing);
	arena_fini(&arena);
	return false;
}

/* What is to be known longer than was said at first needs a reason; a time that cannot be read is found wrong later. */
static enum error extension_check(const struct completion *completion, struct fault *fault)
{
	const json_t *update = json_object_get(completion->draft, "update");
	const char *text = json_string_value(json_object_get(completion->draft, "expires"));
	const char *note = json_string_value(json_object_get(update, "note"));
	wall_ms expires;

	if (update == NULL || (note != NULL && note[0] != '\0'))
		return E_OK;
	/* None is left after the report has run out, and the defaults then give a new one. */
	if (text != NULL && (!time_parse(text, &expires) || expires <= completion->expires))
		return E_OK;
	return fault_at(fault, E_MISSING, "update.note");
}

/* Only a request for it is released, and only a question answered. */
static bool is_answered_by(Simpul__Kind kind, const json_t *draft)
{
	if (json_object_get(draft, "release") != NULL)
		return kind == SIMPUL__KIND__KIND_RELEASE_REQUEST;
	if (json_object_get(draft, "answer") != NULL)
		return kind == SIMPUL__KIND__KIND_QUERY;
	return kind != SIMPUL__KIND__KIND_RELEASE_REQUEST;
}

/* What is answered to a question dies with it. */
static void fill_expires(json_t *draft, wall_ms expires)
{
	char time[TIME_TEXT_SIZE];

	if (json_object_get(draft, "answer") != NULL && json_object_get(draft, "expires") == NULL)
		json_object_set_new(draft, "expires", json_string(time_text(time, expires, 0)));
}

/* An answer is as much in earnest as what it answers. */
static bool answered_take(void *context, const struct inbox_row *row)
{
	struct completion *completion = context;
	const Simpul__Header *header;
	struct arena arena;

	arena_init(&arena);
	header = wire_unpack(&simpul__header__descriptor, row->header, &arena, NULL);
	completion->found = header != NULL && row->trust != TRUST_BAD && is_answered_by(row->kind, completion->draft);
	if (completion->found)
		fill_expires(completion->draft, header->expires);
	if (completion->found && json_object_get(completion->draft, "status") == NULL)
		json_object_set_new(completion->draft, "status",
				    json_string(enum_text(&simpul__status__descriptor, (int)header->status)));
	completion->mixed = completion->found && !same_status(completion->draft, header);
	arena_fini(&arena);
	return !completion->found;
}

/* ---- the report that an update of an update is about */

struct root {
	char name[REPORT_NAME_SIZE];
	bool is_update;
};

static bool root_take(void *context, const struct outbox_row *row)
{
	struct root *root = context;
	const Simpul__Header *header;
	struct report_name name;
	struct arena arena;

	arena_init(&arena);
	header = wire_unpack(&simpul__header__descriptor, row->header, &arena, NULL);
	root->is_update = header != NULL && header->kind == SIMPUL__KIND__KIND_UPDATE && reference_read(header, &name);
	if (root->is_update)
		report_name_text(&name, root->name);
	arena_fini(&arena);
	return false;
}

/* An office that may not have the update in between, but has the report and may have this one, must be able to tell
 * that this one takes the report's place. */
static enum error reference_to_root(struct store *store, json_t *draft, const struct report_name *name,
				    struct fault *fault)
{
	struct report_name meant = *name;
	struct root root = {.is_update = true};
	enum error error = E_OK;

	report_name_text(name, root.name);
	while (error == E_OK && root.is_update && report_name_parse(root.name, &meant)) {
		root.is_update = false;
		error = view_outbox_by_name(store, &meant, root_take, &root, fault);
	}
	json_object_set_new(draft, "reference", json_string(root.name));
	return error;
}

static bool has_any(const json_t *draft, const char *const *keys)
{
	for (; *keys != NULL; keys++)
		if (json_object_get(draft, *keys) != NULL)
			return true;
	return false;
}

enum error draft_complete(struct store *store, json_t *draft, wall_ms now, struct fault *fault)
{
	const char *reference = json_string_value(json_object_get(draft, "reference"));
	struct completion completion = {.draft = draft, .now = now};
	struct report_name name;
	enum error error;

	const bool answers = has_any(draft, (const char *const[]){"flag", "release_request", "release", "answer", NULL});

	if (!answers && !has_any(draft, (const char *const[]){"update", "cancel", NULL}))
		return E_OK;
	if (reference == NULL)
		return fault_at(fault, E_MISSING, "reference");
	if (!report_name_parse(reference, &name))
		return fault_at(fault, E_INVALID, "reference");
	if (!answers && strcmp(name.origin, store->node) != 0)
		return fault_at(fault, E_NOT_ORIGIN, "reference");
	error = answers ? view_inbox_by_name(store, &name, answered_take, &completion, fault)
			: view_outbox_by_name(store, &name, original_take, &completion, fault);
	if (error == E_OK && (!completion.found || completion.refused))
		error = fault_at(fault, E_REFERENCE_UNKNOWN, "reference");
	if (error == E_OK && completion.mixed)
		error = fault_at(fault, E_INVALID, "status");
	if (error == E_OK && json_object_get(draft, "update") != NULL)
		error = reference_to_root(store, draft, &name, fault);
	return error == E_OK ? extension_check(&completion, fault) : error;
}
