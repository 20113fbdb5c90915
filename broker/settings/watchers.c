/* watchers - reads the file of watchers line by line, and writes it whole so that nothing of it is ever half there. */
#include "broker/settings/watchers.h"

#include "broker/core/core.h"
#include "common/file.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILE_LIMIT (64 * 1024)

static const char head[] = "# Who may follow the log of this broker from afar. Written by simpulctl watcher new\n"
			   "# and remove; read again on SIGHUP.\n";

bool watcher_name_valid(const char *name)
{
	const size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return size > 0 && size < WATCHER_NAME_SIZE && name[size] == '\0';
}

/* ---- reading */

/* The line's name and key. */
static bool line_parse(char *line, const char **name, uint8_t key[KEY_SIZE])
{
	char *separator = strstr(line, " = ");

	if (separator == NULL)
		return false;
	*separator = '\0';
	*name = line;
	return watcher_name_valid(line) && hex_parse(separator + 3, key, KEY_SIZE);
}

static bool is_known(const struct watchers *watchers, const char *name, const uint8_t key[KEY_SIZE])
{
	for (size_t i = 0; i < watchers->count; i++)
		if (strcmp(watchers->list[i].name, name) == 0 || memcmp(watchers->list[i].key, key, KEY_SIZE) == 0)
			return true;
	return false;
}

/* What is wrong with one line, which is taken otherwise; NULL: nothing. */
static const char *line_take(struct watchers *watchers, char *line)
{
	uint8_t key[KEY_SIZE];
	const char *name;

	if (line[0] == '\0' || line[0] == '#')
		return NULL;
	if (!line_parse(line, &name, key))
		return "not NAME = KEY, a key of 64 hexadecimal digits";
	if (is_known(watchers, name, key))
		return "name or key stands there twice";
	if (watchers->count == LIMIT_WATCHERS)
		return "too many watchers";
	snprintf(watchers->list[watchers->count].name, WATCHER_NAME_SIZE, "%s", name);
	memcpy(watchers->list[watchers->count++].key, key, KEY_SIZE);
	return NULL;
}

static enum error text_parse(struct watchers *watchers, char *text, const char *path, struct fault *fault)
{
	unsigned number = 1;

	for (char *line = text, *end; line != NULL; line = end, number++) {
		const char *wrong;

		end = strchr(line, '\n');
		if (end != NULL)
			*end++ = '\0';
		wrong = line_take(watchers, line);
		if (wrong != NULL)
			return fault_at(fault, E_CONFIG, "%s:%u: %s", path, number, wrong);
	}
	return E_OK;
}

/* The file's text with a final zero; empty when there is no file. */
static enum error text_read(const char *path, struct buffer *text, struct fault *fault)
{
	enum error error = file_read(path, FILE_LIMIT, text, fault);

	if (error != E_OK && error != E_NOT_FOUND)
		return error;
	buffer_u8(text, 0);
	return strlen((const char *)text->data) + 1 == text->size
		       ? E_OK
		       : fault_at(fault, E_CONFIG, "%s: not a text", path);
}

enum error watchers_load(struct watchers *watchers, const char *path, struct fault *fault)
{
	struct watchers read = {.count = 0};
	struct buffer text = {0};
	enum error error = text_read(path, &text, fault);

	if (error == E_OK)
		error = text_parse(&read, (char *)text.data, path, fault);
	if (error == E_OK)
		*watchers = read;
	buffer_free(&text);
	return error;
}

enum error watchers_key_status(const struct watchers *watchers, const struct core *core, const uint8_t key[KEY_SIZE],
			       const char **name)
{
	const char *node = NULL;

	core_key_status(core, key, &node);
	for (size_t i = 0; i < watchers->count && node == NULL; i++) {
		if (memcmp(watchers->list[i].key, key, KEY_SIZE) != 0)
			continue;
		if (name != NULL)
			*name = watchers->list[i].name;
		return E_OK;
	}
	return E_KEY_UNKNOWN;
}

/* ---- writing */

enum error watchers_add(const char *path, const char *name, const uint8_t key[KEY_SIZE], struct fault *fault)
{
	struct watchers watchers;
	struct buffer text = {0};
	char hex[2 * KEY_SIZE + 1];
	enum error error = watchers_load(&watchers, path, fault);

	if (error != E_OK)
		return error;
	if (is_known(&watchers, name, key))
		return fault_at(fault, E_EXISTS, "%s", name);
	if (watchers.count == LIMIT_WATCHERS)
		return fault_at(fault, E_TOO_LARGE, "%s", path);
	error = text_read(path, &text, fault);
	if (error == E_OK) {
		text.size--;
		if (text.size == 0)
			buffer_text(&text, head);
		else if (text.data[text.size - 1] != '\n')
			buffer_text(&text, "\n");
		buffer_text(&text, name);
		buffer_text(&text, " = ");
		buffer_text(&text, hex_of(hex, BYTES(key, KEY_SIZE)));
		buffer_text(&text, "\n");
		error = file_write(path, buffer_view(&text), 0640, fault);
	}
	buffer_free(&text);
	return error;
}

/* Whether the line is this watcher's. */
static bool is_of(const char *line, const char *name)
{
	const size_t size = strlen(name);

	return strncmp(line, name, size) == 0 && strncmp(line + size, " = ", 3) == 0;
}

enum error watchers_remove(const char *path, const char *name, struct fault *fault)
{
	struct buffer text = {0}, left = {0};
	enum error error = text_read(path, &text, fault);
	bool found = false;

	for (char *line = error == E_OK ? (char *)text.data : NULL; line != NULL && *line != '\0';) {
		const char *end = strchr(line, '\n');
		const size_t size = end != NULL ? (size_t)(end - line) + 1 : strlen(line);

		if (is_of(line, name))
			found = true;
		else
			buffer_append(&left, line, size);
		line += size;
	}
	if (error == E_OK && !found)
		error = fault_at(fault, E_NOT_FOUND, "%s", name);
	if (error == E_OK)
		error = file_write(path, buffer_view(&left), 0640, fault);
	buffer_free(&left);
	buffer_free(&text);
	return error;
}
