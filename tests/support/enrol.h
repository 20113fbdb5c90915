/* enrol - makes many members without a program for each: their records go to the broker as simpulctl sends them. */
#ifndef SIMPUL_TEST_ENROL_H
#define SIMPUL_TEST_ENROL_H

#include "common/member.h"

/* Signs the node's record with its own keys and the authority's (below `folder`, which is the broker's), and has the
 * running broker take it. Ends the program on failure. */
void enrol_node(const char *folder, const struct join *join, const struct node_keys *keys, const char *node);

#endif
