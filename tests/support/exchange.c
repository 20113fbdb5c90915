/* exchange - sets an exchange up with its own programs and looks into its offices' stores. */
#include "tests/support/exchange.h"
#include "common/arena.h"
#include "common/file.h"
#include "common/memory.h"
#include "common/wire.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <sodium.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define ARGUMENTS_MOST 32
#define START_SECONDS 20

/* ------------------------------------------------------------------ small things */

static void must(bool good, const struct exchange *x, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "exchange in %s: %s failed; its log follows\n", x->folder, what);
	fflush(stderr);
	struct buffer text = {0};
	if (file_read(x->log, 4 << 20, &text, NULL) == E_OK)
		fwrite(text.data, 1, text.size, stderr);
	exit(1);
}

static void write_file(const struct exchange *x, const char *path, const char *content)
{
	must(file_write(path, BYTES(content, strlen(content)), 0600, NULL) == E_OK, x, path);
}

/* True when nobody listens on the port now. */
static bool port_free(int port)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const bool is_free = bind(fd, (const struct sockaddr *)&address, sizeof address) == 0;

	close(fd);
	return is_free;
}

static bool is_among(const int *ports, size_t count, int port)
{
	for (size_t i = 0; i < count; i++)
		if (ports[i] == port)
			return true;
	return false;
}

/* By chance, below those that the kernel gives to outgoing connections, so that tests can run side by side. */
void free_ports(int *ports, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		do
			ports[i] = 10000 + (int)randombytes_uniform(20000);
		while (is_among(ports, i, ports[i]) || !port_free(ports[i]));
	}
}

/* ------------------------------------------------------------------ programs */

static int run_program(const char *log, const char *program, const char *const *first, va_list rest, const char *input,
		       struct buffer *out)
{
	char path[300];
	const char *argv[ARGUMENTS_MOST + 1];
	size_t count = 0;
	const char *argument;

	argv[count++] = process_program(program, path, sizeof path);
	for (; *first && count < ARGUMENTS_MOST; first++)
		argv[count++] = *first;
	while (count < ARGUMENTS_MOST && (argument = va_arg(rest, const char *)))
		argv[count++] = argument;
	argv[count] = NULL;
	return process_run(argv, input, out, log, 60);
}

int exchange_ctl(struct exchange *x, struct buffer *out, ...)
{
	char config[300];
	const char *const first[] = {"-c", config, NULL};
	va_list rest;
	int status;

	snprintf(config, sizeof config, "%s/broker.yaml", x->folder);
	va_start(rest, out);
	status = run_program(x->log, "simpulctl", first, rest, NULL, out);
	va_end(rest);
	return status;
}

int exchange_simpul(struct exchange *x, size_t office, const char *input, struct buffer *out, ...)
{
	char config[300];
	const char *const first[] = {"-c", config, NULL};
	va_list rest;
	int status;

	snprintf(config, sizeof config, "%s/agent.yaml", x->offices[office].folder);
	va_start(rest, out);
	status = run_program(x->log, "simpul", first, rest, input, out);
	va_end(rest);
	return status;
}

/* ------------------------------------------------------------------ life */

void exchange_make(struct exchange *x, const char *policy_yaml)
{
	exchange_make_at(x, policy_yaml, "127.0.0.1");
}

void exchange_make_at(struct exchange *x, const char *policy_yaml, const char *host)
{
	char template[] = "/tmp/simpul-test-XXXXXX", link[64], feed[64], path[300];
	int ports[2];

	memset(x, 0, sizeof *x);
	keys_init();
	if (!mkdtemp(template))
		exit(1);
	snprintf(x->folder, sizeof x->folder, "%s/broker", template);
	snprintf(x->log, sizeof x->log, "%s/log", template);
	process_program("simpul-broker", x->broker_program, sizeof x->broker_program);
	free_ports(ports, 2);
	snprintf(link, sizeof link, "tcp://%s:%d", host, ports[0]);
	snprintf(feed, sizeof feed, "tcp://%s:%d", host, ports[1]);
	{
		char program[300];
		const char *argv[] = {process_program("simpulctl", program, sizeof program), "init", x->folder, "--name",
				"TIMPORA Test", "--no-passphrase", "--link", link, "--feed", feed, NULL};

		must(process_run(argv, NULL, NULL, x->log, 20) == 0, x, "simpulctl init");
	}
	snprintf(path, sizeof path, "%s/policy.yaml", x->folder);
	write_file(x, path, policy_yaml);
}

