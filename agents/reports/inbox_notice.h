/* inbox_notice - keeps the origin's word that a report says something else by now, and that this office may not have
 * it.
 *
 * It stands in the inbox as a row of its own, under the name of the report, so that it has its place in the order in
 * which everything came: lists show it, and sinks get it behind the report, as they get a cancel. */
#ifndef SIMPUL_INBOX_NOTICE_H
#define SIMPUL_INBOX_NOTICE_H

#include "agents/reports/quarantine.h"
#include "proto/link.pb-c.h"

/* Of an entry that is a stub with `superseded`. item->code is E_OK when its origin said so: the report, if it or an
 * update of it is here, counts for nothing from now on, also where it verifies later. Else it says why it cannot be
 * said: E_BAD_SIGNATURE, or what is wrong with the key; and where the report is here, the statement is kept in a row
 * that means nothing, and cause, row and name of the item say what waits. Inside a transaction. */
enum error inbox_store_notice(struct store *store, const Simpul__Entry *entry, uint32_t incarnation,
			      struct quarantine_item *item, struct fault *fault);
/* Verifies such a row with the records of today; as inbox_verify_again. */
enum error inbox_notice_again(struct store *store, uint64_t row, enum error *why, struct fault *fault);

#endif
