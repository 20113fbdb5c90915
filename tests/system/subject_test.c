/* subject_test - a person asks what is held of him: the offices are asked and answer from their own stores, and nobody
 * in the middle learns who it is. */
#include "common/memory.h"
#include "tests/support/operate.h"

#include <fcntl.h>
#include <signal.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include <zmq.h>
#include <cmocka.h>

enum { IMMIGRATION, POLICE, ARMY, HEALTH };

/* Immigration may ask; health has no grant to answer. */
static const char policy[] =
	"purposes: [subject-access, law-enforcement]\n"
	"categories: [wanted, public-order, subject-access]\n"
	"expires_days: {query: 14}\n"
	"agencies:\n"
	"  - agency: immigration\n    ceiling: RED\n    ask: [subject-access]\n    answer: [subject-access]\n"
	"    publish: [{kinds: [sighting, alert], categories: [wanted]}]\n"
	"    receive: [{kinds: [sighting, alert], categories: [wanted]}]\n"
	"  - agency: police\n    ceiling: RED\n    answer: [subject-access]\n"
	"    publish: [{kinds: [sighting, alert], categories: [wanted, public-order]}]\n"
	"  - agency: army\n    ceiling: AMBER\n    answer: [subject-access]\n"
	"    receive: [{kinds: [sighting, alert], categories: [wanted, public-order]}]\n"
	"  - agency: health\n    ceiling: AMBER\n    receive: [{kinds: [sighting], categories: [public-order]}]\n"
	"nodes:\n"
	"  - {node: immigration.muara-enim, regions: [\"16\"]}\n"
	"  - {node: police.oku, regions: [\"16.01\"]}\n"
	"  - {node: army.oku, regions: [\"16.01\"]}\n"
	"  - {node: health.oku, regions: [\"16.01\"]}\n";

/* Who asks: the specimen of ICAO 9303, with a word in the name that stands in no report. */
#define ASKER \
	"identity=document-verified\nsurname=Eriksson\ngiven=Anna " \
	"Canary-Asks\nborn=1974-08-12\ndocument=P/UTO/L898902C3\n"

static int set_up(void **state)
{
	static struct exchange x;

	exchange_lay(&x, policy,
		     (const char *const[]){"immigration.muara-enim", "police.oku", "army.oku", "health.oku", NULL});
	*state = &x;
	return exchange_serve(&x);
}

/* ------------------------------------------------------------------ saying */

#define SPECIMEN \
	"{\"capacity\": \"seen\", \"identity\": \"document-verified\", \"age\": \"adult\", \"primary_identifier\": " \
	"\"ERIKSSON\"," \
	" \"secondary_identifier\": \"ANNA MARIA\", \"date_of_birth\": \"1974-08-12\", \"nationality\": \"UTO\"," \
	" \"documents\": [{\"type\": \"P\", \"issuing_state\": \"UTO\", \"number\": \"L898902C3\"}]}"
#define SOMEBODY "{\"capacity\": \"seen\", \"identity\": \"claimed\", \"age\": \"adult\", \"remark\": \"canary-other\"}"

/* A sighting by the police for the army; its name. */
static char *tell(struct exchange *x, const char *words, const char *persons)
{
	char time[TIME_TEXT_SIZE];
	char *draft =
		memory_format("{\"category\": \"public-order\", \"region\": \"16.01\", \"label\": \"AMBER\", "
			      "\"purpose\": \"law-enforcement\", \"to\": [\"army.oku\"], \"expires\": \"%s\", "
			      "\"sighting\": {\"first_seen\": \"2026-01-01T10:00:00+07:00\", \"assertion\": \"fact\", "
			      "\"summary\": \"%s\", \"persons\": [%s]}}",
			      days_ahead(20, time), words, persons);
	char *name = office_reports(x, POLICE, draft);

	free(draft);
	return name;
}

static bool holds(struct buffer *out, const char *text)
{
	bool found;

	buffer_u8(out, 0);
	found = strstr((const char *)out->data, text) != NULL;
	buffer_free(out);
	return found;
}

struct awaited {
	struct exchange *x;
	size_t office;
	const char *words[3]; /* of the command; NULL: none */
	const char *text;
};

