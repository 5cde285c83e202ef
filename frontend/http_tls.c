/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL behind a BIO of our own: it reads from the evbuffer and writes into the buf of the call that is going on, so
 * that nothing is copied on the way and OpenSSL never waits.
 */
#include "frontend/http_tls.h"

#include <errno.h>
#include <event2/buffer.h>
#include <fcntl.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/stats/stats.h"

#define HTTP_TLS_CONTEXT_MAGIC 0x546c7301u
#define HTTP_TLS_MAGIC 0x546c7302u

enum { PLAIN_MAX = 64 << 10, RECORD_BYTES = 16 << 10, WARN_DAYS = 14 };

struct http_tls_context {
	uint32_t magic;
	SSL_CTX *ctx;
};

struct http_tls {
	uint32_t magic;
	SSL *ssl;
	struct evbuffer *cipher;         /* of the present call */
	struct buf *wire;                /* likewise */
	bool counted, failed;
};

/* ---- the way in and out ---- */

static int bio_read(BIO *b, char *p, int n)
{
	struct http_tls *t = BIO_get_data(b);
	int got = t->cipher ? evbuffer_remove(t->cipher, p, (size_t)n) : 0;

	BIO_clear_retry_flags(b);
	if (got > 0)
		return got;
	BIO_set_retry_read(b);
	return -1;
}

static int bio_write(BIO *b, const char *p, int n)
{
	struct http_tls *t = BIO_get_data(b);

	BIO_clear_retry_flags(b);
	if (t->wire && n > 0)
		buf_append(t->wire, p, (size_t)n);
	return n;
}

static long bio_ctrl(BIO *b, int what, long n, void *p)
{
	(void)b, (void)n, (void)p;
	return what == BIO_CTRL_FLUSH || what == BIO_CTRL_PUSH || what == BIO_CTRL_POP;
}

static BIO_METHOD *bio_method(void)
{
	static BIO_METHOD *m;

	if (m)
		return m;
	m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "lsm-engine buffers");
	must(m != NULL && BIO_meth_set_read(m, bio_read) && BIO_meth_set_write(m, bio_write) &&
	     BIO_meth_set_ctrl(m, bio_ctrl));
	return m;
}

/* ---- the certificate ---- */

static enum st refuse(struct buf *complaint, const char *setting, const char *path, const char *what)
{
	const char *reason = ERR_reason_error_string(ERR_peek_last_error());

	buf_printf(complaint, "%s=%s: %s%s%s%s", setting, path, what, reason ? " (" : "", reason ? reason : "",
		   reason ? ")" : "");
	ERR_clear_error();
	return ST_INVALID;
}

/* forbidden: mode bits that it may not have. */
static enum st check_file(const char *setting, const char *path, mode_t forbidden, struct buf *complaint)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat sb;
	enum st st = ST_OK;

	ERR_clear_error();
	if (fd < 0) {
		buf_printf(complaint, "%s=%s: cannot be opened: %s", setting, path, strerror(errno));
		return ST_INVALID;
	}
	if (fstat(fd, &sb) != 0 || !S_ISREG(sb.st_mode)) {
		st = refuse(complaint, setting, path, "not a file");
	} else if (sb.st_mode & forbidden) {
		buf_printf(complaint, "%s=%s: everybody can reach the private key (mode %04o); chmod 600 %s", setting, path,
			   (unsigned)(sb.st_mode & 07777), path);
		st = ST_INVALID;
	}
	close(fd);
	return st;
}

/* Instead of asking on a terminal. */
static int no_passphrase(char *p, int n, int writing, void *ctx)
{
	bool *asked = ctx;

	(void)p, (void)n, (void)writing;
	*asked = true;
	return 0;
}

static enum st load_key(SSL_CTX *ctx, const char *path, struct buf *complaint)
{
	bool asked = false;

	SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
	SSL_CTX_set_default_passwd_cb_userdata(ctx, &asked);
	if (SSL_CTX_use_PrivateKey_file(ctx, path, SSL_FILETYPE_PEM) != 1) {
		if (!asked)
			return refuse(complaint, "TLS_KEY_FILE", path, "no private key in PEM form that fits the certificate");
		ERR_clear_error();
		return refuse(complaint, "TLS_KEY_FILE", path, "the key has a passphrase; store it without one "
			      "(openssl pkey -in FILE -out FILE)");
	}
	SSL_CTX_set_default_passwd_cb_userdata(ctx, NULL);
	if (SSL_CTX_check_private_key(ctx) != 1)
		return refuse(complaint, "TLS_KEY_FILE", path, "the key does not belong to the certificate of TLS_CERT_FILE");
	return ST_OK;
}

static void warn_of_expiry(SSL_CTX *ctx, const char *path)
{
	int days = 0, seconds = 0;

	if (!ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(SSL_CTX_get0_certificate(ctx))))
		return;
	if (days < 0 || seconds < 0)
		log_error("TLS_CERT_FILE=%s: the certificate has expired", path);
	else if (days < WARN_DAYS)
		log_warn("TLS_CERT_FILE=%s: the certificate expires in %d days", path, days);
	else
		log_info("the certificate in %s is good for %d days", path, days);
}

