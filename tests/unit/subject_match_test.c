/* subject_match_test - who may be meant is found in whatever way he was written down, and who is only like him is not.
 */
#include "agents/subject/subject_match.h"
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define TEXT(text) ((char *)(uintptr_t)(text))

struct someone {
	const char *surname, *given, *born, *state, *number;
};

static enum subject_match match(struct someone a, struct someone b)
{
	const struct someone both[2] = {a, b};
	Simpul__TravelDocument documents[2], *lists[2][1];
	Simpul__Person persons[2];

	for (int i = 0; i < 2; i++) {
		simpul__person__init(&persons[i]);
		simpul__travel_document__init(&documents[i]);
		persons[i].primary_identifier = TEXT(both[i].surname ? both[i].surname : "");
		persons[i].secondary_identifier = TEXT(both[i].given ? both[i].given : "");
		persons[i].date_of_birth = TEXT(both[i].born ? both[i].born : "");
		documents[i].issuing_state = TEXT(both[i].state ? both[i].state : "");
		documents[i].number = TEXT(both[i].number ? both[i].number : "");
		lists[i][0] = &documents[i];
		persons[i].documents = lists[i];
		persons[i].n_documents = both[i].number != NULL;
	}
	/* Which of them asks makes no difference. */
	assert_int_equal(subject_match(&persons[0], &persons[1]), subject_match(&persons[1], &persons[0]));
	return subject_match(&persons[0], &persons[1]);
}

static enum subject_match names(const char *surname, const char *given, const char *other_surname,
				const char *other_given)
{
	return match((struct someone){surname, given, "1974-08-12", NULL, NULL},
		     (struct someone){other_surname, other_given, "1974-08-12", NULL, NULL});
}

static enum subject_match documents(const char *state, const char *number, const char *other_state,
				    const char *other_number)
{
	return match((struct someone){.state = state, .number = number},
		     (struct someone){.state = other_state, .number = other_number});
}

static void a_name_is_found_however_it_is_written(void **state)
{
	(void)state;
	assert_int_equal(names("ERIKSSON", "ANNA MARIA", "Eriksson", "anna  maria"), SUBJECT_BY_NAME);
	assert_int_equal(names("ERIKSSON", "ANNA MARIA", "Anna Maria", "ERIKSSON"), SUBJECT_BY_NAME);
	assert_int_equal(names("ERIKSSON", "ANNA MARIA", "", "Maria Anna Eriksson"), SUBJECT_BY_NAME);
	assert_int_equal(names("ERIKSSON", "ANNA MARIA", "ERIKSSON", "ANNA"), SUBJECT_BY_NAME);
	assert_int_equal(names("ERIKSSON", "ANNA MARIA", "ERIKSSON<<ANNA<MARIA", ""), SUBJECT_BY_NAME);
	assert_int_equal(names("M\303\274ller-Lund\303\251n", "", "MUELLER", "LUNDEN"), SUBJECT_BY_NAME);
	assert_int_equal(names("M\303\274ller", "", "MULLER", ""), SUBJECT_BY_NAME);
	assert_int_equal(names("Mu\314\210ller", "", "m\303\274ller", ""), SUBJECT_BY_NAME);
	assert_int_equal(names("\303\230stergaard", "", "OESTERGARD", ""), SUBJECT_BY_NAME);
	assert_int_equal(names("Nguy\341\273\205n", "V\304\203n", "NGUYEN", "VAN"), SUBJECT_BY_NAME);
	assert_int_equal(names("O\342\200\231Brien", "J.", "OBRIEN", "J"), SUBJECT_BY_NAME);
	assert_int_equal(names("Wei\303\237", "", "WEISS", ""), SUBJECT_BY_NAME);
	assert_int_equal(names("Suharto", "", "SUHARTO", ""), SUBJECT_BY_NAME);
	assert_int_equal(names("\346\235\216", "\345\260\217", "\345\260\217", "\346\235\216"), SUBJECT_BY_NAME);
}

static void who_is_only_like_him_is_not_found(void **state)
{
	(void)state;
	assert_int_equal(names("ERIKSSON", "ANNA MARIA", "ERIKSEN", "ANNA MARIA"), SUBJECT_OTHER);
	assert_int_equal(names("ERIKSSON", "ANNA MARIA", "ERIKSSON", ""), SUBJECT_OTHER);
	assert_int_equal(names("ERIKSSON", "ANNA MARIA", "ERIKSSON", "ANNA BRITTA"), SUBJECT_OTHER);
	assert_int_equal(names("ERIKSSON", "ANNA ANNA", "ERIKSSON", "ANNA MARIA"), SUBJECT_OTHER);
	assert_int_equal(names("", "", "", ""), SUBJECT_OTHER);
	assert_int_equal(names(" - ", "", "'", "."), SUBJECT_OTHER);
	assert_int_equal(names("\346\235\216", "", "\347\216\213", ""), SUBJECT_OTHER);
}

