/* log - structured events for operators: logfmt on stderr, native fields when stderr is the journal.
 *
 * Event names are stable ("report.accepted"); PROTOCOL.md, "Events", lists them. Fields carry names of
 * nodes and reports, numbers and codes; never text of a report, a file's content or a key. */
#ifndef SIMPUL_LOG_H
#define SIMPUL_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_NOTICE, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR, LOG_LEVEL_ALARM };

enum log_type { LOG_END, LOG_TEXT, LOG_NUMBER };

struct log_field {
	enum log_type type;
	const char *key; /* [a-z_]+ */
	const char *text;
	uint64_t number;
};

#define F_TEXT(k, v) ((struct log_field){.type = LOG_TEXT, .key = (k), .text = (v)})
#define F_NUM(k, v) ((struct log_field){.type = LOG_NUMBER, .key = (k), .number = (v)})

/* log_event(LOG_LEVEL_INFO, "report.accepted", F_TEXT("node", n), F_NUM("entry", e)); from any thread. */
#define log_event(level, event, ...) \
	log_write((level), (event), (const struct log_field[]){__VA_ARGS__, {.type = LOG_END}})

void log_init(const char *program, enum log_level least);
/* Where nobody reads standard error any more it waits a second, and from then on for nothing: what is lost until
 * somebody reads again is counted, and said then ("log.lost"). */
void log_write(enum log_level level, const char *event, const struct log_field *fields);
/* Also hands every line (logfmt, no newline) to `copy`, under the log's lock; NULL ends that. */
void log_copy(void (*copy)(void *context, enum log_level level, const char *line), void *context);
/* "time=... level=info event=..." without writing it; returns `line`. For tests. */
char *log_format(char *line, size_t size, enum log_level level, const char *event, const struct log_field *fields);

#endif
