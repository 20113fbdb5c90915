/* ctl_log - simpulctl log: what the broker logs, on its machine by an ipc socket, from anywhere else as a watcher. */
#include "broker/ctl/ctl.h"

#include "broker/control/ipc.h"
#include "broker/ctl/ctl_watch.h"
#include "common/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

/* The number of a level's name; -1 when it is none. */
static int level_of(const char *name)
{
	static const char *const levels[] = {"debug", "info", "notice", "warning", "error", "alarm"};

	for (int i = 0; i < (int)(sizeof(levels) / sizeof(levels[0])); i++)
		if (strcmp(levels[i], name) == 0)
			return i;
	return -1;
}

/* ---- on the broker's machine */

/* Until the user ends the program. */
static int lines_print(void *socket)
{
	zmq_msg_t frame;

	setvbuf(stdout, NULL, _IOLBF, 0);
	zmq_msg_init(&frame);
	while (zmq_msg_recv(&frame, socket, 0) >= 0) {
		if (zmq_msg_more(&frame))
			continue;
		if (printf("%.*s\n", (int)zmq_msg_size(&frame), (const char *)zmq_msg_data(&frame)) < 0)
			break;
	}
	zmq_msg_close(&frame);
	return EX_IOERR;
}

/* One subscription for each level from `least` on: the first frame is the level's number. */
static int log_follow(const char *path, int least)
{
	void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_SUB);
	char *endpoint = memory_format("ipc://%s", path);
	struct fault fault = {0};
	int status;

	for (int i = least; i <= LOG_LEVEL_ALARM; i++)
		zmq_setsockopt(socket, ZMQ_SUBSCRIBE, &(uint8_t){(uint8_t)i}, 1);
	if (!ipc_listens(path) || zmq_connect(socket, endpoint) != 0)
		status = ctl_fail((fault_at(&fault, E_UNREACHABLE, "%s", path), &fault), "is the broker running?");
	else
		status = lines_print(socket);
	zmq_close(socket);
	zmq_ctx_term(context);
	free(endpoint);
	return status;
}

static int log_here(const struct ctl *ctl, const struct ctl_watch *watch)
{
	struct broker_settings settings;
	struct fault fault = {0};
	int status;

	if (!watch->follow || watch->since != 0 || watch->json)
		return ctl_usage(ctl, "the past is in the system's journal (journalctl -u simpul-broker), or with --broker; "
				      "here is only --follow");
	if (broker_settings_load(ctl->config, &settings, &fault) != E_OK)
		status = ctl_fail(&fault, NULL);
	else
		status = log_follow(settings.log, watch->least);
	broker_settings_free(&settings);
	return status;
}

/* ---- the command */

int ctl_log(struct ctl *ctl, int argc, char **argv)
{
	const char *least = "debug", *since = NULL, *broker = NULL;
	struct ctl_watch watch = {.follow = false};
	const struct ctl_option options[] = {{"follow", NULL, &watch.follow}, {"level", &least, NULL},
					     {"since", &since, NULL},	      {"broker", &broker, NULL},
					     {"json", NULL, &watch.json},     {0}};
	int status, first = ctl_options(ctl, argc, argv, options, 0, 0, &status);

	if (first < 0)
		return status;
	watch.least = level_of(least);
	if (watch.least < 0)
		return ctl_usage(ctl, "--level takes debug, info, notice, warning, error or alarm");
	if (since != NULL && !local_time_take(since, &watch.since))
		return ctl_usage(ctl, "--since " LOCAL_TIME_ADVICE);
	return broker != NULL ? ctl_watch(&watch, broker) : log_here(ctl, &watch);
}
