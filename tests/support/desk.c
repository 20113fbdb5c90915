/* desk - opens a store before a test and removes it afterwards. */
#include "tests/support/desk.h"
#include "tests/support/reports.h"

int desk_open(void **state)
{
	static struct desk desk;

	desk.folder = test_folder();
	test_store_open(&desk.store, desk.folder);
	*state = &desk;
	return 0;
}

int desk_close(void **state)
{
	struct desk *desk = *state;

	store_close(&desk->store);
	test_folder_remove(desk->folder);
	return 0;
}