char *exchange_offer(struct exchange *x, const char *key, char endpoint[64])
{
	char path[300], mention[32];
	struct buffer text = {0};
	int ports[2];

	snprintf(path, sizeof path, "%s/broker.yaml", x->folder);
	snprintf(mention, sizeof mention, "\n# %s: tcp://", key);
	must(file_read(path, 1 << 20, &text, NULL) == E_OK, x, path);
	buffer_u8(&text, 0);
	char *at = strstr((char *)text.data, mention);
	must(at != NULL, x, mention);
	free_ports(ports, 2);
	snprintf(endpoint, 64, "tcp://127.0.0.1:%d", ports[0]);
	char *yaml = memory_format("%.*s\n%s: %s%s", (int)(at - (char *)text.data), (char *)text.data, key, endpoint,
				   strchr(at + 1, '\n'));
	write_file(x, path, yaml);
	free(yaml);
	buffer_free(&text);
	return endpoint;
}

static bool broker_answers(void *context)
{
	struct exchange *x = context;

	return exchange_ctl(x, NULL, "status", NULL) == 0;
}

void exchange_start_broker(struct exchange *x)
{
	char config[300];
	const char *argv[] = {x->broker_program, "-c", config, NULL};

	snprintf(config, sizeof config, "%s/broker.yaml", x->folder);
	x->broker = process_start(argv, x->log);
	must(wait_for(broker_answers, x, START_SECONDS), x, "the broker's start");
}

/* The folder that holds the broker's and the offices'. Returns `top`, of at least the size of x->folder. */
static const char *top_folder(const struct exchange *x, char *top)
{
	memcpy(top, x->folder, sizeof x->folder);
	*strrchr(top, '/') = '\0';
	return top;
}

static void office_configure(struct exchange *x, const struct office *office, const char *more)
{
	char path[300];
	char *yaml = memory_format("node: %s\n"
				   "keys: %s.keys\n"
				   "join: exchange.join\n"
				   "store: store\n"
				   "local: local.sock\n"
				   "folders:\n"
				   "  - {path: drop, profile: json.yaml}\n"
				   "sinks:\n"
				   "  - {name: lines, type: jsonl, path: inbox.jsonl}\n"
				   "log_level: info\n"
				   "defaults: {expires_days: 30}\n%s",
				   office->node, office->node, more);

	snprintf(path, sizeof path, "%s/agent.yaml", office->folder);
	write_file(x, path, yaml);
	free(yaml);
	snprintf(path, sizeof path, "%s/json.yaml", office->folder);
	write_file(x, path,
		   "format: json\n"
		   "defaults: {label: AMBER, purpose: immigration-oversight, region: \"16.01\", expires_days: 30}\n");
	snprintf(path, sizeof path, "%s/drop", office->folder);
	mkdir(path, 0700);
	snprintf(path, sizeof path, "%s/store", office->folder);
	mkdir(path, 0700);
}

const char *request_fingerprint(const char *path, char text[FINGERPRINT_SIZE])
{
	struct member member;

	if (member_load(&member, path, NULL) != E_OK)
		abort();
	return member_fingerprint(&member, text);
}

