/* files_fuzz - files that people carry between offices: requests, member records, join files, exchange.id, checkpoints and keys. One
 * that is taken is the same after it is saved and read again, and a member that passes is the one who signed. */
#include "common/checkpoint.h"
#include "common/exchange.h"
#include "common/key_file.h"
#include "common/member.h"
#include "common/memory.h"
#include "tests/fuzz/fuzz.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *saved_path(void)
{
	char *path = memory_format("%s/saved", fuzz_folder());

	unlink(path);
	return path;
}

static void member_file(const char *path)
{
	char *copy = saved_path();
	struct member member, again;
	struct fault fault = {.code = E_OK};

	if (member_load(&member, path, &fault) == E_OK) {
		char fingerprint[FINGERPRINT_SIZE];

		PROMISE(member_save(&member, copy, &fault) == E_OK && member_load(&again, copy, &fault) == E_OK);
		PROMISE(memcmp(&member, &again, sizeof member) == 0);
		PROMISE(strlen(member_fingerprint(&member, fingerprint)) == FINGERPRINT_SIZE - 1);
		if (member_check(&member, NULL, NULL, &fault) == E_OK) {
			member.created_at ^= 1;
			PROMISE(member_check(&member, NULL, NULL, &fault) != E_OK);
		}
	} else {
		PROMISE(fault.code != E_OK);
	}
	free(copy);
}

static void join_file(const char *path)
{
	char *copy = saved_path();
	struct join join, again;
	struct fault fault = {.code = E_OK};

	if (join_load(&join, path, &fault) == E_OK) {
		PROMISE(join_save(&join, copy, &fault) == E_OK && join_load(&again, copy, &fault) == E_OK);
		PROMISE(memcmp(join.exchange, again.exchange, EXCHANGE_SIZE) == 0);
		PROMISE(strcmp(join.link_endpoint, again.link_endpoint) == 0);
		PROMISE(strcmp(join.feed_endpoint, again.feed_endpoint) == 0);
		PROMISE(memcmp(join.authority, again.authority, KEY_SIZE) == 0);
	} else {
		PROMISE(fault.code != E_OK);
	}
	free(copy);
}

static void exchange_file(const char *path)
{
	char *copy = saved_path();
	struct exchange exchange, again;
	struct fault fault = {.code = E_OK};

	if (exchange_load(&exchange, path, &fault) == E_OK) {
		PROMISE(exchange_name_valid(exchange.name));
		PROMISE(exchange_save(&exchange, copy, &fault) == E_OK && exchange_load(&again, copy, &fault) == E_OK);
		PROMISE(strcmp(exchange.name, again.name) == 0 && memcmp(exchange.id, again.id, EXCHANGE_SIZE) == 0);
	} else {
		PROMISE(fault.code != E_OK);
	}
	free(copy);
}

static void node_key_file(const char *path)
{
	char *copy = saved_path();
	struct node_keys keys, again;

	if (node_keys_load(&keys, NULL, path, NULL) == E_OK) {
		PROMISE(node_keys_save(&keys, NULL, copy, NULL) == E_OK && node_keys_load(&again, NULL, copy, NULL) == E_OK);
		PROMISE(memcmp(keys.signing.secret, again.signing.secret, SIGNING_SECRET_SIZE) == 0);
		PROMISE(keys.key_id == again.key_id);
	}
	free(copy);
}

static void other_keys(const char *path)
{
	struct broker_keys broker;
	struct signing_key signing;
	uint8_t master[KEY_SIZE];
	bool locked;

	broker_keys_load(&broker, NULL, path, NULL);
	signing_key_load(&signing, NULL, path, NULL);
	key_file_locked(path, &locked, NULL);
	master_key_load(master, path, NULL);
}

static void checkpoint_file(const char *path)
{
	char *copy = saved_path();
	struct checkpoint checkpoint, again;

	if (checkpoint_load(&checkpoint, path, NULL) == E_OK) {
		PROMISE(checkpoint.count <= CHECKPOINT_SIGNERS);
		PROMISE(checkpoint_save(&checkpoint, copy, NULL) == E_OK && checkpoint_load(&again, copy, NULL) == E_OK);
		PROMISE(checkpoint.position.entry == again.position.entry && checkpoint.count == again.count);
		PROMISE(hash_equal(&checkpoint.position.head, &again.position.head));
		for (size_t i = 0; i < checkpoint.count; i++)
			PROMISE(memcmp(checkpoint.signers[i].signature, again.signers[i].signature, SIGNATURE_SIZE) == 0 &&
				strcmp(checkpoint.signers[i].node, again.signers[i].node) == 0);
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const kinds[])(const char *path) = {member_file, join_file, exchange_file, node_key_file,
							  other_keys, checkpoint_file};
	static bool started;
	struct bytes rest = BYTES(data, size);
	const uint8_t kind = take_u8(&rest);

	if (!started)
		fuzz_start();
	started = true;
	kinds[kind % (sizeof kinds / sizeof kinds[0])](fuzz_file(rest));
	return 0;
}
