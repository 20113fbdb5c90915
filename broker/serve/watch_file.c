/* watch_file - writes and reads three lines, and leaves no copy of the secret behind in memory. */
#include "broker/serve/watch_file.h"

#include "common/file.h"
#include "common/key_file.h"
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_SIZE 512

enum error watch_file_save(const struct watch_file *file, const char *path, struct fault *fault)
{
	char server[2 * KEY_SIZE + 1], secret[2 * KEY_SIZE + 1], text[TEXT_SIZE];
	enum error error;
	int size;

	if (access(path, F_OK) == 0)
		return fault_at(fault, E_EXISTS, "%s", path);
	size = snprintf(text, sizeof(text),
			"# Follows a Simpul broker's log (simpulctl log --follow --broker FILE): secret\n"
			"endpoint = %s\nserver = %s\nsecret = %s\n",
			file->endpoint, hex_of(server, BYTES(file->server, KEY_SIZE)),
			hex_of(secret, BYTES(file->key.secret, KEY_SIZE)));
	error = file_write(path, BYTES(text, (size_t)size), 0600, fault);
	keys_wipe(text, sizeof(text));
	keys_wipe(secret, sizeof(secret));
	return error;
}

/* What stands behind "name = " in the text's only such line; NULL when there is none. Ends the line. */
static char *value_of(char *text, const char *name)
{
	const size_t size = strlen(name);

	for (char *line = text; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, name, size) == 0 && strncmp(line + size, " = ", 3) == 0)
			return line + size + 3;
	}
	return NULL;
}

static bool text_parse(char *text, struct watch_file *file)
{
	char *endpoint = value_of(text, "endpoint"), *server = value_of(text, "server"), *secret = value_of(text, "secret");

	if (endpoint == NULL || server == NULL || secret == NULL)
		return false;
	endpoint[strcspn(endpoint, "\n")] = server[strcspn(server, "\n")] = secret[strcspn(secret, "\n")] = '\0';
	snprintf(file->endpoint, sizeof(file->endpoint), "%s", endpoint);
	return strlen(endpoint) < sizeof(file->endpoint) && hex_parse(server, file->server, KEY_SIZE) &&
	       hex_parse(secret, file->key.secret, KEY_SIZE);
}

enum error watch_file_load(struct watch_file *file, const char *path, struct fault *fault)
{
	struct buffer text = {0};
	enum error error = secret_read(path, S_IRWXG | S_IRWXO, &text, fault);

	if (error == E_OK) {
		buffer_u8(&text, 0);
		if (text_parse((char *)text.data, file))
			curve_key_complete(&file->key);
		else
			error = fault_at(fault, E_INVALID, "%s", path);
	}
	if (text.data != NULL)
		keys_wipe(text.data, text.capacity);
	buffer_free(&text);
	if (error != E_OK)
		keys_wipe(file, sizeof(*file));
	return error;
}
