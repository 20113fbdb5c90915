/* sink_limit - decides what a sink may have. */
#ifndef SIMPUL_SINK_LIMIT_H
#define SIMPUL_SINK_LIMIT_H

#include "agents/sink/sink.h"
#include "common/arena.h"
#include "common/bytes.h"

enum sink_verdict {
	SINK_MAY_HAVE,
	SINK_ABOVE_CEILING, /* or its label cannot be read */
	SINK_OTHER_STATUS,
	SINK_CANNOT_ERASE, /* personal data, or a body that cannot be read, for a sink that erases nothing */
	SINK_QUESTION,	   /* a question about a person, or what is answered to it: for people here, and for no program */
	SINK_VERDICTS,
};

/* Header and body as they are in the inbox; an empty body was withheld. What stands in free text is not looked into. */
enum sink_verdict sink_verdict(const struct sink_options *options, struct bytes header, struct bytes body,
			       struct arena *arena);
/* Whether such a body identifies somebody; one that cannot be read counts as if it did. */
bool sink_body_identifies(struct bytes body, struct arena *arena);
/* Of a report that was erased, and of whose body no more is known: whether a sink, within the widest limits that it
 * ever had, may have been given it. */
bool sink_had(const struct sink_limits *widest, struct bytes header, bool identifies, struct arena *arena);

#endif
