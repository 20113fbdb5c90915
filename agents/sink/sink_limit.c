/* sink_limit - compares a report's label, status and content with what a sink declares. */
#include "agents/sink/sink_limit.h"
#include "common/content.h"
#include "common/wire.h"

bool sink_body_identifies(struct bytes bytes, struct arena *arena)
{
	const Simpul__Body *body;

	if (bytes.size == 0)
		return false;
	body = wire_unpack(&simpul__body__descriptor, bytes, arena, NULL);
	return body == NULL || body_identifies(body);
}

/* Of everything but what identifies. */
static enum sink_verdict header_verdict(const Simpul__Header *header, Simpul__Label ceiling, unsigned statuses)
{
	if (header != NULL && kind_is_sealed(header->kind))
		return SINK_QUESTION;
	if (header == NULL || header->label > ceiling)
		return SINK_ABOVE_CEILING;
	if ((unsigned)header->status > SIMPUL__STATUS__STATUS_TEST || (statuses & SINK_STATUS(header->status)) == 0)
		return SINK_OTHER_STATUS;
	return SINK_MAY_HAVE;
}

enum sink_verdict sink_verdict(const struct sink_options *options, struct bytes header_bytes, struct bytes body,
			       struct arena *arena)
{
	const Simpul__Header *header = wire_unpack(&simpul__header__descriptor, header_bytes, arena, NULL);
	const enum sink_verdict verdict = header_verdict(header, options->ceiling, options->statuses);

	if (verdict == SINK_MAY_HAVE && options->erases == SINK_ERASES_NO && sink_body_identifies(body, arena))
		return SINK_CANNOT_ERASE;
	return verdict;
}

bool sink_had(const struct sink_limits *widest, struct bytes header_bytes, bool identifies, struct arena *arena)
{
	const Simpul__Header *header = wire_unpack(&simpul__header__descriptor, header_bytes, arena, NULL);

	return header_verdict(header, widest->ceiling, widest->statuses) == SINK_MAY_HAVE &&
	       (widest->persons || !identifies);
}
