/* ctl - what the commands of simpulctl share: arguments, errors for people, and the way to the broker. */
#ifndef SIMPUL_CTL_H
#define SIMPUL_CTL_H

#include "broker/journal/journal_copy.h"
#include "broker/settings/settings.h"
#include "common/local_time.h"
#include "common/member.h"
#include <getopt.h>
#include <jansson.h>

struct ctl_command;

/* One run of simpulctl. */
struct ctl {
	const char *config; /* path of broker.yaml */
	const struct ctl_command *command;
	const char *person; /* --as: who asks, in his own words; NULL: not said */
	const char *key;    /* --key: an operator's, which signs what takes two; NULL: none */
	const char *key_passphrase_file; /* --key-passphrase-file; NULL: the terminal is asked */
	bool auditor;	    /* -a: by the auditors' socket, whoever asks */
};

struct ctl_command {
	const char *name;      /* "policy check" */
	const char *arguments; /* "FILE" */
	const char *summary;   /* one line for the list of commands */
	const char *help;      /* what --help adds; "" for nothing */
	/* argv[0] is the command's last word; returns the exit status. */
	int (*run)(struct ctl *ctl, int argc, char **argv);
};

/* Commands, grouped by file. */
int ctl_init(struct ctl *ctl, int argc, char **argv);
int ctl_authority_passphrase(struct ctl *ctl, int argc, char **argv);
int ctl_keys_passphrase(struct ctl *ctl, int argc, char **argv);
int ctl_authority_renew(struct ctl *ctl, int argc, char **argv);
int ctl_broker_keys_renew(struct ctl *ctl, int argc, char **argv);
int ctl_broker_keys_take_up(struct ctl *ctl, int argc, char **argv);
int ctl_countersign(struct ctl *ctl, int argc, char **argv);
int ctl_enroll(struct ctl *ctl, int argc, char **argv);
int ctl_join(struct ctl *ctl, int argc, char **argv);
int ctl_revoke(struct ctl *ctl, int argc, char **argv);
int ctl_retire(struct ctl *ctl, int argc, char **argv);
int ctl_restore(struct ctl *ctl, int argc, char **argv);
int ctl_reseed(struct ctl *ctl, int argc, char **argv);
int ctl_got(struct ctl *ctl, int argc, char **argv);
int ctl_report(struct ctl *ctl, int argc, char **argv);
int ctl_breach_report(struct ctl *ctl, int argc, char **argv);
int ctl_operator_new(struct ctl *ctl, int argc, char **argv);
int ctl_proposals(struct ctl *ctl, int argc, char **argv);
int ctl_approve(struct ctl *ctl, int argc, char **argv);
int ctl_withdraw(struct ctl *ctl, int argc, char **argv);
int ctl_acts(struct ctl *ctl, int argc, char **argv);
int ctl_hold_place(struct ctl *ctl, int argc, char **argv);
int ctl_hold_lift(struct ctl *ctl, int argc, char **argv);
int ctl_hold_list(struct ctl *ctl, int argc, char **argv);
int ctl_hold_open(struct ctl *ctl, int argc, char **argv);
int ctl_clock_confirm(struct ctl *ctl, int argc, char **argv);
int ctl_status(struct ctl *ctl, int argc, char **argv);
int ctl_nodes(struct ctl *ctl, int argc, char **argv);
int ctl_doctor(struct ctl *ctl, int argc, char **argv);
int ctl_policy_check(struct ctl *ctl, int argc, char **argv);
int ctl_policy_show(struct ctl *ctl, int argc, char **argv);
int ctl_policy_who(struct ctl *ctl, int argc, char **argv);
int ctl_policy_explain(struct ctl *ctl, int argc, char **argv);
int ctl_policy_diff(struct ctl *ctl, int argc, char **argv);
int ctl_policy_reload(struct ctl *ctl, int argc, char **argv);
int ctl_log(struct ctl *ctl, int argc, char **argv);
int ctl_watcher_new(struct ctl *ctl, int argc, char **argv);
int ctl_watcher_remove(struct ctl *ctl, int argc, char **argv);
int ctl_watcher_list(struct ctl *ctl, int argc, char **argv);
int ctl_journal_verify(struct ctl *ctl, int argc, char **argv);
int ctl_journal_checkpoint(struct ctl *ctl, int argc, char **argv);
int ctl_journal_recover(struct ctl *ctl, int argc, char **argv);
int ctl_backup_make(struct ctl *ctl, int argc, char **argv);
int ctl_backup_restore(struct ctl *ctl, int argc, char **argv);

