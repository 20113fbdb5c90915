/* sink_http - hands each report to a server of this machine by POST; libcurl speaks HTTP. */
#include "agents/sink/sink_kind.h"
#include "common/key_file.h"
#include "common/keys.h"
#include "common/memory.h"
#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { POLL_MS = 1000, KNOCK_MS = 2000 };

struct http {
	const struct sink_options *options;
	CURLM *multi;
	CURL *easy;
	int stop;
};

/* ------------------------------------------------------------------ addresses */

static bool host_is_local(const char *host)
{
	return host != NULL &&
	       (strcmp(host, "127.0.0.1") == 0 || strcmp(host, "[::1]") == 0 || strcasecmp(host, "localhost") == 0);
}

/* A part of the URL; NULL where it has none. curl_free it. */
static char *url_part(CURLU *url, CURLUPart part)
{
	char *text = NULL;

	return curl_url_get(url, part, &text, 0) == CURLUE_OK ? text : NULL;
}

static const char *url_parts_wrong(CURLU *url)
{
	char *scheme = url_part(url, CURLUPART_SCHEME), *host = url_part(url, CURLUPART_HOST);
	char *user = url_part(url, CURLUPART_USER), *password = url_part(url, CURLUPART_PASSWORD);
	const char *wrong = NULL;

	if (scheme == NULL || strcmp(scheme, "http") != 0 || !host_is_local(host))
		wrong = "http to 127.0.0.1, [::1] or localhost alone";
	else if (user != NULL || password != NULL)
		wrong = "no password in it, use token_file";
	curl_free(scheme);
	curl_free(host);
	curl_free(user);
	curl_free(password);
	return wrong;
}

const char *sink_url_wrong(const char *text)
{
	CURLU *url = curl_url();
	const char *wrong = url == NULL || curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK
				    ? "it is no URL such as http://127.0.0.1:8080/reports"
				    : url_parts_wrong(url);

	curl_url_cleanup(url);
	return wrong;
}

/* Whatever a name was resolved to: no report leaves this machine unencrypted. */
static curl_socket_t socket_open(void *context, curlsocktype purpose, struct curl_sockaddr *to)
{
	bool local = to->family == AF_UNIX;

	(void)context;
	(void)purpose;
	if (to->family == AF_INET)
		local = ntohl(((const struct sockaddr_in *)(const void *)&to->addr)->sin_addr.s_addr) >> 24 == 127;
	else if (to->family == AF_INET6)
		local = IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)(const void *)&to->addr)->sin6_addr);
	return local ? socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol) : CURL_SOCKET_BAD;
}

/* ------------------------------------------------------------------ one request */

static size_t answer_drop(char *data, size_t size, size_t count, void *context)
{
	(void)data;
	(void)context;
	return size * count;
}

static CURL *request_new(const struct sink_options *options)
{
	CURL *easy = curl_easy_init();

	if (easy == NULL)
		memory_exhausted();
	curl_easy_setopt(easy, CURLOPT_URL, options->url);
	curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, options->path);
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, socket_open);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, answer_drop);
	return easy;
}

static const char *failure_text(CURLcode code)
{
	return code == CURLE_COULDNT_CONNECT ? "nobody listens there" : curl_easy_strerror(code);
}

/* "Authorization: Bearer ..." out of the file, each time anew; NULL with the reason. Wipe and free it. */
static char *authorization(const char *path, struct sink_reason *why)
{
	struct buffer text = {0};
	enum error error = secret_read(path, S_IWGRP | S_IXGRP | S_IRWXO, &text, NULL);
	char *header = NULL;

	while (text.size > 0 && (text.data[text.size - 1] == '\n' || text.data[text.size - 1] == '\r'))
		text.size--;
	for (size_t i = 0; i < text.size; i++)
		if (text.data[i] <= ' ' || text.data[i] >= 0x7f)
			text.size = 0; /* it would be another header */
	if (error == E_CONFIG)
		sink_is_away(why, "token_file: others may read or change it, chmod 600 it");
	else if (error != E_OK)
		sink_is_away(why, "token_file: it is not there or cannot be read");
	else if (text.size == 0)
		sink_is_away(why, "token_file: it must hold one word on one line");
	else
		header = memory_format("Authorization: Bearer %.*s", (int)text.size, (const char *)text.data);
	keys_wipe(text.data, text.capacity);
	buffer_free(&text);
	return header;
}

/* Appends a copy. */
static void header_add(struct curl_slist **headers, const char *line)
{
	struct curl_slist *longer = curl_slist_append(*headers, line);

	if (longer == NULL)
		memory_exhausted();
	*headers = longer;
}