static bool is_said(void *context)
{
	const struct awaited *awaited = context;
	struct buffer out = {0};

	exchange_simpul(awaited->x, awaited->office, NULL, &out, awaited->words[0], awaited->words[1],
			awaited->words[2], NULL);
	return holds(&out, awaited->text);
}

/* Waits until a command of the office prints this text. */
static bool says(struct exchange *x, size_t office, const char *command, const char *word, const char *text)
{
	struct awaited awaited = {x, office, {command, word, NULL}, text};

	return wait_for(is_said, &awaited, 20);
}

static bool shown(struct exchange *x, size_t office, const char *command, const char *word, const char *name,
		  const char *text)
{
	struct awaited awaited = {x, office, {command, word, name}, text};

	return is_said(&awaited);
}

static char *ask(struct exchange *x, const char *number)
{
	struct buffer out = {0};

	return printed_line(&out, exchange_simpul(x, IMMIGRATION, ASKER, &out, "subject", "ask", "--request-number",
						  number, "--region", "16", "--person", "-", NULL));
}

static int ask_status(struct exchange *x, const char *number, const char *option)
{
	return exchange_simpul(x, IMMIGRATION, ASKER, NULL, "subject", "ask", "--request-number", number, "--region",
			       "16", "--person", "-", option, NULL);
}

/* ------------------------------------------------------------------ looking into the broker */

enum { TEXTS = 3, OVERLAP = 64 };

static void page_search(const char *page, size_t size, const char *const texts[TEXTS], bool found[TEXTS])
{
	for (size_t i = 0; i < TEXTS; i++)
		found[i] = found[i] || memmem(page, size, texts[i], strlen(texts[i])) != NULL;
}

/* Which of the texts a process has in its memory; what sanitizers map without writing it is left out. */
static void memory_search(pid_t pid, const char *const texts[TEXTS], bool found[TEXTS])
{
	char *maps_path = memory_format("/proc/%d/maps", (int)pid), *mem_path = memory_format("/proc/%d/mem", (int)pid);
	FILE *maps = fopen(maps_path, "r");
	const int mem = open(mem_path, O_RDONLY | O_CLOEXEC);
	static char page[1 << 20];
	unsigned long long from, to;
	char line[512], rights[8];
	ssize_t size;

	assert_non_null(maps);
	while (mem >= 0 && fgets(line, sizeof(line), maps) != NULL) {
		if (sscanf(line, "%llx-%llx %7s", &from, &to, rights) != 3 || rights[0] != 'r' || rights[1] != 'w' ||
		    to - from > (64ull << 20))
			continue;
		for (; from < to && (size = pread(mem, page, sizeof(page), (off_t)from)) > 0;
		     from += sizeof(page) - OVERLAP)
			page_search(page, (size_t)size, texts, found);
	}
	fclose(maps);
	close(mem);
	free(maps_path);
	free(mem_path);
}

/* ------------------------------------------------------------------ promises */

static json_t *result_json(struct exchange *x, const char *query)
{
	struct buffer out = {0};
	json_t *json;

	assert_int_equal(exchange_simpul(x, IMMIGRATION, NULL, &out, "subject", "result", query, "--json", NULL), 0);
	json = json_loadb((const char *)out.data, out.size, 0, NULL);
	buffer_free(&out);
	assert_non_null(json);
	return json;
}

/* An office of the result, borrowed. */
static json_t *office_in(const json_t *result, const char *node)
{
	json_t *office;
	size_t i;

	json_array_foreach(json_object_get(result, "offices"), i, office)
		if (strcmp(json_string_value(json_object_get(office, "node")), node) == 0)
			return office;
	fail_msg("%s is not in the result", node);
	return NULL;
}

static const char *text_in(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text == NULL ? "" : text;
}

static json_t *report_in(const json_t *office, const char *name)
{
	json_t *report;
	size_t i;

	json_array_foreach(json_object_get(office, "reports"), i, report)
		if (strcmp(text_in(report, "name"), name) == 0)
			return report;
	fail_msg("%s is not in the answer", name);
	return NULL;
}

