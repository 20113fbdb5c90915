/* operators - finds whose signature it is. */
#include "broker/settings/operators.h"

#include <stdio.h>
#include <string.h>

enum error operators_load(struct operators *operators, const char *path, struct fault *fault)
{
	enum error error = watchers_load(&operators->list, path, fault);

	if (error == E_OK && operators->list.count < 2)
		error = fault_at(fault, E_CONFIG,
				 "%s: two_operators needs the keys of two operators at least (simpulctl operator new)", path);
	return error;
}

bool operators_verify(const struct operators *operators, const struct hash *digest, struct bytes signature,
		      struct act_signature *signed_by)
{
	for (size_t i = 0; i < operators->list.count && signature.size == SIGNATURE_SIZE; i++) {
		if (!digest_verify(operators->list.list[i].key, SIGN_TAG_ACT, digest, signature))
			continue;
		snprintf(signed_by->operator_name, sizeof(signed_by->operator_name), "%s", operators->list.list[i].name);
		memcpy(signed_by->key, operators->list.list[i].key, KEY_SIZE);
		memcpy(signed_by->signature, signature.data, SIGNATURE_SIZE);
		return true;
	}
	return false;
}
