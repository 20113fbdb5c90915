/* store_schema - the tables of the agent's database. */
#ifndef SIMPUL_STORE_SCHEMA_H
#define SIMPUL_STORE_SCHEMA_H

#include "common/bytes.h"

/* Appends the statements that make them all, with the NUL at their end. */
void store_schema(struct buffer *schema);

#endif