static void who_may_not_ask_is_told_which_field(void **state)
{
	struct exchange *x = *state;
	struct buffer out = {0};
	char *name = printed_line(&out, exchange_simpul(x, ARMY, ASKER, &out, "subject", "ask", "--request-number",
							"A/1", "--region", "16", "--person", "-", NULL));

	assert_true(says(x, ARMY, "subject", "list", "REFUSED: header.category MAY_NOT_ASK"));
	assert_true(shown(x, ARMY, "subject", "list", NULL, "refused "));
	assert_false(shown(x, ARMY, "subject", "list", NULL, "done"));
	assert_false(shown(x, IMMIGRATION, "subject", "list", NULL, name));
	free(name);
	/* Less than finds somebody is not asked. */
	assert_int_equal(exchange_simpul(x, IMMIGRATION, "identity=claimed\nsurname=Eriksson\n", NULL, "subject", "ask",
					 "--request-number", "A/2", "--region", "16", "--person", "-", NULL),
			 EX_DATAERR);
}

/* Who reads a question or an answer where all else is read sees no word of the person. */
static void nobody_reads_past_the_record(struct exchange *x, const char *query)
{
	char *proof = office_path(x, POLICE, "query.proof");
	struct buffer all = {0};

	assert_true(shown(x, POLICE, "inbox", "show", query, "subject-access"));
	exchange_simpul(x, POLICE, NULL, &all, "inbox", "show", query, "--json", NULL);
	exchange_simpul(x, POLICE, NULL, &all, "inbox", "show", query, NULL);
	exchange_simpul(x, POLICE, NULL, &all, "inbox", "list", "--kind", "query", "--json", NULL);
	exchange_simpul(x, IMMIGRATION, NULL, &all, "inbox", "list", "--kind", "answer", "--json", NULL);
	exchange_simpul(x, IMMIGRATION, NULL, &all, "outbox", "show", query, NULL);
	exchange_simpul(x, IMMIGRATION, NULL, &all, "outbox", "show", query, "--json", NULL);
	exchange_simpul(x, IMMIGRATION, NULL, &all, "outbox", "list", "--json", NULL);
	buffer_u8(&all, 0);
	assert_non_null(strstr((const char *)all.data, query));
	assert_null(strstr((const char *)all.data, "Canary-Asks"));
	assert_null(strstr((const char *)all.data, "L898902C3"));
	assert_null(strstr((const char *)all.data, "canary-first"));
	buffer_free(&all);
	assert_int_equal(exchange_simpul(x, POLICE, NULL, NULL, "inbox", "export", query, "-o", proof, NULL),
			 EX_NOPERM);
	assert_int_not_equal(access(proof, F_OK), 0);
	free(proof);
}

/* Names of reports that the police sent the army: of the person, of her and somebody else, of her, and of him alone. */
struct told {
	char *first, *second, *third, *other;
};

static void told_begin(struct exchange *x, struct told *told)
{
	*told = (struct told){.first = tell(x, "canary-first", SPECIMEN),
			      .second = tell(x, "canary-second", SPECIMEN ", " SOMEBODY),
			      .third = tell(x, "canary-third", SPECIMEN),
			      .other = tell(x, "canary-else", SOMEBODY)};
	assert_true(says(x, ARMY, "inbox", "list", told->other));
}

static void told_end(struct told *told)
{
	free(told->first);
	free(told->second);
	free(told->third);
	free(told->other);
}

/* The question, which the police and the army have by then. */
static char *asked_once(struct exchange *x, const char *request)
{
	char *query = ask(x, request);

	assert_int_equal(ask_status(x, request, "--expires-days=14"), EX_CANTCREAT);
	assert_true(says(x, POLICE, "subject", "list", query));
	assert_true(says(x, ARMY, "subject", "list", query));
	assert_true(says(x, IMMIGRATION, "subject", "list", "asked 2, answered 0; not yet army.oku, police.oku"));
	assert_false(shown(x, HEALTH, "subject", "list", NULL, query));
	return query;
}

/* Nothing is left out by an oversight, and nobody tells what others said. */
static void what_is_held_is_neither_denied_nor_told_by_others(struct exchange *x, const char *query,
							      const struct told *told)
{
	assert_int_equal(exchange_simpul(x, POLICE, NULL, NULL, "subject", "answer", query, "--nothing", NULL),
			 EX_USAGE);
	assert_int_equal(
		exchange_simpul(x, ARMY, NULL, NULL, "subject", "answer", query, "--disclose", told->first, NULL),
		EX_NOPERM);
}

