/* mrz - reads the machine-readable zone of a travel document: what it says of document and holder, every check digit
 * verified.
 *
 * Rules: ICAO Doc 9303, Machine Readable Travel Documents, eighth edition (2021): part 3 (characters, names, dates,
 * check digits), part 4 (TD3, passports), part 5 (TD1, cards), part 6 (TD2), part 7 (MRV-A and MRV-B, visas).
 *
 *          lines      types      check digits
 *   TD1    3 of 30    A, C, I    number, birth, expiry, composite
 *   TD2    2 of 36    A, C, I    number, birth, expiry, composite
 *   TD3    2 of 44    P          number, birth, expiry, personal number, composite
 *   MRV-A  2 of 44    V          number, birth, expiry
 *   MRV-B  2 of 36    V          number, birth, expiry
 *
 * On TD1 and TD2 a number of more than nine characters goes on in the optional data, with its check digit behind it.
 * Years have two digits. Born: in this century unless that day is still to come, so whoever is more than a hundred years
 * old appears a hundred years younger. Expires: in the year nearest to the present one. */
#ifndef SIMPUL_MRZ_H
#define SIMPUL_MRZ_H

#include "common/clock.h"
#include "common/error.h"

enum mrz_format { MRZ_TD1, MRZ_TD2, MRZ_TD3, MRZ_MRV_A, MRZ_MRV_B };

struct mrz {
	enum mrz_format format;
	char type[3];		/* "P", "PD", "I", "V" ... */
	char issuing_state[4];	/* three letters, or "D" */
	char primary[40];	/* "ERIKSSON"; fillers within a name are blanks */
	char secondary[40];	/* "ANNA MARIA"; may be empty */
	bool name_truncated;	/* the name fills its field to the end, so it may have been cut there */
	char number[23];	/* without fillers at its end */
	char nationality[4];
	char date_of_birth[11]; /* "1974-08-12", "1974-08", "1974"; empty when the year is unknown */
	char sex;		/* 'F', 'M', or 'X' where the document does not say */
	char expiry_date[11];	/* empty when the document states none */
	char optional[2][17];	/* without fillers at their end, and without what belongs to the number; TD1 has two */
};

/* `text` is the lines, with or without line ends or blanks between them. `now` decides centuries. On an error the
 * fault's field says line, column and what stands there ("line 2, column 10: check digit of the document number"), never
 * a character of it. E_MALFORMED: not of the length of any zone; E_INVALID. */
enum error mrz_parse(const char *text, wall_ms now, struct mrz *mrz, struct fault *fault);

#endif
