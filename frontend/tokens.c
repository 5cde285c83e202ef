/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each token is kept padded with zero bytes to the longest one's size, so that comparing is the same sixteen words
 * whatever is compared. No token is all zero, and none has a zero byte, so the padding takes part without harm.
 */
#include "frontend/tokens.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/must.h"
#include "frontend/urlcode.h"

#define TOKENS_MAGIC 0x746f6b01u

enum { TOKEN_WORDS = TOKEN_MAX_BYTES / 8 };

struct padded {
	uint64_t words[TOKEN_WORDS];
};

struct tokens {
	uint32_t magic;
	size_t count;
	struct padded *padded;           /* one for each of the tokens */
	struct token *tokens;
};

/* Where in a file, for complaints. */
struct place {
	const char *name;
	unsigned line;
};

static const char *const role_words[] = { "nothing", "reader", "writer", "admin" };

const char *role_word(enum role_needed role)
{
	must((unsigned)role < sizeof role_words / sizeof *role_words);
	return role_words[role];
}

static enum st refuse(struct buf *complaint, struct place at, const char *what)
{
	buf_printf(complaint, "%s line %u: %s", at.name, at.line, what);
	return ST_INVALID;
}

/* ---- a line ---- */

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of a line, empty at its end or where a comment begins. */
static struct slice next_word(struct slice *line)
{
	const uint8_t *p = line->p, *end = slice_end(*line), *from;

	while (p < end && is_blank(*p))
		p++;
	from = p;
	if (p < end && *p == '#')
		p = from = end;
	while (p < end && !is_blank(*p))
		p++;
	*line = slice_of(p, (size_t)(end - p));
	return slice_of(from, (size_t)(p - from));
}

static bool is_token_byte(uint8_t c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
	       c == '_' || c == '~' || c == '+' || c == '/' || c == '=';
}

static bool is_token(struct slice word)
{
	for (size_t i = 0; i < word.n; i++)
		if (!is_token_byte(word.p[i]))
			return false;
	return true;
}

static struct padded pad(struct slice token)
{
	struct padded p = { { 0 } };

	if (token.n)
		memcpy(p.words, token.p, token.n < TOKEN_MAX_BYTES ? token.n : TOKEN_MAX_BYTES);
	return p;
}

static enum st take_token(struct tokens *t, struct slice word, struct place at, struct buf *complaint)
{
	if (word.n < TOKEN_MIN_BYTES)
		return refuse(complaint, at, "the token is shorter than 16 characters, which can be guessed; make one with: "
			      "openssl rand -hex 32");
	if (word.n > TOKEN_MAX_BYTES)
		return refuse(complaint, at, "the token is longer than 128 characters");
	if (!is_token(word))
		return refuse(complaint, at, "a token consists of letters, digits and - . _ ~ + / =");
	if (tokens_find(t, word))
		return refuse(complaint, at, "this token stands in an earlier line, too");
	if (t->count == TOKENS_MAX)
		return refuse(complaint, at, "more than 1024 tokens");
	t->padded[t->count] = pad(word);
	return ST_OK;
}

static enum st take_role(struct token *token, struct slice word, struct place at, struct buf *complaint)
{
	for (enum role_needed role = NEEDS_READER; role <= NEEDS_ADMIN; role++)
		if (slice_eq(word, slice_str(role_words[role]))) {
			token->role = role;
			return ST_OK;
		}
	return refuse(complaint, at, word.n ? "the role behind the token is reader, writer or admin"
					    : "a role is missing behind the token: reader, writer or admin");
}

static enum st take_prefix(struct token *token, struct slice word, struct place at, struct buf *complaint)
{
	uint8_t *prefix = mem_alloc(word.n + 1);

	token->prefix.p = prefix;
	if (!urlcode_decode(word, prefix, &token->prefix.n))
		return refuse(complaint, at, "the prefix is not validly percent-encoded");
	if (word.n && token->role == NEEDS_ADMIN)
		return refuse(complaint, at, "an admin has all keys: a prefix goes with reader or writer");
	return ST_OK;
}

static enum st take_line(struct tokens *t, struct slice line, struct place at, struct buf *complaint)
{
	struct token *token = &t->tokens[t->count];
	struct slice word = next_word(&line);
	enum st st;

	if (word.n == 0)
		return ST_OK;
	st = take_token(t, word, at, complaint);
	if (st)
		return st;
	*token = (struct token){ .line = at.line };
	t->count++;
	st = take_role(token, next_word(&line), at, complaint);
	if (!st)
		st = take_prefix(token, next_word(&line), at, complaint);
	if (!st && next_word(&line).n)
		st = refuse(complaint, at, "there is something behind the prefix; the form is: TOKEN ROLE [PREFIX]");
	return st;
}

