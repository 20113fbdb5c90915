/* officer_words - the words that an option or a question takes, for help and for messages. They come from the enumerations
 * that the agent reads drafts by, and from nowhere else. */
#ifndef SIMPUL_OFFICER_WORDS_H
#define SIMPUL_OFFICER_WORDS_H

#include "agents/officer/officer.h"
#include <protobuf-c/protobuf-c.h>

/* A line of help: "  --urgency            Immediate, Expected, Future, Past, Unknown", as many lines as it takes. */
void officer_words_help(const char *name, const ProtobufCEnumDescriptor *type);
/* What is to be done about a value at `path` of a draft, or of "drafts[3]", that is not in its list: "one of Immediate,
 * Expected ..."; NULL when the path leads to no list. free() it. */
char *officer_words_at(const char *path);

#endif
