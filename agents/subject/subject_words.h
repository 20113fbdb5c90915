/* subject_words - every word of the page that a person gets, in one place. */
#ifndef SIMPUL_SUBJECT_WORDS_H
#define SIMPUL_SUBJECT_WORDS_H

/* The Indonesian words for a key such as "state.silent" or "field.date_of_birth"; NULL when there are none. */
const char *subject_word(const char *key);

#endif
