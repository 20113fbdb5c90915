/* view_quarantine - puts an item of quarantine into JSON, with the reason in words. */
#include "agents/reports/view_quarantine.h"
#include "agents/reports/view_part.h"
#include "common/json.h"
#include "common/wire.h"

static void set_text(json_t *json, const char *key, const char *text)
{
	if (text[0] != '\0')
		json_object_set_new(json, key, json_string(text));
}

static void set_time(json_t *json, const char *key, wall_ms time)
{
	char text[TIME_TEXT_SIZE];

	set_text(json, key, time == 0 ? "" : time_text(text, time, 0));
}

static const char *why(const struct quarantine_item *item)
{
	if (item->cause == QUARANTINE_UNDELIVERED)
		return item->detail;
	return item->cause == QUARANTINE_WITHHELD && item->code == E_OK
		       ? "the policy does not let this office have it any more"
		       : error_sentence(item->code);
}

static void set_report(json_t *json, const struct quarantine_item *item)
{
	char name[REPORT_NAME_SIZE];

	if (item->name.number == 0)
		return;
	set_text(json, "name", report_name_text(&item->name, name));
	set_text(json, "kind", item->kind == 0 ? "" : enum_text(&simpul__kind__descriptor, (int)item->kind));
}

json_t *view_quarantine_json(const struct quarantine_item *item, struct arena *arena)
{
	const Simpul__Header *header =
		item->header.size == 0 ? NULL : wire_unpack(&simpul__header__descriptor, item->header, arena, NULL);
	json_t *json = json_object();

	set_text(json, "mark", view_mark(header));
	set_text(json, "label", view_label_text(header));
	json_object_set_new(json, "item", json_integer((json_int_t)item->id));
	set_text(json, "cause", quarantine_cause_text(item->cause));
	set_text(json, "state", quarantine_state_text(item->state));
	set_report(json, item);
	json_object_set_new(json, "entry", json_integer((json_int_t)item->entry));
	set_text(json, "sink", item->sink);
	set_text(json, "code", item->code == E_OK ? "" : error_name(item->code));
	set_text(json, "why", why(item));
	if (item->tries > 0)
		json_object_set_new(json, "tries", json_integer((json_int_t)item->tries));
	set_time(json, "since", item->since);
	set_time(json, "decided_at", item->decided_at);
	set_text(json, "decided_by", item->decided_by);
	set_text(json, "reason", item->reason);
	set_time(json, "erased_at", item->erased_at);
	return json;
}

const char *view_quarantine_advice(enum quarantine_cause cause)
{
	switch (cause) {
	case QUARANTINE_UNVERIFIED:
		return "do not act on it: ask its origin by phone. Retry it when a record of the origin's key has come, or a "
		       "former key of this office lies beside the others again and the agent was started anew";
	case QUARANTINE_NOTICE:
		return "ask the report's origin by phone whether it says something else by now. Retry it when a record of the "
		       "origin's key has come";
	case QUARANTINE_UNREFERENCED:
		return "simpul inbox show has what it says, which may be all that is needed; when the report comes that it "
		       "is about, this is solved by itself";
	case QUARANTINE_UNDELIVERED:
		return "the sink takes others, so see what it has against this one; then retry, or hand it on by hand and "
		       "close it";
	default:
		return "it does not come by itself: the operators can say why (simpulctl policy explain), its origin may send "
		       "it anew";
	}
}