/* The one protocol that is spoken inside. */
static int choose_protocol(SSL *ssl, const unsigned char **outp, unsigned char *np, const unsigned char *in,
			   unsigned n, void *ctx)
{
	static const unsigned char ours[] = "\x08http/1.1";
	unsigned char *chosen;

	(void)ssl, (void)ctx;
	if (SSL_select_next_proto(&chosen, np, ours, sizeof ours - 1, in, n) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*outp = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *make_context(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

	must(ctx != NULL && SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION));
	must(SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20"));
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
			    SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_num_tickets(ctx, 1);
	SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
	return ctx;
}

enum st http_tls_context_new(const char *cert_path, const char *key_path, struct http_tls_context **cp,
			     struct buf *complaint)
{
	struct http_tls_context *c = mem_zalloc(sizeof *c);
	enum st st;

	obj_init(c, HTTP_TLS_CONTEXT_MAGIC);
	c->ctx = make_context();
	st = check_file("TLS_CERT_FILE", cert_path, 0, complaint);
	if (!st)
		st = check_file("TLS_KEY_FILE", key_path, 007, complaint);
	if (!st && SSL_CTX_use_certificate_chain_file(c->ctx, cert_path) != 1)
		st = refuse(complaint, "TLS_CERT_FILE", cert_path, "no certificate in PEM form");
	if (!st)
		st = load_key(c->ctx, key_path, complaint);
	if (st)
		http_tls_context_free(&c);
	else
		warn_of_expiry(c->ctx, cert_path);
	*cp = c;
	return st;
}

void http_tls_share_sessions(struct http_tls_context *c, struct slice secret)
{
	uint8_t keys[256];

	obj_check(c, HTTP_TLS_CONTEXT_MAGIC);
	if (secret.n > sizeof keys || (long)secret.n != SSL_CTX_set_tlsext_ticket_keys(c->ctx, NULL, 0))
		return;
	memcpy(keys, secret.p, secret.n);
	must(SSL_CTX_set_tlsext_ticket_keys(c->ctx, keys, (long)secret.n) == 1);
	OPENSSL_cleanse(keys, sizeof keys);
}

void http_tls_context_free(struct http_tls_context **cp)
{
	struct http_tls_context *c = *cp;

	if (!c)
		return;
	obj_check(c, HTTP_TLS_CONTEXT_MAGIC);
	SSL_CTX_free(c->ctx);
	obj_fini(c);
	mem_drop(cp);
}

/* ---- a session ---- */

struct http_tls *http_tls_new(struct http_tls_context *c)
{
	struct http_tls *t = mem_zalloc(sizeof *t);
	BIO *bio = BIO_new(bio_method());

	obj_check(c, HTTP_TLS_CONTEXT_MAGIC);
	obj_init(t, HTTP_TLS_MAGIC);
	t->ssl = SSL_new(c->ctx);
	must(bio != NULL && t->ssl != NULL);
	BIO_set_data(bio, t);
	BIO_set_init(bio, 1);
	SSL_set_bio(t->ssl, bio, bio);           /* owns it */
	SSL_set_accept_state(t->ssl);
	return t;
}

void http_tls_free(struct http_tls **tp)
{
	struct http_tls *t = *tp;

	if (!t)
		return;
	obj_check(t, HTTP_TLS_MAGIC);
	SSL_free(t->ssl);
	obj_fini(t);
	mem_drop(tp);
}

bool http_tls_is_open(const struct http_tls *t)
{
	return SSL_is_init_finished(t->ssl);
}

static void count_handshake(struct http_tls *t)
{
	if (t->counted || !http_tls_is_open(t))
		return;
	t->counted = true;
	stats_add(M_tls_handshakes, 1);
}

/* What a read of r <= 0 bytes means. */
static enum http_tls_got judge(struct http_tls *t, int r)
{
	unsigned long first;

	switch (SSL_get_error(t->ssl, r)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return HTTP_TLS_MORE;
	case SSL_ERROR_ZERO_RETURN:
		return HTTP_TLS_END;
	default:
		break;
	}
	first = ERR_peek_error();
	t->failed = true;
	if (!t->counted)
		stats_add(M_tls_handshake_failures, 1);
	ERR_clear_error();
	return ERR_GET_LIB(first) == ERR_LIB_SSL && ERR_GET_REASON(first) == SSL_R_HTTP_REQUEST ? HTTP_TLS_PLAIN_HTTP
												 : HTTP_TLS_BAD;
}

enum http_tls_got http_tls_open(struct http_tls *t, struct evbuffer *cipher, struct evbuffer *plain, struct buf *wire)
{
	static uint8_t record[RECORD_BYTES];
	enum http_tls_got got = HTTP_TLS_FULL;

	obj_check(t, HTTP_TLS_MAGIC);
	if (t->failed)
		return HTTP_TLS_BAD;
	t->cipher = cipher;
	t->wire = wire;
	ERR_clear_error();
	while (evbuffer_get_length(plain) < PLAIN_MAX) {
		int r = SSL_read(t->ssl, record, sizeof record);

		if (r <= 0) {
			got = judge(t, r);
			break;
		}
		must(evbuffer_add(plain, record, (size_t)r) == 0);
	}
	count_handshake(t);
	t->cipher = NULL;
	t->wire = NULL;
	return got;
}

bool http_tls_seal(struct http_tls *t, struct slice plain, struct buf *wire)
{
	size_t at = 0;

	obj_check(t, HTTP_TLS_MAGIC);
	t->wire = wire;
	ERR_clear_error();
	while (at < plain.n && !t->failed) {
		size_t left = plain.n - at;
		int r = SSL_write(t->ssl, plain.p + at, left < (1 << 30) ? (int)left : 1 << 30);

		if (r <= 0)
			t->failed = true;
		else
			at += (size_t)r;
	}
	ERR_clear_error();
	t->wire = NULL;
	return !t->failed;
}

void http_tls_finish(struct http_tls *t, struct buf *wire)
{
	obj_check(t, HTTP_TLS_MAGIC);
	if (t->failed || !http_tls_is_open(t))
		return;
	t->wire = wire;
	ERR_clear_error();
	(void)SSL_shutdown(t->ssl);
	ERR_clear_error();
	t->wire = NULL;
	t->failed = true;                        /* nothing is sealed after it */
}
