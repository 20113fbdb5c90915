/* chaos - the load, the kills and the account. */
#include "tests/support/chaos.h"
#include "common/memory.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OFFICES 4
#define PER_FILE 6

static const char *const nodes[OFFICES] = {"police.oku", "army.oku", "immigration.muara-enim", "health.oku"};

/* What each category is received by: a letter for each office, in the order above. */
static const struct category {
	const char *name;
	const char *received_by;
} categories[] = {
	{"public-order", "PAI"},
	{"lodging", "I"},
	{"health", "IH"},
};
#define CATEGORIES (sizeof categories / sizeof categories[0])

static const char policy[] =
	"purposes: [law-enforcement, immigration-oversight, state-security]\n"
	"categories: [public-order, lodging, health]\n"
	"agencies:\n"
	"  - agency: police\n"
	"    ceiling: AMBER\n"
	"    publish: [{kinds: [sighting], categories: [\"*\"]}]\n"
	"    receive: [{kinds: [sighting], categories: [public-order]}]\n"
	"  - agency: army\n"
	"    ceiling: AMBER\n"
	"    publish: [{kinds: [sighting], categories: [\"*\"]}]\n"
	"    receive: [{kinds: [sighting], categories: [public-order]}]\n"
	"  - agency: immigration\n"
	"    ceiling: AMBER\n"
	"    publish: [{kinds: [sighting], categories: [\"*\"]}]\n"
	"    receive: [{kinds: [sighting], categories: [\"*\"]}]\n"
	"  - agency: health\n"
	"    ceiling: AMBER\n"
	"    publish: [{kinds: [sighting], categories: [\"*\"]}]\n"
	"    receive: [{kinds: [sighting], categories: [health]}]\n"
	"nodes:\n"
	"  - {node: police.oku, regions: [\"16.01\"]}\n"
	"  - {node: army.oku, regions: [\"16.01\"]}\n"
	"  - {node: immigration.muara-enim, regions: [\"16.01\"]}\n"
	"  - {node: health.oku, regions: [\"16.01\"]}\n";

/* A report that was handed to an office: canary-<sender>-<category>-<serial>. */
struct sent {
	unsigned sender, category;
	unsigned seen[OFFICES];
};

struct chaos {
	struct exchange x;
	struct sent *sent;
	unsigned sent_count;
	unsigned looking; /* the office whose inbox is being read */
	struct chaos_account *account;
};

static bool entitled(unsigned office, unsigned sender, unsigned category)
{
	static const char letters[] = "PAIH";

	if (office == sender)
		return false;
	/* Nobody but immigration has anything to receive lodging for, so immigration's own are never sent. */
	return strchr(categories[category].received_by, letters[office]) != NULL;
}

static unsigned pick(unsigned sender)
{
	unsigned category = (unsigned)rand() % CATEGORIES;

	/* A lodging report of immigration itself would have an empty audience. */
	return sender == 2 && category == 1 ? 0 : category;
}

static void drop_some(struct chaos *c, unsigned sender, unsigned round)
{
	struct buffer content = {0};
	char name[64];

	for (unsigned i = 0; i < PER_FILE; i++) {
		const unsigned serial = c->sent_count++;
		char canary[64];

		c->sent = memory_grow(c->sent, c->sent_count, sizeof *c->sent);
		c->sent[serial] = (struct sent){.sender = sender, .category = pick(sender)};
		snprintf(canary, sizeof canary, "canary-%u-%u-%06u", sender, c->sent[serial].category, serial);
		draft_line(&content, categories[c->sent[serial].category].name, "16.01", canary, NULL);
	}
	buffer_u8(&content, 0);
	snprintf(name, sizeof name, "load-%u-%u.jsonl", round, sender);
	office_drop(&c->x, sender, name, (const char *)content.data);
	buffer_free(&content);
}

static void kill_broker(struct chaos *c)
{
	process_end(c->x.broker, SIGKILL, 5);
	sleep_ms((unsigned)rand() % 100);
	exchange_start_broker(&c->x);
	c->account->kills_broker++;
}

static void kill_agent(struct chaos *c, unsigned office)
{
	process_end(c->x.offices[office].pid, SIGKILL, 5);
	sleep_ms((unsigned)rand() % 100);
	exchange_start_office(&c->x, office);
	c->account->kills_agent++;
}

