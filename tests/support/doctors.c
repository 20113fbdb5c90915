/* doctors - asks the doctors, and lets others answer them. */
#include "tests/support/doctors.h"

#include "common/memory.h"
#include "tests/support/operate.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>
#include <cmocka.h>

char *doctor_text(struct exchange *x, size_t office, int *status)
{
	char *path = memory_format("%s/%s.keys", x->offices[office].folder, x->offices[office].node);
	char *keys = file_text(path), *rest = NULL;
	struct buffer out = {0};

	*status = exchange_simpul(x, office, NULL, &out, "doctor", NULL);
	buffer_u8(&out, 0);
	for (char *line = strtok_r(keys, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (strstr(line, "secret = ") || strstr(line, "seed = "))
			assert_null(strstr((const char *)out.data, strstr(line, " = ") + 3));
	free(keys);
	free(path);
	return (char *)out.data;
}

char *broker_doctor_text(struct exchange *x, int *status)
{
	struct buffer out = {0};

	*status = exchange_ctl(x, &out, "doctor", "--silent-days", "0", NULL);
	buffer_u8(&out, 0);
	return (char *)out.data;
}

/* True when a line begins with this word and holds the words. */
static bool line_holds(const char *text, const char *result, const char *said)
{
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *end = line + strcspn(line, "\n"), *found = strstr(line, said);

		if (strncmp(line, result, strlen(result)) == 0 && found && found < end)
			return true;
	}
	return false;
}

size_t lines_with(const char *text, const char *result)
{
	size_t count = strncmp(text, result, strlen(result)) == 0;

	for (const char *line = text; (line = strchr(line, '\n')); line++)
		count += strncmp(line + 1, result, strlen(result)) == 0;
	return count;
}

void assert_said(const char *text, const char *result, const char *said)
{
	if (!line_holds(text, result, said))
		fail_msg("no line \"%s ... %s\" in:\n%s", result, said, text);
}

void assert_doctor_says(struct exchange *x, size_t office, const char *result, const char *said)
{
	int status;
	char *text = doctor_text(x, office, &status);

	assert_said(text, result, said);
	assert_int_equal(status, lines_with(text, "FAIL") > 0);
	free(text);
}

void assert_broker_doctor_says(struct exchange *x, const char *result, const char *said)
{
	int status;
	char *text = broker_doctor_text(x, &status);

	assert_said(text, result, said);
	assert_int_equal(status, lines_with(text, "FAIL") > 0);
	free(text);
}

static void *pretended_answer(void *argument)
{
	struct pretended *pretended = argument;
	char question[256];

	for (unsigned i = 0; i < pretended->questions; i++)
		if (zmq_recv(pretended->socket, question, sizeof question, 0) > 0)
			zmq_send(pretended->socket, pretended->answer, strlen(pretended->answer), 0);
	return NULL;
}

pthread_t pretend(struct pretended *pretended, void *context, const char *path)
{
	char *endpoint = memory_format("ipc://%s", path);
	const int wait = patient_ms(20000);
	pthread_t thread;

	pretended->socket = zmq_socket(context, ZMQ_REP);
	zmq_setsockopt(pretended->socket, ZMQ_RCVTIMEO, &wait, sizeof wait);
	assert_int_equal(zmq_bind(pretended->socket, endpoint), 0);
	assert_int_equal(pthread_create(&thread, NULL, pretended_answer, pretended), 0);
	free(endpoint);
	return thread;
}
