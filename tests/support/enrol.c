/* enrol - a countersigned record over the broker's control socket. */
#include "tests/support/enrol.h"
#include "broker/ctl/ctl.h"
#include "common/memory.h"
#include "common/wire.h"

#include <stdio.h>
#include <stdlib.h>

void enrol_node(const char *folder, const struct join *join, const struct node_keys *keys, const char *node)
{
	char *config = memory_format("%s/broker.yaml", folder), *path = memory_format("%s/authority.key", folder);
	const struct ctl ctl = {.config = config};
	struct signing_key authority;
	struct member member;
	json_t *answer = NULL;
	struct fault fault = {0};
	enum error error = signing_key_load(&authority, NULL, path, &fault);

	if (error == E_OK) {
		member_request(&member, join->exchange, node, keys, clock_now().wall);
		member_countersign(&member, &authority);
		error = ctl_ask(&ctl, ctl_enroll_request(&member), &answer, &fault);
	}
	if (error != E_OK) {
		fprintf(stderr, "enrol: %s: %s %s\n", node, error_name(error), fault.field);
		abort();
	}
	json_decref(answer);
	keys_wipe(&authority, sizeof authority);
	free(config);
	free(path);
}
