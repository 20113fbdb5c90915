/* bulletin - puts kind, category and region into one text. */
#include "common/bulletin.h"

#include <stdio.h>

bool bulletin_topic(const Simpul__Header *header, char topic[BULLETIN_TOPIC_SIZE])
{
	const bool follows = header->kind == SIMPUL__KIND__KIND_UPDATE || header->kind == SIMPUL__KIND__KIND_CANCEL;
	const Simpul__Kind kind = follows ? header->about : header->kind;
	int size;

	if (kind != SIMPUL__KIND__KIND_ALERT && kind != SIMPUL__KIND__KIND_SIGHTING)
		return false;
	size = snprintf(topic, BULLETIN_TOPIC_SIZE, "%s.%s.%s.", kind == SIMPUL__KIND__KIND_ALERT ? "alert" : "sighting",
			header->category, header->region);
	return size > 0 && size < BULLETIN_TOPIC_SIZE;
}
