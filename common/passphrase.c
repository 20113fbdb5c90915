/* passphrase - reads a passphrase from a file, a credential or the terminal; never from arguments or environment,
 * which other users of the machine can see. */
#include "common/passphrase.h"

#include "common/key_file.h"
#include "common/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define CREDENTIAL "simpul.passphrase"
#define TERMINAL "/dev/tty"

/* ---- the terminal */

static void say(int terminal, const char *text)
{
	if (write(terminal, text, strlen(text)) < 0)
		return; /* who does not see the question does not answer it */
}

/* The next byte that is typed; 0 at the end, and when a signal came first. */
static char byte_read(int terminal, int signals)
{
	struct pollfd items[] = {{.fd = signals, .events = POLLIN}, {.fd = terminal, .events = POLLIN}};
	char byte;

	while (poll(items, 2, -1) < 0)
		if (errno != EINTR)
			return '\0';
	return items[0].revents == 0 && read(terminal, &byte, 1) == 1 ? byte : '\0';
}

/* One line without its end, of at most `room` - 1 bytes; what is beyond is dropped and makes the line invalid, and so
 * does a signal (`signals` -1: none is waited for). */
static bool line_read(int terminal, int signals, char *line, size_t room)
{
	size_t size = 0;
	char byte;

	while ((byte = byte_read(terminal, signals)) != '\0' && byte != '\n')
		if (size++ < room - 1)
			line[size - 1] = byte;
	line[size < room ? size : 0] = '\0';
	return byte == '\n' && size < room;
}

/* A process in the background of its terminal would be stopped, in silence, for asking. */
static enum error terminal_open(int *terminal, struct fault *fault)
{
	*terminal = open(TERMINAL, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (*terminal >= 0 && tcgetpgrp(*terminal) == getpgrp())
		return E_OK;
	if (*terminal >= 0)
		close(*terminal);
	return fault_say(fault, E_MISSING, "passphrase: there is no terminal to ask at");
}

static bool is_pending(int signal)
{
	sigset_t pending;

	return sigpending(&pending) == 0 && sigismember(&pending, signal) == 1;
}

/* Asks without echo; the terminal is as it was afterwards. */
static enum error silent_line(int terminal, int signals, const char *prompt, struct passphrase *passphrase, bool *good,
			      struct fault *fault)
{
	struct termios before, silent;

	if (tcgetattr(terminal, &before) != 0)
		return fault_at(fault, E_IO, "%s", TERMINAL);
	silent = before;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	if (tcsetattr(terminal, TCSAFLUSH, &silent) != 0)
		return fault_at(fault, E_IO, "%s", TERMINAL);
	say(terminal, prompt);
	*good = line_read(terminal, signals, passphrase->text, sizeof(passphrase->text));
	tcsetattr(terminal, TCSAFLUSH, &before);
	say(terminal, "\n");
	return E_OK;
}

/* A signal that ends or stops this process waits until the terminal is as it was; who goes on after a stop is asked
 * again. */
static enum error terminal_secret(int terminal, const char *prompt, struct passphrase *passphrase, struct fault *fault)
{
	static const int held[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGTSTP};
	sigset_t waiting, before;
	bool good = false, stopped = true;
	enum error error = E_OK;
	int signals;

	sigemptyset(&waiting);
	for (size_t i = 0; i < sizeof(held) / sizeof(held[0]); i++)
		sigaddset(&waiting, held[i]);
	signals = signalfd(-1, &waiting, SFD_CLOEXEC);
	if (signals < 0)
		return fault_at(fault, E_IO, "signalfd");
	while (stopped && error == E_OK) {
		pthread_sigmask(SIG_BLOCK, &waiting, &before);
		error = silent_line(terminal, signals, prompt, passphrase, &good, fault);
		stopped = !good && is_pending(SIGTSTP) && !sigismember(&before, SIGTSTP);
		pthread_sigmask(SIG_SETMASK, &before, NULL);
	}
	close(signals);
	if (error != E_OK)
		return error;
	return good && passphrase->text[0] != '\0' ? E_OK : fault_at(fault, E_INVALID, "passphrase");
}

enum error terminal_confirm(const char *question, bool *yes, struct fault *fault)
{
	char answer[16];
	int terminal;

