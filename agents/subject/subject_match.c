/* subject_match - makes names and document numbers comparable, and compares them. */
#include "agents/subject/subject_match.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PARTS = 32, LEAST_PARTS = 2 };

/* ------------------------------------------------------------------ letters */

/* The letter under the marks, by code point; '.' for what is no letter (U+00C0 to U+017F, U+1E00 to U+1EFF: the
 * decompositions of Unicode, and the letters that have none). */
static const char latin[] = "AAAAAAACEEEEIIIIDNOOOOO.OUUUUYTSAAAAAAACEEEEIIIIDNOOOOO.OUUUUYTY"
			    "AAAAAACCCCCCCCDDDDEEEEEEEEEEGGGGGGGGHHHHIIIIIIIIIIIIJJKKKLLLLLLL"
			    "LLLNNNNNNNNNOOOOOOOORRRRRRSSSSSSSSTTTTTTUUUUUUUUUUUUWWYYYZZZZZZS";
static const char latin_additional[] = "AABBBBBBCCDDDDDDDDDDEEEEEEEEEEFFGGHHHHHHHHHHIIIIKKKKKKLLLLLLLLMM"
				       "MMMMNNNNNNNNOOOOOOOOPPPPRRRRRRRRSSSSSSSSSSTTTTTTTTUUUUUUUUUUVVVV"
				       "WWWWWWWWWWXXXXYYZZZZZZHTWYAS..S.AAAAAAAAAAAAAAAAAAAAAAAAEEEEEEEE"
				       "EEEEEEEEIIIIOOOOOOOOOOOOOOOOOOOOOOOOUUUUUUUUUUUUUUYYYYYYYY......";

enum { LATIN = 0xc0, LATIN_ADDITIONAL = 0x1e00, MARKS = 0x300, MARKS_END = 0x36f };

/* One character of UTF-8; a byte that is none stands for itself. */
static unsigned character_next(const unsigned char **text, size_t *size)
{
	const unsigned char *c = *text;
	const size_t length = *c < 0xc0 ? 1 : *c < 0xe0 ? 2 : *c < 0xf0 ? 3 : 4;
	unsigned code = length == 1 ? *c : *c & (0xffu >> (length + 1));

	*size = 1;
	for (size_t i = 1; i < length; i++) {
		if ((c[i] & 0xc0) != 0x80) {
			code = *c;
			break;
		}
		code = code << 6 | (c[i] & 0x3f);
		*size = i + 1;
	}
	*text += *size;
	return code;
}

/* What a character counts as: 'A' to 'Z', ' ' between parts, '\0' for nothing at all, and 1 for a letter of another
 * script. */
static char letter_of(unsigned code)
{
	char letter = '.';

	if (code < 0x80)
		letter = isalpha((int)code) ? (char)toupper((int)code) : '.';
	else if (code >= LATIN && code < LATIN + sizeof(latin) - 1)
		letter = latin[code - LATIN];
	else if (code >= LATIN_ADDITIONAL && code < LATIN_ADDITIONAL + sizeof(latin_additional) - 1)
		letter = latin_additional[code - LATIN_ADDITIONAL];
	else if (code >= MARKS && code <= MARKS_END)
		return '\0';
	else if (code >= LATIN && (code < 0x2000 || code > 0x206f) && code != 0x3000)
		return 1;
	if (code == '\'' || code == '.' || code == '`' || code == 0xb4 || code == 0x2018 || code == 0x2019 ||
	    code == 0x2bc)
		return '\0';
	return letter == '.' ? ' ' : letter;
}

/* The second letter of a pair that stands for one. */
static bool is_pair(char first, char second)
{
	static const char pairs[] = "AEAAOEUESSTH";

	for (size_t i = 0; pairs[i] != '\0'; i += 2)
		if (pairs[i] == first && pairs[i + 1] == second)
			return true;
	return false;
}

/* ------------------------------------------------------------------ names */

/* The parts in the order in which they are written, one blank between them. */
static void parts_write(const char *text, struct buffer *out)
{
	const unsigned char *at = (const unsigned char *)text;
	char last = ' ';

	while (*at != '\0') {
		const unsigned char *begin = at;
		size_t size;
		const char letter = letter_of(character_next(&at, &size));

		if (letter == '\0' || (letter == ' ' && last == ' ') || is_pair(last, letter))
			continue;
		if (letter == 1)
			buffer_append(out, begin, size);
		else
			buffer_u8(out, (uint8_t)letter);
		last = letter;
	}
	if (last != ' ')
		buffer_u8(out, ' ');
}

static int part_order(const void *a, const void *b)
{
	const struct bytes *x = a, *y = b;
	const int order = memcmp(x->data, y->data, x->size < y->size ? x->size : y->size);

	return order != 0 ? order : (x->size > y->size) - (x->size < y->size);
}

/* A name of more parts than these is compared by the first of them. */
static size_t parts_split(const struct buffer *name, struct bytes parts[MOST_PARTS])
{
	size_t count = 0, begin = 0;

	for (size_t i = 0; i < name->size && count < MOST_PARTS; i++) {
		if (name->data[i] != ' ')
			continue;
		parts[count++] = BYTES(name->data + begin, i - begin);
		begin = i + 1;
	}
	qsort(parts, count, sizeof(*parts), part_order);
	return count;
}