/* ---- a file ---- */

static struct tokens *tokens_new(void)
{
	struct tokens *t = mem_zalloc(sizeof *t);

	obj_init(t, TOKENS_MAGIC);
	t->padded = mem_zalloc(TOKENS_MAX * sizeof *t->padded);
	t->tokens = mem_zalloc((TOKENS_MAX + 1) * sizeof *t->tokens);
	return t;
}

enum st tokens_parse(const char *name, struct slice text, struct tokens **tp, struct buf *complaint)
{
	struct tokens *t = tokens_new();
	struct place at = { name, 0 };
	enum st st = ST_OK;

	*tp = NULL;
	while (text.n && !st) {
		const uint8_t *end = memchr(text.p, '\n', text.n);
		size_t n = end ? (size_t)(end - text.p) : text.n, whole = n + (end != NULL);

		at.line++;
		st = take_line(t, slice_of(text.p, n), at, complaint);
		text = slice_of(text.p + whole, text.n - whole);
	}
	if (!st && t->count == 0) {
		buf_printf(complaint, "%s: there is no token in it, so nobody could do anything", name);
		st = ST_INVALID;
	}
	if (st)
		tokens_free(&t);
	*tp = t;
	return st;
}

static enum st check_file(const char *path, int fd, struct buf *complaint)
{
	struct stat sb;

	if (fstat(fd, &sb) != 0 || !S_ISREG(sb.st_mode))
		buf_printf(complaint, "AUTH_TOKENS_FILE=%s: not a file", path);
	else if (sb.st_mode & 077)
		buf_printf(complaint, "AUTH_TOKENS_FILE=%s: others than its owner can reach it (mode %04o); chmod 600 %s", path,
			   (unsigned)(sb.st_mode & 07777), path);
	else if (sb.st_size > TOKENS_FILE_MAX)
		buf_printf(complaint, "AUTH_TOKENS_FILE=%s: larger than 1 MiB, so it is something else", path);
	else
		return ST_OK;
	return ST_INVALID;
}

static enum st slurp(const char *path, int fd, struct buf *text, struct buf *complaint)
{
	ssize_t n;

	do {
		n = read(fd, buf_reserve(text, 4096), 4096);
		text->n += n > 0 ? (size_t)n : 0;
	} while ((n > 0 && text->n <= TOKENS_FILE_MAX) || (n < 0 && errno == EINTR));
	if (n == 0)
		return ST_OK;
	buf_printf(complaint, "AUTH_TOKENS_FILE=%s: cannot be read: %s", path, n < 0 ? strerror(errno) : "it grows");
	return ST_INVALID;
}

enum st tokens_read(const char *path, struct tokens **tp, struct buf *complaint)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct buf text = BUF_INIT;
	enum st st;

	*tp = NULL;
	if (fd < 0) {
		buf_printf(complaint, "AUTH_TOKENS_FILE=%s: cannot be opened: %s", path, strerror(errno));
		return ST_INVALID;
	}
	st = check_file(path, fd, complaint);
	if (!st)
		st = slurp(path, fd, &text, complaint);
	if (!st)
		st = tokens_parse(path, buf_slice(&text), tp, complaint);
	close(fd);
	if (text.p)
		explicit_bzero(text.p, text.capacity);
	buf_fini(&text);
	return st;
}

void tokens_free(struct tokens **tp)
{
	struct tokens *t = *tp;

	if (!t)
		return;
	obj_check(t, TOKENS_MAGIC);
	for (size_t i = 0; i < t->count; i++)
		mem_free((void *)(uintptr_t)t->tokens[i].prefix.p);
	explicit_bzero(t->padded, TOKENS_MAX * sizeof *t->padded);
	mem_free(t->padded);
	mem_free(t->tokens);
	obj_fini(t);
	mem_drop(tp);
}

size_t tokens_count(const struct tokens *t)
{
	return t->count;
}

/* ---- whose it is ---- */

/* All bits set when the two are the same, else none. */
static uint64_t same(const struct padded *a, const struct padded *b)
{
	uint64_t diff = 0;

	for (size_t i = 0; i < TOKEN_WORDS; i++)
		diff |= a->words[i] ^ b->words[i];
	return ((diff | (0 - diff)) >> 63) - 1;
}

const struct token *tokens_find(const struct tokens *t, struct slice presented)
{
	struct padded wanted = pad(presented);
	uint64_t place = 0;              /* of the token that fits, from 1 */

	obj_check(t, TOKENS_MAGIC);
	for (size_t i = 0; i < t->count; i++)
		place |= same(&wanted, &t->padded[i]) & (i + 1);
	if (place == 0 || presented.n > TOKEN_MAX_BYTES)
		return NULL;
	return &t->tokens[place - 1];
}
