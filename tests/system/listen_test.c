/* listen_test - bulletins: what is for everybody reaches every member that listens, and nothing else does. */
#include "agents/uplink/knock.h"
#include "common/memory.h"
#include "common/socket.h"
#include "tests/support/client.h"
#include "tests/support/operate.h"
#include "tests/support/siege.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <cmocka.h>

enum { POLICE, ARMY, IMMIGRATION };

/* The army is granted nothing of what the others say. */
static const char policy[] =
	"purposes: [law-enforcement, immigration-oversight, state-security]\n"
	"categories: [public-order, tppo, health]\n"
	"agencies:\n"
	"  - agency: police\n"
	"    ceiling: RED\n"
	"    protection: [health]\n"
	"    publish: [{kinds: [sighting, alert], categories: [\"*\"]}]\n"
	"  - agency: army\n"
	"    ceiling: CLEAR\n"
	"    receive: [{kinds: [sighting], categories: [health]}]\n"
	"  - agency: immigration\n"
	"    ceiling: RED\n"
	"    protection: [health]\n"
	"    receive: [{kinds: [sighting, alert], categories: [\"*\"]}]\n"
	"nodes:\n"
	"  - {node: police.oku, regions: [\"16\"]}\n"
	"  - {node: army.oku, regions: [\"16.01\"]}\n"
	"  - {node: immigration.muara-enim, regions: [\"16\"]}\n";

static int set_up(void **state)
{
	static const char *const nodes[] = {"police.oku", "army.oku", "immigration.muara-enim", NULL};
	static struct exchange x;
	char endpoint[64];

	siege_prepare();
	exchange_make(&x, policy);
	exchange_offer(&x, "bulletin", endpoint);
	exchange_start_broker(&x);
	for (size_t i = 0; nodes[i]; i++)
		exchange_add(&x, nodes[i], NULL);
	exchange_start_offices(&x);
	*state = &x;
	return 0;
}

/* ------------------------------------------------------------------ listening and speaking */

struct listening {
	pid_t pid;
	char *output;
};

static struct listening listen_to(struct exchange *x, size_t office, const char *topic, const char *name)
{
	char program[300], *config = office_path(x, office, "agent.yaml");
	const char *argv[] = {process_program("simpul", program, sizeof program), "-c", config, "listen", topic, NULL};
	struct listening l = {.output = broker_path(x, name)};

	l.pid = process_start(argv, l.output);
	free(config);
	return l;
}

static bool heard(const struct listening *l, const char *text)
{
	char *all = file_text(l->output);
	const bool found = strstr(all, text) != NULL;

	free(all);
	return found;
}

struct awaited {
	const struct listening *l;
	const char *text;
};

static bool is_heard(void *context)
{
	const struct awaited *awaited = context;

	return heard(awaited->l, awaited->text);
}

static bool hears(const struct listening *l, const char *text)
{
	struct awaited awaited = {l, text};

	return wait_for(is_heard, &awaited, 20);
}

static int listening_end(struct listening *l, int signal)
{
	const int status = process_end(l->pid, signal, 20);

	free(l->output);
	return status;
}

static size_t files;

/* Has the police say so; what is more stands in `more` ("\"label\": \"GREEN\", "). */
static void say_lines(struct exchange *x, const char *lines)
{
	char name[32];

	snprintf(name, sizeof name, "%04zu.jsonl", files++);
	office_drop(x, POLICE, name, lines);
}

static void say(struct exchange *x, const char *kind, const char *category, const char *region, const char *more,
		const char *inside, const char *words)
{
	const bool alert = strcmp(kind, "alert") == 0;
	char *line = memory_format("{\"category\": \"%s\", \"region\": \"%s\", %s\"%s\": {%s\"assertion\": \"fact\", %s%s\"%s\"}}\n",
				   category, region, more, kind, inside,
				   alert ? "\"urgency\": \"immediate\", \"severity\": \"severe\", \"certainty\": \"observed\", "
					 : "\"first_seen\": \"2026-01-01T10:00:00+07:00\", ",
				   alert ? "\"headline\": " : "\"summary\": ", words);

	say_lines(x, line);
	free(line);
}

