/* subject_page - writes the result of a request as HTML. */
#include "agents/subject/subject_page.h"
#include "agents/reports/view.h"
#include "agents/subject/subject_words.h"
#include "common/clock.h"
#include "common/json.h"
#include <stdio.h>
#include <string.h>

struct page {
	struct buffer *out;
	int zone;
	const json_t *offices; /* of the result */
};

static const char head[] =
	"<!DOCTYPE html>\n<html lang=\"id\">\n<head>\n<meta charset=\"utf-8\">\n"
	"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
	"<style>\n"
	"body { font: 11pt/1.4 serif; max-width: 48em; margin: 2em auto; padding: 0 1em; }\n"
	"h1 { font-size: 1.4em; } h2 { font-size: 1.15em; margin-top: 1.6em; }\n"
	"table { border-collapse: collapse; width: 100%; margin: .5em 0 1em; page-break-inside: avoid; }\n"
	"th, td { border: 1px solid #888; padding: .25em .5em; text-align: left; vertical-align: top; }\n"
	"th { width: 32%; font-weight: normal; background: #f2f2f2; }\n"
	".mark { border: 3px solid; padding: .5em; text-align: center; font-weight: bold; }\n"
	"@page { size: A4; margin: 20mm; }\n"
	"@media print { body { margin: 0; max-width: none; } th { background: none; } h2 { page-break-after: avoid; } "
	"}\n"
	"</style>\n";

/* ------------------------------------------------------------------ text */

/* Foreign text as HTML shows it: no character of it is markup, and none controls anything. */
static void markup_escape(const char *text, struct buffer *out)
{
	static const struct {
		char sign;
		const char *written;
	} signs[] = {{'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"}};
	struct buffer safe = {0};

	view_safe_text(&safe, text);
	for (size_t i = 0; i < safe.size; i++) {
		const char *written = NULL;

		for (size_t k = 0; k < sizeof(signs) / sizeof(signs[0]); k++)
			if (safe.data[i] == (uint8_t)signs[k].sign)
				written = signs[k].written;
		if (written != NULL)
			buffer_text(out, written);
		else
			buffer_u8(out, safe.data[i]);
	}
	buffer_free(&safe);
}

static void put(struct page *page, const char *markup)
{
	buffer_text(page->out, markup);
}

static void put_text(struct page *page, const char *text)
{
	markup_escape(text, page->out);
}

static void put_word(struct page *page, const char *key)
{
	const char *word = subject_word(key);

	put_text(page, word == NULL ? key : word);
}

/* The word for a value of an enumeration; the value itself where there is none. */
static void put_value(struct page *page, const char *of, const char *value)
{
	char key[64];
	const char *word;

	snprintf(key, sizeof(key), "%s.%s", of, value);
	word = subject_word(key);
	put_text(page, word == NULL ? value : word);
}

/* "29-11-2026 10:00 (UTC+07:00)" */
static void put_time(struct page *page, const char *text)
{
	char local[TIME_TEXT_SIZE], written[64];
	wall_ms time;

	if (!time_parse(text, &time)) {
		put_text(page, text);
		return;
	}
	time_text(local, time, page->zone);
	snprintf(written, sizeof(written), "%.2s-%.2s-%.4s %.5s (UTC%c%02d:%02d)", local + 8, local + 5, local,
		 local + 11, page->zone < 0 ? '-' : '+', (page->zone < 0 ? -page->zone : page->zone) / 60,
		 (page->zone < 0 ? -page->zone : page->zone) % 60);
	put_text(page, written);
}

static void row_begin(struct page *page, const char *key)
{
	put(page, "<tr><th>");
	put_word(page, key);
	put(page, "</th><td>");
}

static void row_end(struct page *page)
{
	put(page, "</td></tr>\n");
}

static void row_text(struct page *page, const char *key, const char *text)
{
	row_begin(page, key);
	put_text(page, text);
	row_end(page);
}

static void row_time(struct page *page, const char *key, const char *text)
{
	if (text[0] == '\0')
		return;
	row_begin(page, key);
	put_time(page, text);
	row_end(page);
}

static void heading(struct page *page, const char *key)
{
	put(page, "<h2>");
	put_word(page, key);
	put(page, "</h2>\n");
}

/* ------------------------------------------------------------------ persons */

static void put_documents(struct page *page, const json_t *documents)
{
	json_t *document;
	size_t i;

	json_array_foreach(documents, i, document) {
		put(page, i > 0 ? "<br>" : "");
		put_text(page, json_text(document, "type"));
		put(page, " ");
		put_text(page, json_text(document, "issuing_state"));
		put(page, " ");
		put_text(page, json_text(document, "number"));
	}
}

static void person_rows(struct page *page, const json_t *person)
{
	static const char *const fields[] = {"primary_identifier",
					     "secondary_identifier",
					     "date_of_birth",
					     "sex",
					     "nationality",
					     "documents",
					     "capacity",
					     "identity",
					     "age",
					     "permit",
					     "permit_number",
					     "permit_until_date",
					     "telephone",
					     "address",
					     "sponsor",
					     "remark"};
	char key[64];

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const json_t *value = json_object_get(person, fields[i]);

		if (value == NULL)
			continue;
		snprintf(key, sizeof(key), "field.%s", fields[i]);
		row_begin(page, key);
		if (json_is_array(value))
			put_documents(page, value);
		else
			put_value(page, fields[i], json_text(person, fields[i]));
		row_end(page);
	}
}

/* ------------------------------------------------------------------ reports */

static void place_row(struct page *page, const json_t *place)
{
	static const char *const keys[] = {"name", "address", "region"};
	bool any = false;

	if (place == NULL)
		return;
	row_begin(page, "entry.place");
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (json_text(place, keys[i])[0] == '\0')
			continue;
		put(page, any ? ", " : "");
		put_text(page, json_text(place, keys[i]));
		any = true;
	}
	row_end(page);
}

