/* officer_list - reads the whole list, then prints as long as somebody reads. */
#include "agents/officer/officer_list.h"

/* Whether --json was given, and nothing else; false after a message. */
static bool json_wanted(const struct officer *officer, int argc, char **argv, bool *json)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
	int option;

	*json = false;
	while ((option = officer_option(officer, argc, argv, options)) != -1) {
		if (option != 'j')
			return false;
		*json = true;
	}
	if (optind >= argc)
		return true;
	officer_misused(officer, "everything is said with options");
	return false;
}

int officer_list(const struct officer *officer, int argc, char **argv,
		 enum error (*read)(struct store *store, json_t **list, struct fault *fault),
		 bool (*print)(const json_t *each))
{
	struct fault fault = {0};
	struct store store;
	bool json, heard = true;
	json_t *list = NULL, *each;
	enum error error;
	size_t i;

	if (!json_wanted(officer, argc, argv, &json))
		return EX_USAGE;
	error = officer_store(officer, &store, &fault);
	if (error != E_OK)
		return officer_unread(officer, &fault);
	error = read(&store, &list, &fault);
	store_close(&store);
	json_array_foreach(list, i, each) heard =
		heard && (json ? officer_print_json(json_incref(each), false) : print(each));
	json_decref(list);
	return error == E_OK ? EX_OK : officer_fail(officer, &fault, NULL);
}

bool officer_print_line(struct buffer *line)
{
	bool printed;

	buffer_text(line, "\n");
	printed = officer_print(line);
	buffer_free(line);
	return printed;
}
