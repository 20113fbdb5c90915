/* journal_check_act - acts: what one names is there, and where it says that two operators signed, they did, and that. */
#include "broker/journal/journal_check.h"

#include "broker/journal/act.h"
#include "common/wire.h"
#include <string.h>

/* What two operators sign of an entry: PROTOCOL.md, "Two operators". */
static bool content_hash(struct check *check, uint64_t type, struct bytes content, struct hash *hash)
{
	const Simpul__PolicyVersion *policy;
	const Simpul__Hold *hold;

	if (type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_HOLD) {
		hold = stored_unpack(&simpul__hold__descriptor, content, &check->arena);
		if (hold != NULL)
			*hash = act_hold_content(hold);
		return hold != NULL;
	}
	if (type != SIMPUL__ENTRY_TYPE__ENTRY_TYPE_POLICY) {
		*hash = hash_of(content);
		return type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_MEMBER || type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_GRANT;
	}
	policy = stored_unpack(&simpul__policy_version__descriptor, content, &check->arena);
	return policy != NULL && hash_load(hash, of_binary(policy->hash));
}

bool check_two_operators(const struct check *check, wall_ms signed_at, const char *command, const struct hash *content,
			 Simpul__ActSignature *const *signatures, size_t count)
{
	const struct hash digest = act_digest(check->exchange, signed_at, command, content);

	for (size_t i = 0; i < count; i++) {
		const Simpul__ActSignature *signature = signatures[i];

		if (signature->key.len != KEY_SIZE ||
		    !digest_verify(signature->key.data, SIGN_TAG_ACT, &digest, of_binary(signature->signature)))
			return false;
	}
	return count == 2 && !bytes_equal(of_binary(signatures[0]->key), of_binary(signatures[1]->key));
}

static bool content_known(struct check *check, const Simpul__Act *act, bool known, const struct hash *content)
{
	if (!known)
		return check_bad(check, "the act says that two operators signed what cannot be signed");
	return check_two_operators(check, act->signed_at, act->command, content, act->signatures, act->n_signatures) ||
	       check_bad(check, "two operators did not sign what the act names");
}

static bool signatures_check(struct check *check, const Simpul__Act *act)
{
	struct hash content;
	bool known;

	if (act->entry == 0 && strcmp(act->command, HOLD_OPEN) == 0)
		return content_known(check, act, act_open_content(act->object, act->reason, &content, NULL) == E_OK,
				     &content);
	bind_number(check->other, 1, act->entry);
	known = journal_row_step(check->other, check->fault) == E_OK &&
		content_hash(check, column_number(check->other, 0), column_bytes(check->other, 1), &content);
	sqlite3_reset(check->other);
	return content_known(check, act, known, &content);
}

bool check_act(struct check *check)
{
	const Simpul__Act *act = stored_unpack(&simpul__act__descriptor, check->content, &check->arena);

	if (act == NULL)
		return check_bad(check, "the act cannot be read");
	if (act->entry >= check->row.entry)
		return check_bad(check, "the act names an entry that was not there");
	return act->n_signatures == 0 || signatures_check(check, act);
}
