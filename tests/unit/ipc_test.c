/* Tries to hold up whoever asks who listens, and to have it answered wrongly. */
#include "broker/control/ipc.h"
#include "common/memory.h"
#include "tests/support/fixed.h"
#include "tests/support/reports.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct door {
	char *folder, *path;
	int listener;
};

static int set_up(void **state)
{
	struct door *door = memory_zero(1, sizeof(*door));
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	door->folder = test_folder();
	door->path = memory_format("%s/door.sock", door->folder);
	door->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", door->path);
	assert_int_equal(bind(door->listener, (const struct sockaddr *)&address, sizeof(address)), 0);
	*state = door;
	return listen(door->listener, 0);
}

static int tear_down(void **state)
{
	struct door *door = *state;

	close(door->listener);
	test_folder_remove(door->folder);
	free(door->path);
	free(door);
	return 0;
}

/* Each question stays in the queue, for nobody takes it: the second finds it full. */
static void who_listens_and_takes_nobody_in_holds_nobody_up(void **state)
{
	const struct door *door = *state;

	alarm(20);
	for (int question = 0; question < 4; question++)
		assert_true(ipc_listens(door->path));
	alarm(0);
}

static void what_a_dead_program_left_does_not_listen(void **state)
{
	struct door *door = *state;

	close(door->listener);
	door->listener = -1;
	assert_false(ipc_listens(door->path));
	assert_int_equal(unlink(door->path), 0);
	assert_false(ipc_listens(door->path));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_listens_and_takes_nobody_in_holds_nobody_up),
		TEST(what_a_dead_program_left_does_not_listen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