static void headers_free(struct curl_slist *headers)
{
	for (struct curl_slist *header = headers; header != NULL; header = header->next)
		keys_wipe(header->data, strlen(header->data));
	curl_slist_free_all(headers);
}

/* False when the token cannot be had. */
static bool headers_make(const struct sink_options *options, const char *key, struct curl_slist **headers,
			 struct sink_reason *why)
{
	char *line = options->token_file == NULL ? NULL : authorization(options->token_file, why);

	if (options->token_file != NULL && line == NULL)
		return false;
	if (line != NULL) {
		header_add(headers, line);
		keys_wipe(line, strlen(line));
		free(line);
	}
	line = memory_format("Idempotency-Key: %s", key);
	header_add(headers, line);
	free(line);
	header_add(headers, "Content-Type: application/json");
	header_add(headers, "User-Agent: simpul-agent");
	header_add(headers, "Expect:"); /* do not ask first */
	return true;
}

/* Does what was added to `multi`; false when the agent stops before it is done. */
static bool transfer_run(struct http *http, CURLcode *code)
{
	struct curl_waitfd stop = {.fd = http->stop, .events = CURL_WAIT_POLLIN};
	const CURLMsg *message;
	int running = 1, left;

	while (curl_multi_perform(http->multi, &running) == CURLM_OK && running > 0) {
		curl_multi_poll(http->multi, &stop, 1, POLL_MS, NULL);
		if (stop.revents != 0)
			return false;
	}
	message = curl_multi_info_read(http->multi, &left);
	*code = message != NULL && message->msg == CURLMSG_DONE ? message->data.result : CURLE_OUT_OF_MEMORY;
	return true;
}

/* ------------------------------------------------------------------ the kind */

static void *http_open(const struct sink_options *options, int stop)
{
	struct http *http = memory_zero(1, sizeof(*http));

	http->options = options;
	http->stop = stop;
	http->easy = request_new(options);
	http->multi = curl_multi_init();
	if (http->multi == NULL)
		memory_exhausted();
	curl_easy_setopt(http->easy, CURLOPT_TIMEOUT, (long)options->seconds);
	return http;
}

static bool http_put(void *self, const struct sink_report *report, struct sink_reason *why)
{
	struct http *http = self;
	struct curl_slist *headers = NULL;
	CURLcode code = CURLE_OK;
	long status = 0;
	bool done;

	if (!headers_make(http->options, report->key, &headers, why))
		return false;
	curl_easy_setopt(http->easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(http->easy, CURLOPT_POSTFIELDSIZE, (long)report->json.size);
	curl_easy_setopt(http->easy, CURLOPT_POSTFIELDS, (const char *)report->json.data);
	curl_multi_add_handle(http->multi, http->easy);
	done = transfer_run(http, &code);
	curl_multi_remove_handle(http->multi, http->easy);
	curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_setopt(http->easy, CURLOPT_HTTPHEADER, NULL);
	headers_free(headers);
	if (!done)
		return sink_is_away(why, "the agent stops");
	if (code == CURLE_COULDNT_CONNECT)
		return sink_is_away(why, "%s", failure_text(code));
	if (code != CURLE_OK)
		return sink_fails(why, "%s", failure_text(code));
	if (status == 429 || (status >= 502 && status <= 504))
		return sink_is_away(why, "it answered %ld", status);
	return status / 100 == 2 || sink_fails(why, "it answered %ld", status);
}

static bool http_erase(void *self, const struct sink_report *report, struct sink_outcome *outcome,
		       struct sink_reason *why)
{
	struct http *http = self;
	char *key = memory_format("%s.erase", report->key); /* it is no repeat of the report */
	const struct sink_report event = {.key = key, .label = report->label, .json = report->json};
	bool put = http_put(self, &event, why);

	outcome->outcome = sink_outcome_declared(http->options->erases);
	free(key);
	return put;
}

static void http_close(void *self)
{
	struct http *http = self;

	curl_multi_cleanup(http->multi);
	curl_easy_cleanup(http->easy);
	free(http);
}

/* Connects and says nothing. */
static bool http_able(const struct sink_options *options, struct sink_reason *why)
{
	struct curl_slist *headers = NULL;
	CURLcode code;
	CURL *easy;

	if (!headers_make(options, "", &headers, why))
		return false;
	headers_free(headers);
	easy = request_new(options);
	curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)KNOCK_MS);
	code = curl_easy_perform(easy);
	curl_easy_cleanup(easy);
	return code == CURLE_OK || sink_fails(why, "%s", failure_text(code));
}

const struct sink_kind sink_http = {
	.slow = true, .open = http_open, .put = http_put, .erase = http_erase, .close = http_close, .able = http_able};
