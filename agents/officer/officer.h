/* officer - what the commands of `simpul` share: settings, the store, the local endpoint, errors in one sentence.
 *
 * Every command is a function that gets its own arguments (argv[0] is the command) and returns a sysexits status. */
#ifndef SIMPUL_OFFICER_H
#define SIMPUL_OFFICER_H

#include "agents/settings/settings.h"
#include "agents/store/store.h"
#include "agents/store/store_key.h"
#include "common/local_time.h"
#include <getopt.h>
#include <jansson.h>

/* What opens the office's keys and its store: the passphrase is asked for once, and only where it is needed. */
struct officer_secrets {
	struct key_lock lock;
	struct cipher *cipher; /* once officer_cipher was asked; NULL: the store is plain */
};

struct officer {
	const char *config; /* path of agent.yaml */
	const char *command; /* "inbox", for messages */
	struct officer_secrets *secrets;
};

int officer_keys(struct officer *officer, int argc, char **argv);
int officer_join(struct officer *officer, int argc, char **argv);
int officer_report(struct officer *officer, int argc, char **argv);
int officer_cancel(struct officer *officer, int argc, char **argv);
int officer_update(struct officer *officer, int argc, char **argv);
int officer_flag(struct officer *officer, int argc, char **argv);
int officer_release(struct officer *officer, int argc, char **argv);
int officer_hold(struct officer *officer, int argc, char **argv);
int officer_erasures(struct officer *officer, int argc, char **argv);
int officer_subject(struct officer *officer, int argc, char **argv);
int officer_record(struct officer *officer, int argc, char **argv);
int officer_inbox(struct officer *officer, int argc, char **argv);
int officer_quarantine(struct officer *officer, int argc, char **argv);
int officer_outbox(struct officer *officer, int argc, char **argv);
int officer_outbox_show(struct officer *officer, int argc, char **argv); /* argv[0] is "show" */
int officer_outbox_recover(struct officer *officer, int argc, char **argv); /* argv[0] is "recover" */
int officer_backup(struct officer *officer, int argc, char **argv);
int officer_restore(struct officer *officer, const char *backup); /* of officer_backup */
/* What the profile of a folder is called in a backup: "profile.2.json.yaml", for two may have one name; free() it. */
char *officer_profile_copy(const struct settings *settings, size_t folder);
int officer_status(struct officer *officer, int argc, char **argv);
int officer_doctor(struct officer *officer, int argc, char **argv);
int officer_listen(struct officer *officer, int argc, char **argv);
int officer_verify(struct officer *officer, int argc, char **argv);
int officer_checkpoint(struct officer *officer, int argc, char **argv);
int officer_try(struct officer *officer, int argc, char **argv);

/* "simpul inbox: <what is wrong>; <advice>" on standard error; returns the exit status. `advice` may be NULL. */
int officer_fail(const struct officer *officer, const struct fault *fault, const char *advice);
/* The same of a store that cannot be read. */
int officer_unread(const struct officer *officer, const struct fault *fault);
/* "simpul inbox: <sentence>; see simpul inbox --help"; returns EX_USAGE. */
int officer_misused(const struct officer *officer, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Prints `usage` when help is asked for anywhere. */
bool officer_helped(int argc, char **argv, const char *usage);
/* getopt_long with messages of our own: the option's value, or '?' after a message. */
int officer_option(const struct officer *officer, int argc, char **argv, const struct option *options);
/* Starts a new list of arguments. */
void officer_options_begin(void);
/* The name of a report that stands alone among the arguments; NULL after a message. */
const char *officer_name_of(const struct officer *officer, int argc, char **argv);
/* The same taken apart; false after a message. */
bool officer_report_of(const struct officer *officer, int argc, char **argv, struct report_name *name);

enum error officer_settings(const struct officer *officer, struct settings *settings, struct fault *fault);
/* The keys that the settings name; asks for their passphrase where they have one. */
enum error officer_node_keys(const struct officer *officer, const struct settings *settings, struct node_keys *keys,
			     struct fault *fault);
/* What the store is encrypted with; *cipher is NULL when it is plain. */
enum error officer_cipher(const struct officer *officer, const struct settings *settings, const struct cipher **cipher,
			  struct fault *fault);
/* Opens the agent's store to read. */
enum error officer_store(const struct officer *officer, struct store *store, struct fault *fault);
/* Opens it to write, as the agent does; whoever calls holds its lock (store_lock). */
enum error officer_store_write(const struct officer *officer, const struct settings *settings, struct store *store,
			       struct fault *fault);
/* Asks the running agent; takes `request` over. `answer` is a new reference. A refusal of the agent ({"ok": false})
 * becomes the fault. E_UNREACHABLE: no agent runs. */
enum error officer_ask(const struct officer *officer, json_t *request, json_t **answer, struct fault *fault);

/* Puts on record that this is shown now (reading.h): by the agent, or in its store while none runs. Nothing is shown
 * where it fails. */
enum error officer_reads(const struct officer *officer, const char *what, const char *about, struct fault *fault);
/* What to do when it did. */
#define OFFICER_READS_ADVICE "nothing is shown that is not recorded"

/* Reads a whole file, or standard input for "-", at most LIMIT_FRAME bytes. */
enum error officer_read(const char *path, struct buffer *out, struct fault *fault);
/* The JSON in a file or on standard input; NULL with `fault` at "file:line". */
json_t *officer_json(const char *path, struct fault *fault);
/* One line from standard input without its end, after a prompt where a person types it. NULL at the end; free() it. */
char *officer_line(const char *prompt);
/* Writes and flushes; false when nobody reads any more. */
bool officer_print(const struct buffer *text);
/* Prints and gives up `json`, on one line (`pretty` false) or many. */
bool officer_print_json(json_t *json, bool pretty);

/* What is shown of a row besides its header: of a question about a person and of an answer to one nothing, for `simpul
 * subject` shows that, which records who looks. */
struct bytes officer_body_shown(struct bytes header, struct bytes body);

#endif
