/* account - reads every office's store into tables of one database in memory and asks that. */
#include "tests/support/account.h"
#include "common/memory.h"
#include "tests/support/must.h"

#include <stdio.h>
#include <stdlib.h>

static void run(struct account *account, const char *sql)
{
	must(database_run(account->db, sql, NULL) == E_OK, sql);
}

void account_begin(struct account *account)
{
	must(sqlite3_open(":memory:", &account->db) == SQLITE_OK, "an account");
	run(account, "CREATE TABLE office(node TEXT PRIMARY KEY);"
		     "CREATE TABLE said(origin, epoch, stream, number, header, accepted,"
		     " UNIQUE(origin, epoch, stream, number, header));"
		     "CREATE TABLE heard(office, origin, epoch, stream, number, header, trust);"
		     "CREATE INDEX heard_name ON heard(office, origin, epoch, stream, number)");
}

static void attach(struct account *account, struct exchange *x, size_t office)
{
	char *sql = memory_format("ATTACH '%s/store/agent.db' AS store;"
				  "INSERT OR IGNORE INTO office SELECT value FROM store.meta WHERE key = 'node'",
				  x->offices[office].folder);

	run(account, sql);
	free(sql);
}

void account_note(struct account *account, struct exchange *x, size_t office)
{
	attach(account, x, office);
	/* Once with a receipt is for good. */
	run(account, "INSERT INTO said SELECT m.value, o.epoch, o.stream, o.number, o.header, o.state = 2"
		     " FROM store.outbox o, store.meta m WHERE m.key = 'node'"
		     " ON CONFLICT DO UPDATE SET accepted = max(accepted, excluded.accepted);"
		     "DETACH store");
}

static void hear(struct account *account, struct exchange *x, size_t office)
{
	attach(account, x, office);
	run(account, "INSERT INTO heard SELECT m.value, i.origin, i.epoch, i.stream, i.number, i.header, i.trust"
		     " FROM store.inbox i, store.meta m WHERE m.key = 'node';"
		     "DETACH store");
}

static uint64_t count(struct account *account, const char *sql)
{
	sqlite3_stmt *question = database_prepare(account->db, sql);
	uint64_t number;

	must(sqlite3_step(question) == SQLITE_ROW, sql);
	number = column_number(question, 0);
	sqlite3_finalize(question);
	return number;
}

static const char missing_sql[] =
	"SELECT count(*) FROM said s JOIN office o ON o.node <> s.origin WHERE s.accepted AND NOT EXISTS("
	"SELECT 1 FROM heard h WHERE h.office = o.node AND h.origin = s.origin AND h.epoch = s.epoch AND"
	" h.stream = s.stream AND h.number = s.number AND h.header = s.header)";

/* As of now. */
static void look(struct account *account, struct exchange *x)
{
	run(account, "DELETE FROM heard");
	for (size_t i = 0; i < x->count; i++) {
		account_note(account, x, i);
		hear(account, x, i);
	}
}

struct waiting {
	struct account *account;
	struct exchange *x;
};

static bool nothing_missing(void *context)
{
	const struct waiting *waiting = context;

	look(waiting->account, waiting->x);
	return count(waiting->account, missing_sql) == 0;
}

bool account_complete(struct account *account, struct exchange *x, int seconds)
{
	struct waiting waiting = {account, x};

	return wait_for(nothing_missing, &waiting, seconds);
}

struct account_result account_end(struct account *account, struct exchange *x, const char *what)
{
	struct account_result result;

	look(account, x);
	result.receipted = count(account, "SELECT count(*) FROM said WHERE accepted");
	result.missing = count(account, missing_sql);
	result.twice =
		count(account, "SELECT count(*) - count(DISTINCT office || ' ' || origin || ' ' || epoch || ' ' ||"
			       " stream || ' ' || number) FROM heard");
	result.two_reports =
		count(account, "SELECT count(*) FROM (SELECT 1 FROM (SELECT origin, epoch, stream, number,"
			       " header FROM said UNION SELECT origin, epoch, stream, number, header FROM heard)"
			       " GROUP BY origin, epoch, stream, number HAVING count(*) > 1)");
	result.bad = count(account, "SELECT count(*) FROM heard WHERE trust <> 0");
	printf("# %s: receipted %llu, missing %llu, twice %llu, names of two reports %llu, bad %llu\n", what,
	       (unsigned long long)result.receipted, (unsigned long long)result.missing,
	       (unsigned long long)result.twice, (unsigned long long)result.two_reports,
	       (unsigned long long)result.bad);
	sqlite3_close(account->db);
	return result;
}