#define GREEN "\"label\": \"GREEN\", "
#define PERSON \
	"\"persons\": [{\"capacity\": \"seen\", \"identity\": \"claimed\", \"age\": \"adult\", \"primary_identifier\": \"ERIKSSON\"}], "

/* Until the listener hears: from then on it is connected, and what one office says comes in order. */
static void say_until_heard(struct exchange *x, const struct listening *l, const char *words)
{
	bool is = false;

	for (int i = 0; i < 40 && !is; i++) {
		say(x, "alert", "tppo", "16.01.14", GREEN, "", words);
		for (int wait = 0; wait < 10 && !is; wait++) {
			sleep_ms(100);
			is = heard(l, words);
		}
	}
	assert_true(is);
}

/* The row of the police's outbox that says so, its report's name; free it. */
static char *name_of(struct exchange *x, const char *words)
{
	struct buffer text = {0};
	char *rest = NULL, *name = NULL;

	assert_int_equal(exchange_simpul(x, POLICE, NULL, &text, "outbox", "list", "--json", NULL), 0);
	buffer_u8(&text, 0);
	for (char *line = strtok_r((char *)text.data, "\n", &rest); line && !name; line = strtok_r(NULL, "\n", &rest)) {
		json_t *row = json_loads(line, 0, NULL);

		if (strstr(line, words))
			name = memory_string(json_string_value(json_object_get(row, "name")));
		json_decref(row);
	}
	buffer_free(&text);
	assert_non_null(name);
	return name;
}

/* ------------------------------------------------------------------ what is published */

static void only_what_is_for_everybody_is_heard(void **state)
{
	struct exchange *x = *state;
	struct listening l = listen_to(x, ARMY, NULL, "heard-1");

	say_until_heard(x, &l, "ready-one");
	say(x, "alert", "tppo", "16.01.14", GREEN, "", "green-alert");
	say(x, "sighting", "public-order", "16.10", "\"label\": \"CLEAR\", ", "", "clear-sighting");
	say(x, "alert", "tppo", "16.01", GREEN "\"status\": \"exercise\", ", "", "green-exercise");
	say(x, "alert", "tppo", "16.01", "\"label\": \"AMBER\", ", "", "not-amber");
	say(x, "alert", "tppo", "16.01", "\"label\": \"RED\", \"to\": [\"immigration.muara-enim\"], ", "", "not-red");
	say(x, "alert", "tppo", "16.01", GREEN, PERSON, "not-person");
	say(x, "alert", "tppo", "16.01", GREEN "\"to\": [\"immigration.muara-enim\"], ", "", "not-to");
	say(x, "alert", "tppo", "16.01", GREEN "\"not_to\": [\"army\"], ", "", "not-not-to");
	say(x, "alert", "tppo", "16.01", GREEN "\"protection\": [\"health\"], ", "", "not-protected");
	say(x, "alert", "tppo", "16.01", GREEN "\"handling\": [\"H1\"], ", "", "not-handled");
	say(x, "alert", "tppo", "16.01", GREEN, "", "end-of-one");
	assert_true(hears(&l, "end-of-one"));
	assert_true(hears(&l, "green-alert"));
	assert_true(hears(&l, "clear-sighting"));
	assert_true(hears(&l, "green-exercise"));
	assert_true(heard(&l, "EXERCISE GREEN "));
	assert_true(exchange_settled(x, 20));
	assert_false(heard(&l, "not-"));
	assert_false(heard(&l, "ERIKSSON"));
	/* All of it was taken, and the recipient that is meant has it; the listener's own office has nothing. */
	for (size_t i = 0; i < 7; i++) {
		static const char *const words[] = {"not-amber", "not-red",	  "not-person", "not-to",
						    "not-not-to", "not-protected", "not-handled"};

		free(name_of(x, words[i]));
	}
	assert_int_equal(office_outbox(x, POLICE).refused, 0);
	assert_int_equal(office_inbox(x, ARMY, NULL, NULL), 0);
	listening_end(&l, SIGINT);
}

