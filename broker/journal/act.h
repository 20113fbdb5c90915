/* act - who asks the broker for something, and how that is written down: the content of an ENTRY_TYPE_ACT. */
#ifndef SIMPUL_ACT_H
#define SIMPUL_ACT_H

#include "common/clock.h"
#include "common/exchange.h"
#include "common/hash.h"
#include "common/user.h"
#include "proto/journal.pb-c.h"

#include <stdbool.h>

#define ACT_OPERATOR_SIZE 33
#define SIGN_TAG_ACT "simpul/act/1"
#define ACT_LIFE_MS DAY_MS /* of a proposal */

/* What may need two operators, as bits; and what always does. */
enum act_kind { ACT_POLICY = 1, ACT_ENROLL = 2, ACT_RESEED = 4, ACT_HOLD = 8 };
#define ACT_ALWAYS_TWO ACT_HOLD

struct act_signature {
	char operator_name[ACT_OPERATOR_SIZE];
	uint8_t key[KEY_SIZE], signature[SIGNATURE_SIZE];
};

struct act {
	const char *user;   /* Unix user, of two operators the second's; "" when nobody could tell */
	const char *person; /* as he says himself; NULL or "" for none */
	bool auditor;
	const char *command, *object, *reason; /* "" or NULL: none */
	wall_ms signed_at;			  /* two operators signed */
	const struct act_signature *signatures; /* two of them; NULL: none was needed */
};

/* What two operators sign; `content` as PROTOCOL.md, "Two operators", has it. */
struct hash act_digest(const uint8_t exchange[EXCHANGE_SIZE], wall_ms at, const char *command, const struct hash *content);

/* What holds are called in acts and signatures. */
#define HOLD_PLACE "hold place"
#define HOLD_LIFT "hold lift"
#define HOLD_OPEN "hold open"

/* Of a reseed: the hash of what will stand in its entry. */
struct hash act_reseed_content(const char *node, uint64_t from_entry, const char *reason);
/* Of a hold that is placed or lifted: the same without its signatures, which may be there. */
struct hash act_hold_content(const Simpul__Hold *hold);
/* That a report is opened, which no entry but the act says. E_INVALID when it is none's name. */
enum error act_open_content(const char *report, const char *reason, struct hash *content, struct fault *fault);
/* Borrowed from the first. */
void act_signatures_to_messages(const struct act_signature signatures[2], Simpul__ActSignature messages[2]);
/* Appends an encoded Act without an entry. */
void act_pack(const struct act *act, struct buffer *out);

#endif
