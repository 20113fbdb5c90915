/* ctl_policy - simpulctl policy: checks a file, shows what is in force and what a file would change. */
#include "broker/ctl/ctl_policy.h"

#include "common/json.h"
#include "common/memory.h"
#include "common/region.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int ctl_policy_check(struct ctl *ctl, int argc, char **argv)
{
	struct policy *policy;
	struct fault fault = {0};
	char hash[2 * HASH_SIZE + 1];
	int status, first = ctl_options(ctl, argc, argv, NULL, 1, 1, &status);

	if (first < 0)
		return status;
	if (policy_load(argv[first], &policy, &fault) != E_OK)
		return ctl_fail(&fault, NULL);
	printf("ok: %zu nodes, %s\n", policy_node_count(policy),
	       hex_of(hash, BYTES(policy_hash(policy).bytes, HASH_SIZE)));
	policy_free(policy);
	return EX_OK;
}

int ctl_policy_show(struct ctl *ctl, int argc, char **argv)
{
	struct fault fault = {0};
	json_t *answer;
	int status, first = ctl_options(ctl, argc, argv, NULL, 0, 1, &status);

	if (first < 0)
		return status;
	if (ctl_question(ctl, "policy-show", first < argc ? argv[first] : NULL, &answer, &fault) != E_OK)
		return ctl_unanswered(&fault);
	printf("# version %lld, %s\n%s", ctl_number(answer, "policy_version"), ctl_text(answer, "policy_hash"),
	       ctl_text(answer, "text"));
	json_decref(answer);
	return EX_OK;
}

/* Whether policy.yaml is, byte for byte, what the running broker has in force; false when that cannot be told. */
static bool policy_is_in_force(const struct ctl *ctl)
{
	char *path = ctl_policy_path(ctl, NULL), hash[2 * HASH_SIZE + 1];
	struct policy *file = NULL;
	json_t *status = NULL;
	bool same = path != NULL && policy_load(path, &file, NULL) == E_OK &&
		    ctl_question(ctl, "status", NULL, &status, NULL) == E_OK;

	if (same)
		same = strcmp(hex_of(hash, BYTES(policy_hash(file).bytes, HASH_SIZE)), ctl_text(status, "policy_hash")) == 0;
	json_decref(status);
	policy_free(file);
	free(path);
	return same;
}

int ctl_policy_reload(struct ctl *ctl, int argc, char **argv)
{
	const char *reason = "";
	const struct ctl_option options[] = {{"reason", &reason, NULL}, {0}};
	int status, first = ctl_options(ctl, argc, argv, options, 0, 0, &status);

	if (first < 0)
		return status;
	/* No second operator is troubled with it. */
	if (ctl->key != NULL && policy_is_in_force(ctl)) {
		puts("the policy is in force, as it was: nothing is proposed");
		return EX_OK;
	}
	return ctl_order(ctl, json_pack("{s:s, s:s}", "command", "policy-reload", "reason", reason),
			 "the policy is in force");
}

/* ---- in force and on disk */

enum error ctl_policy_fetch(const struct ctl *ctl, struct policy **policy, struct fault *fault)
{
	json_t *answer;
	enum error error = ctl_question(ctl, "policy-show", NULL, &answer, fault);
	const char *text;

	if (error != E_OK)
		return error;
	text = ctl_text(answer, "text");
	error = policy_parse(BYTES(text, strlen(text)), "policy in force", policy, fault);
	json_decref(answer);
	return error;
}

static void diff_print(const struct policy *in_force, const struct policy *file)
{
	const struct hash was = policy_hash(in_force), is = policy_hash(file);
	struct buffer out = {0};

	if (policy_diff(in_force, file, &out) == 0)
		printf("nothing changes for any node: %s\n",
		       hash_equal(&was, &is) ? "it is the policy in force" : "only its text differs");
	else
		fwrite(out.data, 1, out.size, stdout);
	buffer_free(&out);
}

enum error ctl_policy_changes(const struct ctl *ctl, const char *path, const char *approved, struct fault *fault)
{
	struct policy *in_force = NULL, *file = NULL;
	char hash[2 * HASH_SIZE + 1];
	enum error error = policy_load(path, &file, fault);

	if (error == E_OK && approved != NULL &&
	    strcmp(hex_of(hash, BYTES(policy_hash(file).bytes, HASH_SIZE)), approved) != 0)
		error = fault_at(fault, E_INVALID, "%s", path);
	if (error == E_OK)
		error = ctl_policy_fetch(ctl, &in_force, fault);
	if (error == E_OK)
		diff_print(in_force, file);
	policy_free(in_force);
	policy_free(file);
	return error;
}

char *ctl_policy_path(const struct ctl *ctl, struct fault *fault)
{
	struct broker_settings settings;
	char *path = NULL;

	if (broker_settings_load(ctl->config, &settings, fault) == E_OK)
		path = memory_string(settings.policy);
	broker_settings_free(&settings);
	return path;
}

int ctl_policy_diff(struct ctl *ctl, int argc, char **argv)
{
	struct fault fault = {0};
	int status, first = ctl_options(ctl, argc, argv, NULL, 0, 1, &status);
	char *path;

	if (first < 0)
		return status;
	path = first < argc ? memory_string(argv[first]) : ctl_policy_path(ctl, &fault);
	if (path != NULL)
		ctl_policy_changes(ctl, path, NULL, &fault);
	free(path);
	return fault.code == E_OK ? EX_OK : ctl_unanswered(&fault);
}

/* ---- a class of reports */

/* A value of an enumeration; "" leaves `*value` alone. */
static bool word_take(const ProtobufCEnumDescriptor *type, const char *word, int *value)
{
	return word == NULL || enum_parse(type, word, value);
}

enum error ctl_class(const struct ctl_who *who, const struct policy *policy, struct routing_class *class,
		     struct fault *fault)
{
	int kind = SIMPUL__KIND__KIND_SIGHTING, label = SIMPUL__LABEL__LABEL_AMBER, protection = 0;

	if (!word_take(&simpul__kind__descriptor, who->kind, &kind))
		return fault_at(fault, E_UNKNOWN_VALUE, "--kind");
	if (!word_take(&simpul__label__descriptor, who->label, &label))
		return fault_at(fault, E_UNKNOWN_VALUE, "--label");
	if (!word_take(&simpul__protection__descriptor, who->protection, &protection))
		return fault_at(fault, E_UNKNOWN_VALUE, "--protection");
	if (!policy_knows_category(policy, who->category))
		return fault_at(fault, E_CATEGORY_UNKNOWN, "--category");
	if (!region_exists(who->region))
		return fault_at(fault, E_REGION_UNKNOWN, "--region");
	*class = (struct routing_class){.kind = (Simpul__Kind)kind, .label = (Simpul__Label)label,
					.protection = protection > 0 ? 1u << protection : 0};
	snprintf(class->category, sizeof(class->category), "%s", who->category);
	snprintf(class->region, sizeof(class->region), "%s", who->region);
	return E_OK;
}
