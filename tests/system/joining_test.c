/* joining_test - walks through the README's chapters "Try it on your own data" and "When a key ends", command by command, as
 * a newcomer would: an exchange is made, two offices join, a report arrives, keys of an office and of the broker are renewed.
 *
 * The commands are those of README.md itself. What a person does between them is in the table `stand_ins` and in
 * carry_all; everything else runs as it stands there. */
#include "common/file.h"
#include "common/memory.h"
#include "tests/support/exchange.h"
#include "tests/support/must.h"
#include "tests/support/terminal.h"

#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define JOINING "\n## Try it on your own data\n"
#define RENEWING "\n## When a key ends\n"
#define FIRST "police.oku"
#define SECOND "immigration.muara-enim"
#define WORDS "a river of the south"

enum { COMMANDS = 64, STARTED = 8, SECONDS = 60 };
/* Blocks of commands in both chapters. */
enum { MAKING = 1, ENROLLING, ASKING, OPERATING, RENEWAL, BROKER_RENEWAL };

/* A command of the chapter: where it is typed, in which of the chapter's blocks. */
struct step {
	char place; /* '$': either; 'o': office; 'b': broker */
	unsigned block;
	char text[300];
};

/* The newcomer's machine. */
struct walk {
	char top[64], broker[96], offices[2][96], log[96];
	struct step steps[COMMANDS];
	size_t count;
	char *agent_yaml; /* as the chapter has it */
	pid_t started[STARTED];
	size_t started_count;
	int ports[4];
};

/* ------------------------------------------------------------------ the chapter */

static char *text_of(const char *path)
{
	struct buffer text = {0};

	must(file_read(path, 4 << 20, &text, NULL) == E_OK, path);
	buffer_u8(&text, 0);
	return (char *)text.data;
}

/* "$ ", "office$  ", "broker$ ": where the command begins, NULL when the line is none. */
static const char *prompt_end(const char *line, char *place)
{
	const char *dollar = strstr(line, "$ ");

	if (dollar != line && strncmp(line, "office$ ", 8) != 0 && strncmp(line, "broker$ ", 8) != 0)
		return NULL;
	*place = line[0];
	return dollar + 1 + strspn(dollar + 1, " ");
}

/* A line of a block: a command without the remark behind it. What has no prompt is what a program answers. */
static void line_take(struct walk *walk, unsigned block, const char *line)
{
	struct step *step = &walk->steps[walk->count];
	char place, *remark;
	const char *command = prompt_end(line, &place);

	if (!command || command[0] == '#') /* what a person is told to do: carry_all, enrolling */
		return;
	must(walk->count < COMMANDS - 1, "too many commands");
	*step = (struct step){.place = place, .block = block};
	snprintf(step->text, sizeof step->text, "%s", command);
	if ((remark = strstr(step->text, "  #")))
		*remark = '\0';
	for (size_t end = strlen(step->text); end > 0 && step->text[end - 1] == ' '; end--)
		step->text[end - 1] = '\0';
	walk->count++;
}

/* The text of a chapter, without the next one's heading; free it. */
static char *chapter_text(const char *heading)
{
	char *readme = text_of("README.md"), *chapter = strstr(readme, heading), *end, *text;

	must(chapter != NULL, heading);
	chapter += strlen(heading);
	end = strstr(chapter, "\n## ");
	must(end != NULL, "the chapter's end");
	text = memory_format("%.*s", (int)(end - chapter), chapter);
	free(readme);
	return text;
}