/* ---- options */

/* One option with a text, or a flag. */
struct ctl_option {
	const char *name; /* "authority-key"; "o" is also -o */
	const char **text;
	bool *flag;
};

/* Takes options and at least `least`, at most `most` other arguments apart; -c, -h and --help are always known. Returns
 * the index of the first of the others; when the command is to end at once -1 with `*status`. */
int ctl_options(struct ctl *ctl, int argc, char **argv, const struct ctl_option *options, int least, int most,
		int *status);

/* A number from 1 to `most` in digits alone; false when the text is none. */
bool ctl_number_take(const char *text, uint64_t most, uint64_t *number);

/* ---- errors: one sentence on standard error; the exit status is returned */

#define TWO_OPERATORS_ADVICE \
	"two different operators: simpulctl --key FILE ... proposes it, simpulctl --key FILE approve puts it through"
int ctl_fail(const struct fault *fault, const char *advice);
int ctl_usage(const struct ctl *ctl, const char *what);

/* ---- the journal, also beside a running broker */

enum error ctl_case_open(const struct ctl *ctl, struct journal_case **c, struct fault *fault);
/* Prints what a node was ever sent; the exit status. That it was looked at is recorded. */
int ctl_got_ever(const struct ctl *ctl, const char *node, const char *reason);

/* ---- the broker */

/* The key of the log socket, which is made when there is none. */
enum error ctl_watch_key_make(const struct broker_settings *settings, struct curve_key *key, struct fault *fault);

/* The socket by which this run speaks to the broker: the operators', or the auditors' where this user may
 * not use that, or asked for the other; NULL when none does. */
const char *ctl_socket(const struct ctl *ctl, const struct broker_settings *settings);
/* Has the look recorded that the command is about to have; `reason` may be NULL. Where that fails it says so, and the exit
 * status is not EX_OK: nothing is to be shown. */
int ctl_look(const struct ctl *ctl, const char *what, const char *object, const char *reason);
/* Has the look recorded and asks the broker that runs, by whatever socket this user may use, for what is to be shown:
 * nobody needs the journal's files for that. `more` (may be NULL) is taken over. *answer is a new reference, or NULL
 * with EX_OK when no broker runs: the look is recorded, and is to be had by hand. Where that fails it says so. */
int ctl_tell(const struct ctl *ctl, const char *what, const char *object, json_t *more, const char *reason,
	     json_t **answer);
/* Adds the operator's signature to a request that may take two. */
enum error ctl_sign(const struct ctl *ctl, const struct broker_settings *settings, json_t *request, struct fault *fault);
/* True, and said, when an answer means that a second operator is needed. */
bool ctl_proposed(const json_t *answer);
/* Sends a request (taken over) to the broker of the configuration. E_UNREACHABLE, E_CONFIG, or what the broker
 * answered. */
enum error ctl_ask(const struct ctl *ctl, json_t *request, json_t **answer, struct fault *fault);
/* Asks a command that has at most a node for an argument. */
enum error ctl_question(const struct ctl *ctl, const char *command, const char *node, json_t **answer, struct fault *fault);
/* How many proposals wait for a second operator; 0 when the broker does not say. */
size_t ctl_proposals_waiting(const struct ctl *ctl);
/* The request that enrolls a member, for ctl_ask. */
json_t *ctl_enroll_request(const struct member *member);
/* Says why there is no answer; the exit status. */
int ctl_unanswered(const struct fault *fault);
/* Members of an answer; "-" and 0 when they are not there. */
const char *ctl_text(const json_t *object, const char *key);
long long ctl_number(const json_t *object, const char *key);
/* For programs: one line, without "ok". */
void ctl_print_json(json_t *object);
/* Asks and says what came of it: `done` on success, the error otherwise. */
int ctl_order(const struct ctl *ctl, json_t *request, const char *done);

#endif
