/* operate - programs, files, logs and small disks of an exchange under test. */
#include "tests/support/operate.h"
#include "common/file.h"
#include "common/memory.h"
#include "tests/support/must.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define ARGUMENTS_MOST 32
#define FILLER "filler"

int operate_run(struct exchange *x, struct buffer *out, const char *program, ...)
{
	char path[300];
	const char *argv[ARGUMENTS_MOST + 1] = {process_program(program, path, sizeof path)};
	size_t count = 1;
	va_list rest;

	va_start(rest, program);
	while (count < ARGUMENTS_MOST && (argv[count] = va_arg(rest, const char *)))
		count++;
	va_end(rest);
	return process_run(argv, NULL, out, x->log, 60);
}

/* ------------------------------------------------------------------ files */

char *broker_path(const struct exchange *x, const char *name)
{
	return memory_format("%s/%s", x->folder, name);
}

char *office_path(const struct exchange *x, size_t office, const char *name)
{
	return memory_format("%s/%s", x->offices[office].folder, name);
}

char *file_text(const char *path)
{
	struct buffer content = {0};

	file_read(path, 64 << 20, &content, NULL);
	buffer_u8(&content, 0);
	return (char *)content.data;
}

const char *days_ahead(unsigned days, char text[TIME_TEXT_SIZE])
{
	return time_text(text, clock_now().wall + days * DAY_MS, 0);
}

void file_put(const char *path, const char *content)
{
	must(file_write(path, BYTES(content, strlen(content)), 0600, NULL) == E_OK, path);
}

