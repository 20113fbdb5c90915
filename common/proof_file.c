/* proof_file - writes a Proof as JSON. */
#include "common/proof_file.h"
#include "common/bytes.h"
#include "common/file.h"
#include "common/json.h"
#include "common/keys.h"
#include <stdlib.h>
#include <string.h>

enum error proof_file_save(const Simpul__Proof *proof, const char *path, struct fault *fault)
{
	json_t *json = json_of_message(proof, 0);
	char *dump = json_dumps(json, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	struct buffer text = {0};
	enum error error;

	buffer_text(&text, dump);
	buffer_text(&text, "\n");
	error = file_write(path, buffer_view(&text), 0600, fault);
	keys_wipe(text.data, text.size);
	keys_wipe(dump, strlen(dump));
	buffer_free(&text);
	free(dump);
	json_decref(json);
	return error;
}