static void the_police_answer(struct exchange *x, const char *query, const struct told *told)
{
	assert_true(shown(x, POLICE, "subject", "search", query, told->first));
	assert_false(shown(x, POLICE, "subject", "search", query, told->other));
	assert_int_equal(exchange_simpul(x, POLICE, NULL, NULL, "subject", "answer", query, "--disclose", told->first,
					 "--disclose", told->second, "--withhold", told->third, "--why",
					 "law-enforcement", NULL),
			 0);
	assert_true(says(x, IMMIGRATION, "subject", "list", "asked 2, answered 1; not yet army.oku"));
}

static void each_report_says_what_the_police_decided(const json_t *police, const struct told *told)
{
	const json_t *report = report_in(police, told->first);

	assert_string_equal(text_in(report, "summary"), "canary-first");
	assert_string_equal(text_in(json_array_get(json_object_get(report, "holders"), 0), "node"), "army.oku");
	/* Where somebody else is named too the words stay where they are, and so does he. */
	report = report_in(police, told->second);
	assert_string_equal(text_in(report, "withheld"), "rights-of-others");
	assert_string_equal(text_in(report, "summary"), "");
	assert_int_equal(json_array_size(json_object_get(report, "persons")), 1);
	report = report_in(police, told->third);
	assert_string_equal(text_in(report, "withheld"), "law-enforcement");
	assert_null(json_object_get(report, "persons"));
}

static void the_result_has_what_the_police_told_and_no_more(struct exchange *x, const char *query,
							    const struct told *told)
{
	json_t *result = result_json(x, query), *police = office_in(result, "police.oku");

	assert_int_equal(json_integer_value(json_object_get(result, "missing")), 1);
	assert_string_equal(text_in(office_in(result, "army.oku"), "state"), "silent");
	assert_string_equal(text_in(office_in(result, "health.oku"), "state"), "not-asked");
	assert_string_equal(text_in(police, "state"), "answered");
	assert_int_equal(json_array_size(json_object_get(police, "reports")), 3);
	each_report_says_what_the_police_decided(police, told);
	json_decref(result);
	assert_false(office_holds(x, IMMIGRATION, "canary-else"));
	assert_false(office_holds(x, IMMIGRATION, "canary-third"));
}

/* The army has it from the police. */
static void the_army_leaves_it_to_the_origin(struct exchange *x, const char *query, const struct told *told)
{
	json_t *result, *army;

	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "subject", "answer", query, "--withhold", told->first,
					 "--why", "law-enforcement", "--origins", NULL),
			 EX_NOPERM);
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "subject", "answer", query, "--withhold", told->first,
					 "--why", "origin-decides", "--origins", NULL),
			 0);
	assert_true(says(x, IMMIGRATION, "subject", "list", "asked 2, answered 2"));
	result = result_json(x, query);
	army = office_in(result, "army.oku");
	assert_int_equal(json_array_size(json_object_get(army, "reports")), 3);
	assert_string_equal(text_in(report_in(army, told->second), "withheld"), "origin-decides");
	assert_int_equal(json_integer_value(json_object_get(result, "missing")), 0);
	json_decref(result);
	/* Nor by another way in. */
	assert_int_equal(exchange_simpul(x, ARMY, "{\"answer\": {}}", NULL, "report", "--json", "-", NULL), EX_NOPERM);
	assert_true(says(x, IMMIGRATION, "subject", "list", "done"));
}

/* With what was seen. */
static void who_looked_is_on_record(struct exchange *x, const struct told *told)
{
	assert_true(shown(x, POLICE, "subject", "record", NULL, told->first));
	assert_true(shown(x, POLICE, "subject", "record", NULL, "answer"));
	assert_true(shown(x, IMMIGRATION, "subject", "record", NULL, "ask"));
	assert_true(shown(x, IMMIGRATION, "subject", "record", NULL, "result"));
}

static void what_offices_hold_is_told_as_they_decide(void **state)
{
	struct exchange *x = *state;
	struct told told;
	char *query;

	told_begin(x, &told);
	query = asked_once(x, "DS/2026/7");
	what_is_held_is_neither_denied_nor_told_by_others(x, query, &told);
	the_police_answer(x, query, &told);
	the_result_has_what_the_police_told_and_no_more(x, query, &told);
	the_army_leaves_it_to_the_origin(x, query, &told);
	who_looked_is_on_record(x, &told);
	nobody_reads_past_the_record(x, query);
	free(query);
	told_end(&told);
}

