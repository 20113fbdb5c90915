/* view - writes rows of inbox and outbox as one line and as a page. */
#include "agents/reports/view_part.h"
#include "common/content.h"
#include "common/json.h"
#include "common/local_time.h"
#include "common/region.h"
#include "common/safe_text.h"
#include "common/wire.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { LABEL_WIDTH = 12, NAME_WIDTH = 27, KIND_WIDTH = 8, CATEGORY_WIDTH = 14, REGION_WIDTH = 33, KEY_WIDTH = 22 };

/* ------------------------------------------------------------------ text */

void view_safe_text(struct buffer *out, const char *text)
{
	bool safe;

	while (*text != '\0') {
		const size_t size = safe_text_next(text, &safe);

		if (safe)
			buffer_append(out, text, size);
		else
			buffer_text(out, *text == '\n' || *text == '\t' ? " " : "?");
		text += size;
	}
}

/* Text in a column: filled up with blanks to `width` characters, and one more. */
static void put_column(struct buffer *out, const char *text, size_t width)
{
	size_t before = out->size, shown = 0;

	view_safe_text(out, text);
	for (size_t i = before; i < out->size; i++)
		shown += (out->data[i] & 0xc0) != 0x80;
	for (; shown < width; shown++)
		buffer_text(out, " ");
	buffer_text(out, " ");
}

void view_time(struct buffer *out, wall_ms time)
{
	char text[TIME_TEXT_SIZE];

	time_text(text, time, local_zone(time));
	text[10] = ' ';
	text[16] = '\0';
	buffer_text(out, text);
}

/* "EXERCISE AMBER", or the label alone. */
static void put_label(struct buffer *out, const Simpul__Header *header)
{
	buffer_text(out, view_mark(header));
	buffer_text(out, view_mark(header)[0] == '\0' ? "" : " ");
	buffer_text(out, view_label_text(header));
}

static const char *region_name(const Simpul__Header *header)
{
	const struct region *region = region_find(header->region);

	return region == NULL ? header->region : region->name;
}

static void put_label_column(struct buffer *out, const Simpul__Header *header)
{
	buffer_text(out, view_mark(header));
	buffer_text(out, view_mark(header)[0] == '\0' ? "" : " ");
	put_column(out, view_label_text(header), LABEL_WIDTH);
}

/* What a report is about, and where. */
static void put_about(struct buffer *out, const Simpul__Header *header)
{
	put_column(out, enum_text(&simpul__kind__descriptor, (int)header->kind), KIND_WIDTH);
	put_column(out, header->category, CATEGORY_WIDTH);
	put_column(out, region_name(header), REGION_WIDTH);
}

/* The columns that inbox and outbox share. */
static void put_columns(struct buffer *out, const struct report_name *name, const Simpul__Header *header)
{
	char text[REPORT_NAME_SIZE];

	put_label_column(out, header);
	put_column(out, report_name_text(name, text), NAME_WIDTH);
	if (header == NULL)
		put_column(out, "(cannot be read)", KIND_WIDTH + CATEGORY_WIDTH + REGION_WIDTH + 2);
	else
		put_about(out, header);
}

/* "  of police.oku#11": what an update or a cancel is about. */
static void put_reference(struct buffer *out, const Simpul__Header *header)
{
	json_t *name;

	if (header == NULL || header->n_references == 0)
		return;
	name = json_of_message(header->references[0], 0);
	buffer_text(out, "  of ");
	view_safe_text(out, json_string_value(name));
	json_decref(name);
}

/* "  ERASED 2026-11-20 21:40 (retracted)" */
static void put_erased(struct buffer *out, wall_ms erased_at, Simpul__PurgeRule rule)
{
	if (erased_at == 0)
		return;
	buffer_text(out, "  ERASED ");
	view_time(out, erased_at);
	buffer_text(out, " (");
	buffer_text(out, enum_text(&simpul__purge_rule__descriptor, (int)rule));
	buffer_text(out, ")");
}

/* "  CANCELLED by police.oku#3" */
static void put_later(struct buffer *out, const char *cancelled_by, const char *updated_by)
{
	const bool cancelled = cancelled_by[0] != '\0';

	if (!cancelled && updated_by[0] == '\0')
		return;
	buffer_text(out, cancelled ? "  CANCELLED by " : "  UPDATED by ");
	view_safe_text(out, cancelled ? cancelled_by : updated_by);
}