static void round_run(struct chaos *c, unsigned round, unsigned broker_percent)
{
	for (unsigned sender = 0; sender < OFFICES; sender++)
		drop_some(c, sender, round);
	sleep_ms((unsigned)rand() % 150);
	if ((unsigned)rand() % 100 < broker_percent)
		kill_broker(c);
	else
		kill_agent(c, (unsigned)rand() % OFFICES);
}

/* ------------------------------------------------------------------ the account */

static void count_row(void *context, const char *summary)
{
	struct chaos *c = context;
	unsigned sender, category, serial;

	if (sscanf(summary, "canary-%u-%u-%u", &sender, &category, &serial) != 3 || serial >= c->sent_count ||
	    c->sent[serial].sender != sender || c->sent[serial].category != category)
		c->account->invented++;
	else
		c->sent[serial].seen[c->looking]++;
}

static unsigned expected_rows(const struct chaos *c, unsigned office)
{
	unsigned rows = 0;

	for (unsigned i = 0; i < c->sent_count; i++)
		rows += entitled(office, c->sent[i].sender, c->sent[i].category);
	return rows;
}

static void account_for(struct chaos *c, unsigned office)
{
	struct chaos_account *account = c->account;

	c->looking = office;
	office_inbox(&c->x, office, count_row, c);
	for (unsigned i = 0; i < c->sent_count; i++) {
		const struct sent *sent = &c->sent[i];
		const unsigned seen = sent->seen[office];
		const bool due = entitled(office, sent->sender, sent->category);

		account->delivered += seen > 0;
		account->lost += due && seen == 0;
		account->duplicated += due && seen > 1;
		account->leaked += !due && seen > 0;
	}
}

/* Nothing of a category that an office must not have stands in any of its files, whatever its inbox says. */
static void account_for_files(struct chaos *c)
{
	for (unsigned office = 0; office < OFFICES; office++) {
		for (unsigned sender = 0; sender < OFFICES; sender++) {
			for (unsigned category = 0; category < CATEGORIES; category++) {
				char text[64];

				if (sender == office || entitled(office, sender, category))
					continue;
				snprintf(text, sizeof text, "canary-%u-%u-", sender, category);
				c->account->leaked += office_holds(&c->x, office, text);
			}
		}
	}
}

static void settle(struct chaos *c, int seconds)
{
	struct chaos_account *account = c->account;
	bool all = exchange_settled(&c->x, seconds);

	for (unsigned office = 0; office < OFFICES; office++)
		all = office_received(&c->x, office, expected_rows(c, office), all ? 20 : 3) && all;
	/* A file may have been taken in after the first look, and recipients have a report before its receipt is stored. */
	all = exchange_settled(&c->x, all ? 20 : 3) && all;
	account->settled = all;
	for (unsigned office = 0; office < OFFICES; office++) {
		const struct outbox_counts counts = office_outbox(&c->x, office);

		account->accepted += (unsigned)counts.accepted;
		account->lost += (unsigned)(counts.waiting + counts.sent + counts.refused);
		account_for(c, office);
	}
	account_for_files(c);
	account->sent = c->sent_count;
}

void chaos_run(const struct chaos_options *options, struct chaos_account *account)
{
	struct chaos c = {.account = account};

	memset(account, 0, sizeof *account);
	srand(options->seed);
	exchange_make(&c.x, policy);
	if (options->broker_program)
		process_program(options->broker_program, c.x.broker_program, sizeof c.x.broker_program);
	exchange_start_broker(&c.x);
	for (unsigned i = 0; i < OFFICES; i++)
		exchange_add(&c.x, nodes[i], NULL);
	for (unsigned i = 0; i < OFFICES; i++)
		exchange_start_office(&c.x, i);
	for (unsigned round = 0; round < options->rounds; round++)
		round_run(&c, round, options->broker_percent);
	settle(&c, options->settle_seconds);
	account->journal_good = exchange_ctl(&c.x, NULL, "journal", "verify", NULL) == 0;
	const bool bad = account->lost + account->duplicated + account->leaked + account->invented > 0;
	exchange_end(&c.x, bad && !options->broker_program);
	free(c.sent);
}
