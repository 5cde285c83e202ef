/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of settings in memory, and setting one of them from text.
 *
 * 1. A value that was refused leaves the struct as it was.
 * 2. A complaint names the key, the value, the place, what is wrong and what would be right.
 */
#include "common/base/conf.h"

#include <stdlib.h>

#include "common/base/conf_priv.h"
#include "common/base/must.h"

#define WAL_SYNC_MS_MIN 1
#define WAL_SYNC_MS_MAX 60000
#define WAL_SYNC_MS_DEFAULT 1000
#define SHOWN_VALUE_MAX 80      /* bytes of a wrong value that a complaint repeats */

const struct conf_row conf__rows[] = {
#define CFG_NUM(field, KEY, def, min, max, unit, prose) \
	{ CONF_NUM, #KEY, offsetof(struct conf, field), #def, (min), (max), (unit), NULL, (prose) },
#define CFG_STR(field, KEY, def, prose) \
	{ CONF_STR, #KEY, offsetof(struct conf, field), (def), 0, 0, NULL, NULL, (prose) },
#define CFG_ENUM(field, KEY, def, words, prose) \
	{ CONF_ENUM, #KEY, offsetof(struct conf, field), (def), 0, 0, NULL, (words), (prose) },
#include "common/base/config.def"
#undef CFG_NUM
#undef CFG_STR
#undef CFG_ENUM
};
const unsigned conf__row_count = sizeof(conf__rows) / sizeof(conf__rows[0]);

const struct conf_row *conf__find(const char *key)
{
	for (unsigned i = 0; i < conf__row_count; i++)
		if (strcmp(conf__rows[i].key, key) == 0)
			return &conf__rows[i];
	return NULL;
}

void conf__complain(struct buf *complaint, struct conf_where where, const char *key, const char *value)
{
	if (where.file)
		buf_printf(complaint, "%s line %u: ", where.file, where.line);
	buf_printf(complaint, "%s=%.*s%s", key, SHOWN_VALUE_MAX, value,
	    strlen(value) > SHOWN_VALUE_MAX ? "..." : "");
	if (where.place)
		buf_printf(complaint, " (%s)", where.place);
	buf_append_str(complaint, ": ");
}

/* Digits only: no sign, no space. What follows them is at *restp. False when there are none or too many. */
static bool parse_digits(const char *s, uint64_t *vp, const char **restp)
{
	uint64_t v = 0;
	const char *p = s;

	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(v, 10u, &v) || __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
			return false;
	*vp = v;
	*restp = p;
	return p > s;
}

/* "bytes", "bytes/s" */
static bool counts_bytes(const struct conf_row *row)
{
	return strncmp(row->unit, "bytes", 5) == 0;
}

/* A number, with a suffix when it counts bytes. NULL, or what is wrong. */
static const char *parse_number(const struct conf_row *row, const char *s, uint64_t *vp)
{
	const char *rest = s;
	unsigned shift = 0;
	uint64_t v;

	if (!parse_digits(s, &v, &rest))
		return rest == s && !(*s >= '0' && *s <= '9') ? "not a number" : "too large";
	if (*rest && counts_bytes(row)) {
		shift = *rest == 'K' || *rest == 'k' ? 10 : *rest == 'M' || *rest == 'm' ? 20 :
		    *rest == 'G' || *rest == 'g' ? 30 : 0;
		rest += shift != 0;
	}
	if (*rest)
		return "not a number";
	if (v > row->max >> shift)
		return "too large";
	if (v << shift < row->min)
		return "too small";
	*vp = v << shift;
	return NULL;
}

static enum st set_number(const struct conf_row *row, const char *value, uint64_t *field,
    struct conf_where where, struct buf *complaint)
{
	const char *wrong = parse_number(row, value, field);
	uint64_t def = strtoull(row->def, NULL, 10);

	if (!wrong)
		return ST_OK;
	conf__complain(complaint, where, row->key, value);
	buf_printf(complaint, "%s; give %s from %llu to %llu, e.g. %s", wrong,
	    *row->unit ? row->unit : "a number", (unsigned long long)row->min,
	    (unsigned long long)row->max, row->def);
	if (counts_bytes(row) && def && def % (1u << 20) == 0)
		buf_printf(complaint, " or %lluM", (unsigned long long)(def >> 20));
	return ST_INVALID;
}

static enum st set_text(const struct conf_row *row, const char *value, char *field, struct conf_where where,
    struct buf *complaint)
{
	size_t n = strlen(value);

	for (size_t i = 0; i < n; i++)
		if ((unsigned char)value[i] < 0x20 || value[i] == 0x7f) {
			conf__complain(complaint, where, row->key, "");
			buf_printf(complaint, "byte %zu is a control character (line break, tab); "
			    "give plain text",
			    i + 1);
			return ST_INVALID;
		}
	if (n >= CONF_STR_MAX) {
		conf__complain(complaint, where, row->key, value);
		buf_printf(complaint, "%zu bytes are too long; give at most %d", n, CONF_STR_MAX - 1);
		return ST_INVALID;
	}
	memcpy(field, value, n + 1);
	return ST_OK;
}

/* Index of a word in "a|b|c"; -1 when it is none of them. */
static int word_index(const char *words, const char *word)
{
	size_t n = strlen(word);
	int index = 0;

	for (const char *w = words;; index++) {
		const char *bar = strchrnul(w, '|');

		if ((size_t)(bar - w) == n && memcmp(w, word, n) == 0)
			return index;
		if (!*bar)
			return -1;
		w = bar + 1;
	}
}

static void append_words(const struct conf_row *row, struct buf *out)
{
	for (const char *w = row->words; *w; w++) {
		if (*w == '|')
			buf_append_str(out, ", ");
		else
			buf_append_byte(out, (uint8_t)*w);
	}
}

static enum st set_word(const struct conf_row *row, const char *value, unsigned *field,
    struct conf_where where, struct buf *complaint)
{
	int index = word_index(row->words, value);

	if (index < 0) {
		conf__complain(complaint, where, row->key, value);
		buf_append_str(complaint, "give one of ");
		append_words(row, complaint);
		return ST_INVALID;
	}
	*field = (unsigned)index;
	return ST_OK;
}

/* WAL_SYNC is the one setting with a number inside: "interval:<ms>". A bare "interval": once a second. */
static enum st set_wal_sync(struct conf *c, const struct conf_row *row, const char *value,
    struct conf_where where, struct buf *complaint)
{
	static const char prefix[] = "interval:";
	const char *rest = "";
	int index = word_index(row->words, value);
	uint64_t ms = WAL_SYNC_MS_DEFAULT;

	if (strncmp(value, prefix, sizeof(prefix) - 1) == 0 &&
	    parse_digits(value + sizeof(prefix) - 1, &ms, &rest) && !*rest &&
	    ms >= WAL_SYNC_MS_MIN && ms <= WAL_SYNC_MS_MAX)
		index = WAL_SYNC_INTERVAL;
	if (index < 0) {
		conf__complain(complaint, where, row->key, value);
		buf_printf(complaint, "give always, off, or interval:<ms> with %d to %d milliseconds, "
		    "e.g. interval:100", WAL_SYNC_MS_MIN, WAL_SYNC_MS_MAX);
		return ST_INVALID;
	}
	c->wal_sync = (unsigned)index;
	c->wal_sync_ms = ms;
	return ST_OK;
}

enum st conf__set(struct conf *c, const struct conf_row *row, const char *value, struct conf_where where,
    struct buf *complaint)
{
	if (row->offset == offsetof(struct conf, wal_sync))
		return set_wal_sync(c, row, value, where, complaint);
	switch (row->kind) {
	case CONF_NUM: return set_number(row, value, conf__field(c, row), where, complaint);
	case CONF_STR: return set_text(row, value, conf__field(c, row), where, complaint);
	case CONF_ENUM: return set_word(row, value, conf__field(c, row), where, complaint);
	}
	must_failed(__FILE__, __LINE__, "row->kind is a kind");
}

void conf_defaults(struct conf *c)
{
	struct buf complaint = BUF_INIT;

	memset(c, 0, sizeof(*c));
	for (const struct conf_row *row = conf__rows; row < conf__rows + conf__row_count; row++)
		must(conf__set(c, row, row->def, (struct conf_where){ 0 }, &complaint) == ST_OK);
	buf_fini(&complaint);
}

enum st conf_set(struct conf *c, const char *key, const char *value, struct buf *complaint)
{
	const struct conf_row *row = conf__find(key);

	if (!row)
		return ST_NOT_FOUND;
	return conf__set(c, row, value, (struct conf_where){ 0 }, complaint);
}

enum log_level conf_log_level(const struct conf *c)
{
	static const enum log_level levels[] = {
		LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR
	};

	must(c->log_level < sizeof(levels) / sizeof(levels[0]));
	return levels[c->log_level];
}

enum log_format conf_log_format(const struct conf *c)
{
	must(c->log_format == CONF_LOG_JSON || c->log_format == CONF_LOG_PRETTY);
	return c->log_format == CONF_LOG_JSON ? LOG_FORMAT_JSON : LOG_FORMAT_PRETTY;
}
