/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading settings from a file and from the environment.
 *
 *   line  = [ KEY "=" value ] [ blank "#" comment ]      blanks around KEY and value do not count
 *   value = text | '"' text '"'                          quotes keep blanks and "#"; nothing is escaped
 *
 * The first complaint ends the reading.
 */
#include "common/base/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "common/base/conf_priv.h"
#include "common/base/mem.h"

#define FILE_BYTES_MAX (1u << 20)
#define KEY_BYTES_MAX 64

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Cuts blanks off both ends, in place. */
static char *trim(char *s)
{
	size_t n;

	while (blank(*s))
		s++;
	n = strlen(s);
	while (n && blank(s[n - 1]))
		n--;
	s[n] = '\0';
	return s;
}

/* Takes the quotes off a trimmed value; false when it has none. */
static bool unquote(char **sp)
{
	size_t n = strlen(*sp);

	if (n < 2 || (*sp)[0] != '"' || (*sp)[n - 1] != '"')
		return false;
	(*sp)[n - 1] = '\0';
	(*sp)++;
	return true;
}

/* The value in what stands right of "=". */
static char *value_of(char *s)
{
	s = trim(s);
	if (unquote(&s))
		return s;
	for (char *p = s; *p; p++)
		if (*p == '#' && (p == s || blank(p[-1]))) {
			*p = '\0';
			s = trim(s);
			(void)unquote(&s);
			return s;
		}
	return s;
}

/* Edit distance (insert, drop, replace) of two keys, neither longer than KEY_BYTES_MAX. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[KEY_BYTES_MAX + 1];
	size_t n = strlen(b);

	for (unsigned j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned i = 0; a[i]; i++) {
		unsigned diagonal = row[0];

		row[0] = i + 1;
		for (size_t j = 0; j < n; j++) {
			unsigned best = diagonal + (a[i] != b[j]);

			diagonal = row[j + 1];
			best = best < row[j] + 1 ? best : row[j] + 1;
			row[j + 1] = best < diagonal + 1 ? best : diagonal + 1;
		}
	}
	return row[n];
}

/* The known key that looks most like this one; NULL when none does. */
static const char *nearest_key(const char *key)
{
	const char *nearest = NULL;
	unsigned least = (unsigned)strlen(key) / 2 + 1;

	if (strlen(key) > KEY_BYTES_MAX)
		return NULL;
	for (unsigned i = 0; i < conf__row_count; i++) {
		unsigned d = distance(key, conf__rows[i].key);

		if (d < least) {
			least = d;
			nearest = conf__rows[i].key;
		}
	}
	return nearest;
}

static enum st unknown_key(const char *key, struct conf_where where, struct buf *complaint)
{
	const char *nearest = nearest_key(key);

	buf_printf(complaint, "%s line %u: there is no setting %.*s", where.file, where.line,
	    KEY_BYTES_MAX, key);
	if (nearest)
		buf_printf(complaint, "; did you mean %s?", nearest);
	return ST_INVALID;
}

static enum st read_line(struct conf *c, char *line, struct conf_where where, struct buf *complaint)
{
	const struct conf_row *row;
	char *key = trim(line), *equals;

	if (!*key || *key == '#')
		return ST_OK;
	equals = strchr(key, '=');
	if (!equals) {
		buf_printf(complaint, "%s line %u: not of the form KEY=value: %.*s", where.file, where.line,
		    KEY_BYTES_MAX, key);
		return ST_INVALID;
	}
	*equals = '\0';
	key = trim(key);
	row = conf__find(key);
	if (!row)
		return unknown_key(key, where, complaint);
	return conf__set(c, row, value_of(equals + 1), where, complaint);
}

enum st conf_read_text(struct conf *c, const char *name, const char *text, struct buf *complaint)
{
	struct conf_where where = { name, 0, NULL };
	enum st st = ST_OK;

	while (*text && !st) {
		size_t n = strcspn(text, "\n");
		char *line = mem_dup(text, n + 1);

		line[n] = '\0';
		where.line++;
		st = read_line(c, line, where, complaint);
		mem_free(line);
		text += n + (text[n] == '\n');
	}
	return st;
}

/* The whole file into b. */
static enum st slurp(const char *path, struct buf *b, struct buf *complaint)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = -1;

	while (fd >= 0 && b->n <= FILE_BYTES_MAX) {
		n = read(fd, buf_reserve(b, 4096), 4096);
		if (n <= 0 && !(n < 0 && errno == EINTR))
			break;
		b->n += n > 0 ? (size_t)n : 0;
	}
	if (n < 0)
		buf_printf(complaint, "%s: cannot read the configuration file: %m", path);
	if (fd >= 0)
		(void)close(fd);
	return n < 0 ? ST_INVALID : ST_OK;
}

enum st conf_read_file(struct conf *c, const char *path, struct buf *complaint)
{
	struct buf text = BUF_INIT;
	enum st st = slurp(path, &text, complaint);

	if (!st && (text.n > FILE_BYTES_MAX || memchr(buf_cstr(&text), '\0', text.n))) {
		buf_printf(complaint, "%s: not a configuration file (it is binary, or larger than 1 MiB)",
		    path);
		st = ST_INVALID;
	}
	if (!st)
		st = conf_read_text(c, path, buf_cstr(&text), complaint);
	buf_fini(&text);
	return st;
}

enum st conf_read_env(struct conf *c, char *const *env, struct buf *complaint)
{
	struct conf_where where = { NULL, 0, "environment" };

	for (unsigned i = 0; i < conf__row_count; i++) {
		const struct conf_row *row = &conf__rows[i];
		size_t n = strlen(row->key);

		for (char *const *e = env; *e; e++) {
			enum st st;

			if (strncmp(*e, row->key, n) != 0 || (*e)[n] != '=')
				continue;
			st = conf__set(c, row, *e + n + 1, where, complaint);
			if (st)
				return st;
			break;
		}
	}
	return ST_OK;
}