static void what_was_published_is_taken_back_in_the_open_and_nothing_else(void **state)
{
	struct exchange *x = *state;
	struct listening l = listen_to(x, ARMY, "alert", "heard-2");
	char *shown = name_of(x, "green-alert"), *hidden = name_of(x, "not-person"), *named = name_of(x, "not-to");

	say_until_heard(x, &l, "ready-two");
	assert_int_equal(exchange_simpul(x, POLICE, NULL, NULL, "cancel", hidden, "--reason", "wrong-facts", NULL), 0);
	assert_int_equal(exchange_simpul(x, POLICE, NULL, NULL, "cancel", named, "--reason", "wrong-facts", NULL), 0);
	assert_int_equal(exchange_simpul(x, POLICE, NULL, NULL, "cancel", shown, "--reason", "wrong-facts", NULL), 0);
	assert_true(hears(&l, shown));
	say(x, "alert", "tppo", "16.01", GREEN, "", "end-of-two");
	assert_true(hears(&l, "end-of-two"));
	{
		char *text = memory_format("%s\n", hidden), *other = memory_format("%s ", hidden);

		assert_false(heard(&l, text) || heard(&l, other));
		free(text);
		free(other);
	}
	assert_int_equal(office_outbox(x, POLICE).refused, 0);
	free(shown);
	free(hidden);
	free(named);
	listening_end(&l, SIGINT);
}

static void a_topic_is_a_prefix_of_whole_words(void **state)
{
	struct exchange *x = *state;
	static const struct {
		const char *topic, *name;
		bool district, regency, other; /* hears alert.tppo.16.01.14, alert.tppo.16.01, alert.tppo.16.10 */
	} topics[] = {
		{"alert.tppo.16.01", "heard-3", true, true, false},    {"alert.tppo.16.01.14", "heard-4", true, false, false},
		{"alert.tppo.16.0", "heard-5", false, false, false},   {"alert.tppo.16.1", "heard-6", false, false, false},
		{"alert.tppo", "heard-7", true, true, true},	       {"alert.tpp", "heard-8", false, false, false},
		{"sighting.tppo", "heard-9", false, false, false},
	};
	struct listening all = listen_to(x, ARMY, NULL, "heard-10"), l[7];

	for (size_t i = 0; i < 7; i++)
		l[i] = listen_to(x, IMMIGRATION, topics[i].topic, topics[i].name);
	say_until_heard(x, &all, "ready-three");
	for (size_t i = 0; i < 7; i++)
		if (topics[i].district)
			say_until_heard(x, &l[i], "ready-three");
	say(x, "alert", "tppo", "16.01.14", GREEN, "", "in-district");
	say(x, "alert", "tppo", "16.01", GREEN, "", "in-regency");
	say(x, "alert", "tppo", "16.10", GREEN, "", "in-other");
	say(x, "alert", "tppo", "16.01.14", GREEN, "", "end-of-three");
	assert_true(hears(&all, "end-of-three"));
	assert_true(hears(&all, "in-other"));
	for (size_t i = 0; i < 7; i++) {
		if (topics[i].district)
			assert_true(hears(&l[i], "end-of-three"));
		assert_int_equal(heard(&l[i], "in-district"), topics[i].district);
		assert_int_equal(heard(&l[i], "in-regency"), topics[i].regency);
		assert_int_equal(heard(&l[i], "in-other"), topics[i].other);
		listening_end(&l[i], SIGINT);
	}
	listening_end(&all, SIGINT);
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "listen", "Alert!", NULL), 64);
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "listen", "alert.tppo.", NULL), 64);
}

