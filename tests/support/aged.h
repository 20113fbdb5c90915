/* aged - a broker whose journal began long ago, and with it its keys. */
#ifndef SIMPUL_TEST_AGED_H
#define SIMPUL_TEST_AGED_H

/* In the place of the journal of this broker.yaml, which must not run: a new one that begins so many days ago. */
void journal_make_aged(const char *config, unsigned days);

#endif
