/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last step before settings are used: what depends on the place, the terminal, or several keys together.
 */
#include "common/base/conf.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <unistd.h>

#include "common/base/conf_priv.h"

#define SOCKET_PATH_MAX 108     /* sun_path, its NUL included */
#define SOCKET_NAME_ROOM 32     /* kept for "/compactor-63.ipc" and its NUL */

static const struct conf_where nowhere;

bool conf_is_loopback(const char *address)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (inet_pton(AF_INET, address, &v4) == 1)
		return (ntohl(v4.s_addr) >> 24) == IN_LOOPBACKNET;
	if (inet_pton(AF_INET6, address, &v6) != 1)
		return false;
	return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == IN_LOOPBACKNET);
}

const char *conf_refuse_public(const struct conf *c)
{
	if (c->auth_tokens_file[0] || c->listen_public)
		return NULL;
	return "others can reach this address and there is no AUTH_TOKENS_FILE, so they could read and change everything; "
	       "give one (see lsm-engine.conf(5)), or set LISTEN_PUBLIC=yes if that is what you want";
}

static enum st finish_host(struct conf *c, struct buf *complaint)
{
	unsigned char address[sizeof(struct in6_addr)];
	const char *wrong = NULL;

	if (strcmp(c->host, "localhost") == 0)
		snprintf(c->host, sizeof(c->host), "127.0.0.1");
	if (inet_pton(AF_INET, c->host, address) != 1 && inet_pton(AF_INET6, c->host, address) != 1)
		wrong = "not an address; give an IPv4 or IPv6 address or localhost, e.g. 127.0.0.1, 0.0.0.0 or ::1";
	else if (!conf_is_loopback(c->host))
		wrong = conf_refuse_public(c);
	if (!wrong)
		return ST_OK;
	conf__complain(complaint, nowhere, "HOST", c->host);
	buf_append_str(complaint, wrong);
	return ST_INVALID;
}

/* Appends path to out without "." steps, doubled slashes and a slash at the end; ".." stays. */
static void append_path(struct buf *out, const char *path)
{
	while (*path) {
		size_t n = strcspn(path, "/");

		if (n > 0 && !(n == 1 && path[0] == '.')) {
			buf_append_byte(out, '/');
			buf_append(out, path, n);
		}
		path += n + (path[n] == '/');
	}
}

/* Makes a path setting absolute in place. It need not exist. */
static enum st finish_path(const char *key, char *path, struct buf *complaint)
{
	char cwd[4096] = "";
	struct buf whole = BUF_INIT;
	enum st st = ST_OK;

	if (path[0] != '/' && !getcwd(cwd, sizeof(cwd))) {
		conf__complain(complaint, nowhere, key, path);
		buf_printf(complaint, "the working directory cannot be told (%m); give an absolute path");
		st = ST_INVALID;
		goto out;
	}
	append_path(&whole, cwd);
	append_path(&whole, path);
	if (whole.n == 0)
		buf_append_byte(&whole, '/');
	if (whole.n >= CONF_STR_MAX) {
		conf__complain(complaint, nowhere, key, path);
		buf_printf(complaint, "the absolute path is %zu bytes long; give one of at most %d", whole.n,
		    CONF_STR_MAX - 1);
		st = ST_INVALID;
		goto out;
	}
	memcpy(path, buf_cstr(&whole), whole.n + 1);
out:
	buf_fini(&whole);
	return st;
}

static enum st finish_data_dir(struct conf *c, struct buf *complaint)
{
	if (c->data_dir[0])
		return finish_path("DATA_DIR", c->data_dir, complaint);
	conf__complain(complaint, nowhere, "DATA_DIR", "");
	buf_append_str(complaint, "empty; give a directory, e.g. ./data or /var/lib/lsm-engine");
	return ST_INVALID;
}

static enum st finish_run_dir(struct conf *c, struct buf *complaint)
{
	bool derived = !c->run_dir[0];
	enum st st;

	if (derived) {          /* one that has to be cut here is refused below by its length */
		size_t n = strnlen(c->data_dir, CONF_STR_MAX - sizeof("/run"));

		memcpy(c->run_dir, c->data_dir, n);
		memcpy(c->run_dir + n, "/run", sizeof("/run"));
	}
	st = finish_path("RUN_DIR", c->run_dir, complaint);
	if (st || strlen(c->run_dir) <= SOCKET_PATH_MAX - SOCKET_NAME_ROOM)
		return st;
	conf__complain(complaint, nowhere, "RUN_DIR", c->run_dir);
	buf_printf(complaint, "%zu bytes are too long for the sockets in it%s; "
	    "give a directory of at most %d bytes, e.g. /run/lsm-engine", strlen(c->run_dir),
	    derived ? " (it is DATA_DIR/run when empty)" : "",
	    SOCKET_PATH_MAX - SOCKET_NAME_ROOM);
	return ST_INVALID;
}

/* The certificate and its key come together. */
static enum st finish_tls(const struct conf *c, struct buf *complaint)
{
	bool cert = c->tls_cert_file[0], key = c->tls_key_file[0];

	if (cert == key)
		return ST_OK;
	conf__complain(complaint, nowhere, cert ? "TLS_KEY_FILE" : "TLS_CERT_FILE", "");
	buf_printf(complaint, "empty, while %s is given; give both, or none for plain HTTP",
	    cert ? "TLS_CERT_FILE" : "TLS_KEY_FILE");
	return ST_INVALID;
}

static bool is_access_log_file(const struct conf *c)
{
	return strcmp(c->access_log, "off") != 0 && strcmp(c->access_log, "stdout") != 0;
}

/* The files that frontends open by themselves. */
static enum st finish_files(struct conf *c, struct buf *complaint)
{
	enum st st = finish_tls(c, complaint);

