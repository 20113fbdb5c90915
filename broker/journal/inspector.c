/* inspector - a thread that goes through the journal when nobody else wants the processor or the disk. */
#include "broker/journal/inspector.h"
#include "common/log.h"
#include "common/memory.h"
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* From linux/ioprio.h, which has no place among the C library's headers. */
enum { IOPRIO_WHO_PROCESS = 1, IOPRIO_CLASS_BEST_EFFORT = 2, IOPRIO_CLASS_IDLE = 3, IOPRIO_CLASS_SHIFT = 13 };

enum { NICE = 10, IOPRIO_MIDDLE = 4 };

struct inspector {
	struct journal_options options; /* path is owned */
	struct journal_watch watch;
	pthread_t thread;
	pthread_mutex_t lock; /* of what follows */
	struct inspection_status status;
};

/* On Linux these are of the thread. Where they cannot be had the check takes its turn like all others. A niceness
 * cannot be taken back without a privilege, so it leaves some of a busy processor. */
static void priority_lower(void)
{
	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
	syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_CLASS_IDLE << IOPRIO_CLASS_SHIFT);
}

/* Whoever is idle on a busy disk never gets a turn: nobody may hold the journal's log and wait for one. */
static void disk_priority_restore(void)
{
	syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_CLASS_BEST_EFFORT << IOPRIO_CLASS_SHIFT | IOPRIO_MIDDLE);
}

static void status_log(const struct inspection_status *status)
{
	const struct journal_verdict *verdict = &status->verdict;

	switch (status->state) {
	case INSPECTION_GOOD:
		log_event(LOG_LEVEL_NOTICE, "journal.verified", F_NUM("entries", verdict->entries),
			  F_NUM("seconds", status->seconds));
		break;
	case INSPECTION_DAMAGED:
		log_event(LOG_LEVEL_ALARM, "journal.damaged", F_NUM("entry", verdict->bad_entry),
			  F_TEXT("reason", verdict->what));
		break;
	default:
		log_event(LOG_LEVEL_WARNING, "journal.unverified", F_TEXT("code", error_name(status->fault.code)),
			  F_TEXT("field", status->fault.field));
	}
}

static void *inspector_run(void *context)
{
	struct inspector *inspector = context;
	struct inspection_status status = {.state = INSPECTION_FAILED};
	const steady_ms began = clock_now().steady;

	priority_lower();
	if (journal_verify_until(&inspector->options, NULL, &inspector->watch, &status.verdict, &status.fault) == E_OK)
		status.state = status.verdict.bad_entry == 0 ? INSPECTION_GOOD : INSPECTION_DAMAGED;
	if (atomic_load(&inspector->watch.stop))
		return NULL;
	status.seconds = (clock_now().steady - began) / 1000;
	status_log(&status);
	pthread_mutex_lock(&inspector->lock);
	inspector->status = status;
	pthread_mutex_unlock(&inspector->lock);
	return NULL;
}

struct inspector *inspector_start(const struct journal_options *options)
{
	struct inspector *inspector = memory_zero(1, sizeof(*inspector));

	inspector->options = *options;
	inspector->watch.hurry = disk_priority_restore;
	inspector->options.path = memory_string(options->path);
	pthread_mutex_init(&inspector->lock, NULL);
	if (pthread_create(&inspector->thread, NULL, inspector_run, inspector) != 0)
		abort(); /* at the start of a program only */
	return inspector;
}

void inspector_look(struct inspector *inspector, struct inspection_status *status)
{
	*status = (struct inspection_status){.state = INSPECTION_RUNS};
	if (inspector == NULL)
		return;
	pthread_mutex_lock(&inspector->lock);
	*status = inspector->status;
	pthread_mutex_unlock(&inspector->lock);
}

void inspector_stop(struct inspector *inspector)
{
	if (inspector == NULL)
		return;
	atomic_store(&inspector->watch.stop, true);
	pthread_join(inspector->thread, NULL);
	pthread_mutex_destroy(&inspector->lock);
	free((char *)(uintptr_t)inspector->options.path);
	keys_wipe(inspector, sizeof(*inspector));
	free(inspector);
}