void file_swap(const char *path, const char *from, const char *to)
{
	char *text = file_text(path), *at = strstr(text, from), *swapped;

	must(at != NULL, from);
	swapped = memory_format("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
	file_put(path, swapped);
	free(swapped);
	free(text);
}

bool file_there(const char *path)
{
	return access(path, F_OK) == 0;
}

static bool is_there(void *path)
{
	return file_there(path);
}

bool file_comes(char *path, int seconds)
{
	return wait_for(is_there, path, seconds);
}

/* ------------------------------------------------------------------ log */

size_t log_count(struct exchange *x, const char *text)
{
	char *log = file_text(x->log);
	size_t count = 0;

	for (const char *at = strstr(log, text); at; at = strstr(at + 1, text))
		count++;
	free(log);
	return count;
}

struct logged {
	struct exchange *x;
	const char *text;
};

static bool is_logged(void *context)
{
	const struct logged *logged = context;

	return exchange_logged(logged->x, logged->text);
}

bool log_has(struct exchange *x, const char *text, int seconds)
{
	struct logged logged = {x, text};

	return wait_for(is_logged, &logged, seconds);
}

/* ------------------------------------------------------------------ what programs say */

static json_t *json_take(struct buffer *text)
{
	json_t *json = json_loadb((const char *)text->data, text->size, 0, NULL);

	buffer_free(text);
	return json;
}

char *printed_line(struct buffer *out, int status)
{
	buffer_u8(out, 0);
	if (status != 0)
		fail_msg("status %d", status);
	out->data[strcspn((char *)out->data, "\n")] = '\0';
	return (char *)out->data;
}

char *office_reports(struct exchange *x, size_t office, const char *draft)
{
	struct buffer out = {0};

	return printed_line(&out, exchange_simpul(x, office, draft, &out, "report", "--json", "-", NULL));
}

long long journal_entry(struct exchange *x)
{
	json_t *status = ctl_json(x, "status");
	const long long entry = json_integer_value(json_object_get(status, "entry"));

	json_decref(status);
	return entry;
}

json_t *ctl_json(struct exchange *x, const char *command)
{
	struct buffer text = {0};

	exchange_ctl(x, &text, command, "--json", NULL);
	return json_take(&text);
}

json_t *ctl_node(struct exchange *x, const char *node)
{
	json_t *answer = ctl_json(x, "nodes"), *found = NULL, *row;
	size_t i;

	json_array_foreach(json_object_get(answer, "nodes"), i, row)
		if (strcmp(json_string_value(json_object_get(row, "node")), node) == 0)
			found = json_incref(row);
	json_decref(answer);
	return found;
}

json_t *office_status(struct exchange *x, size_t office)
{
	struct buffer text = {0};

	exchange_simpul(x, office, NULL, &text, "status", "--json", NULL);
	return json_take(&text);
}

struct expected_state {
	struct exchange *x;
	size_t office;
	const char *state;
};

static bool is_in_state(void *context)
{
	const struct expected_state *expected = context;
	json_t *status = office_status(expected->x, expected->office);
	const char *state = json_string_value(json_object_get(status, "state"));
	bool same = state && strcmp(state, expected->state) == 0;

	json_decref(status);
	return same;
}

bool office_in_state(struct exchange *x, size_t office, const char *state, int seconds)
{
	struct expected_state expected = {x, office, state};

	return wait_for(is_in_state, &expected, seconds);
}

static bool is_caught_up(void *context)
{
	const struct expected_state *expected = context;
	json_t *broker = ctl_json(expected->x, "status"), *status = office_status(expected->x, expected->office);
	const json_t *cursor = json_object_get(status, "cursor");
	bool same = cursor && json_integer_value(json_object_get(cursor, "entry")) ==
				      json_integer_value(json_object_get(broker, "entry"));

	json_decref(broker);
	json_decref(status);
	return same;
}

bool office_caught_up(struct exchange *x, size_t office, int seconds)
{
	struct expected_state expected = {x, office, NULL};

	return wait_for(is_caught_up, &expected, seconds);
}

int exchange_serve(struct exchange *x)
{
	exchange_start_offices(x);
	for (size_t office = 0; office < x->count; office++)
		if (!office_caught_up(x, office, 20))
			return 1;
	return 0;
}

/* ------------------------------------------------------------------ reports */

void drop_many(struct exchange *x, size_t office, const char *name, const char *words, size_t count)
{
	struct buffer content = {0};

	for (size_t i = 0; i < count; i++) {
		char *summary = memory_format("%s %zu", words, i);

		draft_line(&content, "public-order", "16.01", summary, NULL);
		free(summary);
	}
	buffer_u8(&content, 0);
	office_drop(x, office, name, (const char *)content.data);
	buffer_free(&content);
}

bool office_has_run(struct exchange *x, size_t office, const char *origin, uint64_t first, uint64_t last)
{
	char *path = office_path(x, office, "store/agent.db");
	struct store store = {0};
	sqlite3_stmt *rows;
	uint64_t next = first;

	must(store_open_reader(&store, path, NULL, NULL) == E_OK, path);
	rows = database_prepare(store.db, "SELECT number FROM inbox WHERE origin = ?1 AND epoch = 1 AND stream = 0"
					  " ORDER BY row");
	bind_text(rows, 1, origin);
	while (sqlite3_step(rows) == SQLITE_ROW) {
		const uint64_t number = column_number(rows, 0);

		if (number < first)
			continue;
		if (number != next)
			break;
		next++;
	}
	store_close(&store);
	free(path);
	return next == last + 1;
}

json_t *inbox_find(struct exchange *x, size_t office, const char *name)
{
	struct buffer text = {0};
	json_t *found = NULL;
	char *rest = NULL;

	exchange_simpul(x, office, NULL, &text, "inbox", "list", "--json", NULL);
	buffer_u8(&text, 0);
	for (char *line = strtok_r((char *)text.data, "\n", &rest); line && !found; line = strtok_r(NULL, "\n", &rest)) {
		json_t *row = json_loads(line, 0, NULL);
		const char *own = json_string_value(json_object_get(row, "name"));

		if (own && strcmp(own, name) == 0)
			found = json_incref(row);
		json_decref(row);
	}
	buffer_free(&text);
	return found;
}

struct row_awaited {
	struct exchange *x;
	size_t office;
	const char *name, *key, *value;
};

static bool row_says(void *context)
{
	const struct row_awaited *awaited = context;
	json_t *row = inbox_find(awaited->x, awaited->office, awaited->name);
	const char *value = json_string_value(json_object_get(row, awaited->key));
	const bool says = value && (!awaited->value || strcmp(value, awaited->value) == 0);

	json_decref(row);
	return says;
}

bool inbox_shows(struct exchange *x, size_t office, const char *name, const char *key, const char *value)
{
	struct row_awaited awaited = {x, office, name, key, value};

	return wait_for(row_says, &awaited, 20);
}

struct text_awaited {
	struct exchange *x;
	size_t office;
	const char *text;
};

static bool is_forgotten(void *context)
{
	const struct text_awaited *awaited = context;

	return !office_holds(awaited->x, awaited->office, awaited->text);
}

bool office_forgets(struct exchange *x, size_t office, const char *text)
{
	struct text_awaited awaited = {x, office, text};

	return wait_for(is_forgotten, &awaited, 30);
}

/* ------------------------------------------------------------------ disks */

bool mounts_private(void)
{
	return unshare(CLONE_NEWNS) == 0 && mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0;
}

static void copy_folder(const char *from, const char *to)
{
	char *content = memory_format("%s/.", from);
	const char *argv[] = {"/bin/cp", "-a", content, to, NULL};

	must(process_run(argv, NULL, NULL, "/dev/null", 20) == 0, "cp");
	free(content);
}

bool disk_small(const char *folder, unsigned kib)
{
	char *aside = memory_format("%s.aside", folder), size[32];
	const char *argv[] = {"/bin/rm", "-rf", aside, NULL};
	bool mounted;

	snprintf(size, sizeof size, "size=%uk", kib);
	must(mkdir(aside, 0700) == 0, aside);
	copy_folder(folder, aside);
	mounted = mount("tmpfs", folder, "tmpfs", 0, size) == 0;
	if (mounted)
		copy_folder(aside, folder);
	process_run(argv, NULL, NULL, "/dev/null", 20);
	free(aside);
	return mounted;
}

void disk_away(const char *folder)
{
	umount2(folder, MNT_DETACH);
}

void disk_fill(const char *folder)
{
	static const char block[4096];
	char *path = memory_format("%s/" FILLER, folder);
	const int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	must(fd >= 0, path);
	while (write(fd, block, sizeof block) > 0)
		continue;
	must(errno == ENOSPC, "filling the disk");
	close(fd);
	free(path);
}

void disk_free(const char *folder)
{
	char *path = memory_format("%s/" FILLER, folder);

	must(unlink(path) == 0, path);
	free(path);
}
