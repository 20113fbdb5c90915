/* sink_limit - compares a report's label, status and content with what a sink declares. */
#include "agents/sink_limit.h"
#include "common/content.h"
#include "common/wire.h"

/* Unreadable ones count as if they did. */
static bool identifies(struct bytes bytes, struct arena *arena)
{
	const Simpul__Body *body;

	if (bytes.size == 0)
		return false;
	body = wire_unpack(&simpul__body__descriptor, bytes, arena, NULL);
	return body == NULL || body_identifies(body);
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
	if (options->erases == SINK_ERASES_NO && identifies(body, arena))
		return SINK_CANNOT_ERASE;
	return SINK_MAY_HAVE;
}