	if (!st && !c->access_log[0]) {
		conf__complain(complaint, nowhere, "ACCESS_LOG", "");
		buf_append_str(complaint, "empty; give off, stdout, or the name of a file");
		st = ST_INVALID;
	}
	if (!st && c->auth_tokens_file[0])
		st = finish_path("AUTH_TOKENS_FILE", c->auth_tokens_file, complaint);
	if (!st && c->tls_cert_file[0])
		st = finish_path("TLS_CERT_FILE", c->tls_cert_file, complaint);
	if (!st && c->tls_key_file[0])
		st = finish_path("TLS_KEY_FILE", c->tls_key_file, complaint);
	if (!st && is_access_log_file(c))
		st = finish_path("ACCESS_LOG", c->access_log, complaint);
	return st;
}

/* Browsers leave out the port that the scheme stands for. */
static bool has_usual_port(struct slice s)
{
	bool https = s.n > 6 && memcmp(s.p, "https:", 6) == 0, http = s.n > 5 && memcmp(s.p, "http:", 5) == 0;
	const char *port = https ? ":443" : ":80";
	size_t n = strlen(port);

	return (https || http) && s.n > n && memcmp(s.p + s.n - n, port, n) == 0;
}

/* scheme://host or scheme://host:port, and nothing behind it. */
static bool is_origin(struct slice s)
{
	size_t scheme = 0;

	if (slice_eq(s, slice_str("null")))      /* pages from files, and sandboxed ones */
		return true;
	while (scheme < s.n && s.p[scheme] != ':')
		scheme++;
	if (scheme == 0 || s.n <= scheme + 3 || memcmp(s.p + scheme, "://", 3) != 0)
		return false;
	for (size_t i = 0; i < s.n; i++)
		if ((s.p[i] >= 'A' && s.p[i] <= 'Z') || (i > scheme + 2 && strchr("/?#@", s.p[i])))
			return false;
	return !has_usual_port(s);
}

/* An origin that no browser sends would only be found out by a page that does not work. */
static enum st finish_origins(const struct conf *c, struct buf *complaint)
{
	static const char separators[] = " ,\t";
	const char *at = c->cors_allow_origin + strspn(c->cors_allow_origin, separators);
	size_t n;

	if (at[0] == '*' && at[1 + strspn(at + 1, separators)] == '\0')
		return ST_OK;
	for (; *at; at += n + strspn(at + n, separators)) {
		n = strcspn(at, separators);
		if (is_origin(slice_of(at, n)))
			continue;
		conf__complain(complaint, nowhere, "CORS_ALLOW_ORIGIN", c->cors_allow_origin);
		buf_printf(complaint, "no page comes from \"%.*s\"; give origins as browsers send them, in small letters, without a path or "
			   "the usual port, e.g. https://app.example http://localhost:8080, or * alone", (int)n, at);
		return ST_INVALID;
	}
	return ST_OK;
}

static void finish_log_format(struct conf *c, bool stderr_is_terminal)
{
	if (c->log_format != CONF_LOG_AUTO)
		return;
	if (c->node_env == CONF_ENV_PRODUCTION)
		c->log_format = CONF_LOG_JSON;
	else if (c->node_env == CONF_ENV_DEVELOPMENT)
		c->log_format = CONF_LOG_PRETTY;
	else
		c->log_format = stderr_is_terminal ? CONF_LOG_PRETTY : CONF_LOG_JSON;
}

static enum st finish_test_mode(const struct conf *c, struct buf *complaint)
{
	if (!c->wal_test_mode)
		return ST_OK;
	conf__complain(complaint, nowhere, "WAL_TEST_MODE", "true");
	buf_append_str(complaint, conf__find("WAL_TEST_MODE")->prose);
	return ST_INVALID;
}

static enum st finish_memory(const struct conf *c, struct buf *complaint)
{
	char text[24];

	if (c->memory_limit == 0 || c->memory_limit >= 4 * c->memtable_size_limit)
		return ST_OK;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)c->memory_limit);
	conf__complain(complaint, nowhere, "MEMORY_LIMIT", text);
	buf_printf(complaint, "too little for four memtables of MEMTABLE_SIZE_LIMIT=%llu; give at least %llu, or 0",
		   (unsigned long long)c->memtable_size_limit, 4 * (unsigned long long)c->memtable_size_limit);
	return ST_INVALID;
}

/* zstd only where it was built in. */
static enum st finish_compression(const char *key, unsigned setting, struct buf *complaint)
{
#ifdef HAVE_LIBZSTD
	(void)key, (void)setting, (void)complaint;
	return ST_OK;
#else
	if (setting != BLOCK_COMPRESSION_ZSTD)
		return ST_OK;
	conf__complain(complaint, nowhere, key, "zstd");
	buf_append_str(complaint, "this program was built without zstd (configure --with-zstd); give none, fast or small");
	return ST_INVALID;
#endif
}

enum st conf_finish(struct conf *c, bool stderr_is_terminal, struct buf *complaint)
{
	enum st st = finish_test_mode(c, complaint);

	if (!st)
		st = finish_memory(c, complaint);
	if (!st)
		st = finish_compression("BLOCK_COMPRESSION", c->block_compression, complaint);
	if (!st)
		st = finish_compression("BLOCK_COMPRESSION_LAST", c->block_compression_last, complaint);
	if (!st)
		st = finish_host(c, complaint);
	if (!st)
		st = finish_data_dir(c, complaint);
	if (!st)
		st = finish_run_dir(c, complaint);
	if (!st)
		st = finish_files(c, complaint);
	if (!st)
		st = finish_origins(c, complaint);
	if (!st)
		finish_log_format(c, stderr_is_terminal);
	return st;
}
