/* xlsx - writes the parts of a workbook into a zip archive without compression. */
#include "tests/support/xlsx.h"
#include "common/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PARTS = 8, LOCAL = 0x04034b50, CENTRAL = 0x02014b50, END = 0x06054b50 };

/* ------------------------------------------------------------------ the archive */

struct part {
	const char *name;
	uint32_t at, size, sum;
};

struct archive {
	struct buffer *out;
	struct part parts[MOST_PARTS];
	size_t count;
};

static void little(struct buffer *out, uint32_t value, size_t size)
{
	for (size_t i = 0; i < size; i++)
		buffer_u8(out, (uint8_t)(value >> (8 * i)));
}

static uint32_t sum_of(const uint8_t *data, size_t size)
{
	uint32_t sum = 0xffffffff;

	for (size_t i = 0; i < size; i++) {
		sum ^= data[i];
		for (int bit = 0; bit < 8; bit++)
			sum = sum >> 1 ^ (sum & 1 ? 0xedb88320 : 0);
	}
	return ~sum;
}

/* What the header of a part and its entry in the directory share. */
static void part_put(struct buffer *out, const struct part *part)
{
	little(out, 20, 2); /* version */
	little(out, 0, 4);  /* flags, method: stored */
	little(out, 0x5a6a0000, 4);
	little(out, part->sum, 4);
	little(out, part->size, 4);
	little(out, part->size, 4);
	little(out, (uint32_t)strlen(part->name), 2);
	little(out, 0, 2);
}

static void part_add(struct archive *archive, const char *name, const struct buffer *content)
{
	struct part *part = &archive->parts[archive->count++];

	*part = (struct part){.name = name,
			      .at = (uint32_t)archive->out->size,
			      .size = (uint32_t)content->size,
			      .sum = sum_of(content->data, content->size)};
	little(archive->out, LOCAL, 4);
	part_put(archive->out, part);
	buffer_text(archive->out, name);
	buffer_append(archive->out, content->data, content->size);
}

static void text_add(struct archive *archive, const char *name, const char *text)
{
	struct buffer content = {0};

	buffer_text(&content, text);
	part_add(archive, name, &content);
	buffer_free(&content);
}

static void archive_end(struct archive *archive)
{
	struct buffer *out = archive->out;
	const uint32_t start = (uint32_t)out->size;

	for (size_t i = 0; i < archive->count; i++) {
		little(out, CENTRAL, 4);
		little(out, 20, 2);
		part_put(out, &archive->parts[i]);
		little(out, 0, 4); /* comment, disk */
		little(out, 0, 4); /* attributes inside and outside */
		little(out, 0, 2);
		little(out, archive->parts[i].at, 4);
		buffer_text(out, archive->parts[i].name);
	}
	little(out, END, 4);
	little(out, 0, 4);
	little(out, (uint32_t)archive->count, 2);
	little(out, (uint32_t)archive->count, 2);
	little(out, (uint32_t)out->size - 12 - start, 4);
	little(out, start, 4);
	little(out, 0, 2);
}

/* ------------------------------------------------------------------ the sheet */

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n"
#define MAIN "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
#define OFFICE "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
#define PACKAGE "http://schemas.openxmlformats.org/package/2006/"
#define TYPE "application/vnd.openxmlformats-officedocument.spreadsheetml."

static const char types[] = HEAD
	"<Types xmlns=\"" PACKAGE "content-types\"><Default Extension=\"rels\" ContentType=\"application/"
	"vnd.openxmlformats-package.relationships+xml\"/><Default Extension=\"xml\" ContentType=\"application/xml\"/>"
	"<Override PartName=\"/xl/workbook.xml\" ContentType=\"" TYPE "sheet.main+xml\"/>"
	"<Override PartName=\"/xl/worksheets/sheet1.xml\" ContentType=\"" TYPE "worksheet+xml\"/>"
	"<Override PartName=\"/xl/styles.xml\" ContentType=\"" TYPE "styles+xml\"/>"
	"<Override PartName=\"/xl/sharedStrings.xml\" ContentType=\"" TYPE "sharedStrings+xml\"/></Types>";
static const char root[] =
	HEAD "<Relationships xmlns=\"" PACKAGE "relationships\"><Relationship Id=\"rId1\" Type=\"" OFFICE
	     "/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>";
