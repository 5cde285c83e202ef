/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scoreboard as Prometheus reads it: text exposition format 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/). Any thread.
 *
 *   family = "# HELP" name help  "# TYPE" name type  { name [ "{" labels "}" ] value }
 *
 * Times are kept in microseconds and written in seconds; a ratio is kept in millionths and written likewise. Buckets are cumulated; le="+Inf" equals _count.
 */
#include "common/stats/stats.h"

#include "common/stats/stats_priv.h"

static void append_seconds(struct buf *out, uint64_t us)
{
	uint64_t fraction = us % 1000000;
	unsigned digits = 6;

	buf_append_u64(out, us / 1000000);
	if (!fraction)
		return;
	for (; fraction % 10 == 0; digits--)
		fraction /= 10;
	buf_printf(out, ".%0*llu", (int)digits, (unsigned long long)fraction);
}

static bool ends_in(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

static const char *type_of(const struct stats_row *row)
{
	switch (row->kind) {
	case STATS_COUNTER:
	case STATS_COUNTER_US: return ends_in(row->name, "_total") ? "counter" : "untyped";
	case STATS_GAUGE:
	case STATS_GAUGE_US:
	case STATS_LEVEL_GAUGE: return "gauge";
	case STATS_HISTOGRAM: return "histogram";
	}
	return "untyped";
}

static void write_value(struct buf *out, enum metric m)
{
	const struct stats_row *row = &stats__rows[m];

	buf_printf(out, "%s ", row->name);
	if (row->kind == STATS_COUNTER_US || row->kind == STATS_GAUGE_US)
		append_seconds(out, stats_sum(m));
	else
		buf_append_u64(out, stats_sum(m));
	buf_append_byte(out, '\n');
}

static void write_levels(struct buf *out, enum metric m)
{
	for (unsigned level = 0; level < STATS_LEVELS; level++)
		buf_printf(out, "%s{level=\"%u\"} %llu\n", stats__rows[m].name, level,
		    (unsigned long long)stats_sum_level(m, level));
}

static void write_operation(struct buf *out, const char *name, const char *operation,
    const struct stats_durations *d)
{
	uint64_t seen = 0;

	for (unsigned b = 0; b < DURATION_BUCKETS; b++) {
		seen += d->buckets[b];
		if (!duration_is_exposed(b))
			continue;
		buf_printf(out, "%s_bucket{operation=\"%s\",le=\"", name, operation);
		if (b == DURATION_BUCKETS - 1)
			buf_append_str(out, "+Inf");
		else
			append_seconds(out, duration_bound_us(b));
		buf_printf(out, "\"} %llu\n", (unsigned long long)seen);
	}
	buf_printf(out, "%s_sum{operation=\"%s\"} ", name, operation);
	append_seconds(out, d->sum_us);
	buf_printf(out, "\n%s_count{operation=\"%s\"} %llu\n", name, operation, (unsigned long long)d->count);
}

static void write_durations(struct buf *out, const struct stats_row *row)
{
	static const char *const names[OP_COUNT] = { "read", "write", "delete", "batch", "other" };

	for (unsigned op = 0; op < OP_COUNT; op++) {
		struct stats_durations d;

		stats__durations((enum operation)op, &d);
		write_operation(out, row->name, names[op], &d);
	}
}

void stats_write_prometheus(struct buf *out)
{
	for (unsigned m = 0; m < METRIC_COUNT; m++) {
		const struct stats_row *row = &stats__rows[m];

		buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", row->name, row->help, row->name,
		    type_of(row));
		if (row->kind == STATS_HISTOGRAM)
			write_durations(out, row);
		else if (row->kind == STATS_LEVEL_GAUGE)
			write_levels(out, (enum metric)m);
		else
			write_value(out, (enum metric)m);
	}
}
