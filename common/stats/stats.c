/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scoreboard's segment, writing one's own slot, and the sums (stats.h). Any thread after begin.
 *
 *   segment = head { magic, layout, pids, used } slot{SLOT_MAX} running jobs (running.c)
 *   slot    = one cell per counter and gauge, LEVELS per level gauge, one histogram per operation
 *
 * 1. Cells are written with relaxed atomics: a sum may be a moment old, never torn.
 * 2. A cell is written through the process's own slot only; the pids by the supervisor only.
 * 3. The segment's size is sealed, so no process can make another one fault by cutting it.
 */
#include "common/stats/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/heritage.h"
#include "common/base/must.h"
#include "common/stats/durations.h"
#include "common/stats/stats_priv.h"

#define SEGMENT_MAGIC 0x5c0eb0a2u
#define LEVELS STATS_LEVELS

typedef _Atomic uint64_t cell;

struct histogram {
	cell sum_us;
	cell buckets[DURATION_BUCKETS];
};

struct slot {
#define COUNTER(id, name, help) cell id;
#define COUNTER_US(id, name, help) cell id;
#define GAUGE_US(id, name, help) cell id;
#define GAUGE(id, name, help) cell id;
#define LEVEL_GAUGE(id, name, help) cell id[LEVELS];
#define HISTOGRAM(id, name, help) struct histogram id[OP_COUNT];
#include "common/stats/metrics.def"
#undef COUNTER
#undef COUNTER_US
#undef GAUGE_US
#undef GAUGE
#undef LEVEL_GAUGE
#undef HISTOGRAM
} __attribute__((aligned(64)));

struct segment {
	uint64_t magic;
	uint64_t slot_bytes;            /* differs when two programs of different builds meet */
	_Atomic int pids[SLOT_MAX];
	_Atomic unsigned used;          /* slots from here on were never used */
	struct slot slots[SLOT_MAX];
	struct stats_running running;
};

const struct stats_row stats__rows[METRIC_COUNT] = {
#define COUNTER(id, name, help) { STATS_COUNTER, offsetof(struct slot, id), name, help },
#define COUNTER_US(id, name, help) { STATS_COUNTER_US, offsetof(struct slot, id), name, help },
#define GAUGE_US(id, name, help) { STATS_GAUGE_US, offsetof(struct slot, id), name, help },
#define GAUGE(id, name, help) { STATS_GAUGE, offsetof(struct slot, id), name, help },
#define LEVEL_GAUGE(id, name, help) { STATS_LEVEL_GAUGE, offsetof(struct slot, id), name, help },
#define HISTOGRAM(id, name, help) { STATS_HISTOGRAM, offsetof(struct slot, id), name, help },
#include "common/stats/metrics.def"
#undef COUNTER
#undef COUNTER_US
#undef GAUGE_US
#undef GAUGE
#undef LEVEL_GAUGE
#undef HISTOGRAM
};

static struct segment *segment;         /* NULL before begin */
static struct slot *own;

