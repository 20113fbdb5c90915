/* stub */
#include "tests/bench/scale.h"
int foreign_main(int argc, char **argv) { (void)argc; (void)argv; return 0; }