static void a_listener_survives_the_broker_and_disturbs_no_session(void **state)
{
	struct exchange *x = *state;
	struct listening l = listen_to(x, ARMY, "alert.tppo", "heard-11");
	json_t *node;

	say_until_heard(x, &l, "before-the-kill");
	process_end(x->broker, SIGKILL, 20);
	exchange_start_broker(x);
	say_until_heard(x, &l, "after-the-kill");
	assert_true(office_caught_up(x, ARMY, 20));
	node = ctl_node(x, "army.oku");
	assert_true(json_is_true(json_object_get(node, "connected")));
	json_decref(node);
	assert_false(exchange_logged(x, "session.superseded"));
	assert_false(exchange_logged(x, "feed.foreign_subscription"));
	listening_end(&l, SIGINT);
}

/* ------------------------------------------------------------------ who may not, and who does not behave */

static void who_is_no_member_hears_nothing(void **state)
{
	struct exchange *x = *state;
	struct client stranger;

	client_open(&stranger, x, ARMY, true);
	assert_int_equal(knock_at(stranger.join.bulletin_endpoint, ZMQ_SUB, stranger.join.broker_curve, &stranger.keys),
			 KNOCK_REFUSED);
	client_close(&stranger);
}

static void *deaf_open(struct client *c)
{
	void *socket = socket_client(c->context, ZMQ_SUB, c->join.broker_curve, &c->keys);

	assert_non_null(socket);
	assert_int_equal(zmq_setsockopt(socket, ZMQ_RCVHWM, &(int){1}, sizeof(int)), 0);
	assert_int_equal(zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "", 0), 0);
	assert_int_equal(zmq_connect(socket, c->join.bulletin_endpoint), 0);
	return socket;
}

static void listeners_that_do_not_read_cost_little_and_the_others_nothing(void **state)
{
	enum { SILENT = 4, REPORTS = 1500, WORDS = 3900 };
	struct exchange *x = *state;
	struct listening l = listen_to(x, ARMY, "alert", "heard-12");
	struct buffer lines = {0};
	struct client c;
	char *words = memory_zero(WORDS + 1, 1);
	void *deaf[SILENT];
	size_t before;

	client_open(&c, x, IMMIGRATION, false);
	for (size_t i = 0; i < SILENT; i++)
		deaf[i] = deaf_open(&c);
	say_until_heard(x, &l, "ready-four");
	before = process_rss(x->broker);
	memset(words, 'x', WORDS);
	for (size_t i = 0; i < REPORTS; i++)
		draft_line(&lines, "public-order", "16.01", words, GREEN);
	buffer_u8(&lines, 0);
	say_lines(x, (const char *)lines.data);
	assert_true(office_settled(x, POLICE, REPORTS, 60));
	say(x, "alert", "tppo", "16.01", GREEN, "", "end-of-four");
	assert_true(hears(&l, "end-of-four"));
	/* The journal's newest part is held in memory too. */
	assert_true(process_rss(x->broker) < before + 64 * 1024);
	for (size_t i = 0; i < SILENT; i++)
		zmq_close(deaf[i]);
	client_close(&c);
	buffer_free(&lines);
	free(words);
	listening_end(&l, SIGINT);
}

static void who_asks_for_topics_without_end_is_cut(void **state)
{
	struct exchange *x = *state;
	struct client c;
	void *socket;
	char topic[32];

	client_open(&c, x, IMMIGRATION, false);
	socket = deaf_open(&c);
	for (int i = 0; i < 1000; i++) {
		snprintf(topic, sizeof topic, "topic-%d", i);
		zmq_setsockopt(socket, ZMQ_SUBSCRIBE, topic, strlen(topic));
	}
	assert_true(log_has(x, "reason=topics", 20));
	zmq_close(socket);
	client_close(&c);
}

