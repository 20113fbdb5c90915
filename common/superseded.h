/* superseded - the origin's word that a report of its own says something else by now: what may be shown of an UPDATE to
 * those who got the report and may not have the UPDATE. It names the report and nothing else. PROTOCOL.md, "Updates".
 */
#ifndef SIMPUL_SUPERSEDED_H
#define SIMPUL_SUPERSEDED_H

#include "common/keys.h"
#include "common/name.h"
#include "proto/report.pb-c.h"

#define SIGN_TAG_SUPERSEDED "simpul/superseded/1"

/* Of the report that an UPDATE is about; its origin is a node's name. */
void superseded_sign(const uint8_t exchange[EXCHANGE_SIZE], const struct signing_key *key, const Simpul__Name *report,
		     uint8_t signature[SIGNATURE_SIZE]);
bool superseded_verify(const uint8_t exchange[EXCHANGE_SIZE], const uint8_t signing_key[KEY_SIZE],
		       const Simpul__Name *report, struct bytes signature);

#endif