/* Takes the commands of the chapter's blocks, which are numbered from `block` on; returns the last number. */
static unsigned commands_read(struct walk *walk, const char *heading, unsigned block)
{
	char *chapter = chapter_text(heading), *rest = NULL;
	bool inside = false;

	block--;
	for (char *line = strtok_r(chapter, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		if (strncmp(line, "```", 3) == 0) {
			inside = strcmp(line, "```console") == 0;
			block += inside;
		} else if (inside) {
			line_take(walk, block, line);
		}
	}
	free(chapter);
	return block;
}

static void settings_read(struct walk *walk)
{
	char *chapter = chapter_text(JOINING), *yaml = strstr(chapter, "```yaml\n");

	must(yaml && strstr(yaml + 8, "```"), "agent.yaml");
	walk->agent_yaml = memory_format("%.*s", (int)(strstr(yaml + 8, "```") - yaml - 8), yaml + 8);
	free(chapter);
}

/* ------------------------------------------------------------------ what a person does */

/* In the place of something that the chapter writes for an example, or that only a person can do. `with` may hold @1 to @4
 * for the broker's ports. */
static const struct stand_in {
	const char *text, *with;
} stand_ins[] = {
	/* An editor: the offices of the starter policy's own example are named. */
	{"editor exchange/policy.yaml",
	 "sed -i 's/^nodes: \\[\\]/nodes:\\n  - {node: " FIRST ", regions: [\"16.01\"]}\\n  - {node: " SECOND
	 ", regions: [\"16.01\"]}/' exchange/policy.yaml"},
	/* Ports that are free here, in place of 7401, 7402, 7404 and 7403. */
	{"tcp://127.0.0.1:7404", "tcp://127.0.0.1:@3"},
	{"tcp://127.0.0.1:7403", "tcp://127.0.0.1:@4"},
	{"simpulctl init exchange ", "simpulctl init exchange --link tcp://127.0.0.1:@1 --feed tcp://127.0.0.1:@2 "},
	/* The list that somebody keeps in Excel: the profile's own example. */
	{"simpul try list.csv", "cp agents/profiles/police/patrol-example.csv list.csv; simpul try list.csv"},
	/* They go on until somebody ends them. */
	{"simpulctl log --follow", "simpulctl log"},
	{"simpul listen alert.tppo.16.01", "timeout 2 simpul listen alert.tppo.16.01; test $? = 124"},
	/* The file is carried, and the office must hold what it says. */
	{"simpul checkpoint sign paper.json", "simpul checkpoint --help"},
	/* Names of reports and offices that are examples. */
	{"army.oku#2", FIRST "#1"},
	{"army.oku", SECOND},
	{FIRST "#12", FIRST "#1"},
	{"\"...\"", "\"Seen at the bus terminal.\""},
};

/* The text with every stand-in in its place; free it. */
static char *stood_in(const struct walk *walk, const char *text)
{
	char *out = memory_string(text);

	for (size_t i = 0; i < sizeof stand_ins / sizeof stand_ins[0]; i++) {
		char *at = strstr(out, stand_ins[i].text), *next;

		if (!at)
			continue;
		next = memory_format("%.*s%s%s", (int)(at - out), out, stand_ins[i].with, at + strlen(stand_ins[i].text));
		free(out);
		out = next;
	}
	for (int i = 0; i < 4; i++) {
		char mark[] = {'@', (char)('1' + i), '\0'}, *at = strstr(out, mark), *next;

		if (!at)
			continue;
		next = memory_format("%.*s%d%s", (int)(at - out), out, walk->ports[i], at + 2);
		free(out);
		out = next;
	}
	return out;
}

/* The sentence of the other office: its name in place of the first one's. */
static char *for_office(const char *text, const char *name)
{
	char *out = memory_string(text);

	for (char *at = out; (at = strstr(at, FIRST)) != NULL;) {
		const size_t offset = (size_t)(at - out) + strlen(name);
		char *next = memory_format("%.*s%s%s", (int)(at - out), out, name, at + strlen(FIRST));

		free(out);
		out = next;
		at = out + offset;
	}
	return out;
}

static int shell(const struct walk *walk, const char *folder, const char *command, const char *input, struct buffer *out)
{
	char *line = memory_format("cd '%s' && %s", folder, command);
	const char *argv[] = {"/bin/bash", "-c", line, NULL};
	const int status = process_run(argv, input, out, walk->log, SECONDS);

	free(line);
	return status;
}

/* People carry files between broker and office, by mail or on a stick; and the authority's key away from the exchange. */
static void carry_all(const struct walk *walk, const char *office)
{
	char *command = memory_format(
		"if [ -e exchange/authority.key ]; then mv exchange/authority.key .; fi; "
		"cp -u exchange/exchange.id '%s' 2>/dev/null; cp -u '%s'/*.request . 2>/dev/null; "
		"cp -u *.join '%s' 2>/dev/null; true",
		office, office, office);

	shell(walk, walk->broker, command, NULL, NULL);
	free(command);
}

/* What the operator answers at the terminal: the passphrase, and yes when the fingerprint is that of the phone. */
static const struct terminal_line making[] = {{"New passphrase", WORDS}, {"once more", WORDS}, {NULL, NULL}};
static const struct terminal_line renewing[] = {{"Passphrase", WORDS}, {NULL, NULL}};
static const struct terminal_line enrolling[] = {{"Type yes", "yes"}, {"Passphrase", WORDS}, {NULL, NULL}};

static int at_terminal(const char *folder, const char *command, const struct terminal_line *lines, struct buffer *out)
{
	char *line = memory_format("cd '%s' && %s", folder, command);
	const char *argv[] = {"/bin/bash", "-c", line, NULL};
	const int status = terminal_run(argv, lines, out, SECONDS);

	free(line);
	return status;
}

/* ------------------------------------------------------------------ commands */

/* A command that ends in "&" goes on until the walk is over. Of "check && run" the last one stays. */
static void start(struct walk *walk, const char *folder, const char *command)
{
	const size_t size = strlen(command) - 1;
	const char *last = command, *next;
	const char *argv[] = {"/bin/bash", "-c", NULL, NULL};
	char *line;

	while ((next = strstr(last, "&& ")) != NULL)
		last = next + 3;
	line = memory_format("cd '%s' && %.*sexec %.*s", folder, (int)(last - command), command,
			     (int)(size - (size_t)(last - command)), last);
	argv[2] = line;
	must(walk->started_count < STARTED, "too many programs");
	walk->started[walk->started_count++] = process_start(argv, walk->log);
	free(line);
}

static const struct terminal_line *answers_of(const char *command)
{
	if (strstr(command, "simpulctl init"))
		return making;
	if (strstr(command, " broker-keys renew"))
		return renewing;
	return strstr(command, " enroll ") ? enrolling : NULL;
}

static void run(struct walk *walk, const char *folder, const char *command, struct buffer *out)
{
	const struct terminal_line *answers = answers_of(command);
	const char *person = strstr(command, "--person -") ? "capacity=seen\nidentity=claimed\nage=adult\n\n" : NULL;
	int status = 0;

	if (command[strlen(command) - 1] == '&')
		start(walk, folder, command);
	else
		status = answers ? at_terminal(folder, command, answers, out) : shell(walk, folder, command, person, out);
	if (status != 0)
		fail_msg("%s: status %d, %.*s\n%s", command, status, out ? (int)out->size : 0,
			 out ? (const char *)out->data : "", text_of(walk->log));
}

struct asked {
	const struct walk *walk;
	const char *folder, *command;
};

static bool succeeds(void *context)
{
	const struct asked *asked = context;

	return shell(asked->walk, asked->folder, asked->command, NULL, NULL) == 0;
}

static bool comes_true(const struct walk *walk, const char *folder, const char *command)
{
	struct asked asked = {walk, folder, command};

	return wait_for(succeeds, &asked, 20);
}

/* ------------------------------------------------------------------ the walk */

/* The programs are found by their names; an office sees the project's profiles as somebody who unpacked it. */
static void machine_make(struct walk *walk)
{
	char here[PATH_MAX], *path = memory_format("%s:%s", getenv("SIMPUL_BIN"), getenv("PATH")), *profiles;

	strcpy(walk->top, "/tmp/simpul-joining-XXXXXX");
	must(mkdtemp(walk->top) != NULL && getcwd(here, sizeof here) != NULL, "a folder");
	must(setenv("PATH", path, 1) == 0 && setenv("SIMPUL_CONFIG", "agent.yaml", 1) == 0, "the environment");
	snprintf(walk->broker, sizeof walk->broker, "%s/broker", walk->top);
	snprintf(walk->offices[0], sizeof walk->offices[0], "%s/" FIRST, walk->top);
	snprintf(walk->offices[1], sizeof walk->offices[1], "%s/" SECOND, walk->top);
	snprintf(walk->log, sizeof walk->log, "%s/log", walk->top);
	must(mkdir(walk->broker, 0700) == 0, "a folder");
	profiles = memory_format("%s/agents", here);
	for (int i = 0; i < 2; i++) {
		char *link = memory_format("%s/agents", walk->offices[i]);

		must(mkdir(walk->offices[i], 0700) == 0 && symlink(profiles, link) == 0, "an office's folder");
		free(link);
	}
	free_ports(walk->ports, 4);
	free(profiles);
	free(path);
}

static int set_up(void **state)
{
	static struct walk walk;

	settings_read(&walk);
	must(commands_read(&walk, JOINING, MAKING) == OPERATING, "four blocks of commands");
	must(commands_read(&walk, RENEWING, RENEWAL) == BROKER_RENEWAL, "two blocks of commands");
	machine_make(&walk);
	*state = &walk;
	return 0;
}

static int tear_down(void **state)
{
	struct walk *walk = *state;
	const char *argv[] = {"/bin/rm", "-rf", walk->top, NULL};
	bool clean = true;

	while (walk->started_count > 0)
		clean &= process_end(walk->started[--walk->started_count], SIGTERM, 20) == 0;
	free(walk->agent_yaml);
	process_run(argv, NULL, NULL, "/dev/null", 20);
	return clean ? 0 : 1;
}

static void an_exchange_is_made(void **state)
{
	struct walk *walk = *state;
	size_t steps = 0;

	for (size_t i = 0; i < walk->count; i++) {
		char *command = stood_in(walk, walk->steps[i].text);
		struct buffer out = {0};

		if (walk->steps[i].block == MAKING) {
			run(walk, walk->broker, command, &out);
			steps++;
		}
		buffer_free(&out);
		free(command);
	}
	assert_int_equal(steps, 4);
	assert_true(comes_true(walk, walk->broker, "simpulctl -c exchange/broker.yaml status"));
}

/* The digits behind "fingerprint" in what a program says; free it. */
static char *digits_said(const struct buffer *said)
{
	const char *at = memmem(said->data, said->size, "fingerprint  ", 13);

	assert_non_null(at);
	return memory_format("%.*s", FINGERPRINT_SIZE - 1, at + 13);
}

static void join_walk(struct walk *walk, const char *folder, const char *name)
{
	char *read_out = NULL, *compared = NULL, *yaml = for_office(walk->agent_yaml, name);
	char *path = memory_format("%s/agent.yaml", folder);

	must(file_write(path, BYTES(yaml, strlen(yaml)), 0600, NULL) == E_OK, path);
	for (size_t i = 0; i < walk->count; i++) {
		char *command = for_office(walk->steps[i].text, name);
		struct buffer out = {0};

		if (walk->steps[i].block == ENROLLING) {
			carry_all(walk, folder);
			run(walk, walk->steps[i].place == 'b' ? walk->broker : folder, command, &out);
		}
		if (walk->steps[i].block == ENROLLING && strstr(command, "simpul join"))
			read_out = digits_said(&out);
		if (walk->steps[i].block == ENROLLING && strstr(command, " enroll "))
			compared = digits_said(&out);
		buffer_free(&out);
		free(command);
	}
	/* What the office reads from its screen is what the operator sees. */
	assert_non_null(read_out);
	assert_non_null(compared);
	assert_string_equal(read_out, compared);
	free(compared);
	free(read_out);
	free(path);
	free(yaml);
}

static void two_offices_join(void **state)
{
	struct walk *walk = *state;

	join_walk(walk, walk->offices[0], FIRST);
	join_walk(walk, walk->offices[1], SECOND);
	assert_true(comes_true(walk, walk->offices[0], "simpul status"));
	assert_true(comes_true(walk, walk->offices[1], "simpul status"));
}

/* The other office reads what came; the first one says and asks everything else. */
static const char *folder_of(const struct walk *walk, const char *command)
{
	static char exchange[112];

	if (strncmp(command, "simpulctl", 9) == 0) {
		snprintf(exchange, sizeof exchange, "%s/exchange", walk->broker);
		return exchange;
	}
	return walk->offices[strstr(command, "inbox") || strstr(command, "verify")];
}

static void a_report_arrives_and_every_question_of_the_chapter_is_answered(void **state)
{
	struct walk *walk = *state;
	size_t steps = 0;

	for (size_t i = 0; i < walk->count; i++) {
		char *command = stood_in(walk, walk->steps[i].text);
		struct buffer out = {0};

		if (walk->steps[i].block == ASKING || walk->steps[i].block == OPERATING) {
			run(walk, folder_of(walk, command), command, &out);
			steps++;
		}
		if (walk->steps[i].block == ASKING && strncmp(command, "simpul report", 13) == 0) {
			assert_non_null(memmem(out.data, out.size, FIRST "#1", strlen(FIRST "#1")));
			assert_true(comes_true(walk, walk->offices[1], "simpul inbox list --json | grep -q '" FIRST "#1'"));
		}
		buffer_free(&out);
		free(command);
	}
	assert_true(steps >= 14);
}

static void a_key_is_renewed_without_a_stop(void **state)
{
	struct walk *walk = *state;

	for (size_t i = 0; i < walk->count; i++) {
		struct buffer out = {0};

		if (walk->steps[i].block == RENEWAL) {
			carry_all(walk, walk->offices[0]);
			run(walk, walk->steps[i].place == 'b' ? walk->broker : walk->offices[0], walk->steps[i].text, &out);
		}
		buffer_free(&out);
	}
	assert_true(comes_true(walk, walk->offices[0],
			       "simpul status --json | grep -q '\"key_id\": *2' && test -e " FIRST ".keys.1 && simpul status"));
}

/* The broker was the first that was started: it is ended, and what is started now takes its place. */
static void broker_again(struct walk *walk, const char *command)
{
	assert_int_equal(process_end(walk->started[0], SIGTERM, 20), 0);
	start(walk, walk->broker, command);
	walk->started[0] = walk->started[--walk->started_count];
}

static void the_brokers_keys_are_renewed_with_one_restart(void **state)
{
	struct walk *walk = *state;
	size_t steps = 0;

	for (size_t i = 0; i < walk->count; i++) {
		struct buffer out = {0};

		if (walk->steps[i].block == BROKER_RENEWAL && strncmp(walk->steps[i].text, "simpul-broker ", 14) == 0)
			broker_again(walk, walk->steps[i].text);
		else if (walk->steps[i].block == BROKER_RENEWAL)
			run(walk, walk->broker, walk->steps[i].text, &out);
		steps += walk->steps[i].block == BROKER_RENEWAL;
		buffer_free(&out);
	}
	assert_int_equal(steps, 2);
	for (int i = 0; i < 2; i++)
		assert_true(comes_true(walk, walk->offices[i], "simpul status"));
	assert_true(comes_true(walk, walk->broker,
			       "test ! -e exchange/broker.keys.next && simpulctl -c exchange/broker.yaml journal verify"));
}

/* ------------------------------------------------------------------ and not otherwise */

static const char enroll_again[] =
	"simpulctl -c exchange/broker.yaml enroll third.request --authority-key authority.key -o third.join";

static void nobody_joins_with_a_wrong_fingerprint_passphrase_or_exchange(void **state)
{
	static const struct terminal_line no[] = {{"Type yes", "no"}, {NULL, NULL}};
	static const struct terminal_line wrong[] = {{"Type yes", "yes"}, {"Passphrase", "another river"}, {NULL, NULL}};
	struct walk *walk = *state;
	struct buffer out = {0};

	assert_int_equal(shell(walk, walk->broker,
			       "simpul join --exchange-file exchange/exchange.id --node police.third --no-passphrase && mv police.third.request "
			       "third.request",
			       NULL, NULL),
			 0);
	assert_int_equal(at_terminal(walk->broker, enroll_again, no, &out), 65);
	assert_int_equal(at_terminal(walk->broker, enroll_again, wrong, &out), 77);
	assert_non_null(memmem(out.data, out.size, "passphrase is wrong", 19));
	assert_int_equal(shell(walk, walk->broker,
			       "rm third.request; sed 's/\"exchange\": \"[0-9a-f]*\"/\"exchange\": "
			       "\"00112233445566778899aabbccddeeff\"/' exchange/exchange.id >other.id && "
			       "! cmp -s other.id exchange/exchange.id && simpul join "
			       "--exchange-file other.id --node police.fourth --no-passphrase && mv police.fourth.request third.request",
			       NULL, NULL),
			 0);
	/* Nobody is even asked. */
	assert_int_equal(shell(walk, walk->broker, enroll_again, NULL, NULL), 78);
	assert_int_not_equal(shell(walk, walk->broker, "test -e third.join", NULL, NULL), 0);
	buffer_free(&out);
}

static void no_key_gets_another_number_than_was_said(void **state)
{
	static const char join[] =
		"for n in 0 2x -1 4294967298; do "
		"simpul join --exchange-file exchange/exchange.id --node police.fifth --key-id $n --no-passphrase; "
		"test $? -eq 64 || exit 1; done";
	struct walk *walk = *state;

	assert_int_equal(shell(walk, walk->broker, join, NULL, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_exchange_is_made),
		cmocka_unit_test(two_offices_join),
		cmocka_unit_test(a_report_arrives_and_every_question_of_the_chapter_is_answered),
		cmocka_unit_test(a_key_is_renewed_without_a_stop),
		cmocka_unit_test(the_brokers_keys_are_renewed_with_one_restart),
		cmocka_unit_test(nobody_joins_with_a_wrong_fingerprint_passphrase_or_exchange),
		cmocka_unit_test(no_key_gets_another_number_than_was_said),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
