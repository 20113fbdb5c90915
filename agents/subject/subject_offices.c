/* subject_offices - reads the member records of the store. */
#include "agents/subject/subject_offices.h"

/* An office that was shut out, or whose key has ended, opens nothing. */
static enum error office_open(struct store *store, const char *node, wall_ms now, bool *open, struct fault *fault)
{
	struct member_key key;
	enum error error = store_current_key(store, node, &key, fault);

	*open = error == E_OK && !member_lapsed(&key.member, now);
	return error == E_KEY_UNKNOWN ? E_OK : error;
}

enum error subject_offices(struct store *store, wall_ms now, json_t **offices, struct fault *fault)
{
	sqlite3_stmt *get = store_statement(store, "SELECT DISTINCT node FROM member ORDER BY node");
	json_t *office;
	enum error error;
	bool open;
	size_t i;

	*offices = json_array();
	while ((error = store_ask(store, get, fault)) == E_OK)
		json_array_append_new(*offices, json_pack("{s:s}", "node", column_text(get, 0)));
	sqlite3_reset(get);
	error = error == E_NOT_FOUND ? E_OK : error;
	json_array_foreach(*offices, i, office) {
		const char *node = json_string_value(json_object_get(office, "node"));

		if (error == E_OK)
			error = office_open(store, node, now, &open, fault);
		json_object_set_new(office, "open", json_boolean(error == E_OK && open));
	}
	return error;
}