static const char relations[] =
	HEAD "<Relationships xmlns=\"" PACKAGE "relationships\"><Relationship Id=\"rId1\" Type=\"" OFFICE
	     "/worksheet\" Target=\"worksheets/sheet1.xml\"/><Relationship Id=\"rId2\" Type=\"" OFFICE
	     "/styles\" Target=\"styles.xml\"/><Relationship Id=\"rId3\" Type=\"" OFFICE
	     "/sharedStrings\" Target=\"sharedStrings.xml\"/></Relationships>";

static void workbook_add(struct archive *archive, const char *date1904)
{
	char *properties = date1904 != NULL ? memory_format("<workbookPr date1904=\"%s\"/>", date1904)
					    : memory_string("<workbookPr/>");
	char *text = memory_format(HEAD "<workbook xmlns=\"" MAIN "\" xmlns:r=\"" OFFICE "\">%s<sheets><sheet "
					"name=\"Lembar1\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>",
				   properties);

	text_add(archive, "xl/workbook.xml", text);
	free(text);
	free(properties);
}

/* The second style is that of dates, the third that of times. */
static void styles_add(struct archive *archive, const char *format)
{
	char *own = format != NULL ? memory_format("<numFmts count=\"1\"><numFmt numFmtId=\"164\" formatCode=\"%s\"/>"
						   "</numFmts>",
						   format)
				   : memory_string("");
	char *text = memory_format(HEAD "<styleSheet xmlns=\"" MAIN "\">%s<cellXfs count=\"3\"><xf numFmtId=\"0\"/>"
					"<xf numFmtId=\"%d\" applyNumberFormat=\"1\"/><xf numFmtId=\"20\" "
					"applyNumberFormat=\"1\"/></cellXfs></styleSheet>",
				   own, format != NULL ? 164 : 14);

	text_add(archive, "xl/styles.xml", text);
	free(text);
	free(own);
}

/* Texts stand in a list of their own, to which the cells refer. */
static void cell_put(struct buffer *sheet, struct buffer *texts, size_t *count, const char *cell, int length)
{
	char put[512];

	const char *style = cell[0] == '@' ? " s=\"1\"" : cell[0] == '~' ? " s=\"2\"" : "";

	if (strchr("=@~", cell[0]) != NULL) {
		snprintf(put, sizeof put, "%s><v>%.*s</v></c>", style, length - 1, cell + 1);
		buffer_text(sheet, put);
		return;
	}
	snprintf(put, sizeof put, " t=\"s\"><v>%zu</v></c>", (*count)++);
	buffer_text(sheet, put);
	snprintf(put, sizeof put, "<si><t>%.*s</t></si>", length, cell);
	buffer_text(texts, put);
}

static void row_put(struct buffer *sheet, struct buffer *texts, size_t *count, const char *row, size_t number)
{
	char put[64];
	char column = 'A';

	snprintf(put, sizeof put, "<row r=\"%zu\">", number);
	buffer_text(sheet, put);
	for (;; column++) {
		int length = (int)strcspn(row, "|\n");

		if (length > 0) {
			snprintf(put, sizeof put, "<c r=\"%c%zu\"", column, number);
			buffer_text(sheet, put);
			cell_put(sheet, texts, count, row, length);
		}
		row += length;
		if (*row++ != '|')
			break;
	}
	buffer_text(sheet, "</row>");
}

void xlsx_make(const char *rows, struct buffer *out)
{
	xlsx_make_dated(rows, &(struct xlsx_dates){.format = NULL}, out);
}

void xlsx_make_dated(const char *rows, const struct xlsx_dates *dates, struct buffer *out)
{
	struct archive archive = {.out = out};
	struct buffer sheet = {0}, texts = {0};
	size_t number = 0, count = 0;

	buffer_text(&sheet, HEAD "<worksheet xmlns=\"" MAIN "\"><sheetData>");
	buffer_text(&texts, HEAD "<sst xmlns=\"" MAIN "\">");
	for (; *rows != '\0'; rows += strcspn(rows, "\n") + 1) {
		number++;
		if (*rows != '\n')
			row_put(&sheet, &texts, &count, rows, number);
	}
	buffer_text(&sheet, "</sheetData></worksheet>");
	buffer_text(&texts, "</sst>");
	text_add(&archive, "[Content_Types].xml", types);
	text_add(&archive, "_rels/.rels", root);
	workbook_add(&archive, dates->date1904);
	text_add(&archive, "xl/_rels/workbook.xml.rels", relations);
	styles_add(&archive, dates->format);
	part_add(&archive, "xl/sharedStrings.xml", &texts);
	part_add(&archive, "xl/worksheets/sheet1.xml", &sheet);
	archive_end(&archive);
	buffer_free(&sheet);
	buffer_free(&texts);
}
