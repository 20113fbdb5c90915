/* printed - leads standard output to a file without a name. */
#include "tests/support/printed.h"
#include "common/memory.h"
#include "tests/support/must.h"
#include <unistd.h>

void printed_begin(struct printed *printed)
{
	fflush(stdout);
	printed->file = tmpfile();
	must(printed->file != NULL, "a file");
	printed->before = dup(STDOUT_FILENO);
	must(printed->before >= 0 && dup2(fileno(printed->file), STDOUT_FILENO) >= 0, "standard output");
}

char *printed_end(struct printed *printed)
{
	char *text;
	long size;

	fflush(stdout);
	dup2(printed->before, STDOUT_FILENO);
	close(printed->before);
	size = lseek(fileno(printed->file), 0, SEEK_END);
	must(size >= 0, "what was printed");
	text = memory_zero((size_t)size + 1, 1);
	must(pread(fileno(printed->file), text, (size_t)size, 0) == size, "what was printed");
	fclose(printed->file);
	return text;
}
