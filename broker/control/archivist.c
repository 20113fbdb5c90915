/* archivist - takes questions one by one and answers each out of one state of the journal. */
#include "broker/control/archivist.h"

#include "broker/control/copies.h"
#include "broker/control/explain.h"
#include "common/clock.h"
#include "common/memory.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct archivist {
	struct journal_options options; /* path is owned */
	struct mailbox *questions, *answers;
	struct letter stop; /* known by its address */
	atomic_bool stopping;
	steady_ms until; /* may the question take that is looked at */
	pthread_t thread;
};

void archive_letter_free(struct archive_letter *letter)
{
	json_decref(letter->status);
	json_decref(letter->nodes);
	free(letter->text);
	free(letter);
}

/* ---- answers */

static enum error report_tell(struct archivist *archivist, struct journal_case *c, struct archive_letter *letter,
			      json_t **view)
{
	struct copies_source source = {
		.c = c, .status = letter->status, .nodes = letter->nodes, .most = ARCHIVIST_COPIES};
	struct report_name name;
	enum error error;

	if (!report_name_parse(letter->object, &name))
		return fault_at(&letter->fault, E_INVALID, "object");
	/* For the outcomes that recipients tell of their sinks; what reports say is told to nobody. */
	if (journal_reader_open(&source.reader, &archivist->options, NULL) != E_OK)
		source.reader = NULL;
	error = copies_report(&source, &name, view, &letter->fault);
	journal_reader_close(source.reader);
	return error;
}

static enum error explain_tell(struct journal_case *c, struct archive_letter *letter, json_t **view)
{
	struct buffer text = {0};
	enum error error = explain_report(c, letter->node, letter->object, &text, &letter->fault);

	if (error == E_OK)
		*view = json_pack("{s:s%}", "text", (const char *)text.data, text.size);
	buffer_free(&text);
	return error;
}

static enum error question_tell(struct archivist *archivist, struct journal_case *c, struct archive_letter *letter,
				json_t **view)
{
	switch (letter->question) {
	case ARCHIVE_REPORT:
		return report_tell(archivist, c, letter, view);
	case ARCHIVE_SENT:
		return copies_sent(c, letter->object, letter->since, letter->after, ARCHIVIST_PAGE, view,
				   &letter->fault);
	default:
		return explain_tell(c, letter, view);
	}
}

/* Here, for it may take longer than the loop has time. */
static void answer_write(struct archive_letter *letter, json_t *view)
{
	json_object_set_new(view, "ok", json_true());
	letter->text = json_dumps(view, JSON_COMPACT);
	if (letter->text != NULL && strlen(letter->text) <= ARCHIVIST_ANSWER_MOST)
		return;
	fault_at(&letter->fault, letter->text == NULL ? E_NOT_UTF8 : E_TOO_LARGE, "answer");
	free(letter->text);
	letter->text = NULL;
}

static bool question_ended(void *context)
{
	const struct archivist *archivist = context;

	return atomic_load(&archivist->stopping) || clock_now().steady >= archivist->until;
}

static enum error question_look(struct archivist *archivist, struct archive_letter *letter, json_t **view)
{
	struct journal_case *c = NULL;
	enum error error = question_ended(archivist) ? E_STOPPING
						     : journal_case_open(&c, archivist->options.path, &letter->fault);

	if (error == E_OK) {
		journal_case_watch(c, question_ended, archivist);
		error = question_tell(archivist, c, letter, view);
	}
	journal_case_close(c);
	return error;
}

static void question_answer(struct archivist *archivist, struct archive_letter *letter)
{
	const bool waited = clock_now().steady - letter->asked_at >= ARCHIVIST_WAIT_MS;
	json_t *view = NULL;

	archivist->until = letter->asked_at + ARCHIVIST_MS;
	if (question_look(archivist, letter, &view) == E_OK)
		answer_write(letter, view);
	else if (question_ended(archivist) && waited)
		fault_at(&letter->fault, E_BUSY, "%s", "");
	else if (question_ended(archivist))
		fault_at(&letter->fault, E_TOO_LARGE, "answer: it takes too long");
	json_decref(view);
	mailbox_put(archivist->answers, &letter->letter);
}

/* ---- the thread */

static void *archivist_run(void *context)
{
	struct archivist *archivist = context;
	struct letter *letter, *next;
	bool stop = false;

	while (!stop) {
		for (letter = mailbox_wait_all(archivist->questions); letter != NULL; letter = next) {
			next = letter->next;
			if (letter == &archivist->stop)
				stop = true;
			else if (atomic_load(&archivist->stopping))
				archive_letter_free((struct archive_letter *)letter);
			else
				question_answer(archivist, (struct archive_letter *)letter);
		}
	}
	return NULL;
}

struct archivist *archivist_start(const struct journal_options *options, struct mailbox *answers)
{
	struct archivist *archivist = memory_zero(1, sizeof(*archivist));

	archivist->options = *options;
	archivist->options.path = memory_string(options->path);
	archivist->answers = answers;
	archivist->questions = mailbox_new();
	atomic_init(&archivist->stopping, false);
	if (pthread_create(&archivist->thread, NULL, archivist_run, archivist) != 0)
		abort(); /* at the start of a program only */
	return archivist;
}

void archivist_ask(struct archivist *archivist, struct archive_letter *letter)
{
	mailbox_put(archivist->questions, &letter->letter);
}

void archivist_stop(struct archivist *archivist)
{
	if (archivist == NULL)
		return;
	atomic_store(&archivist->stopping, true);
	mailbox_put(archivist->questions, &archivist->stop);
	pthread_join(archivist->thread, NULL);
	mailbox_free(archivist->questions);
	free((char *)(uintptr_t)archivist->options.path);
	keys_wipe(archivist, sizeof(*archivist));
	free(archivist);
}
