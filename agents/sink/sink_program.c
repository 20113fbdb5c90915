/* sink_program - hands each report to a process of its own. */
#include "agents/sink/sink_erase.h"
#include "agents/store/child.h"
#include "agents/store/place.h"
#include "common/memory.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

enum { ANSWER_MOST = 1024 };

struct program {
	const struct sink_options *options;
	char *path;  /* absolute */
	char **argv; /* the path first, NULL at the end */
	int stop;
};

/* A child runs in another folder than the agent. */
static char *path_absolute(const char *path)
{
	char *here = path[0] == '/' ? NULL : getcwd(NULL, 0);
	char *absolute = here == NULL ? memory_string(path) : memory_format("%s/%s", here, path);

	free(here);
	return absolute;
}

static void *program_open(const struct sink_options *options, int stop)
{
	struct program *program = memory_zero(1, sizeof(*program));

	program->options = options;
	program->stop = stop;
	program->path = path_absolute(options->path);
	program->argv = memory_zero(options->arg_count + 2, sizeof(*program->argv));
	program->argv[0] = memory_string(program->path);
	for (size_t i = 0; i < options->arg_count; i++)
		program->argv[i + 1] = memory_string(options->args[i]);
	return program;
}

/* True when it went well; says otherwise how it ended. */
static bool ended_well(const struct program *program, enum child_outcome outcome, int status, struct sink_reason *why)
{
	if (outcome == CHILD_STOPPED)
		return sink_is_away(why, "the agent stops");
	if (outcome == CHILD_LATE)
		return sink_fails(why, "it took longer than %u s", program->options->seconds);
	if (WIFSIGNALED(status))
		return sink_fails(why, "it ended by signal %d", WTERMSIG(status));
	if (WEXITSTATUS(status) == EX_TEMPFAIL)
		return sink_is_away(why, "its exit status was %d: not now", EX_TEMPFAIL);
	return WEXITSTATUS(status) == 0 || sink_fails(why, "its exit status was %d", WEXITSTATUS(status));
}

/* Runs the program once; `heard` (NULL: nothing) receives what it writes, as far as it fits. */
static bool program_run(struct program *program, const struct sink_report *report, const char *what,
			struct buffer *heard, struct sink_reason *why)
{
	steady_ms deadline = clock_now().steady + (steady_ms)program->options->seconds * 1000;
	char path[] = "PATH=/usr/local/bin:/usr/bin:/bin", locale[] = "LANG=C.UTF-8";
	char *event = memory_format("SIMPUL_EVENT=%s", what), *name = memory_format("SIMPUL_NAME=%s", report->key);
	char *mark = memory_format("SIMPUL_MARK=%s", report->mark == NULL ? "" : report->mark);
	char *const environment[] = {path, locale, event, name, mark, NULL};
	const struct child_command command = {
		.program = program->path, .argv = program->argv, .environment = environment, .heard = heard != NULL};
	enum child_outcome outcome;
	struct child child;
	int status = 0;
	bool started = child_start(&child, &command, report->json, deadline, program->stop) == E_OK;
	int cause = errno;

	free(event);
	free(name);
	free(mark);
	if (!started)
		return sink_is_away(why, "it cannot be run: %s", strerror(cause));
	/* What is too long, or comes too late, is no answer; how it ends decides all the same. */
	if (heard != NULL && child_read(&child, ANSWER_MOST, deadline, program->stop, heard, "answer", NULL) != E_OK) {
		buffer_clear(heard);
		child_drain(&child, deadline, program->stop);
	}
	outcome = child_end(&child, deadline, program->stop, &status);
	return ended_well(program, outcome, status, why);
}

static bool program_put(void *self, const struct sink_report *report, struct sink_reason *why)
{
	return program_run(self, report, "report", NULL, why);
}

static bool program_erase(void *self, const struct sink_report *report, struct sink_outcome *outcome,
			  struct sink_reason *why)
{
	struct program *program = self;
	struct buffer heard = {0};
	bool taken = program_run(program, report, "erase", &heard, why);

	if (taken && !sink_held_read(buffer_view(&heard), outcome))
		outcome->outcome = sink_outcome_declared(program->options->erases);
	buffer_free(&heard);
	return taken;
}

static void program_close(void *self)
{
	struct program *program = self;

	for (char **arg = program->argv; *arg != NULL; arg++)
		free(*arg);
	free(program->argv);
	free(program->path);
	free(program);
}

static bool program_able(const struct sink_options *options, struct sink_reason *why)
{
	const char *trouble = place_program_trouble(options->path);

	return trouble == NULL || sink_fails(why, "%s", trouble);
}

const struct sink_kind sink_program = {.slow = true,
				       .open = program_open,
				       .put = program_put,
				       .erase = program_erase,
				       .close = program_close,
				       .able = program_able};
