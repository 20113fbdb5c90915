/* intake_parse - hands a file's bytes to its profile. */
#include "agents/intake_parse.h"

void intake_parse(const struct intake_source *source, struct bytes content, struct parsed_file *file)
{
	profile_parse(source->profile, content, source->file_name, source->node, source->now, source->outbox, file);
}
