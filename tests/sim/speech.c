/* speech - draws reports and builds their messages. */
#include "tests/sim/speech.h"
#include "common/content.h"

#include <stdio.h>
#include <string.h>

#define NEW(arena, variable, type, prefix) \
	type *variable = arena_alloc((arena), sizeof *variable); \
	prefix##__init(variable)

/* ---- drawing */

static Simpul__Label label_draw(struct chance *chance)
{
	static const Simpul__Label labels[] = {SIMPUL__LABEL__LABEL_GREEN, SIMPUL__LABEL__LABEL_AMBER,
					       SIMPUL__LABEL__LABEL_AMBER, SIMPUL__LABEL__LABEL_AMBER_STRICT,
					       SIMPUL__LABEL__LABEL_RED};

	return labels[chance_below(chance, sizeof labels / sizeof labels[0])];
}

static struct topic topic_draw(struct chance *chance)
{
	return (struct topic){.kind = (unsigned)chance_below(chance, KINDS),
			      .category = (unsigned)chance_below(chance, CATEGORIES),
			      .region = (unsigned)chance_below(chance, REGIONS - (chance_one_in(chance, 4) ? 0 : 2)),
			      .label = label_draw(chance),
			      .child = chance_one_in(chance, 8)};
}

/* An earlier report of the office that may be updated or cancelled. */
static size_t reference_draw(const struct account *account, struct chance *chance, size_t origin)
{
	for (int tries = 0; tries < 8 && account->item_count > 0; tries++) {
		const size_t found = chance_below(chance, account->item_count);
		const struct item *item = &account->items[found];

		if (item->origin == origin && item->verb == SAYS)
			return found;
	}
	return NO_ITEM;
}

/* An update keeps the class of what it updates, or tells it to others; a RED one goes to whom the report went, for
 * nobody else has a key, and is not cancelled here, for its cancel would have to be sealed to nobody. */
static void refer(struct item *item, const struct item *about, struct chance *chance)
{
	item->topic = about->topic;
	item->exercise = about->exercise;
	item->to = about->to;
	item->verb = about->topic.label != LABEL_RED && chance_one_in(chance, 3) ? CANCELS : UPDATES;
	if (item->verb == CANCELS)
		item->to = 0;
	else if (about->topic.label != LABEL_RED && chance_one_in(chance, 2))
		item->to = 0;
}

struct item speech_draw(const struct account *account, struct chance *chance, size_t origin, wall_ms now)
{
	struct item item = {.origin = origin, .about = NO_ITEM, .created_at = now, .expires = now + 24 * HOUR_MS};

	item.topic = topic_draw(chance);
	item.exercise = chance_one_in(chance, 6);
	if (chance_one_in(chance, 4))
		item.about = reference_draw(account, chance, origin);
	if (item.about != NO_ITEM)
		refer(&item, &account->items[item.about], chance);
	else if (item.topic.label == LABEL_RED || chance_one_in(chance, 5))
		while (item.to == 0)
			item.to = (offices)chance_below(chance, 1u << account->count) & ~(1u << origin);
	if (chance_one_in(chance, 40))
		item.expires = now + chance_below(chance, 60000) + 1;
	return item;
}

/* ---- making */

static Simpul__Kind kind_of(unsigned kind)
{
	return kind == 0 ? SIMPUL__KIND__KIND_SIGHTING : SIMPUL__KIND__KIND_ALERT;
}

static Simpul__Sighting *sighting_make(const struct item *item, struct arena *arena)
{
	NEW(arena, sighting, Simpul__Sighting, simpul__sighting);

	sighting->first_seen = item->created_at - HOUR_MS;
	sighting->summary = arena_text(arena, "Seen at the ferry.");
	sighting->assertion = SIMPUL__ASSERTION__ASSERTION_FACT;
	return sighting;
}

static Simpul__Alert *alert_make(struct arena *arena)
{
	NEW(arena, alert, Simpul__Alert, simpul__alert);

	alert->urgency = SIMPUL__URGENCY__URGENCY_EXPECTED;
	alert->severity = SIMPUL__SEVERITY__SEVERITY_MODERATE;
	alert->certainty = SIMPUL__CERTAINTY__CERTAINTY_LIKELY;
	alert->headline = arena_text(arena, "Look out for a vehicle.");
	alert->assertion = SIMPUL__ASSERTION__ASSERTION_ASSESSMENT;
	return alert;
}