size_t exchange_add(struct exchange *x, const char *node, const char *more)
{
	struct office *office = &x->offices[x->count];
	char program[300], top[200], identity[300], request[400], join[300], authority[300], fingerprint[FINGERPRINT_SIZE];

	snprintf(office->node, sizeof office->node, "%s", node);
	snprintf(office->folder, sizeof office->folder, "%s/%s", top_folder(x, top), node);
	mkdir(office->folder, 0700);
	snprintf(identity, sizeof identity, "%s/exchange.id", x->folder);
	{
		const char *argv[] = {process_program("simpul", program, sizeof program), "join", "--node",
				node, "--exchange-file", identity, "-o", office->folder, "--no-passphrase", NULL};

		must(process_run(argv, NULL, NULL, x->log, 20) == 0, x, "simpul join");
	}
	snprintf(request, sizeof request, "%s/%s.request", office->folder, node);
	snprintf(join, sizeof join, "%s/exchange.join", office->folder);
	snprintf(authority, sizeof authority, "%s/authority.key", x->folder);
	must(exchange_ctl(x, NULL, "enroll", request, "--authority-key", authority, "--fingerprint",
			  request_fingerprint(request, fingerprint), "-o", join, NULL) == 0,
	     x, "simpulctl enroll");
	office_configure(x, office, more ? more : "");
	return x->count++;
}

void exchange_start_office(struct exchange *x, size_t index)
{
	struct office *office = &x->offices[index];
	char program[300], config[300];
	const char *argv[] = {process_program("simpul-agent", program, sizeof program), "-c", config, NULL};

	snprintf(config, sizeof config, "%s/agent.yaml", office->folder);
	office->pid = process_start(argv, x->log);
}

void exchange_lay(struct exchange *x, const char *policy_yaml, const char *const nodes[])
{
	exchange_make(x, policy_yaml);
	exchange_start_broker(x);
	for (size_t i = 0; nodes[i]; i++)
		exchange_add(x, nodes[i], NULL);
}

void exchange_start_offices(struct exchange *x)
{
	for (size_t i = 0; i < x->count; i++)
		exchange_start_office(x, i);
}

bool exchange_stop(struct exchange *x)
{
	bool clean = true;

	for (size_t i = 0; i < x->count; i++) {
		if (x->offices[i].pid > 0)
			clean &= process_end(x->offices[i].pid, SIGTERM, 20) == 0;
		x->offices[i].pid = 0;
	}
	if (x->broker > 0)
		clean &= process_end(x->broker, SIGTERM, 20) == 0;
	x->broker = 0;
	return clean;
}

bool exchange_end(struct exchange *x, bool keep)
{
	const bool clean = exchange_stop(x);

	if (keep || !clean) {
		fprintf(stderr, "kept: %s\n", x->folder);
	} else {
		char top[200];
		const char *argv[] = {"/bin/rm", "-rf", top_folder(x, top), NULL};

		process_run(argv, NULL, NULL, "/dev/null", 20);
	}
	return clean;
}

int exchange_tear_down(void **state)
{
	return exchange_end(*state, false) ? 0 : 1;
}

/* ------------------------------------------------------------------ input */

void office_drop(struct exchange *x, size_t index, const char *name, const char *content)
{
	const struct office *office = &x->offices[index];
	char hidden[400], path[400];

	snprintf(hidden, sizeof hidden, "%s/drop/.%s", office->folder, name);
	snprintf(path, sizeof path, "%s/drop/%s", office->folder, name);
	FILE *file = fopen(hidden, "w");
	must(file && fputs(content, file) >= 0 && fclose(file) == 0 && rename(hidden, path) == 0, x, "dropping a file");
}

void draft_line(struct buffer *out, const char *category, const char *region, const char *summary, const char *more)
{
	char *line = memory_format("{\"category\": \"%s\", \"region\": \"%s\", %s\"sighting\": {\"first_seen\": "
				   "\"2026-01-01T10:00:00+07:00\", \"assertion\": \"fact\", \"summary\": \"%s\"}}\n",
				   category, region, more ? more : "", summary);

	buffer_text(out, line);
	free(line);
}

/* ------------------------------------------------------------------ looking */

/* The store of an agent that was started at least once; it may be making it at this moment. */
static struct store office_store(struct exchange *x, size_t index)
{
	char path[400];
	struct store store = {0};
	bool open = false;