/* Whether the office's own part of the page says what the report says. */
static bool is_disclosed(const struct page *page, const char *node, const char *name)
{
	json_t *office, *report;
	size_t i, k;

	json_array_foreach(page->offices, i, office)
	{
		if (strcmp(json_text(office, "node"), node) != 0)
			continue;
		json_array_foreach(json_object_get(office, "reports"), k, report) if (
			strcmp(json_text(report, "name"), name) == 0) return json_text(report, "withheld")[0] == '\0';
	}
	return false;
}

/* Of what another office reported: that one decides, and may have done so on this page. */
static void origin_row(struct page *page, const char *name)
{
	char origin[80];

	snprintf(origin, sizeof(origin), "%.*s", (int)strcspn(name, "#"), name);
	if (is_disclosed(page, origin, name)) {
		row_begin(page, "entry.summary");
		put_word(page, "entry.elsewhere");
	} else {
		row_begin(page, "entry.withheld");
		put_value(page, "withheld", "origin-decides");
	}
	put_text(page, origin);
	row_end(page);
}

static void withheld_row(struct page *page, const json_t *report)
{
	const char *reason = json_text(report, "withheld");

	if (reason[0] == '\0')
		return;
	if (strcmp(reason, "origin-decides") == 0) {
		origin_row(page, json_text(report, "name"));
		return;
	}
	row_begin(page, "entry.withheld");
	put_value(page, "withheld", reason);
	row_end(page);
}

/* Only an office's own report has holders. */
static void holders_row(struct page *page, const json_t *holders)
{
	json_t *holder;
	size_t i;

	if (holders == NULL)
		return;
	row_begin(page, "entry.holders");
	if (json_array_size(holders) == 0)
		put_word(page, "entry.nobody");
	json_array_foreach(holders, i, holder) {
		const char *erased_at = json_text(holder, "erased_at");

		put(page, i > 0 ? "<br>" : "");
		put_text(page, json_text(holder, "node"));
		put(page, ": ");
		put_word(page, erased_at[0] == '\0' ? "entry.holder_has" : "entry.holder_erased");
		put(page, " ");
		put_time(page, erased_at);
	}
	row_end(page);
}

static void report_table(struct page *page, const json_t *report)
{
	json_t *persons = json_object_get(report, "persons"), *person;
	size_t i;

	put(page, "<table>\n");
	row_text(page, "entry.name", json_text(report, "name"));
	if (json_text(report, "kind")[0] != '\0') {
		row_begin(page, "entry.kind");
		put_value(page, "kind", json_text(report, "kind"));
		row_end(page);
	}
	if (json_text(report, "category")[0] != '\0')
		row_text(page, "entry.category", json_text(report, "category"));
	row_time(page, "entry.at", json_text(report, "at"));
	row_time(page, "entry.expires", json_text(report, "expires"));
	withheld_row(page, report);
	row_time(page, "entry.seen_at", json_text(report, "seen_at"));
	place_row(page, json_object_get(report, "place"));
	if (json_text(report, "summary")[0] != '\0')
		row_text(page, "entry.summary", json_text(report, "summary"));
	json_array_foreach(persons, i, person) {
		put(page, "<tr><th colspan=\"2\">");
		put_word(page, "entry.said");
		put(page, "</th></tr>\n");
		person_rows(page, person);
	}
	holders_row(page, json_object_get(report, "holders"));
	put(page, "</table>\n");
}

