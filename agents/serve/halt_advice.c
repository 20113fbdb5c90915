/* halt_advice - a table of errors that end a conversation, told to whoever sits at the office. */
#include "agents/serve/halt_advice.h"

#include <stddef.h>
#include <string.h>

static const struct {
	const char *code, *advice;
} table[] = {
	{"SUPERSEDED", "another agent runs with this office's keys: end it and start this one anew; if it is none of yours, "
		       "have the key revoked at once"},
	{"KEY_REVOKED", "ask the operators; with new keys (simpul join --key-id N) the office is enrolled anew"},
	{"KEY_SUSPENDED", "ask the operators why, and to restore the office; then start the agent anew"},
	{"KEY_EXPIRED", "its newer keys are missing: put NODE.keys.next or the newer NODE.keys back; without them simpul join --key-id N"},
	{"KEY_LAPSED", "simpul keys rotate makes a new key; have the operators enrol its request, and the agent goes on"},
	{"KEY_UNKNOWN", "ask the operators whether this office is enrolled"},
	{"HISTORY_DIFFERS", "this store or the broker's journal was set back: do not delete anything, ask the operators first; "
			    "if it was this store, simpul outbox recover"},
	{"EPOCH", "this store is older than what the office has said since: simpul outbox recover"},
	{"BELOW_CURSOR", "this store is older than what the office has acknowledged: simpul outbox recover, and ask the "
			 "operators to reseed this office"},
	{"EXCHANGE", "the join file is of another exchange: ask the operators for the right one"},
	{"VERSION", "install the version that the broker has"},
};

const char *halt_advice(const char *code)
{
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strcmp(table[i].code, code) == 0)
			return table[i].advice;
	return "ask the operators, then start the agent anew";
}
