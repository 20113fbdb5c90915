/* desk - the store of police.oku in a folder of its own, for a test that needs nothing else of an office. */
#ifndef SIMPUL_TEST_DESK_H
#define SIMPUL_TEST_DESK_H

#include "agents/store/store.h"

struct desk {
	char *folder;
	struct store store;
};

/* For cmocka: *state is the desk. */
int desk_open(void **state);
int desk_close(void **state);

#endif
