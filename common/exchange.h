/* exchange - exchange.id: the id of an exchange, its name and its authority's public key.
 *
 * Nothing secret: offices need it to make an enrolment request, the broker to know which exchange it serves. */
#ifndef SIMPUL_EXCHANGE_H
#define SIMPUL_EXCHANGE_H

#include "common/keys.h"

#define EXCHANGE_NAME_SIZE 101

struct exchange {
	char name[EXCHANGE_NAME_SIZE]; /* "TIMPORA OKU Raya"; for people only */
	uint8_t id[EXCHANGE_SIZE];
	uint8_t authority[KEY_SIZE];
};

/* Printable UTF-8 of 1 to 100 bytes. */
bool exchange_name_valid(const char *name);
/* E_EXISTS when the file is there. */
enum error exchange_save(const struct exchange *exchange, const char *path, struct fault *fault);
/* E_NOT_FOUND, E_INVALID. */
enum error exchange_load(struct exchange *exchange, const char *path, struct fault *fault);

#endif