static void the_page_for_the_person_says_the_same(void **state)
{
	struct exchange *x = *state;
	char *page = office_path(x, IMMIGRATION, "page.html"), *text, *query = ask(x, "DS/2026/8");

	assert_true(says(x, ARMY, "subject", "list", query));
	assert_int_equal(
		exchange_simpul(x, IMMIGRATION, NULL, NULL, "subject", "result", query, "--html", "-o", page, NULL), 0);
	text = file_text(page);
	assert_non_null(strstr(text, "<td>Eriksson</td>"));
	assert_non_null(strstr(text, "DS/2026/8"));
	assert_non_null(strstr(text, "<td>army.oku</td><td>ditanya, belum menjawab"));
	assert_non_null(strstr(text, "<td>health.oku</td><td>tidak ditanya"));
	assert_null(strstr(text, "<script"));
	free(text);
	assert_int_equal(unlink(page), 0);
	free(page);
	/* Once more is no mistake when it is said so. */
	assert_int_equal(ask_status(x, "DS/2026/8", "--again"), 0);
	/* Taken back, it is gone where it went, and nobody has to answer it. */
	assert_int_equal(exchange_simpul(x, IMMIGRATION, NULL, NULL, "cancel", query, "--reason", "sent-by-mistake",
					 "--erase", NULL),
			 0);
	assert_true(says(x, ARMY, "subject", "list", "erased"));
	free(query);
}

/* Sealed to those who answer: journal, memory and logs of the broker know of the specimen only what was reported in the
 * open. */
static void the_broker_learns_nothing_of_who_asks(void **state)
{
	struct exchange *x = *state;
	char *journal = broker_path(x, "journal");
	bool found[TEXTS] = {false};

	assert_false(folder_holds(journal, "Canary-Asks"));
	assert_false(folder_holds(journal, "DS/2026"));
	memory_search(x->broker, (const char *const[TEXTS]){"Canary-Asks", "DS/2026", "immigration.muara-enim"}, found);
	assert_false(found[0]);
	assert_false(found[1]);
	assert_true(found[2] || geteuid() != 0); /* or nothing could be read */
	assert_false(exchange_logged(x, "Canary-Asks"));
	assert_false(exchange_logged(x, "Eriksson"));
	assert_false(exchange_logged(x, "L898902C3"));
	free(journal);
}

/* The policy's rules for queries are explained as all others. */
static void operators_see_who_answers_and_why(void **state)
{
	struct exchange *x = *state;
	struct buffer who = {0}, why = {0}, not = {0};

	assert_int_equal(exchange_ctl(x, &who, "policy", "who", "--kind", "query", "--category", "subject-access",
				      "--region", "16", NULL),
			 0);
	assert_true(holds(&who, "health.oku                       no   no grant for this kind and category"));
	assert_int_equal(exchange_ctl(x, &why, "policy", "explain", "army.oku", "--kind", "query", "--category",
				      "subject-access", "--region", "16", NULL),
			 0);
	assert_true(holds(&why, "of this kind it may answer subject-access"));
	assert_int_equal(exchange_ctl(x, &not, "policy", "explain", "army.oku", "--report", "army.oku#1", NULL), 0);
	assert_true(holds(&not, "of this kind it may ask nothing"));
	assert_int_equal(exchange_ctl(x, NULL, "journal", "verify", NULL), 0);
}

/* What no command says: hands a request to the agent itself; the name that it gave. */
static char *hand_in(struct exchange *x, size_t office, const char *request)
{
	char *path = office_path(x, office, "local.sock"), *endpoint = memory_format("ipc://%s", path), answer[1024];
	void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_REQ);
	json_t *json;
	char *name;
	int size;

	assert_int_equal(zmq_connect(socket, endpoint), 0);
	assert_true(zmq_send(socket, request, strlen(request), 0) > 0);
	size = zmq_recv(socket, answer, sizeof(answer), 0);
	assert_true(size > 0 && size < (int)sizeof(answer));
	json = json_loadb(answer, (size_t)size, 0, NULL);
	name = memory_string(json_string_value(json_array_get(json_object_get(json, "names"), 0)));
	json_decref(json);
	zmq_close(socket);
	zmq_ctx_term(context);
	free(endpoint);
	free(path);
	return name;
}