static size_t parts_of(const Simpul__Person *person, struct buffer *name, struct bytes parts[MOST_PARTS])
{
	parts_write(person->primary_identifier, name);
	parts_write(person->secondary_identifier, name);
	return parts_split(name, parts);
}

/* Both lists ascend: every part of the shorter one is found in the longer one. */
static bool parts_agree(const struct bytes *few, size_t few_count, const struct bytes *many, size_t many_count)
{
	size_t found = 0;

	if (few_count == 0 || (few_count < many_count && few_count < LEAST_PARTS))
		return false;
	for (size_t i = 0; i < many_count && found < few_count; i++)
		found += part_order(&few[found], &many[i]) == 0;
	return found == few_count;
}

static bool names_agree(const Simpul__Person *a, const Simpul__Person *b)
{
	struct bytes parts[2][MOST_PARTS];
	struct buffer name[2] = {{0}, {0}};
	const size_t count[2] = {parts_of(a, &name[0], parts[0]), parts_of(b, &name[1], parts[1])};
	const size_t few = count[0] <= count[1] ? 0 : 1;
	const bool agree = parts_agree(parts[few], count[few], parts[1 - few], count[1 - few]);

	buffer_free(&name[0]);
	buffer_free(&name[1]);
	return agree;
}

/* A name in one word, so that ABDULRAHMAN is ABDUL RAHMAN. */
static void joined_write(const char *first, const char *second, struct buffer *out)
{
	struct buffer name = {0};
	char last = ' ';

	parts_write(first, &name);
	parts_write(second, &name);
	for (size_t i = 0; i < name.size; i++) {
		const char letter = (char)name.data[i];

		if (letter == ' ' || is_pair(last, letter))
			continue;
		buffer_u8(out, name.data[i]);
		last = letter;
	}
	buffer_free(&name);
}

static bool joined_agree(const Simpul__Person *a, const Simpul__Person *b)
{
	struct buffer names[4] = {{0}, {0}, {0}, {0}};
	bool agree = false;

	joined_write(a->primary_identifier, a->secondary_identifier, &names[0]);
	joined_write(a->secondary_identifier, a->primary_identifier, &names[1]);
	joined_write(b->primary_identifier, b->secondary_identifier, &names[2]);
	joined_write(b->secondary_identifier, b->primary_identifier, &names[3]);
	for (size_t i = 0; i < 4; i++)
		agree = agree || (names[i / 2].size > 0 &&
				  bytes_equal(buffer_view(&names[i / 2]), buffer_view(&names[2 + i % 2])));
	for (size_t i = 0; i < 4; i++)
		buffer_free(&names[i]);
	return agree;
}

/* "1974-08-12" agrees with "1974-08" and with "1974". */
static bool births_agree(const char *a, const char *b)
{
	const size_t shorter = strlen(a) < strlen(b) ? strlen(a) : strlen(b);

	return shorter > 0 && strncmp(a, b, shorter) == 0;
}

/* ------------------------------------------------------------------ documents */

/* The next letter or digit, as a capital; '\0' at the end. */
static char sign_next(const char **text)
{
	while (**text != '\0' && !isalnum((unsigned char)**text))
		++*text;
	return **text == '\0' ? '\0' : (char)toupper((unsigned char)*(*text)++);
}

/* False, too, for two that hold nothing. */
static bool signs_agree(const char *a, const char *b)
{
	char first = sign_next(&a), second = sign_next(&b);
	const bool any = first != '\0';

	while (first != '\0' && first == second) {
		first = sign_next(&a);
		second = sign_next(&b);
	}
	return any && first == second;
}

static const char *state_of(const char *state)
{
	return signs_agree(state, "DEU") ? "D" : state;
}

/* Whether the states of two documents are the same, or, when `lax`, at least one has none. */
static bool states_agree(const char *a, const char *b, bool lax)
{
	return lax ? a[0] == '\0' || b[0] == '\0' : signs_agree(state_of(a), state_of(b));
}

static bool documents_agree(const Simpul__Person *a, const Simpul__Person *b, bool lax)
{
	for (size_t i = 0; i < a->n_documents; i++)
		for (size_t k = 0; k < b->n_documents; k++)
			if (signs_agree(a->documents[i]->number, b->documents[k]->number) &&
			    states_agree(a->documents[i]->issuing_state, b->documents[k]->issuing_state, lax))
				return true;
	return false;
}

enum subject_match subject_match(const Simpul__Person *subject, const Simpul__Person *person)
{
	const bool births = births_agree(subject->date_of_birth, person->date_of_birth);

	if (documents_agree(subject, person, false))
		return SUBJECT_BY_DOCUMENT;
	if (births && names_agree(subject, person))
		return SUBJECT_BY_NAME;
	return documents_agree(subject, person, true) || (births && joined_agree(subject, person))
		       ? SUBJECT_BY_LIKENESS
		       : SUBJECT_OTHER;
}
