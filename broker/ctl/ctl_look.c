/* ctl_look - records that somebody is about to look at something in the journal: through the broker, or without one by
 * hand. */
#include "broker/ctl/ctl.h"

#include "broker/journal/act.h"
#include <unistd.h>

static enum error act_commit(const struct journal_options *options, const struct act *act, struct fault *fault)
{
	struct journal *journal;
	struct journal_append *append;
	enum error error = journal_open(&journal, options, fault);

	if (error != E_OK)
		return error;
	append = journal_append_new();
	append->type = SIMPUL__ENTRY_TYPE__ENTRY_TYPE_ACT;
	act_pack(act, &append->content);
	error = journal_commit_told(journal, append, clock_now().wall, fault);
	journal_append_free(append);
	journal_close(journal);
	return error;
}

/* No broker runs, and none starts meanwhile. */
static enum error look_alone(const struct broker_settings *settings, const struct act *act, struct fault *fault)
{
	struct broker_identity identity;
	int lock = -1;
	enum error error = journal_lock(settings->journal, &lock, fault);

	if (error != E_OK)
		return error;
	error = broker_identity_load(settings, &identity, fault);
	if (error == E_OK) {
		struct journal_options options = broker_journal_options(settings, &identity);

		error = act_commit(&options, act, fault);
		keys_wipe(&options, sizeof(options));
		broker_identity_wipe(&identity);
	}
	close(lock);
	return error;
}

static enum error look(const struct ctl *ctl, const struct broker_settings *settings, const struct act *act,
		       struct fault *fault)
{
	json_t *answer;
	enum error error;

	if (ctl_socket(ctl, settings) == NULL)
		return look_alone(settings, act, fault);
	error = ctl_ask(ctl,
			json_pack("{s:s, s:s, s:s, s:s}", "command", "look", "what", act->command, "object",
				  act->object, "reason", act->reason),
			&answer, fault);
	json_decref(answer);
	return error;
}

/* The broker's answer; NULL when none runs. */
static enum error tell(const struct ctl *ctl, const struct broker_settings *settings, const struct act *act,
		       json_t *more, json_t **answer, struct fault *fault)
{
	json_t *request = json_pack("{s:s, s:s, s:s, s:s}", "command", "tell", "what", act->command, "object",
				    act->object, "reason", act->reason);

	json_object_update(request, more);
	if (ctl_socket(ctl, settings) != NULL)
		return ctl_ask(ctl, request, answer, fault);
	json_decref(request);
	return look_alone(settings, act, fault);
}

/* Its texts, and `user`, are borrowed. */
static struct act act_of(const struct ctl *ctl, const char *what, const char *object, const char *reason,
			 char user[USER_NAME_SIZE])
{
	return (struct act){.user = user_name(getuid(), user),
			    .person = ctl->person,
			    .auditor = ctl->auditor,
			    .command = what,
			    .object = object,
			    .reason = reason != NULL ? reason : ""};
}

int ctl_tell(const struct ctl *ctl, const char *what, const char *object, json_t *more, const char *reason,
	     json_t **answer)
{
	struct broker_settings settings;
	struct fault fault = {0};
	char user[USER_NAME_SIZE];
	const struct act act = act_of(ctl, what, object, reason, user);
	enum error error;
	int status = EX_OK;

	*answer = NULL;
	if (!user_text_valid(act.reason))
		return json_decref(more), ctl_usage(ctl, "--reason takes one line of at most 200 bytes");
	error = broker_settings_load(ctl->config, &settings, &fault);
	if (error == E_OK)
		error = tell(ctl, &settings, &act, more, answer, &fault);
	if (error != E_OK)
		status = ctl_fail(&fault, error == E_NOT_FOUND
						  ? NULL
						  : "it is shown when it can be recorded that it was looked at");
	broker_settings_free(&settings);
	json_decref(more);
	return status;
}

int ctl_look(const struct ctl *ctl, const char *what, const char *object, const char *reason)
{
	struct broker_settings settings;
	struct fault fault = {0};
	char user[USER_NAME_SIZE];
	const struct act act = act_of(ctl, what, object, reason, user);
	enum error error = E_OK;

	if (!user_text_valid(act.reason))
		return ctl_usage(ctl, "--reason takes one line of at most 200 bytes");
	error = broker_settings_load(ctl->config, &settings, &fault);
	if (error == E_OK)
		error = look(ctl, &settings, &act, &fault);
	broker_settings_free(&settings);
	return error == E_OK ? EX_OK : ctl_fail(&fault, "it is shown when it can be recorded that it was looked at");
}
