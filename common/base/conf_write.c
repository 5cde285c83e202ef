/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings as text: the effective ones for the workers, and the documented defaults for people.
 */
#include "common/base/conf.h"

#include "common/base/conf_priv.h"

#define PROSE_COLUMNS 100

static void write_word(struct buf *out, const struct conf_row *row, unsigned index)
{
	const char *w = row->words;

	while (index-- > 0)
		w = strchr(w, '|') + 1;
	buf_append(out, w, strcspn(w, "|"));
}

/* Quoted where the reader would otherwise take something away. */
static void write_text(struct buf *out, const char *s)
{
	size_t n = strlen(s);
	bool quotes = n && (s[0] == ' ' || s[n - 1] == ' ' || s[0] == '"' || strchr(s, '#'));

	buf_append_str(out, quotes ? "\"" : "");
	buf_append(out, s, n);
	buf_append_str(out, quotes ? "\"" : "");
}

void conf_write(const struct conf *c, struct buf *out)
{
	for (unsigned i = 0; i < conf__row_count; i++) {
		const struct conf_row *row = &conf__rows[i];
		const void *field = (const char *)c + row->offset;

		buf_printf(out, "%s=", row->key);
		if (row->kind == CONF_NUM)
			buf_append_u64(out, *(const uint64_t *)field);
		else if (row->kind == CONF_STR)
			write_text(out, field);
		else
			write_word(out, row, *(const unsigned *)field);
		if (row->offset == offsetof(struct conf, wal_sync) && c->wal_sync == WAL_SYNC_INTERVAL)
			buf_printf(out, ":%llu", (unsigned long long)c->wal_sync_ms);
		buf_append_byte(out, '\n');
	}
}

/* Prose as comment lines, broken between words. */
static void write_prose(struct buf *out, const char *prose)
{
	size_t column = 0;

	while (*prose) {
		size_t n = strcspn(prose, " ");

		if (column && column + 1 + n > PROSE_COLUMNS) {
			buf_append_byte(out, '\n');
			column = 0;
		}
		column += (column ? 1 : 2) + n;
		buf_append_str(out, column == n + 2 ? "# " : " ");
		buf_append(out, prose, n);
		prose += n + (prose[n] == ' ');
	}
	buf_append_byte(out, '\n');
}

static void write_limits(struct buf *out, const struct conf_row *row)
{
	if (row->kind == CONF_NUM)
		buf_printf(out, "# %s%s%llu to %llu%s\n", row->unit, *row->unit ? ", " : "",
		    (unsigned long long)row->min, (unsigned long long)row->max,
		    strcmp(row->unit, "bytes") == 0 ? " (K, M, G multiply by 1024)" : "");
	else if (row->kind == CONF_ENUM && row->offset == offsetof(struct conf, wal_sync))
		buf_append_str(out, "# always | interval:<ms> | off\n");
	else if (row->kind == CONF_ENUM)
		for (const char *w = row->words; *w; w += strcspn(w, "|"), w += *w == '|')
			buf_printf(out, "%s%.*s%s", w == row->words ? "# " : " | ", (int)strcspn(w, "|"), w,
			    strchr(w, '|') ? "" : "\n");
}

void conf_write_documented(struct buf *out)
{
	buf_append_str(out,
	    "# Settings of lsm-engine. #KEY= lines show the defaults; take the # off to change one.\n"
	    "# The environment overrides this file: PORT=8080 lsm-supervisor --config this-file\n");
	for (unsigned i = 0; i < conf__row_count; i++) {
		const struct conf_row *row = &conf__rows[i];

		buf_append_byte(out, '\n');
		write_prose(out, row->prose);
		write_limits(out, row);
		buf_printf(out, "#%s=%s\n", row->key, row->def);
	}
}
