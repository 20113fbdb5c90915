/* operators - who may sign what takes two: a file of names and Ed25519 public keys, in the form of that of watchers. */
#ifndef SIMPUL_OPERATORS_H
#define SIMPUL_OPERATORS_H

#include "broker/journal/act.h"
#include "broker/settings/watchers.h"

/* Names and keys, each once. */
struct operators {
	struct watchers list;
};

/* E_CONFIG with "operators:3: what", also when there are fewer than two. */
enum error operators_load(struct operators *operators, const char *path, struct fault *fault);
/* Whose signature of the digest it is: fills `signed_by`. False: nobody's. */
bool operators_verify(const struct operators *operators, const struct hash *digest, struct bytes signature,
		      struct act_signature *signed_by);

#endif
