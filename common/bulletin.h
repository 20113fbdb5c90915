/* bulletin - the topic that a report is published under in the open: PROTOCOL.md, "Bulletins". */
#ifndef SIMPUL_BULLETIN_H
#define SIMPUL_BULLETIN_H

#include "proto/report.pb-c.h"
#include <stdbool.h>

#define BULLETIN_TOPIC_SIZE 96

/* "alert.tppo.16.01.14." with a dot at the end, so that a prefix of whole words is a prefix of bytes. Of an UPDATE or CANCEL
 * the kind that it is about. False for what is neither about a sighting nor an alert, or has no such words. */
bool bulletin_topic(const Simpul__Header *header, char topic[BULLETIN_TOPIC_SIZE]);

#endif
