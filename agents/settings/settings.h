/* settings - agent.yaml: who this node is, where it keeps things, what it takes in and hands on. */
/* clang-format off */
/*   node: police.oku               the node's name, as in its member record
 *   keys: police.oku.keys          made by `simpul join`
 *   passphrase_file: /run/simpul/passphrase    of the keys, where they have one; default: the systemd credential
 *                                  simpul.passphrase, or the terminal
 *   join: exchange.join            from the operators
 *   store: /var/lib/simpul         a folder (agent.db is in it), or a file that ends in ".db"
 *   local: local.sock              where programs of this machine hand in reports; default: beside agent.db
 *   folders: [{path: drop, profile: profiles/police/patrol.yaml, settle_seconds: 10, keep_days: 7, poll: true}]
 *   sinks: [{name: registry, type: jsonl, path: /srv/registry/simpul.jsonl, ceiling: AMBER, statuses: [actual],
 *            erases: manual},
 *           {name: mail, type: program, path: bin/mail, args: [--quiet], seconds: 30, erases: no},
 *           {name: desk, type: http, url: "http://127.0.0.1:8080/reports", path: /run/desk.sock,
 *            token_file: desk.token, seconds: 30, attempts: 8, erases: yes}]
 *   subscribe: {kinds: [alert], categories: [overstay], regions: ["16.01"]}    what is left out means all
 *   defaults: {label: AMBER, purpose: law-enforcement, region_within: "16", expires_days: 90}    agents/settings/defaults.h
 *   log_level: info                debug, info, notice, warning, error
 *
 * Paths are relative to the file. node, keys, join and store are required.
 *
 * Of a sink: `type` is jsonl, folder, program or http (sink.h). Above `ceiling` nothing is handed on; unless given it
 * is AMBER+STRICT, because a RED report is for those alone to whom it was addressed, and who else reads a sink the
 * agent cannot know. `statuses` is actual alone unless given, so that an exercise starts nothing in earnest. `erases`
 * says what becomes of a report there when it must be erased: yes (by itself), manual (somebody does it) or no, and
 * then nothing with a person in it goes there; folder has yes and jsonl manual unless given, program and http must say
 * it. `attempts`, of program and http, is how often a report may fail before it goes to quarantine, where the sink
 * takes others (sink.h); 8 unless given, which takes two minutes. `url` is http on this machine, over the local socket
 * `path` where that is given; `token_file` holds a bearer token. */
/* clang-format on */
#ifndef SIMPUL_SETTINGS_H
#define SIMPUL_SETTINGS_H

#include "agents/reports/draft.h"
#include "agents/sink/sink.h"
#include "common/log.h"
#include "proto/link.pb-c.h"

struct settings_folder {
	char *path, *profile;
	unsigned settle_seconds; /* as intake_folder has it; 0: not given */
	unsigned keep_days;	 /* 0: for ever; 7 unless given */
	bool poll;
};

/* Immutable once loaded; all texts are owned by it. */
struct settings {
	struct settings_file *file; /* as it was read; private to settings.c */
	char *node;
	char *keys, *join, *store, *local; /* files */
	char *passphrase_file; /* NULL: not given */
	struct settings_folder *folders;
	size_t folder_count;
	struct sink_options *sinks;
	size_t sink_count;
	Simpul__Subscription subscription; /* ascending; its texts are those of `file` */
	bool subscribes;		   /* false: the node takes all that it is granted */
	struct draft_defaults defaults;
	enum log_level log_level;
};

/* E_CONFIG with "agent.yaml:line: what", E_NOT_FOUND. Opens no other file. */
enum error settings_load(const char *path, struct settings *settings, struct fault *fault);
void settings_free(struct settings *settings);

#endif
