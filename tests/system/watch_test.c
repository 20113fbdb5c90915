/* watch_test - the log from afar: who follows it sees all that the broker has, over breaks, and nobody else sees anything. */
#include "agents/uplink/knock.h"
#include "broker/serve/watch_file.h"
#include "common/memory.h"
#include "common/socket.h"
#include "tests/support/client.h"
#include "tests/support/operate.h"
#include "tests/support/policy.h"
#include "tests/support/siege.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

enum { POLICE, ARMY };

static const char policy[] = POLICY_POLICE_TO_ARMY;

/* A broker that offers its log, two offices of which none runs, and a watcher. */
static int set_up(void **state)
{
	static struct exchange x;
	char endpoint[64], *path;

	siege_prepare();
	exchange_make(&x, policy);
	exchange_offer(&x, "log", endpoint);
	exchange_start_broker(&x);
	exchange_add(&x, "police.oku", NULL);
	exchange_add(&x, "army.oku", NULL);
	path = broker_path(&x, "duty.watch");
	assert_int_equal(exchange_ctl(&x, NULL, "watcher", "new", "duty", "-o", path, NULL), 0);
	free(path);
	*state = &x;
	return 0;
}

/* ------------------------------------------------------------------ following */

/* A program that follows, and the file that it writes to. */
struct follower {
	pid_t pid;
	char *output;
};

static struct follower follow(struct exchange *x, const char *watcher, const char *output)
{
	char program[300], *file = memory_format("%s/%s.watch", x->folder, watcher);
	const char *argv[] = {process_program("simpulctl", program, sizeof program), "log", "--follow", "--json",
			      "--broker", file, NULL};
	struct follower f = {.output = broker_path(x, output)};

	f.pid = process_start(argv, f.output);
	free(file);
	return f;
}

static int follow_end(struct follower *f, int signal)
{
	const int status = process_end(f->pid, signal, 20);

	free(f->output);
	return status;
}

struct awaited {
	const char *path, *text;
};

static bool is_written(void *context)
{
	const struct awaited *awaited = context;
	char *text = file_text(awaited->path);
	const bool found = strstr(text, awaited->text) != NULL;

	free(text);
	return found;
}

static bool writes(const struct follower *f, const char *text)
{
	struct awaited awaited = {f->output, text};

	return wait_for(is_written, &awaited, 20);
}

/* Something that the broker logs: a standing that changes nothing of the exchange. */
static void happen(struct exchange *x, const char *reason)
{
	assert_int_equal(exchange_ctl(x, NULL, "retire", "army.oku", "--reason", reason, NULL), 0);
	assert_int_equal(exchange_ctl(x, NULL, "restore", "army.oku", NULL), 0);
}

static size_t count_of(const struct follower *f, const char *text)
{
	char *all = file_text(f->output);
	size_t count = 0;

	for (const char *at = strstr(all, text); at; at = strstr(at + 1, text))
		count++;
	free(all);
	return count;
}

