/* sink_limit - decides what a sink may have. */
#ifndef SIMPUL_SINK_LIMIT_H
#define SIMPUL_SINK_LIMIT_H

#include "agents/sink.h"
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

/* Header and body as they are in the inbox; an empty body was withheld or erased. What stands in free text is not
 * looked into. */
enum sink_verdict sink_verdict(const struct sink_options *options, struct bytes header, struct bytes body,
			       struct arena *arena);

#endif
