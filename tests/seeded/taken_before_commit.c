/* taken_before_commit - a bug put into an agent on purpose: of its transactions one in four is committed at once, the
 * others are answered before and stay open until then. Linked with --wrap. */
#include "agents/store.h"

enum { COMMITTED = 4 };

enum error __real_store_begin(struct store *store, struct fault *fault);
enum error __wrap_store_begin(struct store *store, struct fault *fault);
enum error __real_store_commit(struct store *store, struct fault *fault);
enum error __wrap_store_commit(struct store *store, struct fault *fault);

enum error __wrap_store_begin(struct store *store, struct fault *fault)
{
	return sqlite3_get_autocommit(store->db) ? __real_store_begin(store, fault) : E_OK;
}

enum error __wrap_store_commit(struct store *store, struct fault *fault)
{
	static unsigned commits;

	return ++commits % COMMITTED != 0 ? E_OK : __real_store_commit(store, fault);
}