/* Numbers of the lines of each start follow one another from 1 on, none twice and none missing. Returns how many starts. */
static unsigned expect_runs(const struct follower *f)
{
	char *all = file_text(f->output), *rest = NULL, start[20] = "";
	json_int_t number = 0;
	unsigned starts = 0;

	for (char *line = strtok_r(all, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		json_t *object = json_loads(line, 0, NULL);
		const char *own = json_string_value(json_object_get(object, "start"));

		if (own == NULL || json_object_get(object, "number") == NULL) {
			assert_null(json_object_get(object, "missing"));
			json_decref(object);
			continue;
		}
		if (strcmp(own, start) != 0) {
			number = 0;
			starts++;
		}
		snprintf(start, sizeof start, "%s", own);
		assert_int_equal(json_integer_value(json_object_get(object, "number")), ++number);
		json_decref(object);
	}
	free(all);
	return starts;
}

static void a_watcher_sees_what_was_and_what_comes(void **state)
{
	struct exchange *x = *state;
	struct follower f = follow(x, "duty", "followed-1");
	struct buffer late = {0};
	char *file = broker_path(x, "duty.watch");

	assert_true(writes(&f, "broker.serving"));
	assert_true(writes(&f, "member.enrolled"));
	happen(x, "a shift");
	assert_true(writes(&f, "member.standing"));
	assert_int_equal(expect_runs(&f), 1);
	/* Who comes later and does not follow sees the same and ends. */
	assert_int_equal(exchange_ctl(x, &late, "log", "--broker", file, "--level", "notice", NULL), 0);
	buffer_u8(&late, 0);
	assert_non_null(strstr((char *)late.data, "event=broker.serving"));
	assert_non_null(strstr((char *)late.data, "event=member.standing"));
	assert_null(strstr((char *)late.data, "level=info"));
	buffer_clear(&late);
	assert_int_equal(exchange_ctl(x, &late, "log", "--broker", file, "--since", "2999-01-01T00:00:00Z", NULL), 0);
	assert_int_equal(late.size, 0);
	buffer_free(&late);
	free(file);
	assert_int_equal(follow_end(&f, SIGINT), 128 + SIGINT);
}

/* ------------------------------------------------------------------ breaks */

static void a_broker_that_was_killed_is_followed_on(void **state)
{
	struct exchange *x = *state;
	struct follower f = follow(x, "duty", "followed-2");

	assert_true(writes(&f, "broker.serving"));
	happen(x, "before");
	assert_true(writes(&f, "member.standing"));
	process_end(x->broker, SIGKILL, 20);
	exchange_start_broker(x);
	assert_true(writes(&f, "\"previous\""));
	happen(x, "after");
	sleep_ms(patient_ms(500));
	assert_int_equal(expect_runs(&f), 2);
	assert_int_equal(count_of(&f, "broker.serving"), 2);
	follow_end(&f, SIGINT);
}

/* Cuts the connections of a process to this port, as a network would: it only notices that they ended. */
static unsigned connections_cut(pid_t pid, const char *endpoint)
{
	const int process = (int)syscall(SYS_pidfd_open, pid, 0), port = atoi(strrchr(endpoint, ':') + 1);
	unsigned cut = 0;

	for (int fd = 0; process >= 0 && fd < 64; fd++) {
		struct sockaddr_in peer = {0};
		socklen_t size = sizeof peer;
		const int own = (int)syscall(SYS_pidfd_getfd, process, fd, 0);

		if (own >= 0 && getpeername(own, (struct sockaddr *)&peer, &size) == 0 && peer.sin_family == AF_INET &&
		    ntohs(peer.sin_port) == port)
			cut += shutdown(own, SHUT_RDWR) == 0;
		if (own >= 0)
			close(own);
	}
	if (process >= 0)
		close(process);
	return cut;
}

static struct watch_file watch_file_of(struct exchange *x, const char *watcher)
{
	char *path = memory_format("%s/%s.watch", x->folder, watcher);
	struct watch_file file;

	assert_int_equal(watch_file_load(&file, path, NULL), E_OK);
	free(path);
	return file;
}

static void a_cut_connection_loses_and_repeats_nothing(void **state)
{
	struct exchange *x = *state;
	const struct watch_file file = watch_file_of(x, "duty");
	struct follower f = follow(x, "duty", "followed-3");

	assert_true(writes(&f, "broker.serving"));
	for (unsigned i = 0; i < 3; i++) {
		assert_true(connections_cut(f.pid, file.endpoint) > 0);
		happen(x, "cut");
		sleep_ms(patient_ms(300));
	}
	assert_true(writes(&f, "answers again"));
	happen(x, "the last");
	sleep_ms(patient_ms(1500));
	assert_int_equal(expect_runs(&f), 1);
	assert_int_equal(count_of(&f, "member.standing"), log_count(x, "event=member.standing") - 4 /* before the kill */);
	follow_end(&f, SIGINT);
}

/* ------------------------------------------------------------------ who may not */

static enum knock knock_with(const struct curve_key *key, const char *endpoint, int type, const uint8_t server[KEY_SIZE])
{
	struct node_keys keys = {.key_id = 1};

	memcpy(keys.curve_public, key->public_key, KEY_SIZE);
	memcpy(keys.curve_secret, key->secret, KEY_SIZE);
	return knock_at(endpoint, type, server, &keys);
}

static void neither_members_nor_strangers_follow_and_a_watcher_does_nothing_else(void **state)
{
	struct exchange *x = *state;
	const struct watch_file file = watch_file_of(x, "duty");
	struct curve_key stranger;
	struct client member;

	curve_key_generate(&stranger);
	client_open(&member, x, POLICE, false);
	assert_int_equal(knock_with(&file.key, file.endpoint, ZMQ_DEALER, file.server), KNOCK_OPENED);
	assert_int_equal(knock_with(&stranger, file.endpoint, ZMQ_DEALER, file.server), KNOCK_REFUSED);
	assert_int_equal(knock_at(file.endpoint, ZMQ_DEALER, file.server, &member.keys), KNOCK_REFUSED);
	assert_int_equal(knock_with(&file.key, member.join.link_endpoint, ZMQ_DEALER, member.join.broker_curve), KNOCK_REFUSED);
	assert_int_equal(knock_with(&file.key, member.join.feed_endpoint, ZMQ_SUB, member.join.broker_curve), KNOCK_REFUSED);
	/* The log has a key of its own. */
	assert_memory_not_equal(file.server, member.join.broker_curve, KEY_SIZE);
	client_close(&member);
}

static void a_members_key_in_the_file_of_watchers_opens_nothing(void **state)
{
	struct exchange *x = *state;
	const struct watch_file file = watch_file_of(x, "duty");
	char *path = broker_path(x, "watchers"), *before = file_text(path), *more, hex[2 * KEY_SIZE + 1];
	struct client member;

	client_open(&member, x, POLICE, false);
	more = memory_format("%spolice = %s\n", before, hex_of(hex, BYTES(member.keys.curve_public, KEY_SIZE)));
	file_put(path, more);
	kill(x->broker, SIGHUP);
	assert_true(log_has(x, "event=watchers.loaded count=2", 10));
	assert_int_equal(knock_at(file.endpoint, ZMQ_DEALER, file.server, &member.keys), KNOCK_REFUSED);
	file_put(path, before);
	client_close(&member);
	free(more);
	free(before);
	free(path);
}

static void without_a_key_nothing_is_answered(void **state)
{
	const struct watch_file file = watch_file_of(*state, "duty");
	void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_DEALER);
	const int linger = 0;
	char frame[16];

	zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof linger);
	assert_int_equal(zmq_connect(socket, file.endpoint), 0);
	zmq_send(socket, "", 0, 0);
	zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
	assert_int_equal(zmq_poll(&item, 1, 1000), 0);
	assert_true(zmq_recv(socket, frame, sizeof frame, ZMQ_DONTWAIT) < 0);
	zmq_close(socket);
	zmq_ctx_term(context);
}

