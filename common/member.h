/* member - member records: enrolment requests, countersigning, checking, and the files that carry them.
 *
 * request file (*.request)  the office's record, signed by its own key          office -> operator
 * record file  (*.member)   the same, countersigned by the authority            authority -> operator
 * join file    (*.join)     exchange id, broker keys and addresses, authority   operator -> office
 * All three are JSON text, so that a person can look at them. */
#ifndef SIMPUL_MEMBER_H
#define SIMPUL_MEMBER_H

#include "common/clock.h"
#include "common/keys.h"
#include "common/succession.h"
#include "proto/member.pb-c.h"
#include "common/name.h"

#define SIGN_TAG_MEMBER "simpul/member/1"
#define SIGN_TAG_COUNTERSIGN "simpul/countersign/1"
#define SIGN_TAG_RENEW "simpul/renew/1"
#define SIGN_TAG_COUNTERSIGN_UNTIL "simpul/countersign/2" /* of a record that ends at `expires_at` */
#define FINGERPRINT_SIZE 36 /* "12345 67890 ..." of 6 groups of 5 digits, and its zero */

/* A member record in plain C; `authority_signed` is false in a request. */
struct member {
	uint8_t exchange[EXCHANGE_SIZE];
	char node[LIMIT_NODE_NAME + 1];
	uint32_t key_id;
	uint8_t curve_key[KEY_SIZE], signing_key[KEY_SIZE], sealing_key[KEY_SIZE];
	wall_ms created_at;
	wall_ms expires_at; /* 0: never; the authority's word, so of no meaning in a request */
	uint8_t node_signature[SIGNATURE_SIZE];
	uint8_t authority_signature[SIGNATURE_SIZE];
	bool authority_signed;
	struct successions successions; /* from the authority's first key to the one that signed */
	uint8_t former_signature[SIGNATURE_SIZE]; /* by the node's key before this one */
	bool former_signed;
};

/* What an office needs to speak to its exchange. */
struct join {
	uint8_t exchange[EXCHANGE_SIZE];
	char link_endpoint[128], feed_endpoint[128];
	char bulletin_endpoint[128]; /* "": there are no bulletins */
	uint8_t broker_curve[KEY_SIZE], broker_signing[KEY_SIZE];
	uint8_t authority[KEY_SIZE];
};

/* H("simpul/member/1", exchange, node, key id, three keys, created at); PROTOCOL.md, "Member records". */
struct hash member_digest(const struct member *member);
/* Six groups of five digits from the first 30 bytes of the digest, for comparing in person or on the phone. Returns
 * `text`. */
char *member_fingerprint(const struct member *member, char text[FINGERPRINT_SIZE]);
/* Whether `text` has the fingerprint's digits, however they are grouped with blanks and hyphens. */
bool member_fingerprint_is(const struct member *member, const char *text);

/* A request, signed with the node's own key. */
void member_request(struct member *member, const uint8_t exchange[EXCHANGE_SIZE], const char *node,
		    const struct node_keys *keys, wall_ms created_at);
/* The office's key before this one says that the new one is its own. */
void member_sign_former(struct member *member, const struct signing_key *former);
/* E_MISSING when it does not say so, E_BAD_SIGNATURE. */
enum error member_check_former(const struct member *member, const uint8_t former[KEY_SIZE], struct fault *fault);
/* Signs `expires_at` as well. */
void member_countersign(struct member *member, const struct signing_key *authority);
/* Whether its time is over; how many whole days are left until then, UINT_MAX for one that never ends. It is said from
 * EXPIRY_NOTICE_DAYS before on, and as an alarm from EXPIRY_ALARM_DAYS on. */
#define EXPIRY_NOTICE_DAYS 30
#define EXPIRY_ALARM_DAYS 7
bool member_lapsed(const struct member *member, wall_ms now);
unsigned member_days_left(const struct member *member, wall_ms now);
/* Checks form, the node's signature and, unless `authority` is NULL, the authority's: of that key, or of one to which the
 * record's successions lead from it. E_INVALID,
 * E_EXCHANGE (unless `exchange` is NULL), E_BAD_SIGNATURE. */
enum error member_check(const struct member *member, const uint8_t *exchange, const uint8_t *authority,
			struct fault *fault);

/* To and from the message; `record` borrows from `member`. */
void member_to_message(const struct member *member, Simpul__MemberRecord *record);
enum error member_of_message(struct member *member, const Simpul__MemberRecord *record, struct fault *fault);

enum error member_save(const struct member *member, const char *path, struct fault *fault);
enum error member_load(struct member *member, const char *path, struct fault *fault);
enum error join_save(const struct join *join, const char *path, struct fault *fault);
enum error join_load(struct join *join, const char *path, struct fault *fault);

#endif