/* What an answer says, in a few words. */
static void put_answer(struct buffer *out, struct bytes encoded, struct arena *arena)
{
	const Simpul__Body *body =
		encoded.size == 0 ? NULL : wire_unpack(&simpul__body__descriptor, encoded, arena, NULL);

	if (body != NULL && body->content_case == SIMPUL__BODY__CONTENT_FLAG) {
		buffer_text(out, ": ");
		buffer_text(out, enum_text(&simpul__flag_reason__descriptor, (int)body->flag->reason));
	} else if (body != NULL && body->content_case == SIMPUL__BODY__CONTENT_RELEASE) {
		buffer_text(out, ": ");
		buffer_text(out, enum_text(&simpul__release_decision__descriptor, (int)body->release->decision));
	} else if (body != NULL && body->content_case == SIMPUL__BODY__CONTENT_RELEASE_REQUEST) {
		for (size_t i = 0; i < body->release_request->n_nodes; i++) {
			buffer_text(out, i == 0 ? " for " : ", ");
			view_safe_text(out, body->release_request->nodes[i]);
		}
	}
}

/* What changes how the report is to be read, in capitals: CANCELLED, DOUBTFUL ... */
static void put_marks(struct buffer *out, const struct inbox_row *row, const Simpul__Header *header, struct arena *arena)
{
	put_reference(out, header);
	put_answer(out, row->body, arena);
	put_later(out, row->cancelled_by, row->superseded_by == 0 ? row->updated_by : "");
	if (row->is_notice || row->superseded_by != 0)
		buffer_text(out, "  SUPERSEDED: its origin says something else by now, which is not for this office");
	if (row->trust == TRUST_DOUBTFUL)
		buffer_text(out, "  DOUBTFUL: its key was compromised");
	if (row->trust == TRUST_BAD)
		buffer_text(out, "  BAD: do not act on it, its signature or seal fails");
	put_erased(out, row->erased_at, row->rule);
	if (row->body.size == 0 && row->erased_at == 0 && !row->is_notice)
		buffer_text(out, "  NO CONTENT");
}

void view_line(const struct inbox_row *row, struct buffer *out)
{
	const Simpul__Header *header;
	struct arena arena;

	arena_init(&arena);
	header = wire_unpack(&simpul__header__descriptor, row->header, &arena, NULL);
	put_columns(out, &row->name, header);
	view_time(out, row->accepted_at);
	put_marks(out, row, header, &arena);
	buffer_text(out, "\n");
	arena_fini(&arena);
}

void view_outbox_line(const struct outbox_row *row, struct buffer *out)
{
	const Simpul__Header *header;
	struct arena arena;

	arena_init(&arena);
	header = wire_unpack(&simpul__header__descriptor, row->header, &arena, NULL);
	put_columns(out, &row->name, header);
	view_time(out, row->taken_at);
	buffer_text(out, "  ");
	put_column(out, view_outbox_state_text(row->state), 8);
	view_safe_text(out, row->source);
	put_reference(out, header);
	put_later(out, row->cancelled_by, row->updated_by);
	put_erased(out, row->erased_at, row->rule);
	put_answer(out, row->body, &arena);
	if (row->state == OUTBOX_REFUSED) {
		buffer_text(out, "  REFUSED: ");
		view_safe_text(out, row->field);
		buffer_text(out, row->field[0] == '\0' ? "" : ": ");
		buffer_text(out, error_sentence(row->refused));
	}
	buffer_text(out, "\n");
	arena_fini(&arena);
}

/* ------------------------------------------------------------------ page */

static void put_indent(struct buffer *out, unsigned depth)
{
	for (unsigned i = 0; i < depth; i++)
		buffer_text(out, "  ");
}

static void put_scalar(struct buffer *out, const json_t *json)
{
	char number[32];

	if (json_is_string(json)) {
		view_safe_text(out, json_string_value(json));
	} else {
		snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(json));
		buffer_text(out, number);
	}
	buffer_text(out, "\n");
}

static bool is_scalar(const json_t *json)
{
	return !json_is_object(json) && !json_is_array(json);
}

static void put_value(struct buffer *out, const char *key, json_t *json, unsigned depth);

static void put_members(struct buffer *out, json_t *object, unsigned depth)
{
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value)
		put_value(out, key, value, depth);
}

/* "key: value", or the key and under it what it holds; elements of a list carry their number. */
static void put_value(struct buffer *out, const char *key, json_t *json, unsigned depth)
{
	json_t *element;
	size_t i;

	if (json_is_array(json)) {
		json_array_foreach(json, i, element) {
			char numbered[64];

			snprintf(numbered, sizeof(numbered), "%s %zu", key, i + 1);
			put_value(out, numbered, element, depth);
		}
		return;
	}
	put_indent(out, depth);
	if (is_scalar(json)) {
		put_column(out, key, KEY_WIDTH);
		put_scalar(out, json);
		return;
	}
	view_safe_text(out, key);
	buffer_text(out, "\n");
	put_members(out, json, depth + 1);
}

/* What a page says elsewhere: mark and label above and below, the name on top. A msg_type that follows from the kind says
 * nothing new. */