/* A request of three days ago, all of which dies in a moment. */
static char *ask_for_a_moment(struct exchange *x, unsigned seconds)
{
	const wall_ms now = clock_now().wall / 1000 * 1000;
	char received[TIME_TEXT_SIZE], due[TIME_TEXT_SIZE], expires[TIME_TEXT_SIZE];
	char *draft, *name;

	time_text(received, now - 3 * DAY_MS, 0);
	time_text(due, now, 0);
	time_text(expires, now + seconds * 1000, 0);
	draft = memory_format(
		"{\"simpul\": 1, \"command\": \"subject\", \"draft\": {\"category\": \"subject-access\", \"region\": \"16\", \"label\": \"AMBER\", "
		"\"purpose\": \"subject-access\", \"expires\": \"%s\", \"deadline\": \"%s\", "
		"\"to\": [\"police.oku\"], \"query\": {\"subject_access\": {\"request_number\": \"DS/late\", "
		"\"received_at\": \"%s\", \"subject\": {\"identity\": \"claimed\", \"primary_identifier\": "
		"\"ERIKSSON\", \"secondary_identifier\": \"ANNA MARIA CANARY-DIES\", \"date_of_birth\": "
		"\"1974-08-12\"}}}}}",
		expires, due, received);
	name = hand_in(x, IMMIGRATION, draft);
	free(draft);
	return name;
}

static void what_is_overdue_is_named_and_what_expired_is_gone(void **state)
{
	struct exchange *x = *state;
	char *told = tell(x, "canary-told", SPECIMEN), *query = ask_for_a_moment(x, 6);
	const wall_ms dead = clock_now().wall + 6000;
	struct buffer doctor = {0};
	json_t *status;

	assert_true(says(x, POLICE, "subject", "list", "OVERDUE"));
	assert_int_equal(exchange_simpul(x, POLICE, NULL, NULL, "subject", "answer", query, "--disclose", told,
					 "--disclose", "police.oku#1", "--other", "police.oku#2", "--other",
					 "police.oku#3", NULL),
			 0);
	assert_true(says(x, IMMIGRATION, "subject", "list", "asked 1, answered 1"));
	assert_true(office_holds(x, IMMIGRATION, "canary-told"));
	/* The person has nothing in hand yet. */
	exchange_simpul(x, IMMIGRATION, NULL, &doctor, "doctor", NULL);
	assert_true(holds(&doctor, " of a person is overdue"));
	status = office_status(x, IMMIGRATION);
	assert_string_equal(text_in(json_object_get(status, "requests"), "first"), query);
	json_decref(status);
	/* What is due is looked for at the start, and then each minute. */
	for (size_t office = 0; office < x->count; office++) {
		assert_int_equal(process_end(x->offices[office].pid, SIGTERM, 20), 0);
		x->offices[office].pid = 0;
	}
	while (clock_now().wall < dead)
		sleep_ms(100);
	exchange_start_offices(x);
	assert_true(log_has(x, "event=subject.due", 1));
	assert_true(office_forgets(x, POLICE, "CANARY-DIES"));
	assert_true(office_forgets(x, IMMIGRATION, "CANARY-DIES"));
	assert_true(office_forgets(x, IMMIGRATION, "canary-told"));
	assert_int_equal(exchange_simpul(x, IMMIGRATION, NULL, NULL, "subject", "result", query, NULL), EX_DATAERR);
	assert_true(office_holds(x, POLICE, "canary-told"));
	free(query);
	free(told);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_may_not_ask_is_told_which_field),
		cmocka_unit_test(what_offices_hold_is_told_as_they_decide),
		cmocka_unit_test(the_page_for_the_person_says_the_same),
		cmocka_unit_test(the_broker_learns_nothing_of_who_asks),
		cmocka_unit_test(operators_see_who_answers_and_why),
		cmocka_unit_test(what_is_overdue_is_named_and_what_expired_is_gone),
	};

	return cmocka_run_group_tests(tests, set_up, exchange_tear_down);
}