int stats_create(void)
{
	struct segment head = { .magic = SEGMENT_MAGIC, .slot_bytes = sizeof(struct slot) };
	size_t head_bytes = offsetof(struct segment, pids);
	int fd = memfd_create("lsm-scoreboard", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0)
		return -1;
	if (ftruncate(fd, sizeof(struct segment)) < 0 ||
	    pwrite(fd, &head, head_bytes, 0) != (ssize_t)head_bytes ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

static cell *cell_of(struct slot *slot, enum metric m)
{
	return (cell *)(void *)((char *)slot + stats__rows[m].offset);
}

/* The slot's former owner is gone: what it held is held no more. */
static void clear_gauges(struct slot *slot)
{
	for (unsigned m = 0; m < METRIC_COUNT; m++) {
		enum stats_kind kind = stats__rows[m].kind;
		unsigned n = kind == STATS_GAUGE || kind == STATS_GAUGE_US ? 1 : kind == STATS_LEVEL_GAUGE ? LEVELS : 0;

		for (unsigned i = 0; i < n; i++)
			atomic_store_explicit(cell_of(slot, (enum metric)m) + i, 0, memory_order_relaxed);
	}
}

/* Slots below `used` are summed. It only grows, by whoever begins with a higher one. */
static void count_slot(struct segment *s, unsigned slot)
{
	unsigned used = atomic_load_explicit(&s->used, memory_order_relaxed);

	while (used <= slot && !atomic_compare_exchange_weak(&s->used, &used, slot + 1))
		;
}

static void use_segment(struct segment *s, unsigned slot)
{
	segment = s;
	own = &s->slots[slot];
	count_slot(s, slot);
	clear_gauges(own);
}

enum st stats_begin(int fd, unsigned slot)
{
	struct stat sb;
	struct segment *s;

	must(slot < SLOT_MAX);
	if (fstat(fd, &sb) < 0 || sb.st_size != (off_t)sizeof(struct segment))
		return fail(ST_INVALID, "descriptor %d is no scoreboard of this build", fd);
	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (s == MAP_FAILED)
		return fail(ST_IO, "cannot map the scoreboard: %s", strerror(errno));
	if (s->magic != SEGMENT_MAGIC || s->slot_bytes != sizeof(struct slot)) {
		(void)munmap(s, sizeof(*s));
		return fail(ST_INVALID, "descriptor %d is no scoreboard of this build", fd);
	}
	use_segment(s, slot);
	return ST_OK;
}

void stats_begin_private(void)
{
	static struct segment private_segment;

	use_segment(&private_segment, 0);
}

struct stats_running *stats__running(void)
{
	return segment ? &segment->running : NULL;
}

void stats_retire(unsigned slot)
{
	must(slot < SLOT_MAX);
	if (segment)
		clear_gauges(&segment->slots[slot]);
}

static void cell_add(cell *c, uint64_t n)
{
	atomic_fetch_add_explicit(c, n, memory_order_relaxed);
}

static uint64_t cell_get(const cell *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

void stats_add(enum metric m, uint64_t n)
{
	must(stats__rows[m].kind == STATS_COUNTER || stats__rows[m].kind == STATS_COUNTER_US);
	if (own)
		cell_add(cell_of(own, m), n);
}

void stats_set(enum metric m, uint64_t v)
{
	must(stats__rows[m].kind == STATS_GAUGE || stats__rows[m].kind == STATS_GAUGE_US);
	if (own)
		atomic_store_explicit(cell_of(own, m), v, memory_order_relaxed);
}

void stats_set_level(enum metric m, unsigned level, uint64_t v)
{
	must(stats__rows[m].kind == STATS_LEVEL_GAUGE && level < LEVELS);
	if (own)
		atomic_store_explicit(cell_of(own, m) + level, v, memory_order_relaxed);
}

void stats_time(enum operation op, uint64_t duration_us)
{
	must(op < OP_COUNT);
	if (!own)
		return;
	cell_add(&own->operation_duration[op].buckets[duration_bucket(duration_us)], 1);
	cell_add(&own->operation_duration[op].sum_us, duration_us);
}

static unsigned slots_used(void)
{
	return segment ? atomic_load_explicit(&segment->used, memory_order_acquire) : 0;
}

/* Sum over all slots of the index-th cell of a metric. */
static uint64_t sum_cells(enum metric m, unsigned index)
{
	uint64_t sum = 0;
	unsigned n = slots_used();

	for (unsigned i = 0; i < n; i++)
		sum += cell_get(cell_of(&segment->slots[i], m) + index);
	return sum;
}

uint64_t stats_sum(enum metric m)
{
	must(stats__rows[m].kind <= STATS_GAUGE_US);
	return sum_cells(m, 0);
}

uint64_t stats_sum_level(enum metric m, unsigned level)
{
	must(stats__rows[m].kind == STATS_LEVEL_GAUGE && level < LEVELS);
	return sum_cells(m, level);
}

uint64_t stats_of(unsigned slot, enum metric m)
{
	must(slot < SLOT_MAX && stats__rows[m].kind <= STATS_GAUGE_US);
	return slot < slots_used() ? cell_get(cell_of(&segment->slots[slot], m)) : 0;
}

void stats__durations(enum operation op, struct stats_durations *d)
{
	must(op < OP_COUNT);
	memset(d, 0, sizeof(*d));
	for (unsigned i = 0, n = slots_used(); i < n; i++) {
		const struct histogram *h = &segment->slots[i].operation_duration[op];

		d->sum_us += cell_get(&h->sum_us);
		for (unsigned b = 0; b < DURATION_BUCKETS; b++)
			d->buckets[b] += cell_get(&h->buckets[b]);
	}
	for (unsigned b = 0; b < DURATION_BUCKETS; b++)
		d->count += d->buckets[b];
}

uint64_t stats_quantile_us(enum operation op, double q)
{
	struct stats_durations d;
	uint64_t seen = 0;

	must(q >= 0 && q <= 1);
	stats__durations(op, &d);
	for (unsigned b = 0; b < DURATION_BUCKETS - 1; b++) {
		seen += d.buckets[b];
		if (seen && (double)seen >= q * (double)d.count)
			return duration_bound_us(b);
	}
	return d.count ? duration_bound_us(DURATION_BUCKETS - 2) : 0;
}

void stats_worker_up(unsigned slot, int pid)
{
	must(slot < SLOT_MAX);
	if (segment)
		atomic_store_explicit(&segment->pids[slot], pid, memory_order_relaxed);
}

int stats_worker_pid(unsigned slot)
{
	must(slot < SLOT_MAX);
	return segment ? atomic_load_explicit(&segment->pids[slot], memory_order_relaxed) : 0;
}
