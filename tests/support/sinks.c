/* sinks - plays the loop for one sink. */
#include "tests/support/sinks.h"
#include "agents/reports/store_progress.h"
#include "agents/sink/sink_begin.h"
#include "common/file.h"
#include "common/log.h"
#include "common/memory.h"
#include "tests/support/fixed.h"
#include "tests/support/process.h"
#include <poll.h>
#include <string.h>

#define PATIENCE_MS 10000

static void line_keep(void *context, enum log_level level, const char *line)
{
	struct buffer *log = context;

	(void)level;
	buffer_text(log, line);
	buffer_text(log, "\n");
}

int sink_place_begin(void **state)
{
	struct sink_place *place = memory_zero(1, sizeof(*place));

	place->folder = test_folder();
	place->path = memory_format("%s/out", place->folder);
	place->store_path = memory_format("%s/agent.db", place->folder);
	place->letters = mailbox_new();
	test_store_open(&place->store, place->folder);
	log_copy(line_keep, &place->log);
	*state = place;
	return 0;
}

int sink_place_end(void **state)
{
	struct sink_place *place = *state;
	struct letter *next, *letter = mailbox_take_all(place->letters);

	log_copy(NULL, NULL);
	for (; letter != NULL; letter = next) {
		next = letter->next;
		free(letter);
	}
	mailbox_free(place->letters);
	store_close(&place->store);
	test_folder_remove(place->folder);
	buffer_free(&place->log);
	free(place->store_path);
	free(place->path);
	free(place);
	return 0;
}

struct sink_options sink_place_options(const struct sink_place *place, enum sink_type type)
{
	return (struct sink_options){.name = "registry",
				     .type = type,
				     .path = place->path,
				     .seconds = 30,
				     .attempts = 8,
				     .ceiling = SIMPUL__LABEL__LABEL_AMBER_STRICT,
				     .statuses = SINK_STATUS(SIMPUL__STATUS__STATUS_ACTUAL),
				     .erases = SINK_ERASES_YES};
}

void sink_place_add(struct sink_place *place, uint64_t number)
{
	const struct test_report report = {.name = {"army.oku", 1, 0, number}};

	test_inbox_add(&place->store, &report, TRUST_GOOD, 1);
}

struct sinks *sink_place_start(struct sink_place *place, const struct sink_options *options)
{
	struct sinks *sinks = sinks_start(place->store_path, NULL, options, 1, place->letters);

	assert_int_equal(sinks_note(sinks, &place->store, NULL), E_OK);
	return sinks;
}

/* Stores a letter's progress and frees it; its row when it is of "registry", else 0. */
static uint64_t letter_take(struct sink_place *place, struct sink_letter *letter)
{
	uint64_t row = strcmp(letter->name, "registry") == 0 ? letter->row : 0;

	letter->letter.next = NULL;
	assert_int_equal(store_sink_letters(&place->store, &letter->letter, NULL), E_OK);
	row = letter->purge > 0 ? 0 : row;
	free(letter);
	return row;
}

uint64_t sink_place_note(struct sink_place *place)
{
	struct letter *next, *letter = mailbox_take_all(place->letters);
	uint64_t at = 0;

	for (; letter != NULL; letter = next) {
		uint64_t reached;

		next = letter->next;
		reached = letter_take(place, (struct sink_letter *)letter);
		at = reached > 0 ? reached : at;
	}
	return at;
}

bool sink_place_reaches(struct sink_place *place, uint64_t row)
{
	struct pollfd wait = {.fd = mailbox_fd(place->letters), .events = POLLIN};
	uint64_t at = sink_place_position(place);

	while (at < row && poll(&wait, 1, patient_ms(PATIENCE_MS)) > 0) {
		const uint64_t reached = sink_place_note(place);

		at = reached > 0 ? reached : at;
	}
	return at == row;
}

void sink_place_erase(struct sink_place *place, uint64_t row)
{
	char *sql = memory_format("UPDATE inbox SET body = x'', erased_at = 1795190003000, rule = 2 WHERE row = %llu;"
				  "INSERT INTO purge(row, origin, epoch, stream, number, rule, at, identifies, answer)"
				  " SELECT row, origin, epoch, stream, number, 2, erased_at, 1, 1 FROM inbox"
				  " WHERE row = %llu",
				  (unsigned long long)row, (unsigned long long)row);

	test_sql(&place->store, sql);
	free(sql);
}

bool sink_place_told(struct sink_place *place, uint64_t event)
{
	struct pollfd wait = {.fd = mailbox_fd(place->letters), .events = POLLIN};
	uint64_t at = 0;

	while (store_sink_purged(&place->store, "registry", &at, NULL) == E_OK && at < event &&
	       poll(&wait, 1, patient_ms(PATIENCE_MS)) > 0)
		sink_place_note(place);
	return at == event;
}

uint64_t sink_place_outcome(struct sink_place *place, uint64_t event)
{
	sqlite3_stmt *get = store_statement(&place->store, "SELECT outcome FROM purge_sink WHERE purge = ?1");
	uint64_t outcome;

	bind_number(get, 1, event);
	outcome = store_ask(&place->store, get, NULL) == E_OK ? column_number(get, 0) : 0;
	sqlite3_reset(get);
	return outcome;
}

uint64_t sink_place_position(struct sink_place *place)
{
	uint64_t row;

	assert_int_equal(store_sink_position(&place->store, "registry", &row, NULL, NULL), E_OK);
	return row;
}

bool sink_place_fails(struct sinks *sinks, const char *reason)
{
	struct sink_status status;

	for (int i = 0; i < patient_ms(PATIENCE_MS) / 20; i++) {
		assert_true(sinks_status(sinks, 0, &status));
		if (status.failing && strstr(status.reason, reason) != NULL)
			return true;
		sleep_ms(20);
	}
	print_error("instead of '%s': '%s'\n", reason, status.reason);
	return false;
}

const char *sink_place_log(struct sink_place *place)
{
	buffer_u8(&place->log, 0);
	return (const char *)place->log.data;
}

char *sink_place_file(const struct sink_place *place, const char *name)
{
	char *path = memory_format("%s/%s", place->folder, name);
	struct buffer text = {0};

	file_read(path, 1 << 20, &text, NULL);
	buffer_u8(&text, 0);
	free(path);
	return (char *)text.data;
}
