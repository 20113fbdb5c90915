/* officer_subject - what the files of `simpul subject` share.
 *
 *   officer_subject.c         the command; ask
 *   officer_subject_list.c    list and record
 *   officer_subject_answer.c  search and answer
 *   officer_subject_result.c  result */
#ifndef SIMPUL_OFFICER_SUBJECT_H
#define SIMPUL_OFFICER_SUBJECT_H

#include "agents/officer/officer.h"
#include "agents/subject/subject_book.h"
#include "agents/subject/subject_search.h"

/* Of each argv[0] is the word itself. */
int officer_subject_list(struct officer *officer, int argc, char **argv);
int officer_subject_record(struct officer *officer, int argc, char **argv);
int officer_subject_search(struct officer *officer, int argc, char **argv);
int officer_subject_answer(struct officer *officer, int argc, char **argv);
int officer_subject_result(struct officer *officer, int argc, char **argv);

/* Reads the book and finds a request that is not erased; the store stays open. False after a message, with the exit
 * status, and with nothing left open. */
struct subject_case {
	struct store store;
	struct subject_book book;
	json_t *request; /* of the book */
};
bool subject_case_open(const struct officer *officer, const char *name, struct subject_case *c, int *status);
void subject_case_close(struct subject_case *c);

/* Has the agent record that this user reads these reports, before they are shown. False after a message. */
bool subject_case_record(const struct officer *officer, const char *action, const char *query, json_int_t missing,
			 const json_t *named, int *status);

/* The options of decisions, for a table of options: --disclose, --withhold with --why, --other, --origins. */
#define SUBJECT_OPTION(name, letter) {name, required_argument, NULL, letter}
#define SUBJECT_OPTIONS \
	SUBJECT_OPTION("disclose", 'd'), SUBJECT_OPTION("withhold", 'w'), SUBJECT_OPTION("why", 'y'), \
		SUBJECT_OPTION("other", 'n'), {"origins", no_argument, NULL, 'g'}

struct subject_options {
	struct subject_decisions decisions;
	json_t *unexplained; /* names that --withhold gave and no --why followed */
};
void subject_options_begin(struct subject_options *options);
/* One of them with its value; false for another option. */
bool subject_options_take(struct subject_options *options, int option, const char *value);
/* After the last: false after a message when something is withheld without a reason. */
bool subject_options_check(const struct officer *officer, const struct subject_options *options);
void subject_options_end(struct subject_options *options);

/* What to do about a fault of subject_holdings. */
const char *subject_advice(enum error error);

#endif