/* ------------------------------------------------------------------ offices */

static void overview(struct page *page, const json_t *result)
{
	json_t *office;
	size_t i;

	heading(page, "overview");
	put(page, "<table>\n<tr><th>");
	put_word(page, "column.office");
	put(page, "</th><th>");
	put_word(page, "column.state");
	put(page, "</th><th>");
	put_word(page, "column.count");
	put(page, "</th></tr>\n");
	json_array_foreach(json_object_get(result, "offices"), i, office) {
		char count[24];
		const json_t *reports = json_object_get(office, "reports");

		snprintf(count, sizeof(count), "%zu", json_array_size(reports));
		put(page, "<tr><td>");
		put_text(page, json_text(office, "node"));
		put(page, "</td><td>");
		put_value(page, "state", json_text(office, "state"));
		put(page, " ");
		put_time(page, json_text(office, "answered_at"));
		put(page, "</td><td>");
		put_text(page, reports == NULL ? "-" : count);
		put(page, "</td></tr>\n");
	}
	put(page, "</table>\n");
}

/* An office that has said something. */
static void office_part(struct page *page, const json_t *office)
{
	json_t *reports = json_object_get(office, "reports"), *undecided = json_object_get(office, "undecided"), *each;
	size_t i;

	if (reports == NULL)
		return;
	put(page, "<h2>");
	put_text(page, json_text(office, "node"));
	put(page, "</h2>\n");
	if (json_array_size(reports) == 0 && undecided == NULL) {
		put(page, "<p>");
		put_word(page, "nothing");
		put(page, "</p>\n");
	}
	if (undecided != NULL) {
		put(page, "<p>");
		put_word(page, "undecided");
		json_array_foreach(undecided, i, each) {
			put(page, i > 0 ? ", " : "");
			put_text(page, json_string_value(each));
		}
		put(page, "</p>\n");
	}
	json_array_foreach(reports, i, each)
		report_table(page, each);
}

/* ------------------------------------------------------------------ the whole */

static void request_part(struct page *page, const json_t *result)
{
	heading(page, "request");
	put(page, "<table>\n");
	row_text(page, "request_number", json_text(result, "request_number"));
	row_text(page, "office", json_text(result, "office"));
	row_time(page, "received_at", json_text(result, "received_at"));
	row_time(page, "due", json_text(result, "due"));
	row_time(page, "made_at", json_text(result, "made_at"));
	put(page, "</table>\n");
	heading(page, "subject");
	put(page, "<table>\n");
	person_rows(page, json_object_get(result, "subject"));
	put(page, "</table>\n");
}

static void missing_part(struct page *page, json_int_t missing)
{
	char count[24];

	put(page, "<p><strong>");
	put_word(page, missing == 0 ? "complete" : "missing");
	snprintf(count, sizeof(count), "%" JSON_INTEGER_FORMAT, missing);
	put_text(page, missing == 0 ? "" : count);
	put(page, "</strong></p>\n");
}

void subject_page(const json_t *result, int zone_minutes, struct buffer *out)
{
	struct page page = {out, zone_minutes, json_object_get(result, "offices")};
	const char *mark = json_text(result, "mark");
	json_t *office;
	size_t i;

	put(&page, head);
	put(&page, "<title>");
	put_word(&page, "title");
	put(&page, "</title>\n</head>\n<body>\n");
	if (mark[0] != '\0') {
		put(&page, "<p class=\"mark\">");
		put_value(&page, "mark", mark);
		put(&page, "</p>\n");
	}
	put(&page, "<h1>");
	put_word(&page, "title");
	put(&page, "</h1>\n<p>");
	put_word(&page, "law");
	put(&page, "</p>\n");
	request_part(&page, result);
	overview(&page, result);
	missing_part(&page, json_integer_value(json_object_get(result, "missing")));
	json_array_foreach(json_object_get(result, "offices"), i, office)
		office_part(&page, office);
	put(&page, "<p>");
	put_word(&page, "rights");
	put(&page, "</p>\n<p>");
	put_word(&page, "sealed");
	put(&page, " ");
	put_time(&page, json_text(result, "expires"));
	put(&page, ".</p>\n</body>\n</html>\n");
}
