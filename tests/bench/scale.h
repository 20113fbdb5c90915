/* scale - what must not grow: commands of simpul-bench in files of their own, each with arguments like a program's. */
#ifndef SIMPUL_BENCH_SCALE_H
#define SIMPUL_BENCH_SCALE_H

#include <stddef.h>

int catchup_main(int argc, char **argv); /* how fast a node that was away gets what it missed, and what the others lose */
int journal_main(int argc, char **argv); /* appends and starts at growing sizes of the journal */
int idle_main(int argc, char **argv);	 /* memory and CPU of nodes that do nothing */
int foreign_main(int argc, char **argv); /* how soon a member that subscribes to everything is gone */

/* A number after an option; ends the program unless it lies within. */
size_t scale_number(const char *text, size_t least, size_t most);

#endif