	snprintf(path, sizeof path, "%s/store/agent.db", x->offices[index].folder);
	for (int tries = 0; tries < 250 && !open; tries++) {
		open = store_open_reader(&store, path, NULL, NULL) == E_OK;
		if (!open)
			sleep_ms(20);
	}
	must(open, x, "opening an office's store");
	return store;
}

struct outbox_counts office_outbox(struct exchange *x, size_t index)
{
	struct store store = office_store(x, index);
	struct outbox_counts counts;

	outbox_count(&store, &counts);
	store_close(&store);
	return counts;
}

size_t office_inbox(struct exchange *x, size_t index, void (*each)(void *context, const char *summary), void *context)
{
	struct store store = office_store(x, index);
	sqlite3_stmt *rows = database_prepare(store.db, "SELECT body FROM inbox ORDER BY row");
	struct arena arena;
	size_t count = 0;

	arena_init(&arena);
	for (; sqlite3_step(rows) == SQLITE_ROW; count++) {
		const Simpul__Body *body = wire_unpack(&simpul__body__descriptor, column_bytes(rows, 0), &arena, NULL);

		if (each && body && body->content_case == SIMPUL__BODY__CONTENT_SIGHTING)
			each(context, body->sighting->summary);
		arena_reset(&arena);
	}
	arena_fini(&arena);
	store_close(&store);
	return count;
}

static bool all_settled(void *context)
{
	struct exchange *x = context;

	for (size_t i = 0; i < x->count; i++) {
		const struct outbox_counts counts = office_outbox(x, i);

		if (counts.waiting + counts.sent > 0)
			return false;
	}
	return true;
}

bool exchange_settled(struct exchange *x, int seconds)
{
	return wait_for(all_settled, x, seconds);
}

struct expected_accepted {
	struct exchange *x;
	size_t office, accepted;
};

static bool has_accepted(void *context)
{
	const struct expected_accepted *expected = context;
	const struct outbox_counts counts = office_outbox(expected->x, expected->office);

	return counts.accepted >= expected->accepted && counts.waiting + counts.sent == 0;
}

bool office_settled(struct exchange *x, size_t office, size_t accepted, int seconds)
{
	struct expected_accepted expected = {x, office, accepted};

	return wait_for(has_accepted, &expected, seconds);
}

struct expected_rows {
	struct exchange *x;
	size_t office, rows;
};

static bool has_rows(void *context)
{
	const struct expected_rows *expected = context;

	return office_inbox(expected->x, expected->office, NULL, NULL) >= expected->rows;
}

bool office_received(struct exchange *x, size_t office, size_t rows, int seconds)
{
	struct expected_rows expected = {x, office, rows};

	return wait_for(has_rows, &expected, seconds);
}

bool folder_holds_bytes(const char *folder, struct bytes bytes)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	bool found = false;

	while (dir && !found && (entry = readdir(dir))) {
		char path[700];
		struct buffer content = {0};

		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
		if (entry->d_type == DT_DIR)
			found = folder_holds_bytes(path, bytes);
		else if (entry->d_type == DT_REG && file_read(path, 256 << 20, &content, NULL) == E_OK)
			found = content.size > 0 && memmem(content.data, content.size, bytes.data, bytes.size) != NULL;
		buffer_free(&content);
	}
	if (dir)
		closedir(dir);
	return found;
}

bool folder_holds(const char *folder, const char *text)
{
	return folder_holds_bytes(folder, BYTES(text, strlen(text)));
}

bool office_holds(struct exchange *x, size_t office, const char *text)
{
	return folder_holds(x->offices[office].folder, text);
}

bool exchange_logged(struct exchange *x, const char *text)
{
	struct buffer content = {0};
	bool found = file_read(x->log, 256 << 20, &content, NULL) == E_OK && content.size > 0 &&
		     memmem(content.data, content.size, text, strlen(text)) != NULL;

	buffer_free(&content);
	return found;
}
