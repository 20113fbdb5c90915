/* stop - looks at the descriptor without waiting. */
#include "agents/store/stop.h"
#include <poll.h>

bool stop_asked(int stop)
{
	struct pollfd polled = {.fd = stop, .events = POLLIN};

	return poll(&polled, 1, 0) > 0;
}