	*yes = false;
	if (terminal_open(&terminal, fault) != E_OK)
		return fault_say(fault, E_MISSING, "confirmation: there is no terminal to ask at");
	say(terminal, question);
	*yes = line_read(terminal, -1, answer, sizeof(answer)) && strcmp(answer, "yes") == 0;
	close(terminal);
	return E_OK;
}

/* ---- files */

#define FORBIDDEN_OF_FILE (S_IRWXG | S_IRWXO)
/* systemd lets the service's user read a credential by an ACL, whose mask shows as the group's read bit. */
#define FORBIDDEN_OF_CREDENTIAL (S_IWGRP | S_IXGRP | S_IRWXO)

/* The first line of the file. */
static enum error file_take(const char *path, mode_t forbidden, struct passphrase *passphrase, struct fault *fault)
{
	struct buffer text = {0};
	enum error error = secret_read(path, forbidden, &text, fault);
	const uint8_t *end = error == E_OK && text.size > 0 ? memchr(text.data, '\n', text.size) : NULL;
	const size_t size = end ? (size_t)(end - text.data) : text.size;

	if (error == E_OK && (size == 0 || size > PASSPHRASE_MOST || memchr(text.data, '\0', size) != NULL))
		error = fault_at(fault, E_INVALID, "%s", path);
	if (error == E_OK) {
		memcpy(passphrase->text, text.data, size);
		passphrase->text[size] = '\0';
	}
	if (text.data)
		sodium_memzero(text.data, text.capacity);
	buffer_free(&text);
	return error;
}

/* The credential that systemd hands over; NULL when there is none. */
static char *credential(void)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	char *path = folder != NULL && folder[0] == '/' ? memory_format("%s/%s", folder, CREDENTIAL) : NULL;

	if (path != NULL && access(path, F_OK) == 0)
		return path;
	free(path);
	return NULL;
}

/* E_NOT_FOUND: neither file nor credential was given. */
static enum error unattended(const char *file, struct passphrase *passphrase, struct fault *fault)
{
	char *path = file != NULL ? memory_string(file) : credential();
	struct fault inner = {0};
	enum error error;

	if (path == NULL)
		return E_NOT_FOUND;
	error = file_take(path, file != NULL ? FORBIDDEN_OF_FILE : FORBIDDEN_OF_CREDENTIAL, passphrase, &inner);
	free(path);
	/* That the named file is not there is another matter than that none was named. */
	return error == E_OK ? E_OK
			     : fault_at(fault, error == E_NOT_FOUND ? E_CONFIG : error, "%s%s", inner.field,
					error == E_NOT_FOUND ? ": there is no such file" : "");
}

/* ---- what is asked for */

/* "Passphrase of police.oku.keys: "; the prompt is taken over. */
static enum error question_secret(int terminal, char *prompt, struct passphrase *passphrase, struct fault *fault)
{
	const enum error error = terminal_secret(terminal, prompt, passphrase, fault);

	free(prompt);
	return error;
}

enum error passphrase_old(const char *file, const char *what, struct passphrase *passphrase, struct fault *fault)
{
	enum error error = unattended(file, passphrase, fault);
	int terminal;

	if (error != E_NOT_FOUND)
		return error;
	error = terminal_open(&terminal, fault);
	if (error != E_OK)
		return error;
	error = question_secret(terminal, memory_format("Passphrase of %s: ", what), passphrase, fault);
	close(terminal);
	return error;
}

static enum error typed_twice(int terminal, const char *what, struct passphrase *passphrase, struct fault *fault)
{
	struct passphrase again;
	enum error error = question_secret(
		terminal, memory_format("New passphrase of %s (at least %d characters): ", what, PASSPHRASE_LEAST), passphrase,
		fault);

	if (error == E_OK)
		error = terminal_secret(terminal, "The same once more: ", &again, fault);
	if (error == E_OK && strcmp(passphrase->text, again.text) != 0)
		error = fault_say(fault, E_INVALID, "passphrase: the two differ");
	sodium_memzero(&again, sizeof(again));
	return error;
}

enum error passphrase_new(const char *file, const char *what, struct passphrase *passphrase, struct fault *fault)
{
	enum error error = unattended(file, passphrase, fault);
	int terminal;

	if (error == E_NOT_FOUND) {
		error = terminal_open(&terminal, fault);
		if (error != E_OK)
			return error;
		error = typed_twice(terminal, what, passphrase, fault);
		close(terminal);
	}
	if (error == E_OK && strlen(passphrase->text) < PASSPHRASE_LEAST)
		error = fault_say(fault, E_INVALID, "passphrase: it has less than %d characters", PASSPHRASE_LEAST);
	return error;
}