static bool has_ended(void *context)
{
	const struct follower *f = context;
	siginfo_t info = {0};

	return waitid(P_PID, (id_t)f->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == f->pid;
}

static void a_watcher_that_is_removed_is_cut_off(void **state)
{
	struct exchange *x = *state;
	char *path = broker_path(x, "guest.watch"), *watchers = broker_path(x, "watchers"), *text;
	struct follower guest, other = follow(x, "duty", "followed-4");

	assert_int_equal(exchange_ctl(x, NULL, "watcher", "new", "guest", "-o", path, NULL), 0);
	assert_int_equal(exchange_ctl(x, NULL, "watcher", "new", "guest", "-o", "/nowhere", NULL), 73);
	guest = follow(x, "guest", "followed-5");
	assert_true(writes(&guest, "broker.serving"));
	assert_int_equal(exchange_ctl(x, NULL, "watcher", "remove", "guest", NULL), 0);
	happen(x, "behind-the-back");
	assert_true(wait_for(has_ended, &guest, 20));
	assert_true(writes(&other, "member.standing"));
	assert_int_equal(count_of(&guest, "is the watcher in the broker's file?"), 1);
	assert_int_equal(follow_end(&guest, SIGKILL), 77);
	/* By hand and a signal too; a file that is wrong changes nothing. */
	text = file_text(watchers);
	assert_null(strstr(text, "guest"));
	file_put(watchers, "# nobody\nx y\n");
	kill(x->broker, SIGHUP);
	assert_true(log_has(x, "event=watchers.kept code=CONFIG", 10));
	assert_true(log_has(x, "watchers:2: ", 1));
	assert_false(has_ended(&other));
	file_put(watchers, "# nobody\n");
	kill(x->broker, SIGHUP);
	assert_true(wait_for(has_ended, &other, 20));
	assert_int_equal(follow_end(&other, SIGKILL), 77);
	file_put(watchers, text);
	assert_int_equal(exchange_ctl(x, NULL, "watcher", "remove", "guest", NULL), 66);
	kill(x->broker, SIGHUP);
	free(text);
	free(watchers);
	free(path);
}

/* ------------------------------------------------------------------ slow ones */

static void who_asks_and_never_reads_costs_little_and_the_others_nothing(void **state)
{
	enum { QUESTIONS = 2000 };
	struct exchange *x = *state;
	struct watch_file file = watch_file_of(x, "duty");
	struct follower other = follow(x, "duty", "followed-6");
	struct node_keys keys = {.key_id = 1};
	void *context = zmq_ctx_new(), *socket;
	const int no_limit = 0;
	size_t before, most = 0;

	assert_true(writes(&other, "broker.serving"));
	memcpy(keys.curve_public, file.key.public_key, KEY_SIZE);
	memcpy(keys.curve_secret, file.key.secret, KEY_SIZE);
	for (int i = 0; i < 300; i++) { /* something to answer with: each is a line */
		kill(x->broker, SIGHUP);
		sleep_ms(2);
	}
	before = process_rss(x->broker);
	socket = socket_client(context, ZMQ_DEALER, file.server, &keys);
	assert_int_equal(zmq_setsockopt(socket, ZMQ_SNDHWM, &no_limit, sizeof no_limit), 0);
	assert_int_equal(zmq_setsockopt(socket, ZMQ_RCVHWM, &(int){1}, sizeof(int)), 0);
	assert_int_equal(zmq_connect(socket, file.endpoint), 0);
	for (int i = 0; i < QUESTIONS; i++) {
		zmq_send(socket, "", 0, ZMQ_DONTWAIT);
		sleep_ms(1); /* each gets an answer of its own, as far as they are taken */
	}
	for (int i = 0; i < 10; i++) {
		const size_t now = process_rss(x->broker);

		most = now > most ? now : most;
		sleep_ms(100);
	}
	assert_true(most < before + 32 * 1024);
	happen(x, "meanwhile");
	assert_true(writes(&other, "watcher.follows"));
	zmq_close(socket);
	zmq_ctx_term(context);
	/* And one that was stopped goes on where it was. */
	kill(other.pid, SIGSTOP);
	for (int i = 0; i < 5; i++)
		happen(x, "while it sleeps");
	kill(other.pid, SIGCONT);
	assert_true(wait_for(has_ended, &other, 0) == false);
	sleep_ms(patient_ms(1000));
	assert_int_equal(expect_runs(&other), 1);
	assert_true(count_of(&other, "member.standing") >= 2 * (1 + 5));
	follow_end(&other, SIGINT);
}

/* ------------------------------------------------------------------ what it tells */

static bool is_accepted(void *context)
{
	return log_count(context, "event=report.accepted") > 0;
}

static void no_word_of_a_report_is_followed(void **state)
{
	struct exchange *x = *state;
	struct buffer line = {0}, all = {0};
	char *file = broker_path(x, "duty.watch");

	exchange_start_offices(x);
	draft_line(&line, "public-order", "16.01", "canary-watched ERIKSSON", NULL);
	buffer_u8(&line, 0);
	office_drop(x, POLICE, "one.jsonl", (const char *)line.data);
	assert_true(wait_for(is_accepted, x, 20));
	assert_true(office_received(x, ARMY, 1, 20));
	assert_int_equal(exchange_ctl(x, &all, "log", "--broker", file, NULL), 0);
	buffer_u8(&all, 0);
	assert_non_null(strstr((char *)all.data, "event=report.accepted"));
	assert_non_null(strstr((char *)all.data, "police.oku#1"));
	assert_null(strstr((char *)all.data, "canary-watched"));
	assert_null(strstr((char *)all.data, "ERIKSSON"));
	buffer_free(&all);
	buffer_free(&line);
	free(file);
}

static void the_secret_is_its_owners_alone(void **state)
{
	char *file = broker_path(*state, "duty.watch");
	struct watch_file read;
	struct fault fault = {0};

	assert_int_equal(chmod(file, 0640), 0);
	assert_int_equal(watch_file_load(&read, file, &fault), E_CONFIG);
	assert_int_equal(exchange_ctl(*state, NULL, "log", "--broker", file, NULL), 78);
	assert_int_equal(chmod(file, 0600), 0);
	free(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_watcher_sees_what_was_and_what_comes),
		cmocka_unit_test(a_broker_that_was_killed_is_followed_on),
		cmocka_unit_test(a_cut_connection_loses_and_repeats_nothing),
		cmocka_unit_test(neither_members_nor_strangers_follow_and_a_watcher_does_nothing_else),
		cmocka_unit_test(a_members_key_in_the_file_of_watchers_opens_nothing),
		cmocka_unit_test(without_a_key_nothing_is_answered),
		cmocka_unit_test(a_watcher_that_is_removed_is_cut_off),
		cmocka_unit_test(who_asks_and_never_reads_costs_little_and_the_others_nothing),
		cmocka_unit_test(no_word_of_a_report_is_followed),
		cmocka_unit_test(the_secret_is_its_owners_alone),
	};

	return cmocka_run_group_tests(tests, set_up, exchange_tear_down);
}
