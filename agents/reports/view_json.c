/* view_json - rows of inbox and outbox as JSON: what is not in earnest says so first, then the label. */
#include "agents/reports/view_part.h"
#include "common/content.h"
#include "common/json.h"
#include "common/wire.h"

#define UNREADABLE_LABEL "UNKNOWN"

static json_t *time_json(wall_ms time, int zone)
{
	char text[TIME_TEXT_SIZE];

	return json_string(time_text(text, time, zone));
}

static const char *trust_text(enum inbox_trust trust)
{
	switch (trust) {
	case TRUST_GOOD:
		return "good";
	case TRUST_DOUBTFUL:
		return "doubtful";
	default:
		return "bad";
	}
}

const char *view_state_text(const struct inbox_row *row)
{
	if (row->cancelled_by[0] != '\0')
		return "cancelled";
	if (row->superseded_by != 0)
		return "superseded";
	return row->updated_by[0] != '\0' ? "updated" : "current";
}

const char *view_outbox_state_text(enum outbox_state state)
{
	static const char *const texts[] = {[OUTBOX_WAITING] = "waiting",
					    [OUTBOX_SENT] = "sent",
					    [OUTBOX_ACCEPTED] = "accepted",
					    [OUTBOX_REFUSED] = "refused"};

	return texts[state];
}

const char *view_label_text(const Simpul__Header *header)
{
	if (header == NULL)
		return UNREADABLE_LABEL;
	/* Kinds that are about no report have none. */
	return kind_is_bare(header->kind) ? "-" : enum_text(&simpul__label__descriptor, (int)header->label);
}

/* What stands first, before the label; "" where the report is in earnest. */
const char *view_mark(const Simpul__Header *header)
{
	return header == NULL ? "" : status_mark((int)header->status);
}

/* A new document: first that it is not in earnest, then the label. */
static json_t *document_new(const Simpul__Header *header)
{
	json_t *json = json_object();

	if (view_mark(header)[0] != '\0')
		json_object_set_new(json, "mark", json_string(view_mark(header)));
	json_object_set_new(json, "label", json_string(view_label_text(header)));
	return json;
}

static void set_name(json_t *json, const struct report_name *name)
{
	char text[REPORT_NAME_SIZE];

	json_object_set_new(json, "name", json_string(report_name_text(name, text)));
}

/* Adds what its origin said later about a report, where it did. */
static void set_later(json_t *json, const char *cancelled_by, const char *updated_by)
{
	if (cancelled_by[0] != '\0')
		json_object_set_new(json, "cancelled_by", json_string(cancelled_by));
	if (updated_by[0] != '\0')
		json_object_set_new(json, "updated_by", json_string(updated_by));
}

/* Adds when and why what a report said was erased, where it was. */
static void set_erased(json_t *json, wall_ms erased_at, Simpul__PurgeRule rule, int zone)
{
	if (erased_at == 0)
		return;
	json_object_set_new(json, "erased_at", time_json(erased_at, zone));
	json_object_set_new(json, "erased_by", json_string(enum_text(&simpul__purge_rule__descriptor, (int)rule)));
}

/* Adds "header", and the body's content under its own name; salts say nothing to anybody. */
static void set_strings(json_t *json, const Simpul__Header *header, struct bytes body, struct arena *arena, int zone)
{
	const Simpul__Body *decoded = NULL;
	json_t *part;

	if (header != NULL) {
		part = json_of_message(header, zone);
		json_object_del(part, "salt");
		json_object_set_new(json, "header", part);
	}
	if (body.size > 0)
		decoded = wire_unpack(&simpul__body__descriptor, body, arena, NULL);
	if (decoded != NULL) {
		part = json_of_message(decoded, zone);
		json_object_del(part, "salt");
		json_object_update(json, part);
		json_decref(part);
	}
}

json_t *view_inbox_json(const struct inbox_row *row, const Simpul__Header *header, struct arena *arena, int zone)
{
	json_t *json = document_new(header);

	set_name(json, &row->name);
	json_object_set_new(json, "entry", json_integer((json_int_t)row->entry));
	json_object_set_new(json, "accepted_at", time_json(row->accepted_at, zone));
	json_object_set_new(json, "received_at", time_json(row->received_at, zone));
	json_object_set_new(json, "trust", json_string(trust_text(row->trust)));
	json_object_set_new(json, "state", json_string(view_state_text(row)));
	set_later(json, row->cancelled_by, row->updated_by);
	if (row->superseded_by != 0)
		json_object_set_new(json, "superseded_by_entry", json_integer((json_int_t)row->superseded_by));
	if (row->is_notice)
		json_object_set_new(json, "notice", json_string("superseded"));
	set_erased(json, row->erased_at, row->rule, zone);
	set_strings(json, header, row->body, arena, zone);
	return json;
}

json_t *view_json(const struct inbox_row *row, struct arena *arena)
{
	return view_inbox_json(row, wire_unpack(&simpul__header__descriptor, row->header, arena, NULL), arena, 0);
}

json_t *view_outbox_json_of(const struct outbox_row *row, const Simpul__Header *header, struct arena *arena, int zone)
{
	json_t *json = document_new(header);

	set_name(json, &row->name);
	json_object_set_new(json, "state", json_string(view_outbox_state_text(row->state)));
	json_object_set_new(json, "taken_at", time_json(row->taken_at, zone));
	json_object_set_new(json, "source", json_string(row->source));
	if (row->entry > 0)
		json_object_set_new(json, "entry", json_integer((json_int_t)row->entry));
	if (row->state == OUTBOX_REFUSED) {
		json_object_set_new(json, "code", json_string(error_name(row->refused)));
		json_object_set_new(json, "field", json_string(row->field));
		json_object_set_new(json, "sentence", json_string(error_sentence(row->refused)));
	}
	set_later(json, row->cancelled_by, row->updated_by);
	set_erased(json, row->erased_at, row->rule, zone);
	set_strings(json, header, row->body, arena, zone);
	return json;
}

json_t *view_outbox_json(const struct outbox_row *row, struct arena *arena)
{
	return view_outbox_json_of(row, wire_unpack(&simpul__header__descriptor, row->header, arena, NULL), arena, 0);
}
