/* inbox_notice - keeps the origin's word that a report says something else by now, and that this office may not have
 * it.
 *
 * It stands in the inbox as a row of its own, under the name of the report, so that it has its place in the order in
 * which everything came: lists show it, and sinks get it behind the report, as they get a cancel. */
#ifndef SIMPUL_INBOX_NOTICE_H
#define SIMPUL_INBOX_NOTICE_H

#include "agents/store.h"
#include "proto/link.pb-c.h"

/* Of an entry that is a stub with `superseded`. E_OK when its origin said so: the report, if it or an update of it is
 * here, counts for nothing from now on, also where it verifies later. *why says what it is when it is not: E_BAD_SIGNATURE, or what is wrong with the key. Inside a
 * transaction. */
enum error inbox_store_notice(struct store *store, const Simpul__Entry *entry, uint32_t incarnation, enum error *why,
			      struct fault *fault);

#endif