static void repeated_drop(json_t *json, const Simpul__Header *header)
{
	json_t *part = json_object_get(json, "header");

	json_object_del(json, "mark");
	json_object_del(json, "label");
	if (header == NULL)
		return;
	json_object_del(part, "label");
	json_object_del(part, "name");
	if (header->msg_type == msg_type_of(header->kind))
		json_object_del(part, "msg_type");
}

/* Takes `json` over: what a page says between its two lines with the label. */
static void put_page(struct buffer *out, json_t *json, const Simpul__Header *header)
{
	repeated_drop(json, header);
	if (header != NULL && !kind_is_bare(header->kind)) {
		put_column(out, "where", KEY_WIDTH);
		view_safe_text(out, region_name(header));
		buffer_text(out, "\n");
	}
	put_members(out, json, 0);
	buffer_text(out, "=== ");
	put_label(out, header);
	buffer_text(out, " ===\n");
	json_decref(json);
}

static void put_page_head(struct buffer *out, const Simpul__Header *header)
{
	buffer_text(out, "=== ");
	put_label(out, header);
	buffer_text(out, " ===");
}

void view_page(const struct inbox_row *row, struct buffer *out)
{
	const Simpul__Header *header;
	struct arena arena;

	arena_init(&arena);
	header = wire_unpack(&simpul__header__descriptor, row->header, &arena, NULL);
	put_page_head(out, header);
	put_marks(out, row, header, &arena);
	buffer_text(out, "\n");
	put_page(out, view_inbox_json(row, header, &arena, local_zone(row->accepted_at)), header);
	arena_fini(&arena);
}

void view_outbox_page(const struct outbox_row *row, struct buffer *out)
{
	const Simpul__Header *header;
	struct arena arena;

	arena_init(&arena);
	header = wire_unpack(&simpul__header__descriptor, row->header, &arena, NULL);
	put_page_head(out, header);
	put_later(out, row->cancelled_by, row->updated_by);
	put_erased(out, row->erased_at, row->rule);
	buffer_text(out, "\n");
	put_page(out, view_outbox_json_of(row, header, &arena, local_zone(row->taken_at)), header);
	arena_fini(&arena);
}

/* ------------------------------------------------------------------ drafts */

/* "E*******", "L********", "1***-**-**": the first character, and of the others only that they are there. */
static json_t *text_masked(const char *text)
{
	struct buffer out = {0};
	size_t characters = 0;
	json_t *masked;

	for (; *text != '\0'; text++) {
		const unsigned char c = (unsigned char)*text;
		const bool begins = (c & 0xc0) != 0x80;

		characters += begins ? 1 : 0;
		if (characters == 1 || ispunct(c) || c == ' ')
			buffer_u8(&out, c);
		else if (begins)
			buffer_u8(&out, '*');
	}
	masked = json_stringn((const char *)out.data, out.size);
	buffer_free(&out);
	return masked != NULL ? masked : json_string("*");
}

/* What says of a person only what many have in common. */
static bool common_to_many(const char *key)
{
	static const char *const keys[] = {"capacity",	  "identity",	   "age",  "sex",
					   "nationality", "issuing_state", "type", "permit"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcmp(keys[i], key) == 0)
			return true;
	return false;
}

static void members_mask(json_t *json, bool person)
{
	json_t *value;
	const char *key;
	void *next;
	size_t i;

	json_array_foreach(json, i, value)
		members_mask(value, person);
	json_object_foreach_safe(json, next, key, value)
	{
		if (!person || !json_is_string(value))
			members_mask(value, person || strcmp(key, "persons") == 0);
		else if (!common_to_many(key))
			json_object_set_new(json, key, text_masked(json_string_value(value)));
	}
}

/* What the line before does not say, and what is not provisional. */
static json_t *draft_json(const struct prepared *draft, int zone)
{
	static const char *const said[] = {"salt",     "name",	   "created_at", "label", "kind",
					   "msg_type", "category", "region",	 "form"};
	json_t *json = json_object(), *header = json_of_message(draft->header, zone);
	json_t *body = json_of_message(draft->body, zone), *routing = json_of_message(draft->routing, zone);

	for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++)
		json_object_del(header, said[i]);
	json_object_del(body, "salt");
	json_object_del(routing, "salt");
	json_object_update(json, header);
	json_object_update(json, routing);
	json_object_update(json, body);
	json_decref(header);
	json_decref(routing);
	json_decref(body);
	return json;
}

void view_draft(const struct prepared *draft, bool masked, struct buffer *out)
{
	json_t *json = draft_json(draft, local_zone(draft->header->created_at));

	if (masked)
		members_mask(json, false);
	put_label_column(out, draft->header);
	put_about(out, draft->header);
	buffer_text(out, "\n");
	put_members(out, json, 1);
	json_decref(json);
}
