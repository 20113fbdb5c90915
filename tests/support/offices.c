/* offices - two offices in memory, whose agents are driven by hand. */
#include "tests/support/offices.h"
#include "common/file.h"
#include "common/log.h"
#include "common/wire.h"

#include <stdio.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void log_note(void *context, enum log_level level, const char *line)
{
	struct offices *offices = context;

	strncat(offices->log, line, sizeof offices->log - strlen(offices->log) - 1);
	if (level == LOG_LEVEL_ALARM)
		strncpy(offices->alarm, line, sizeof offices->alarm - 1);
	if (level != LOG_LEVEL_WARNING)
		return;
	strncpy(offices->warning, line, sizeof offices->warning - 1);
	offices->warnings++;
}

static void receiver_open(struct offices *offices)
{
	agent_store_open(&offices->world, "army.oku", &offices->store);
	offices->inbox = inbox_new(&offices->store, &offices->army.keys, &offices->world.join);
	purge_init(&offices->purge, &offices->store, NULL, 0, &offices->now);
}

static void receiver_close(struct offices *offices)
{
	inbox_free(offices->inbox);
	store_close(&offices->store);
}

int offices_start(void **state)
{
	struct offices *offices = *state = test_calloc(1, sizeof *offices);

	agent_world_start(&offices->world);
	agent_office_make(&offices->world, "police.oku", 1, &offices->police);
	agent_office_make(&offices->world, "army.oku", 1, &offices->army);
	offices->now = clock_now();
	agent_store_open(&offices->world, "police.oku", &offices->sender);
	purge_init(&offices->sender_purge, &offices->sender, NULL, 0, &offices->now);
	receiver_open(offices);
	log_copy(log_note, offices);
	offices_apply(offices, agent_member(&offices->world, &offices->police));
	offices_apply(offices, agent_member(&offices->world, &offices->army));
	assert_int_equal(store_member(&offices->sender, 2, &offices->army.member, NULL), E_OK);
	return 0;
}

int offices_end(void **state)
{
	struct offices *offices = *state;

	log_copy(NULL, NULL);
	receiver_close(offices);
	store_close(&offices->sender);
	buffer_free(&offices->batch);
	buffer_free(&offices->sent.message);
	agent_world_end(&offices->world);
	test_free(offices);
	return 0;
}

void offices_reopen(struct offices *offices)
{
	receiver_close(offices);
	receiver_open(offices);
}

Simpul__Submission *offices_send_from(struct offices *offices, struct prepared **list, const char *const *sources,
				      size_t count)
{
	const struct position seen = {0};
	struct report_name names[OFFICES_MOST];

	assert_in_range(count, 1, OFFICES_MOST);
	assert_int_equal(outbox_take(&offices->sender, list, sources, count, false, names, &offices->fault), E_OK);
	assert_int_equal(outbox_next(&offices->sender, &offices->police.keys, list[0]->stream, names[0].number - 1,
				     &seen, &offices->sent, &offices->fault),
			 E_OK);
	assert_int_equal(offices->sent.count, count);
	return agent_submission(&offices->world, buffer_view(&offices->sent.message));
}

Simpul__Submission *offices_send_all(struct offices *offices, struct prepared **list, size_t count)
{
	return offices_send_from(offices, list, NULL, count);
}

Simpul__Submission *offices_send(struct offices *offices, struct prepared *prepared)
{
	return offices_send_all(offices, &prepared, 1);
}

Simpul__Submission *offices_send_sighting(struct offices *offices, const char *summary)
{
	return offices_send(offices, agent_sighting(&offices->world, SIMPUL__LABEL__LABEL_AMBER, summary));
}

void offices_receipted(struct offices *offices)
{
	struct buffer encoded = {0};
	Simpul__Receipt *receipt = agent_receipt(&offices->world, &offices->sent.digest, NULL, &encoded);

	assert_int_equal(
		outbox_receipt(&offices->sender, receipt, buffer_view(&encoded), &offices->sent.first, &offices->fault),
		E_OK);
	buffer_free(&encoded);
}

void offices_apply_with(struct offices *offices, Simpul__Entry *entry, const Simpul__EntryWrap *wrap)
{
	agent_batch(&offices->world, entry->entry - 1, &entry, 1, wrap, &offices->batch);
	assert_int_equal(inbox_apply(offices->inbox, buffer_view(&offices->batch), &offices->fault), INBOX_APPLIED);
}

void offices_apply(struct offices *offices, Simpul__Entry *entry)
{
	offices_apply_with(offices, entry, NULL);
}

void offices_deliver(struct offices *offices, struct prepared *prepared)
{
	offices_apply(offices, agent_delivery(&offices->world, offices_send(offices, prepared)));
}

uint64_t offices_rows(struct offices *offices, const char *where)
{
	char sql[256] = "SELECT count(*) FROM inbox WHERE ";

	return agent_number(&offices->store, strncat(sql, where, sizeof sql - strlen(sql) - 1));
}

struct look {
	uint64_t number;
	struct inbox_row row;
};

static bool row_keep(void *context, const struct inbox_row *row)
{
	struct look *look = context;

	if (row->is_notice || row->name.number != look->number)
		return true;
	look->row = *row;
	look->row.header = look->row.body = (struct bytes){0};
	return false;
}

struct inbox_row offices_row(struct offices *offices, uint64_t number)
{
	struct look look = {.number = number};

	assert_int_equal(view_inbox(&offices->store, 0, 100, row_keep, &look, NULL), E_OK);
	assert_int_equal(look.row.name.number, number);
	return look.row;
}

/* ---- erasure */

static bool purge_of(struct offices *offices, struct purge *purge)
{
	const struct uplink_status status = {.broker_time = offices->now.wall};

	offices->now.steady += PURGE_EVERY_MS;
	return purge_step(purge, &status, &offices->now);
}

bool offices_purge(struct offices *offices)
{
	return purge_of(offices, &offices->purge);
}

bool offices_sender_purge(struct offices *offices)
{
	return purge_of(offices, &offices->sender_purge);
}

bool offices_files_hold(struct offices *offices, const char *node, const char *text)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	bool found = false;

	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		struct buffer bytes = {0};
		char path[300];

		snprintf(path, sizeof path, "%s%s", agent_world_path(&offices->world, node), ends[i]);
		if (file_read(path, 64 << 20, &bytes, NULL) == E_OK)
			found = found || memmem(bytes.data, bytes.size, text, strlen(text)) != NULL;
		buffer_free(&bytes);
	}
	return found;
}

const Simpul__PurgeReceipt *offices_purge_receipt(struct offices *offices, const struct buffer *body)
{
	const Simpul__Body *decoded =
		wire_unpack(&simpul__body__descriptor, buffer_view(body), &offices->world.arena, &offices->fault);

	assert_non_null(decoded);
	assert_int_equal(decoded->content_case, SIMPUL__BODY__CONTENT_PURGE_RECEIPT);
	return decoded->purge_receipt;
}
