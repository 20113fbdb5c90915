/* exchange - reads and writes exchange.id, a small JSON text that a person can look at. */
#include "common/exchange.h"

#include "common/file.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FORMAT "simpul exchange 1"
#define FILE_LIMIT 4096

bool exchange_name_valid(const char *name)
{
	json_t *text = json_string(name); /* NULL unless UTF-8 */

	json_decref(text);
	if (text == NULL || name[0] == '\0' || strlen(name) >= EXCHANGE_NAME_SIZE)
		return false;
	for (const char *c = name; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return false;
	return true;
}

enum error exchange_save(const struct exchange *exchange, const char *path, struct fault *fault)
{
	char id[2 * EXCHANGE_SIZE + 1], authority[2 * KEY_SIZE + 1];
	json_t *json;
	char *text;
	enum error error;

	if (access(path, F_OK) == 0)
		return fault_at(fault, E_EXISTS, "%s", path);
	hex_of(id, BYTES(exchange->id, EXCHANGE_SIZE));
	hex_of(authority, BYTES(exchange->authority, KEY_SIZE));
	json = json_pack("{s:s, s:s, s:s, s:s}", "format", FORMAT, "name", exchange->name, "exchange", id, "authority",
			 authority);
	text = json_dumps(json, JSON_INDENT(2));
	json_decref(json);
	if (text == NULL)
		return fault_at(fault, E_NOT_UTF8, "name");
	error = file_write(path, BYTES(text, strlen(text)), 0644, fault);
	free(text);
	return error;
}

static bool exchange_of_json(struct exchange *exchange, json_t *json)
{
	const char *format, *name, *id, *authority;

	if (json_unpack_ex(json, NULL, JSON_STRICT, "{s:s, s:s, s:s, s:s}", "format", &format, "name", &name,
			   "exchange", &id, "authority", &authority) != 0)
		return false;
	if (strcmp(format, FORMAT) != 0 || !exchange_name_valid(name))
		return false;
	snprintf(exchange->name, sizeof(exchange->name), "%s", name);
	return hex_parse(id, exchange->id, EXCHANGE_SIZE) && hex_parse(authority, exchange->authority, KEY_SIZE);
}

enum error exchange_load(struct exchange *exchange, const char *path, struct fault *fault)
{
	struct buffer text = {0};
	enum error error = file_read(path, FILE_LIMIT, &text, fault);
	json_t *json;

	if (error != E_OK)
		return error;
	json = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
	buffer_free(&text);
	if (json == NULL || !exchange_of_json(exchange, json))
		error = fault_at(fault, E_INVALID, "%s", path);
	json_decref(json);
	return error;
}
