/* profile_rejects - writes back the rows that are no reports, each with its line and the reason before it. */
#include "agents/intake/profile_schema.h"
#include <stdio.h>

/* A cell in quotes, those within it doubled. */
static void quoted_append(enum profile_encoding encoding, const char *text, struct buffer *out)
{
	struct buffer doubled = {0};

	for (; *text != '\0'; text++) {
		if (*text == '"')
			buffer_u8(&doubled, '"');
		buffer_u8(&doubled, (uint8_t)*text);
	}
	buffer_u8(&doubled, '\0');
	buffer_u8(out, '"');
	text_encode(encoding, (const char *)doubled.data, out);
	buffer_u8(out, '"');
	buffer_free(&doubled);
}

static void csv_reject_append(const struct profile *profile, enum profile_encoding encoding,
			      const struct parsed_line *line, struct buffer *out)
{
	char reason[256], number[24];

	snprintf(number, sizeof(number), "%zu%c", line->line, profile->separator);
	buffer_text(out, number);
	quoted_append(encoding, fault_text(&line->fault, reason, sizeof(reason)), out);
	buffer_u8(out, (uint8_t)profile->separator);
	buffer_bytes(out, line->raw);
}

static void csv_file_rejects(const struct profile *profile, const struct parsed_file *file, struct buffer *out)
{
	const size_t bom = text_bom(file->header);
	struct bytes header = BYTES(file->header.data + bom, file->header.size - bom);
	enum profile_encoding encoding = bom > 0 ? ENCODING_UTF8 : profile->config->encoding;
	char added[] = {'l', 'i', 'n', 'e', profile->separator, 'r', 'e', 'a', 's', 'o', 'n', profile->separator};
	size_t end = header.size;

	while (end > 0 && (header.data[end - 1] == '\n' || header.data[end - 1] == '\r'))
		end--;
	if (bom > 0)
		buffer_text(out, ENCODING_BOM);
	buffer_append(out, added, sizeof(added));
	buffer_bytes(out, header);
	for (size_t i = 0; i < file->count; i++) {
		if (file->lines[i].prepared != NULL)
			continue;
		csv_reject_append(profile, encoding, &file->lines[i], out);
		buffer_append(out, header.data + end, header.size - end);
	}
}

void profile_rejects(const struct profile *profile, const struct parsed_file *file, const char *file_name,
		     struct buffer *out)
{
	if (profile->config->format == PROFILE_CSV)
		csv_file_rejects(profile, file, out);
	else
		json_file_rejects(file, file_name, out);
}
