/* officer_try - simpul try: what a file would become in a drop folder, row by row, without sending anything. */
#include "agents/intake/intake_parse.h"
#include "agents/officer/officer.h"
#include "agents/reports/view.h"
#include "common/file.h"
#include "common/memory.h"
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char try_usage[] =
	"usage: simpul try FILE [--profile PROFILE] [--show-persons]\n"
	"\n"
	"Reads a file as a drop folder would, and prints what each row would become, or why it would come back.\n"
	"Nothing is taken and nothing is sent; no agent need run.\n"
	"\n"
	"  --profile P       how to read it; default: the profile of the drop folder in the settings, of several folders\n"
	"                    that in which FILE lies\n"
	"  --show-persons    what is known of persons in full; otherwise only its first character is shown\n"
	"\n"
	"Ends with 0 when every row is good, with 65 when one is not, with 66 when there is no such file.\n";

/* Who reports, where a profile is tried before the office has settings. */
#define NODE_WITHOUT_SETTINGS "office.example"

struct trial {
	const char *path, *profile_path; /* profile_path: NULL: the folder's */
	bool show_persons;
	struct settings settings;
	struct store store;
	struct profile *profile;
};

/* ------------------------------------------------------------------ which profile */

static bool same_folder(const char *one, const char *other)
{
	char first[PATH_MAX], second[PATH_MAX];

	return realpath(one, first) != NULL && realpath(other, second) != NULL && strcmp(first, second) == 0;
}

/* The profile of the only drop folder, or of that in which the file lies; NULL when that does not say it. */
static const char *folder_profile(const struct trial *trial)
{
	const struct settings *settings = &trial->settings;
	const char *profile = settings->folder_count == 1 ? settings->folders[0].profile : NULL;
	char *copy = memory_string(trial->path);
	const char *folder = dirname(copy);

	for (size_t i = 0; i < settings->folder_count && profile == NULL; i++)
		if (same_folder(settings->folders[i].path, folder))
			profile = settings->folders[i].profile;
	free(copy);
	return profile;
}

/* Settings and the outbox, both as far as there are any: neither is needed to try a profile. */
static enum error trial_open(const struct officer *officer, struct trial *trial, struct fault *fault)
{
	const struct cipher *cipher = NULL;
	enum error error = officer_settings(officer, &trial->settings, fault);

	if (error == E_NOT_FOUND && trial->profile_path != NULL)
		return E_OK;
	if (error == E_OK)
		error = officer_cipher(officer, &trial->settings, &cipher, fault);
	if (error == E_OK)
		error = store_open_reader(&trial->store, trial->settings.store, cipher, fault);
	return error == E_NOT_FOUND && trial->settings.node != NULL ? E_OK : error;
}

/* ------------------------------------------------------------------ what is said */

static void line_view(const struct parsed_line *line, bool show_persons, struct buffer *out)
{
	char text[256];

	snprintf(text, sizeof(text), "line %-6zu ", line->line);
	buffer_text(out, text);
	if (line->prepared != NULL) {
		view_draft(line->prepared, !show_persons, out);
		return;
	}
	buffer_text(out, "COMES BACK   ");
	view_safe_text(out, fault_text(&line->fault, text, sizeof(text)));
	buffer_text(out, "\n");
}

static int lines_print(const struct trial *trial, const struct parsed_file *file)
{
	struct buffer out = {0};
	char text[160];
	bool heard = true;

	for (size_t i = 0; i < file->count && heard; i++) {
		buffer_clear(&out);
		line_view(&file->lines[i], trial->show_persons, &out);
		heard = officer_print(&out);
	}
	buffer_clear(&out);
	snprintf(text, sizeof(text), "%zu good, %zu would come back; nothing was taken, nothing was sent\n",
		 file->count - file->rejected, file->rejected);
	buffer_text(&out, text);
	heard = heard && officer_print(&out);
	buffer_free(&out);
	return !heard ? EX_IOERR : file->rejected > 0 ? EX_DATAERR : EX_OK;
}

/* ------------------------------------------------------------------ command */

static int content_try(const struct officer *officer, struct trial *trial, struct bytes content)
{
	const char *slash = strrchr(trial->path, '/');
	const struct intake_source source = {
		.profile = trial->profile,
		.file_name = slash != NULL ? slash + 1 : trial->path,
		.node = trial->settings.node != NULL ? trial->settings.node : NODE_WITHOUT_SETTINGS,
		.outbox = trial->store.db != NULL ? &trial->store : NULL,
		.now = clock_now().wall,
		.stop = -1,
	};
	struct parsed_file file;
	int status;

	intake_parse(&source, content, &file);
	status = file.fault.code != E_OK ? officer_fail(officer, &file.fault, "nothing of the file would be taken")
					 : lines_print(trial, &file);
	parsed_file_free(&file);
	return status;
}

static int file_try(const struct officer *officer, struct trial *trial)
{
	struct fault fault = {0};
	struct buffer content = {0};
	int status;

	if (file_read(trial->path, PROFILE_LARGEST_FILE, &content, &fault) != E_OK ||
	    trial_open(officer, trial, &fault) != E_OK) {
		status = officer_fail(officer, &fault, NULL);
	} else {
		const char *path = trial->profile_path != NULL ? trial->profile_path : folder_profile(trial);

		if (path == NULL)
			status = officer_misused(officer, "the settings do not say which profile: give --profile");
		else if (profile_load(path, &trial->profile, &fault) != E_OK)
			status = officer_fail(officer, &fault, NULL);
		else
			status = content_try(officer, trial, buffer_view(&content));
	}
	buffer_free(&content);
	return status;
}

int officer_try(struct officer *officer, int argc, char **argv)
{
	static const struct option options[] = {{"profile", required_argument, NULL, 'p'},
						{"show-persons", no_argument, NULL, 's'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	struct trial trial = {.path = NULL};
	int option, status;

	while ((option = officer_option(officer, argc, argv, options)) != -1) {
		if (option == 'h') {
			fputs(try_usage, stdout);
			return EX_OK;
		}
		if (option == '?')
			return EX_USAGE;
		if (option == 'p')
			trial.profile_path = optarg;
		trial.show_persons = trial.show_persons || option == 's';
	}
	if (optind + 1 != argc)
		return officer_misused(officer, "give one file");
	trial.path = argv[optind];
	status = file_try(officer, &trial);
	profile_free(trial.profile);
	if (trial.store.db != NULL)
		store_close(&trial.store);
	settings_free(&trial.settings);
	return status;
}