static bool has_ended(void *context)
{
	const struct listening *l = context;
	siginfo_t info = {0};

	return waitid(P_PID, (id_t)l->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == l->pid;
}

static void a_member_that_is_revoked_is_cut_off(void **state)
{
	struct exchange *x = *state;
	struct listening l = listen_to(x, ARMY, NULL, "heard-13");

	say_until_heard(x, &l, "ready-five");
	assert_int_equal(exchange_ctl(x, NULL, "revoke", "army.oku", "--reason", "stolen laptop", NULL), 0);
	assert_true(wait_for(has_ended, &l, 20));
	assert_int_equal(listening_end(&l, SIGKILL), 77);
	assert_false(exchange_logged(x, "green-alert"));
}

/* The newer ones are enrolled, and the broker, started anew, admits no others. Nobody touches the listener. */
static void an_office_that_renews_its_keys_is_not_deaf(void **state)
{
	struct exchange *x = *state;
	struct listening l = listen_to(x, IMMIGRATION, "alert.tppo", "heard-22");
	char *request = office_path(x, IMMIGRATION, "immigration.muara-enim.request");
	char *authority = broker_path(x, "authority.key"), *join = broker_path(x, "second.join");
	char fingerprint[FINGERPRINT_SIZE];

	say_until_heard(x, &l, "before-the-renewal");
	assert_int_equal(exchange_simpul(x, IMMIGRATION, NULL, NULL, "keys", "rotate", NULL), 0);
	assert_int_equal(exchange_ctl(x, NULL, "enroll", request, "--authority-key", authority, "--fingerprint",
				      request_fingerprint(request, fingerprint), "--expires-days", "730", "-o", join,
				      NULL),
			 0);
	process_end(x->broker, SIGKILL, 20);
	exchange_start_broker(x);
	say_until_heard(x, &l, "after-the-renewal");
	assert_true(log_has(x, "event=zap.refused", 1));
	listening_end(&l, SIGINT);
	free(join);
	free(authority);
	free(request);
}

/* The last test, for what goes by the join files is shut out then. The newer keys are those that the agent has heard of. */
/* It changes nothing while an office has not acknowledged what it was told of the newer keys. */
static bool takes_up(void *exchange)
{
	return exchange_ctl(exchange, NULL, "broker-keys", "take-up", NULL) == 0;
}

static void a_listener_follows_the_brokers_newer_keys_and_says_when_it_is_deaf(void **state)
{
	struct exchange *x = *state;
	struct listening l = listen_to(x, POLICE, "alert.tppo", "heard-21");
	char *authority = broker_path(x, "authority.key");

	say_until_heard(x, &l, "before-the-newer-keys");
	assert_int_equal(exchange_ctl(x, NULL, "broker-keys", "renew", "--authority-key", authority, NULL), 0);
	assert_true(wait_for(takes_up, x, 30));
	assert_true(hears(&l, "no connection to tcp://"));
	say_until_heard(x, &l, "after-the-newer-keys");
	assert_true(heard(&l, "simpul listen: connected"));
	listening_end(&l, SIGINT);
	free(authority);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_is_for_everybody_is_heard),
		cmocka_unit_test(what_was_published_is_taken_back_in_the_open_and_nothing_else),
		cmocka_unit_test(a_topic_is_a_prefix_of_whole_words),
		cmocka_unit_test(a_listener_survives_the_broker_and_disturbs_no_session),
		cmocka_unit_test(who_is_no_member_hears_nothing),
		cmocka_unit_test(listeners_that_do_not_read_cost_little_and_the_others_nothing),
		cmocka_unit_test(who_asks_for_topics_without_end_is_cut),
		cmocka_unit_test(a_member_that_is_revoked_is_cut_off),
		cmocka_unit_test(an_office_that_renews_its_keys_is_not_deaf),
		cmocka_unit_test(a_listener_follows_the_brokers_newer_keys_and_says_when_it_is_deaf),
	};

	return cmocka_run_group_tests(tests, set_up, exchange_tear_down);
}
