/* intake_parse - hands a file's bytes to its profile, those of a workbook as CSV. */
#include "agents/intake/intake_parse.h"
#include "agents/intake/workbook.h"
#include "common/memory.h"

static bool is_workbook(const struct profile *profile, const char *file_name)
{
	return profile_format(profile) == PROFILE_CSV && workbook_named(file_name);
}

char *intake_rejects_name(const struct profile *profile, const char *file_name)
{
	return is_workbook(profile, file_name) ? workbook_csv_name(file_name) : memory_string(file_name);
}

static void text_parse(const struct intake_source *source, struct bytes content, struct parsed_file *file)
{
	profile_parse(source->profile, content, source->file_name, source->node, source->now, source->outbox,
		      source->stop, file);
}

void intake_parse(const struct intake_source *source, struct bytes content, struct parsed_file *file)
{
	struct buffer csv = {0};
	struct workbook_form form;
	struct fault fault = {.code = E_OK};

	if (!is_workbook(source->profile, source->file_name)) {
		text_parse(source, content, file);
		return;
	}
	form = profile_workbook_form(source->profile);
	workbook_csv(&workbook_xlsx2csv, &form, content, source->stop, &csv, &fault);
	text_parse(source, buffer_view(&csv), file);
	/* Without a sheet there are no lines either. */
	if (fault.code != E_OK)
		file->fault = fault;
	buffer_free(&csv);
}
