/* key_file - writes and reads "name = hex" lines, locks them with a passphrase, and refuses a file of secrets that
 * others can read. */
#include "common/key_file.h"
#include "common/file.h"
#include "common/memory.h"
#include "common/overwrite.h"
#include "common/user.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Room for all at once: a buffer that grows would leave copies of secrets behind. */
static struct buffer secret_text(void)
{
	struct buffer text = {0};

	buffer_room(&text, KEY_FILE_LIMIT);
	buffer_clear(&text);
	return text;
}

static void secret_forget(struct buffer *text)
{
	if (text->data)
		sodium_memzero(text->data, text->capacity);
	buffer_free(text);
}

/* Writes the text, locked or open; nothing is there before. */
static enum error text_write(struct bytes text, const struct key_lock *lock, const char *path, struct fault *fault)
{
	struct buffer locked = {0};
	enum error error;

	if (lock == NULL)
		return file_write(path, text, 0600, fault);
	key_lock_close(lock, text, &locked);
	error = file_write(path, buffer_view(&locked), 0600, fault);
	buffer_free(&locked);
	return error;
}

/* The plain text of a key file, locked or not; forget it. */
static enum error text_read(struct key_lock *lock, const char *path, struct buffer *plain, struct fault *fault)
{
	struct buffer text = {0};
	enum error error = secret_read(path, S_IRWXG | S_IRWXO, &text, fault);

	*plain = secret_text();
	if (error == E_OK && key_lock_closed(buffer_view(&text)))
		error = key_lock_open(lock, buffer_view(&text), path, plain, fault);
	else if (error == E_OK)
		buffer_bytes(plain, buffer_view(&text));
	secret_forget(&text);
	return error;
}

enum error key_file_save(const char *comment, const struct key_line *lines, size_t count, const struct key_lock *lock,
			 const char *path, struct fault *fault)
{
	struct buffer text;
	char hex[2 * KEY_LINE_SIZE + 1];
	enum error error;

	if (access(path, F_OK) == 0)
		return fault_at(fault, E_EXISTS, "%s", path);
	text = secret_text();
	buffer_text(&text, comment);
	for (size_t i = 0; i < count; i++) {
		buffer_text(&text, lines[i].name);
		buffer_text(&text, " = ");
		buffer_text(&text, hex_of(hex, BYTES(lines[i].value, lines[i].size)));
		buffer_text(&text, "\n");
	}
	error = text_write(buffer_view(&text), lock, path, fault);
	sodium_memzero(hex, sizeof hex);
	secret_forget(&text);
	return error;
}

enum error secret_read(const char *path, mode_t forbidden, struct buffer *text, struct fault *fault)
{
	struct stat status;

	if (stat(path, &status) != 0) {
		if (errno == EACCES)
			return permission_fault(fault, path);
		return errno == ENOENT ? fault_at(fault, E_NOT_FOUND, "%s", path)
				       : fault_at(fault, E_IO, "%s: %s", path, strerror(errno));
	}
	if (status.st_mode & forbidden)
		return fault_at(fault, E_CONFIG, "%s: others may read or change it, chmod 600 it", path);
	return file_read(path, KEY_FILE_LIMIT, text, fault);
}

enum error file_own(const char *path, struct fault *fault)
{
	char name[USER_NAME_SIZE];
	struct stat status;

	if (lstat(path, &status) != 0)
		return E_OK;
	if (S_ISLNK(status.st_mode))
		return fault_at(fault, E_CONFIG, "%s: it is a link, name the file that it leads to", path);
	if (status.st_uid == geteuid())
		return E_OK;
	return fault_at(fault, E_CONFIG, "%s: it belongs to %s, run this as that user", path,
			user_name(status.st_uid, name));
}

/* Takes "name = hex" apart and stores the value; false unless the name is one of `lines`, given for the first time. */
static bool line_parse(char *line, const struct key_line *lines, size_t count, unsigned *seen)
{
	char *separator = strstr(line, " = ");

	if (!separator)
		return false;
	*separator = '\0';
	for (size_t i = 0; i < count; i++) {
		if (strcmp(lines[i].name, line) != 0)
			continue;
		if (*seen & 1u << i)
			return false;
		*seen |= 1u << i;
		return hex_parse(separator + 3, lines[i].value, lines[i].size);
	}
	return false;
}

static bool lines_parse(char *text, const struct key_line *lines, size_t count)
{
	unsigned seen = 0;
	char *rest = NULL;

	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (line[0] != '#' && !line_parse(line, lines, count, &seen))
			return false;
	return seen == (1u << count) - 1;
}

enum error key_file_load(const struct key_line *lines, size_t count, struct key_lock *lock, const char *path,
			 struct fault *fault)
{
	struct buffer text = {0};
	enum error error = text_read(lock, path, &text, fault);

	if (error == E_OK) {
		buffer_u8(&text, 0);
		if (!lines_parse((char *)text.data, lines, count))
			error = fault_at(fault, E_INVALID, "%s", path);
	}
	secret_forget(&text);
	return error;
}

enum error key_file_check(struct key_lock *lock, const char *path, struct fault *fault)
{
	struct buffer text;
	const enum error error = text_read(lock, path, &text, fault);

	secret_forget(&text);
	return error;
}

enum error key_file_locked(const char *path, bool *locked, struct fault *fault)
{
	struct buffer text = {0};
	const enum error error = secret_read(path, S_IRWXG | S_IRWXO, &text, fault);

	*locked = error == E_OK && key_lock_closed(buffer_view(&text));
	secret_forget(&text);
	return error;
}

/* A comment, then "name = hex": of anything else, such as a master key, the first line would go on lying there to be
 * read, and no program asks for its passphrase. */
static bool is_key_file(const struct buffer *plain)
{
	struct buffer text = secret_text();
	bool good;
	char *rest = NULL;

	buffer_bytes(&text, buffer_view(plain));
	buffer_u8(&text, 0);
	good = text.data[0] == '#';
	for (char *line = strtok_r((char *)text.data, "\n", &rest); good && line; line = strtok_r(NULL, "\n", &rest)) {
		const char *separator = strstr(line, " = ");

		good = line[0] == '#' || (separator != NULL && separator[3] != '\0' &&
					  separator[3 + strspn(separator + 3, "0123456789abcdefABCDEF")] == '\0');
	}
	secret_forget(&text);
	return good;
}

enum error key_file_relock(struct key_lock *from, const struct key_lock *to, const char *path, struct fault *fault)
{
	char *fresh = memory_format("%s" OVERWRITE_FRESH, path);
	struct buffer text = {0};
	enum error error = file_own(path, fault);

	if (error == E_OK)
		error = text_read(from, path, &text, fault);
	if (error == E_OK && to != NULL && !is_key_file(&text))
		error = fault_at(fault, E_INVALID, "%s: it is no file of keys", path);
	/* What an attempt before left there. */
	if (error == E_OK)
		error = overwrite_file(fresh, fault);
	if (error == E_OK)
		error = text_write(buffer_view(&text), to, fresh, fault);
	if (error == E_OK)
		error = overwrite_replace(fresh, path, fault);
	secret_forget(&text);
	free(fresh);
	return error;
}