static void update_fill(Simpul__Body *body, const struct item *item, struct arena *arena)
{
	NEW(arena, update, Simpul__Update, simpul__update);

	if (item->topic.kind == 0) {
		update->replacement_case = SIMPUL__UPDATE__REPLACEMENT_SIGHTING;
		update->sighting = sighting_make(item, arena);
	} else {
		update->replacement_case = SIMPUL__UPDATE__REPLACEMENT_ALERT;
		update->alert = alert_make(arena);
	}
	body->content_case = SIMPUL__BODY__CONTENT_UPDATE;
	body->update = update;
}

static void cancel_fill(Simpul__Body *body, struct arena *arena)
{
	NEW(arena, cancel, Simpul__Cancel, simpul__cancel);

	cancel->reason = SIMPUL__CANCEL_REASON__CANCEL_REASON_RESOLVED;
	body->content_case = SIMPUL__BODY__CONTENT_CANCEL;
	body->cancel = cancel;
}

static void body_fill(Simpul__Body *body, const struct item *item, struct arena *arena)
{
	if (item->verb == UPDATES) {
		update_fill(body, item, arena);
	} else if (item->verb == CANCELS) {
		cancel_fill(body, arena);
	} else if (item->topic.kind == 0) {
		body->content_case = SIMPUL__BODY__CONTENT_SIGHTING;
		body->sighting = sighting_make(item, arena);
	} else {
		body->content_case = SIMPUL__BODY__CONTENT_ALERT;
		body->alert = alert_make(arena);
	}
}

static void reference_fill(Simpul__Header *header, const struct item *item, const struct item *about,
			   struct arena *arena)
{
	NEW(arena, name, Simpul__Name, simpul__name);

	name->origin = arena_text(arena, about->name.origin);
	name->epoch = about->name.epoch;
	name->stream = (Simpul__Stream)about->name.stream;
	name->number = about->name.number;
	header->references = arena_alloc(arena, sizeof *header->references);
	header->references[0] = name;
	header->n_references = 1;
	header->about = kind_of(item->topic.kind);
	header->kind = item->verb == UPDATES ? SIMPUL__KIND__KIND_UPDATE : SIMPUL__KIND__KIND_CANCEL;
	header->msg_type =
		item->verb == UPDATES ? SIMPUL__MSG_TYPE__MSG_TYPE_UPDATE : SIMPUL__MSG_TYPE__MSG_TYPE_CANCEL;
}

static void header_fill(Simpul__Header *header, const struct item *item, struct arena *arena)
{
	const bool red = item->topic.label == LABEL_RED;

	header->created_at = item->created_at;
	header->status = item->exercise ? SIMPUL__STATUS__STATUS_EXERCISE : SIMPUL__STATUS__STATUS_ACTUAL;
	header->msg_type = SIMPUL__MSG_TYPE__MSG_TYPE_ALERT;
	header->kind = kind_of(item->topic.kind);
	header->category = arena_text(arena, category_names[item->topic.category]);
	header->region = arena_text(arena, region_codes[item->topic.region]);
	header->label = item->topic.label;
	header->purpose = (char *)"immigration-oversight";
	header->expires = item->expires;
	header->form = red ? SIMPUL__BODY_FORM__BODY_FORM_SEALED : SIMPUL__BODY_FORM__BODY_FORM_PLAIN;
	if (!item->topic.child)
		return;
	header->protection = arena_alloc(arena, sizeof *header->protection);
	header->protection[0] = SIMPUL__PROTECTION__PROTECTION_CHILD;
	header->n_protection = 1;
}

static void routing_fill(Simpul__Routing *routing, const struct item *item, struct arena *arena)
{
	routing->to = arena_alloc(arena, OFFICES * sizeof *routing->to);
	for (size_t i = 0; i < OFFICES; i++)
		if (item->to >> i & 1)
			routing->to[routing->n_to++] = arena_text(arena, office_names[i]);
}

struct prepared *speech_make(const struct account *account, const struct item *item, struct arena *arena)
{
	struct prepared *prepared = arena_alloc(arena, sizeof *prepared);
	NEW(arena, header, Simpul__Header, simpul__header);
	NEW(arena, body, Simpul__Body, simpul__body);
	NEW(arena, routing, Simpul__Routing, simpul__routing);

	header_fill(header, item, arena);
	if (item->verb != SAYS)
		reference_fill(header, item, &account->items[item->about], arena);
	body_fill(body, item, arena);
	routing_fill(routing, item, arena);
	*prepared = (struct prepared){.header = header, .body = body, .routing = routing, .stream = item_stream(item)};
	return prepared;
}
