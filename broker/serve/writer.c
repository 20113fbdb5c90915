/* writer - one thread that waits for errands, fills commits with appends, and keeps cursors and slots fresh when idle.
 */
#include "broker/serve/writer.h"
#include "common/memory.h"
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
	COMMIT_BYTES = 8 * 1024 * 1024,
	FLUSH_MS = 1000, /* cursors are on disk so soon after the last commit */
};

enum errand_type { ERRAND_APPEND, ERRAND_CURSOR, ERRAND_WITHHELD, ERRAND_STOP };

struct errand {
	struct letter letter;
	enum errand_type type;
	struct journal_append *append;
	char node[LIMIT_NODE_NAME + 1];
	uint64_t entry;
	uint32_t policy_version;
};

struct writer {
	struct journal *journal;
	struct mailbox *errands, *answers;
	pthread_t thread;
	/* The rest belongs to the thread. */
	struct letter *first, **last; /* appends that wait for a commit, oldest first */
	bool stopping, dead;
	steady_ms flushed;
};

/* ---------------------------------------------------------------------------- handing over */

static struct errand *errand_new(enum errand_type type)
{
	struct errand *errand = memory_zero(1, sizeof(*errand));

	errand->type = type;
	return errand;
}

void writer_append(struct writer *writer, struct journal_append *append)
{
	struct errand *errand = errand_new(ERRAND_APPEND);

	errand->append = append;
	mailbox_put(writer->errands, &errand->letter);
}

static void note_put(struct writer *writer, enum errand_type type, const char *node, uint64_t entry, uint32_t version)
{
	struct errand *errand = errand_new(type);

	strncpy(errand->node, node, LIMIT_NODE_NAME);
	errand->entry = entry;
	errand->policy_version = version;
	mailbox_put(writer->errands, &errand->letter);
}

void writer_cursor(struct writer *writer, const char *node, uint64_t entry)
{
	note_put(writer, ERRAND_CURSOR, node, entry, 0);
}

void writer_withheld(struct writer *writer, const char *node, uint64_t entry, uint32_t policy_version)
{
	note_put(writer, ERRAND_WITHHELD, node, entry, policy_version);
}

/* ---------------------------------------------------------------------------- the thread */

static void append_queue(struct writer *writer, struct journal_append *append)
{
	append->letter.next = NULL;
	*writer->last = &append->letter;
	writer->last = &append->letter.next;
}

static void errand_do(struct writer *writer, struct errand *errand)
{
	switch (errand->type) {
	case ERRAND_APPEND:
		append_queue(writer, errand->append);
		break;
	case ERRAND_CURSOR:
		journal_note_cursor(writer->journal, errand->node, errand->entry);
		break;
	case ERRAND_WITHHELD:
		journal_note_withheld(writer->journal, errand->node, errand->entry, errand->policy_version);
		break;
	case ERRAND_STOP:
		writer->stopping = true;
		break;
	}
	free(errand);
}

static size_t append_size(const struct letter *letter)
{
	const struct journal_append *append = (const struct journal_append *)letter;

	return append->content.size + append->delivery.size;
}

/* One commit is signed with one key. */
static bool changes_keys(const struct letter *letter)
{
	return ((const struct journal_append *)letter)->newer != NULL;
}

/* Cuts the next commit off the front of the queue: at least one append. */
static struct journal_append *commit_take(struct writer *writer)
{
	struct letter *taken = writer->first, *last = taken;
	const size_t most = changes_keys(taken) ? 1 : LIMIT_COMMIT_ENTRIES;
	size_t size = append_size(taken);

	for (size_t count = 1; last->next != NULL && !changes_keys(last->next) && count < most; count++) {
		size += append_size(last->next);
		if (size > COMMIT_BYTES)
			break;
		last = last->next;
	}
	writer->first = last->next;
	if (writer->first == NULL)
		writer->last = &writer->first;
	last->next = NULL;
	return (struct journal_append *)taken;
}

static void answer_put(struct writer *writer, struct journal_append *appends, enum error error)
{
	struct writer_answer *answer = memory_zero(1, sizeof(*answer));

	answer->appends = appends;
	answer->error = error;
	if (error == E_IO)
		answer->fault = *journal_failure(writer->journal);
	writer->dead = error == E_IO;
	mailbox_put(writer->answers, &answer->letter);
}

static void commit_one(struct writer *writer)
{
	struct journal_append *appends = commit_take(writer);

	answer_put(writer, appends, journal_commit(writer->journal, appends, clock_now().wall));
	journal_tend(writer->journal);
}

static void flush(struct writer *writer)
{
	enum error error = journal_flush(writer->journal);

	writer->flushed = clock_now().steady;
	if (error == E_IO)
		answer_put(writer, NULL, error);
}

/* Waits for errands, but not beyond the time of the next flush. */
static void errands_wait(struct writer *writer)
{
	struct pollfd wait = {.fd = mailbox_fd(writer->errands), .events = POLLIN};
	steady_ms waited = clock_now().steady - writer->flushed;

	if (waited < FLUSH_MS)
		poll(&wait, 1, (int)(FLUSH_MS - waited));
}

static void errands_take(struct writer *writer)
{
	struct letter *letter = mailbox_take_all(writer->errands);

	while (letter != NULL) {
		struct letter *next = letter->next;

		errand_do(writer, (struct errand *)letter);
		letter = next;
	}
}

static void *writer_run(void *context)
{
	struct writer *writer = context;

	flush(writer); /* lays in the first slots before anybody waits for them */
	while (!writer->dead && !(writer->stopping && writer->first == NULL)) {
		if (writer->first == NULL)
			errands_wait(writer);
		errands_take(writer);
		if (writer->first != NULL)
			commit_one(writer);
		if (!writer->dead && clock_now().steady - writer->flushed >= FLUSH_MS)
			flush(writer);
	}
	if (!writer->dead)
		flush(writer);
	return NULL;
}

/* ---------------------------------------------------------------------------- life */

static void appends_free(struct letter *letter)
{
	while (letter != NULL) {
		struct letter *next = letter->next;

		journal_append_free((struct journal_append *)letter);
		letter = next;
	}
}

void writer_answer_free(struct writer_answer *answer)
{
	if (answer == NULL)
		return;
	appends_free((struct letter *)answer->appends); /* the first member of each */
	free(answer);
}

struct writer *writer_start(struct journal *journal, struct mailbox *answers)
{
	struct writer *writer = memory_zero(1, sizeof(*writer));

	writer->journal = journal;
	writer->answers = answers;
	writer->errands = mailbox_new();
	writer->last = &writer->first;
	if (pthread_create(&writer->thread, NULL, writer_run, writer) != 0)
		abort(); /* at the start of a program only */
	return writer;
}

void writer_stop(struct writer *writer)
{
	struct errand *stop;

	if (writer == NULL)
		return;
	stop = errand_new(ERRAND_STOP);
	mailbox_put(writer->errands, &stop->letter);
	pthread_join(writer->thread, NULL);
	/* Only after E_IO is anything left. */
	errands_take(writer);
	appends_free(writer->first);
	mailbox_free(writer->errands);
	free(writer);
}
