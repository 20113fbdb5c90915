/* sink_limit - compares a report's label, status and content with what a sink declares. */
#include "agents/sink_limit.h"
#include "common/content.h"
#include "common/wire.h"

static bool sighting_identifies(const Simpul__Sighting *sighting)
{
	return sighting != NULL && (sighting->n_persons > 0 || sighting->n_vehicles > 0 || sighting->lodging != NULL);
}

static bool alert_identifies(const Simpul__Alert *alert)
{
	return alert != NULL && (alert->n_persons > 0 || alert->n_vehicles > 0);
}

/* Whether the body says who somebody is, or what leads to it: a plate, a room. Unreadable ones count as if they did. */
static bool body_identifies(struct bytes bytes, struct arena *arena)
{
	const Simpul__Body *body;

	if (bytes.size == 0)
		return false;
	body = wire_unpack(&simpul__body__descriptor, bytes, arena, NULL);
	if (body == NULL)
		return true;
	switch (body->content_case) {
	case SIMPUL__BODY__CONTENT_SIGHTING:
		return sighting_identifies(body->sighting);
	case SIMPUL__BODY__CONTENT_ALERT:
		return alert_identifies(body->alert);
	case SIMPUL__BODY__CONTENT_UPDATE:
		if (body->update->replacement_case == SIMPUL__UPDATE__REPLACEMENT_SIGHTING)
			return sighting_identifies(body->update->sighting);
		return body->update->replacement_case == SIMPUL__UPDATE__REPLACEMENT_ALERT &&
		       alert_identifies(body->update->alert);
	default:
		return false;
	}
}

enum sink_verdict sink_verdict(const struct sink_options *options, struct bytes header_bytes, struct bytes body,
			       struct arena *arena)
{
	const Simpul__Header *header = wire_unpack(&simpul__header__descriptor, header_bytes, arena, NULL);

	if (header != NULL && kind_is_sealed(header->kind))
		return SINK_QUESTION;
	if (header == NULL || header->label > options->ceiling)
		return SINK_ABOVE_CEILING;
	if ((unsigned)header->status > SIMPUL__STATUS__STATUS_TEST ||
	    (options->statuses & SINK_STATUS(header->status)) == 0)
		return SINK_OTHER_STATUS;
	if (options->erases == SINK_ERASES_NO && body_identifies(body, arena))
		return SINK_CANNOT_ERASE;
	return SINK_MAY_HAVE;
}
