/* subject_page - the result of a request as a page to print and hand to the person: HTML by itself, without scripts and
 * without anything from elsewhere, in Indonesian. */
#ifndef SIMPUL_SUBJECT_PAGE_H
#define SIMPUL_SUBJECT_PAGE_H

#include "common/bytes.h"
#include <jansson.h>

/* Appends the page of what subject_result made. `zone_minutes`: the offset in which times are written. */
void subject_page(const json_t *result, int zone_minutes, struct buffer *out);

#endif
