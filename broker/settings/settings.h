/* settings - broker.yaml: where the broker keeps things, where it listens, how much it takes.
 *
 * deploy/example/oku-raya/broker.yaml explains every key. Paths in the file are relative to the file's own folder;
 * here they are ready for use. */
#ifndef SIMPUL_BROKER_SETTINGS_H
#define SIMPUL_BROKER_SETTINGS_H

#include "broker/journal/journal.h"
#include "broker/settings/operators.h"
#include "common/exchange.h"
#include "common/keys.h"
#include "common/log.h"

struct broker_settings {
	char *journal;			 /* folder */
	char *keys;			 /* broker.keys */
	char *exchange;			 /* exchange.id */
	char *policy;			 /* policy.yaml */
	char *passphrase_file;		 /* of broker.keys; NULL: a credential, or the terminal */
	char *master_key_file;		 /* NULL: bodies are encrypted with a key that whoever has both files knows */
	char *link, *feed;		 /* where to listen: "tcp://192.0.2.1:7401" */
	char *link_public, *feed_public; /* where offices find them */
	char *control, *audit, *log;	 /* paths of the sockets of operators, auditors, both */
	char *operators_group, *auditors_group; /* whom the first, and the other two, are given to; NULL: this user's own */
	char *watch, *watch_public;	 /* where the log may be followed from afar; NULL: nowhere */
	char *bulletin, *bulletin_public; /* where reports are published in the open; NULL: nowhere */
	char *watch_key, *watchers;	 /* files: the key of that socket, who may */
	char *operators; /* file: who may sign what takes two */
	unsigned two_operators; /* enum act_kind, as bits: what takes two */
	struct operators signers; /* of that file; none: it is not there */
	uint64_t reserve_bytes;
	uint32_t rate_reports, rate_bytes; /* per second and node */
	uint32_t heartbeat_ms, silence_ms;
	enum log_level log_level;
};

/* E_CONFIG with "broker.yaml:line: what"; E_NOT_FOUND. Free the result also after an error. */
enum error broker_settings_load(const char *path, struct broker_settings *settings, struct fault *fault);
void broker_settings_free(struct broker_settings *settings);
/* Reads the file of operators, if there is one; E_CONFIG when it is wrong, or when anything is said to take two of them
 * and there are not two. */
enum error broker_operators_load(struct broker_settings *settings, struct fault *fault);

/* Everything secret or fixed that the files named by the settings hold. Wipe with broker_identity_wipe. */
struct broker_identity {
	struct broker_keys keys;
	struct key_lock lock; /* that opened them, and opens newer ones */
	struct exchange exchange;
	uint8_t master[KEY_SIZE]; /* zeros: none */
	bool has_master;
};

enum error broker_identity_load(const struct broker_settings *settings, struct broker_identity *identity,
				struct fault *fault);
void broker_identity_wipe(struct broker_identity *identity);

/* How to open the journal; borrows from the settings. Wipe the result with keys_wipe after use. */
struct journal_options broker_journal_options(const struct broker_settings *settings,
					      const struct broker_identity *identity);

#endif
