/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The settings table of config.def turned into parser, complaints and printed files (conf.h). Run by the supervisor and
 * tools at start; workers only read the text they inherit.
 */
#include "common/base/conf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/must.h"

#define CONF_FILE_MAX (1u << 20)
#define SOCKET_NAME_BYTES 32u           /* room in a socket path for the longest name in RUN_DIR */

enum kind { KIND_NUM, KIND_STR, KIND_ENUM };

struct row {
	const char *key;
	enum kind kind;
	size_t at;                      /* of the field in struct conf */
	uint64_t def_num, min, max;
	const char *def_text, *words, *unit, *prose;
};

static const struct row rows[] = {
#define CFG_NUM(field, KEY, def, lo, hi, u, p) \
	{ .key = #KEY, .kind = KIND_NUM, .at = offsetof(struct conf, field), .def_num = (def), .min = (lo), .max = (hi), .unit = (u), .prose = (p) },
#define CFG_STR(field, KEY, def, p) \
	{ .key = #KEY, .kind = KIND_STR, .at = offsetof(struct conf, field), .def_text = (def), .prose = (p) },
#define CFG_ENUM(field, KEY, def, w, p) \
	{ .key = #KEY, .kind = KIND_ENUM, .at = offsetof(struct conf, field), .def_text = (def), .words = (w), .prose = (p) },
#include "common/base/config.def"
#undef CFG_NUM
#undef CFG_STR
#undef CFG_ENUM
};

#define ROW_COUNT (sizeof rows / sizeof rows[0])

static void *field(const struct conf *c, const struct row *r)
{
	return (char *)(uintptr_t)c + r->at;
}

static const struct row *find_row(const char *key)
{
	for (size_t i = 0; i < ROW_COUNT; i++)
		if (strcmp(rows[i].key, key) == 0)
			return &rows[i];
	return NULL;
}

/* ---- one value ---- */

static bool is_bytes(const struct row *r)
{
	return strcmp(r->unit, "bytes") == 0;
}

/* The number in s with an optional K, M or G; false when it is none or overflows. */
static bool parse_number(const char *s, bool suffix_allowed, uint64_t *vp)
{
	char *end;
	uint64_t v;
	unsigned shift = 0;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	v = strtoull(s, &end, 10);
	if (errno)
		return false;
	if (suffix_allowed && *end)
		shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
	if (shift)
		end++;
	if (*end || v > UINT64_MAX >> shift)
		return false;
	*vp = v << shift;
	return true;
}

static enum st bad_number(const struct row *r, const char *value, const char *what, struct buf *complaint)
{
	buf_printf(complaint, "%s=%s: %s; give %s from %llu to %llu", r->key, value, what, *r->unit ? r->unit : "a number",
		   (unsigned long long)r->min, (unsigned long long)r->max);
	if (is_bytes(r))
		buf_printf(complaint, ", such as %llu or 64M", (unsigned long long)r->def_num);
	return ST_INVALID;
}

static enum st set_number(struct conf *c, const struct row *r, const char *value, struct buf *complaint)
{
	uint64_t v;

	if (!parse_number(value, is_bytes(r), &v))
		return bad_number(r, value, "not a number", complaint);
	if (v < r->min || v > r->max)
		return bad_number(r, value, v < r->min ? "too small" : "too large", complaint);
	*(uint64_t *)field(c, r) = v;
	return ST_OK;
}

static enum st set_text(struct conf *c, const struct row *r, const char *value, struct buf *complaint)
{
	if (strlen(value) >= CONF_STR_MAX) {
		buf_printf(complaint, "%s: longer than %u bytes", r->key, CONF_STR_MAX - 1);
		return ST_INVALID;
	}
	if (strpbrk(value, "\r\n")) {
		buf_printf(complaint, "%s: holds a line break", r->key);
		return ST_INVALID;
	}
	strcpy(field(c, r), value);
	return ST_OK;
}

/* The index of value among "a|b|c", -1 when it is none of them. */
static int word_index(const char *words, const char *value)
{
	size_t n = strlen(value);

	for (int i = 0;; i++) {
		const char *bar = strchrnul(words, '|');

		if ((size_t)(bar - words) == n && memcmp(words, value, n) == 0)
			return i;
		if (!*bar)
			return -1;
		words = bar + 1;
	}
}

static enum st set_word(struct conf *c, const struct row *r, const char *value, struct buf *complaint)
{
	int i = word_index(r->words, value);

	if (i < 0) {
		buf_printf(complaint, "%s=%s: unknown; give one of %s", r->key, value, r->words);
		return ST_INVALID;
	}
	*(unsigned *)field(c, r) = (unsigned)i;
	return ST_OK;
}

/* WAL_SYNC=interval:<ms>; a bare "interval" means once a second. */
static enum st set_wal_sync(struct conf *c, const struct row *r, const char *value, struct buf *complaint)
{
	uint64_t ms;

	if (strncmp(value, "interval:", 9) != 0)
		return set_word(c, r, value, complaint);
	if (!parse_number(value + 9, false, &ms) || ms < 1 || ms > 60000) {
		buf_printf(complaint, "%s=%s: give always, off, or interval:<ms> with 1 to 60000 milliseconds", r->key, value);
		return ST_INVALID;
	}
	c->wal_sync = WAL_SYNC_INTERVAL;
	c->wal_sync_ms = ms;
	return ST_OK;
}

enum st conf_set(struct conf *c, const char *key, const char *value, struct buf *complaint)
{
	const struct row *r = find_row(key);

	if (!r)
		return ST_NOT_FOUND;
	if (strcmp(key, "WAL_SYNC") == 0)
		return set_wal_sync(c, r, value, complaint);
	return r->kind == KIND_NUM ? set_number(c, r, value, complaint) :
	       r->kind == KIND_STR ? set_text(c, r, value, complaint) : set_word(c, r, value, complaint);
}

void conf_defaults(struct conf *c)
{
	memset(c, 0, sizeof *c);
	c->wal_sync_ms = 1000;
	for (size_t i = 0; i < ROW_COUNT; i++) {
		const struct row *r = &rows[i];

		if (r->kind == KIND_NUM)
			*(uint64_t *)field(c, r) = r->def_num;
		else if (r->kind == KIND_STR)
			strcpy(field(c, r), r->def_text);
		else
			*(unsigned *)field(c, r) = (unsigned)word_index(r->words, r->def_text);
	}
}

/* ---- sources ---- */

/* Levenshtein distance of two short words, for "did you mean". */
static size_t distance(const char *a, const char *b)
{
	size_t n = strlen(b), row[64];

	if (n + 1 > sizeof row / sizeof row[0])
		return n;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; *a; a++, i++) {
		size_t corner = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t best = corner + (*a != b[j - 1]);

			corner = row[j];
			if (corner + 1 < best)
				best = corner + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[n];
}

static const char *nearest_key(const char *key)
{
	const char *best = rows[0].key;

	for (size_t i = 1; i < ROW_COUNT; i++)
		if (distance(key, rows[i].key) < distance(key, best))
			best = rows[i].key;
	return best;
}

/* One line, already cut at its end; moves nothing. */
static enum st read_line(struct conf *c, const char *name, unsigned number, char *line, struct buf *complaint)
{
	char *value, *end;
	struct buf why = BUF_INIT;
	enum st st;

	line += strspn(line, " \t");
	for (end = line + strlen(line); end > line && strchr(" \t\r", end[-1]); end--)
		end[-1] = '\0';
	if (!*line || *line == '#')
		return ST_OK;
	value = strchr(line, '=');
	if (!value) {
		buf_printf(complaint, "%s line %u: \"%s\" is not KEY=value", name, number, line);
		return ST_INVALID;
	}
	*value++ = '\0';
	st = conf_set(c, line, value, &why);
	if (st == ST_NOT_FOUND)
		buf_printf(complaint, "%s line %u: there is no setting %s; did you mean %s?", name, number, line, nearest_key(line));
	else if (st)
		buf_printf(complaint, "%s line %u: %s", name, number, buf_cstr(&why));
	buf_fini(&why);
	return st ? ST_INVALID : ST_OK;
}

enum st conf_read_text(struct conf *c, const char *name, const char *text, struct buf *complaint)
{
	char *copy = mem_strdup(text), *rest = copy, *line;
	enum st st = ST_OK;

	for (unsigned number = 1; st == ST_OK && (line = strsep(&rest, "\n")) != NULL; number++)
		st = read_line(c, name, number, line, complaint);
	mem_free(copy);
	return st;
}

enum st conf_read_file(struct conf *c, const char *path, struct buf *complaint)
{
	FILE *f = fopen(path, "re");
	char *text;
	size_t n;
	enum st st;

	if (!f) {
		buf_printf(complaint, "cannot read the settings file %s: %s", path, strerror(errno));
		return ST_INVALID;
	}
	text = mem_alloc(CONF_FILE_MAX + 1);
	n = fread(text, 1, CONF_FILE_MAX + 1, f);
	if (ferror(f) || n > CONF_FILE_MAX || memchr(text, '\0', n)) {
		buf_printf(complaint, "%s is no settings file: %s", path, ferror(f) ? strerror(errno) :
			   n > CONF_FILE_MAX ? "it is larger than 1 MiB" : "it holds a NUL byte");
		st = ST_INVALID;
	} else {
		text[n] = '\0';
		st = conf_read_text(c, path, text, complaint);
	}
	mem_free(text);
	fclose(f);
	return st;
}

enum st conf_read_env(struct conf *c, char *const *env, struct buf *complaint)
{
	for (; *env; env++) {
		const char *value = strchr(*env, '=');
		char key[64];
		struct buf why = BUF_INIT;
		enum st st;

		if (!value || (size_t)(value - *env) >= sizeof key)
			continue;
		memcpy(key, *env, (size_t)(value - *env));
		key[value - *env] = '\0';
		st = conf_set(c, key, value + 1, &why);
		if (st == ST_INVALID)
			buf_printf(complaint, "environment: %s", buf_cstr(&why));
		buf_fini(&why);
		if (st == ST_INVALID)
			return st;
	}
	return ST_OK;
}

/* ---- what several keys say together ---- */

static enum st make_absolute(const char *key, char *path, struct buf *complaint)
{
	char here[CONF_STR_MAX];
	struct buf b = BUF_INIT;
	enum st st = ST_OK;

	if (!*path) {
		buf_printf(complaint, "%s is empty; give a directory", key);
		return ST_INVALID;
	}
	if (*path != '/') {
		while (path[0] == '.' && path[1] == '/')
			memmove(path, path + 2, strlen(path + 2) + 1);
		if (!getcwd(here, sizeof here))
			here[0] = '\0';
		buf_printf(&b, "%s/%s", strcmp(here, "/") == 0 ? "" : here, path);
		st = b.n < CONF_STR_MAX && here[0] ? ST_OK : ST_INVALID;
		if (st == ST_OK)
			strcpy(path, buf_cstr(&b));
		else
			buf_printf(complaint, "%s: the full path is too long", key);
		buf_fini(&b);
	}
	for (size_t n = strlen(path); n > 1 && path[n - 1] == '/'; n--)
		path[n - 1] = '\0';
	return st;
}

static enum st finish_run_dir(struct conf *c, struct buf *complaint)
{
	size_t most = sizeof(((struct sockaddr_un *)0)->sun_path) - SOCKET_NAME_BYTES;
	enum st st;

	if (!*c->run_dir) {
		if (strlen(c->data_dir) + 5 > CONF_STR_MAX)
			return ST_INVALID;
		strcpy(c->run_dir, c->data_dir);
		strcat(c->run_dir, "/run");
	}
	st = make_absolute("RUN_DIR", c->run_dir, complaint);
	if (st == ST_OK && strlen(c->run_dir) > most) {
		buf_printf(complaint, "RUN_DIR=%s: longer than %zu bytes, too long for the sockets in it; set a shorter RUN_DIR",
			   c->run_dir, most);
		st = ST_INVALID;
	}
	return st;
}

static enum st check_host(const struct conf *c, struct buf *complaint)
{
	struct in6_addr any;

	if (strcmp(c->host, "localhost") == 0 || inet_pton(AF_INET, c->host, &any) == 1 || inet_pton(AF_INET6, c->host, &any) == 1)
		return ST_OK;
	buf_printf(complaint, "HOST=%s: not an IP address; give one such as 127.0.0.1, 0.0.0.0 or ::1, or localhost", c->host);
	return ST_INVALID;
}

static void choose_log_format(struct conf *c, bool terminal)
{
	enum { AUTO, JSON, PRETTY };
	enum { UNSET, DEVELOPMENT, PRODUCTION };

	if (c->log_format == AUTO)
		c->log_format = c->node_env == PRODUCTION ? JSON : c->node_env == DEVELOPMENT || terminal ? PRETTY : JSON;
}

enum st conf_finish(struct conf *c, bool stderr_is_terminal, struct buf *complaint)
{
	enum st st = check_host(c, complaint);

	if (st == ST_OK)
		st = make_absolute("DATA_DIR", c->data_dir, complaint);
	if (st == ST_OK)
		st = finish_run_dir(c, complaint);
	if (st == ST_OK && c->wal_test_mode) {
		buf_append_str(complaint, "WAL_TEST_MODE=true: this server never corrupts its own log; leave it false");
		st = ST_INVALID;
	}
	if (st == ST_OK)
		choose_log_format(c, stderr_is_terminal);
	return st;
}

enum log_level conf_log_level(const struct conf *c)
{
	static const enum log_level levels[] = { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

	must(c->log_level < sizeof levels / sizeof levels[0]);
	return levels[c->log_level];
}

enum log_format conf_log_format(const struct conf *c)
{
	return c->log_format == 2 ? LOG_FORMAT_PRETTY : LOG_FORMAT_JSON;
}

/* ---- printing ---- */

static void write_word(const struct row *r, unsigned index, struct buf *out)
{
	const char *w = r->words;

	while (index--)
		w = strchr(w, '|') + 1;
	buf_append(out, w, (size_t)(strchrnul(w, '|') - w));
}

void conf_write(const struct conf *c, struct buf *out)
{
	for (size_t i = 0; i < ROW_COUNT; i++) {
		const struct row *r = &rows[i];

		buf_printf(out, "%s=", r->key);
		if (r->kind == KIND_NUM)
			buf_append_u64(out, *(const uint64_t *)field(c, r));
		else if (r->kind == KIND_STR)
			buf_append_str(out, field(c, r));
		else
			write_word(r, *(const unsigned *)field(c, r), out);
		if (strcmp(r->key, "WAL_SYNC") == 0 && c->wal_sync == WAL_SYNC_INTERVAL)
			buf_printf(out, ":%llu", (unsigned long long)c->wal_sync_ms);
		buf_append_byte(out, '\n');
	}
}

/* Prose in comment lines of at most 100 columns. */
static void write_prose(const char *prose, struct buf *out)
{
	size_t column = 0;

	while (*prose) {
		size_t n = strcspn(prose, " ");

		if (column == 0 || column + 1 + n > 98) {
			buf_append_str(out, column ? "\n#" : "#");
			column = 1;
		}
		buf_append_byte(out, ' ');
		buf_append(out, prose, n);
		column += 1 + n;
		prose += n + (prose[n] == ' ');
	}
	buf_append_byte(out, '\n');
}

void conf_write_documented(struct buf *out)
{
	buf_append_str(out, "# Settings of lsm-engine: KEY=value lines, read with lsm-supervisor --config FILE.\n"
		       "# An environment variable of the same name wins. Commented lines show the defaults.\n");
	for (size_t i = 0; i < ROW_COUNT; i++) {
		const struct row *r = &rows[i];

		buf_append_byte(out, '\n');
		write_prose(r->prose, out);
		if (r->kind == KIND_NUM)
			buf_printf(out, "# %s%s%llu to %llu%s.\n#%s=%llu\n", r->unit, *r->unit ? ", " : "", (unsigned long long)r->min,
				   (unsigned long long)r->max, is_bytes(r) ? "; K, M and G may follow a number" : "", r->key,
				   (unsigned long long)r->def_num);
		else if (r->kind == KIND_ENUM)
			buf_printf(out, "# One of %s.\n#%s=%s\n", r->words, r->key, r->def_text);
		else
			buf_printf(out, "#%s=%s\n", r->key, r->def_text);
	}
}