static enum subject_match births(const char *a, const char *b)
{
	return match((struct someone){"ERIKSSON", "ANNA", a, NULL, NULL},
		     (struct someone){"ERIKSSON", "ANNA", b, NULL, NULL});
}

static void a_name_alone_finds_nobody(void **state)
{
	(void)state;
	assert_int_equal(births("1974-08-12", "1974-08-12"), SUBJECT_BY_NAME);
	assert_int_equal(births("1974-08-12", "1974-08"), SUBJECT_BY_NAME);
	assert_int_equal(births("1974", "1974-08-12"), SUBJECT_BY_NAME);
	assert_int_equal(births("1974-08-12", "1974-08-21"), SUBJECT_OTHER);
	assert_int_equal(births("1974-12", "1974-08-12"), SUBJECT_OTHER);
	assert_int_equal(births("1974-08-12", ""), SUBJECT_OTHER);
	assert_int_equal(births("", ""), SUBJECT_OTHER);
}

/* Reports need not say who issued a document, and blanks in names are nobody's habit but the writer's. */
static void what_is_less_sure_is_proposed_as_less_sure(void **state)
{
	(void)state;
	assert_int_equal(documents("UTO", "L898902C3", "", "l898902 c3"), SUBJECT_BY_LIKENESS);
	assert_int_equal(documents("", "L898902C3", "", "L898902C3"), SUBJECT_BY_LIKENESS);
	assert_int_equal(documents("", "L898902C3", "", "L898902C4"), SUBJECT_OTHER);
	assert_int_equal(names("ABDULRAHMAN", "", "RAHMAN", "ABDUL"), SUBJECT_BY_LIKENESS);
	assert_int_equal(names("ABDULRAHMAN", "YUSUF", "ABDUL RAHMAN", "YUSUF"), SUBJECT_BY_LIKENESS);
	assert_int_equal(names("ANAS SALIM", "", "ANASSALIM", ""), SUBJECT_BY_LIKENESS);
	assert_int_equal(names("ABDULRAHMAN", "", "ABDUL RAHIM", ""), SUBJECT_OTHER);
	assert_int_equal(match((struct someone){"ABDULRAHMAN", "", "1974-08-12", NULL, NULL},
			       (struct someone){"ABDUL RAHMAN", "", "1975-08-12", NULL, NULL}),
			 SUBJECT_OTHER);
}

static void a_document_is_the_same_in_number_and_state(void **state)
{
	(void)state;
	assert_int_equal(documents("UTO", "L898902C3", "UTO", "l 898902-c3"), SUBJECT_BY_DOCUMENT);
	assert_int_equal(documents("UTO", "L898902C3", "UTO", "L898902C3<<"), SUBJECT_BY_DOCUMENT);
	assert_int_equal(documents("D", "C01X00T47", "DEU", "C01X00T47"), SUBJECT_BY_DOCUMENT);
	assert_int_equal(documents("UTO", "L898902C3", "UTO", "L898902C"), SUBJECT_OTHER);
	assert_int_equal(documents("UTO", "L898902C3", "UTO", "L8989O2C3"), SUBJECT_OTHER);
	assert_int_equal(documents("UTO", "L898902C3", "IDN", "L898902C3"), SUBJECT_OTHER);
	assert_int_equal(documents("UTO", "<<", "UTO", "<"), SUBJECT_OTHER);
	/* The same document under another name: whoever has it may be meant. */
	assert_int_equal(match((struct someone){"ERIKSSON", "ANNA", "1974-08-12", "UTO", "L898902C3"},
			       (struct someone){"SMITH", "JOAN", "1980-01-01", "UTO", "L898902C3"}),
			 SUBJECT_BY_DOCUMENT);
}

/* Bytes that are no UTF-8, and names of very many parts: no harm is done. */
static void foreign_bytes_do_no_harm(void **state)
{
	char long_name[600] = "";

	(void)state;
	for (int i = 0; i < 100; i++)
		strcat(long_name, "A B ");
	assert_int_equal(names(long_name, "", long_name, ""), SUBJECT_BY_NAME);
	assert_int_equal(names("\xff\xfe\xf0\x80", "", "\xff", ""), SUBJECT_OTHER);
	assert_int_equal(names("ERIKSSON\xc3", "", "ERIKSSON", ""), SUBJECT_OTHER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_found_however_it_is_written),
		cmocka_unit_test(who_is_only_like_him_is_not_found),
		cmocka_unit_test(a_name_alone_finds_nobody),
		cmocka_unit_test(a_document_is_the_same_in_number_and_state),
		cmocka_unit_test(what_is_less_sure_is_proposed_as_less_sure),
		cmocka_unit_test(foreign_bytes_do_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
