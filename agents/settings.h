/* settings - agent.yaml: who this node is, where it keeps things, what it takes in and hands on.
 *
 *   node: police.oku               the node's name, as in its member record
 *   keys: police.oku.keys          made by `simpul join`
 *   join: exchange.join            from the operators
 *   store: /var/lib/simpul         a folder (agent.db is in it), or a file that ends in ".db"
 *   local: local.sock              where programs of this machine hand in reports; default: beside agent.db
 *   folders: [{path: drop, profile: profiles/police/sightings.yaml, settle_seconds: 10, keep_days: 7,
 *              poll: true}]
 *   sinks: [{name: registry, type: jsonl, path: /srv/registry/simpul.jsonl}]   type: jsonl, folder
 *   subscribe: {kinds: [alert], categories: [overstay], regions: ["16.01"]}    what is left out means all
 *   defaults: {label: AMBER, purpose: law-enforcement, region: "16.01", region_within: "16", expires_days: 30}
 *   log_level: info                debug, info, notice, warning, error
 *
 * Paths are relative to the file. node, keys, join and store are required. */
#ifndef SIMPUL_SETTINGS_H
#define SIMPUL_SETTINGS_H

#include "agents/draft.h"
#include "agents/sink.h"
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
