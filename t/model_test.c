/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The storage engine against an oracle, under options drawn at random: one test a seed.
 *
 *	options -> steps { write, rotate, flush, compact, rewrite what is hidden, read, scan, keep a view, move the clock, restart, cut the power }
 *
 * Writer, group, flush, pick, the compactor's job, view and caches are the real ones, in one thread; wall clock and random
 * ids are the test's (linked with --wrap). So a seed is a whole history: it runs the same way again.  LSM_MODEL_SEED (the first) and LSM_MODEL_SEEDS (how many) choose; `make model
 * SEEDS=n SEED=first` sets them. The log tells each seed's options.
 *
 * A power cut comes just before one of the disk's next events, whatever is under way then. What is found afterwards must
 * be the state after some request, no older than what was acknowledged as durable; what clients would send again is sent
 * again, and must be applied once.
 */
#include "t/model_check.h"

#define SEEDS_DEFAULT 24
#define VIEWS_MAX 3
#define GROUP_MAX 4
#define LEVEL0_MAX 30u
#ifdef HAVE_LIBZSTD
#define CODECS 4u
#else
#define CODECS 3u
#endif

struct options {
	uint32_t keys, value_max, batch_max;
	enum oracle_keys shape;
	unsigned steps, deletes, expiring;       /* of 16 operations so many */
	bool on_sim;
};

struct kept_view { struct model_view v; uint64_t lease; struct oracle_state *then; };

/* A request that was sent, and may be sent again. */
struct sent { struct buf batch; struct write_counts counts; uint64_t request; };

struct model {
	struct model_db db;
	struct oracle o;
	struct rnd rnd;
	struct options opt;
	struct kept_view views[VIEWS_MAX];
	unsigned view_count;
	uint64_t requests, entries;
	struct sent sent[GROUP_MAX];             /* of the present step */
	unsigned sent_count;
	struct vfs *after_cut;                   /* the disk after the power cut that came */
	enum sim_cut cut;
	unsigned cuts, restarts;
};

/* ---- no chance but the seed's ---- */

static uint64_t random_ids;

int64_t __wrap_clock_wall_ms(void);
uint64_t __wrap_rand_id(void);

int64_t __wrap_clock_wall_ms(void)
{
	return world_now_ms;
}

uint64_t __wrap_rand_id(void)
{
	return oracle_mix(4711, ++random_ids) | 1;
}

/* ---- options ---- */

static uint64_t pick_log(struct rnd *rnd, uint64_t least, uint64_t most)
{
	uint64_t doublings = 0, span, n;

	while (least << (doublings + 1) <= most)
		doublings++;
	n = least << rnd_below(rnd, doublings + 1);
	span = n * 2 < most ? n : most - n + 1;
	return n + rnd_below(rnd, span);
}

static void draw_conf(struct conf *c, struct rnd *rnd)
{
	c->memtable_size_limit = pick_log(rnd, 4096, rnd_below(rnd, 3) ? 64 << 10 : 50 << 20);
	c->compaction_trigger_ratio = 2 + rnd_below(rnd, 6);
	c->level_size_ratio = 2 + rnd_below(rnd, 9);
	c->table_size_target = pick_log(rnd, 4096, rnd_below(rnd, 3) ? 64 << 10 : 32 << 20);
	c->block_compression = (unsigned)rnd_below(rnd, CODECS);
	c->block_compression_last = (unsigned)rnd_below(rnd, CODECS);
	c->wal_sync = rnd_below(rnd, 4) ? WAL_SYNC_ALWAYS : WAL_SYNC_OFF;
}

static void draw_options(struct model *m)
{
	static const uint32_t values[] = { 0, 16, 100, 100, 1000, 20000 };
	struct options *p = &m->opt;
	struct rnd *rnd = &m->rnd;

	p->on_sim = rnd_below(rnd, 8) > 0;
	p->keys = (uint32_t)pick_log(rnd, 8, 3000);
	p->value_max = values[rnd_below(rnd, sizeof(values) / sizeof(*values))];
	p->batch_max = (uint32_t)pick_log(rnd, 1, 40);
	p->shape = (enum oracle_keys)rnd_below(rnd, KEY_SHAPES);
	p->deletes = (unsigned)rnd_below(rnd, 8);
	p->expiring = (unsigned)rnd_below(rnd, 8);
	p->steps = 300 + (unsigned)rnd_below(rnd, 1200);
	if (p->value_max > 1000) {
		p->keys = p->keys / 8 + 1;
		p->batch_max = p->batch_max / 8 + 1;
	}
}

static void tell(const struct model *m, uint64_t seed)
{
	const struct conf *c = &m->db.w.conf;

	fprintf(stderr, "model: seed %llu: %s disk, %u keys of shape %d, values to %u bytes, memtable %llu, trigger %llu, ratio "
		"%llu, tables of %llu, compression %u and %u, sync %u, cache %llu, %zu tables kept open, %u steps\n",
		(unsigned long long)seed, m->opt.on_sim ? "simulated" : "real", m->opt.keys, (int)m->opt.shape,
		m->opt.value_max, (unsigned long long)c->memtable_size_limit,
		(unsigned long long)c->compaction_trigger_ratio, (unsigned long long)c->level_size_ratio,
		(unsigned long long)c->table_size_target, c->block_compression, c->block_compression_last, c->wal_sync,
		(unsigned long long)m->db.cache_bytes, m->db.max_open_tables, m->opt.steps);
}

static void begin(struct model *m, uint64_t seed)
{
	static const uint64_t caches[] = { 0, 20000, 1 << 20, 64 << 20 };

	*m = (struct model){ .rnd = { seed } };
	random_ids = 0;
	world_now_ms = 1000000;
	draw_options(m);
	model_prepare(&m->db, m->opt.on_sim);
	draw_conf(&m->db.w.conf, &m->rnd);
	m->db.cache_bytes = caches[rnd_below(&m->rnd, 4)];
	m->db.max_open_tables = rnd_below(&m->rnd, 30);
	oracle_begin(&m->o, m->opt.keys, m->opt.shape, m->opt.value_max, seed);
	oracle_sort(&m->o);
	m->o.remember = m->opt.on_sim;
	oracle_clock(&m->o, world_now_ms);
	tell(m, seed);
	model_open(&m->db);
}

/* ---- kept views ---- */

static void drop_view(struct model *m, unsigned i)
{
	lease_release(m->db.w.leases, m->views[i].lease);
	view_unref(&m->views[i].v.view);
	mem_free(m->views[i].then);
	m->views[i] = m->views[--m->view_count];
}

static void drop_views(struct model *m)
{
	while (m->view_count > 0)
		drop_view(m, m->view_count - 1);
}

static void keep_view(struct model *m)
{
	struct kept_view k = { .v = model_view(&m->db), .then = mem_dup(m->o.now, m->o.count * sizeof(*m->o.now)) };

	ck_ok(lease_take(m->db.w.leases, m->db.w.board, view_desc(k.v.view), k.v.seq, LEASE_TTL_MOST_MS, &k.lease));
	view_retire(k.v.view);           /* as good as: it will be soon */
	if (m->view_count == VIEWS_MAX)
		drop_view(m, (unsigned)rnd_below(&m->rnd, VIEWS_MAX));
	m->views[m->view_count++] = k;
}

/* An old view goes on answering as it did, but for what has expired since. */
static void ask_old_views(struct model *m)
{
	for (unsigned i = 0; i < m->view_count; i++) {
		const struct kept_view *k = &m->views[i];

		for (unsigned n = 0; n < 20; n++)
			check_key(&m->o, &k->v, k->then, (uint32_t)rnd_below(&m->rnd, m->o.count), n % 2);
		check_scan(&m->o, &k->v, k->then, &m->rnd, 50);
	}
}

/* ---- writing ---- */

static struct oracle_state draw_state(struct model *m)
{
	unsigned what = (unsigned)rnd_below(&m->rnd, 16);
	struct oracle_state s = { 0 };

	if (what < m->opt.deletes)
		return s;
	s.version = ++m->o.versions;
	if (rnd_below(&m->rnd, 16) < m->opt.expiring)
		s.expires_ms = world_now_ms + 1 + (int64_t)rnd_below(&m->rnd, 2000);
	return s;
}

static void add_op(struct model *m, struct world_batch *b, bool first)
{
	uint32_t key = (uint32_t)rnd_below(&m->rnd, m->o.count);
	struct oracle_state s = draw_state(m);
	uint8_t bytes[ORACLE_KEY_MAX];
	struct buf value = BUF_INIT;
	struct write_op op = { .is_delete = s.version == 0, .expires_at_ms = s.expires_ms };

	op.key = slice_of(bytes, oracle_key(&m->o, key, bytes));
	if (!op.is_delete)
		op.value = oracle_value(&m->o, s.version, &value);
	write_batch_add(&b->bytes, &op);
	b->counts.entries++;
	oracle_set(&m->o, key, s, first);
	buf_fini(&value);
}

static void forget_sent(struct model *m)
{
	while (m->sent_count > 0)
		buf_fini(&m->sent[--m->sent_count].batch);
}

/* A group of requests, added and committed. */
static void write_group(struct model *m)
{
	unsigned n = 1 + (unsigned)rnd_below(&m->rnd, GROUP_MAX);
	uint64_t oldest = m->requests + 1;
	struct buf keep[GROUP_MAX] = { BUF_INIT };

	for (unsigned i = 0; i < n; i++) {
		struct world_batch b = { .bytes = BUF_INIT };
		uint64_t ops = 1 + rnd_below(&m->rnd, m->opt.batch_max);

		for (uint64_t k = 0; k < ops; k++)
			add_op(m, &b, k == 0);
		m->sent[m->sent_count++] = (struct sent){ b.bytes, b.counts, ++m->requests };
		model_add(&m->db, &b, m->requests, oldest, &keep[i]);
		m->entries += b.counts.entries;
	}
	model_commit(&m->db);
	for (unsigned i = 0; i < n; i++)
		buf_fini(&keep[i]);
}

/* As a frontend does that never got its answers. */
static void send_again(struct model *m)
{
	struct buf keep[GROUP_MAX] = { BUF_INIT };

	for (unsigned i = 0; i < m->sent_count; i++) {
		struct world_batch b = { m->sent[i].batch, m->sent[i].counts };

		model_add(&m->db, &b, m->sent[i].request, m->sent[0].request, &keep[i]);
	}
	model_commit(&m->db);
	for (unsigned i = 0; i < m->sent_count; i++)
		buf_fini(&keep[i]);
}

/* ---- power cuts ---- */

static void on_cut(void *ctx)
{
	struct model *m = ctx;

	m->after_cut = sim_after_power_cut(m->db.w.vfs, m->cut, &m->rnd);
}

static void arm_cut(struct model *m)
{
	m->cut = (enum sim_cut)rnd_below(&m->rnd, 4);
	sim_call_at(m->db.w.vfs, pick_log(&m->rnd, 1, 400), on_cut, m);
}

/* Is the key as the oracle has it now? */
static bool agrees(const struct model *m, const struct model_view *v, uint32_t key, struct buf *want)
{
	const struct oracle_state *s = &m->o.now[key];
	enum oracle_says says = oracle_says(&m->o, s);
	uint8_t bytes[ORACLE_KEY_MAX];
	struct slice k = slice_of(bytes, oracle_key(&m->o, key, bytes));
	struct read_cost cost = { 0 };
	struct view_pin pin;
	struct entry e;
	enum st st = view_get(v->view, k, v->seq, m->o.now_ms, false, &cost, &e, &pin);
	bool same = false;

	ck_assert_msg(st == ST_OK || st == ST_NOT_FOUND, "key %u after a power cut: %s", key, st_text(st));
	if (st)
		return says != SAYS_PRESENT;
	if (says != SAYS_ABSENT)
		same = e.expires_at_ms == s->expires_ms && slice_eq(e.value, oracle_value(&m->o, s->version, want));
	view_pin_release(&pin);
	return same;
}

/* Takes requests back, last one first and each whole, until the oracle says what the disk says. */
static void find_what_survived(struct model *m)
{
	struct model_view v = model_view(&m->db);
	bool *differs = mem_zalloc(m->o.count * sizeof(*differs)), whole = true;
	struct buf want = BUF_INIT;
	size_t n = 0;
	uint32_t key;

	for (key = 0; key < m->o.count; key++)
		n += differs[key] = !agrees(m, &v, key, &want);
	while (n > 0 || !whole) {
		ck_assert_msg(oracle_undo(&m->o, &key, &whole), "after a power cut %zu keys are as at no moment", n);
		n -= differs[key];
		n += differs[key] = !agrees(m, &v, key, &want);
	}
	buf_fini(&want);
	mem_free(differs);
	view_unref(&v.view);
}

/* The cut disk takes the place of the old one; everybody begins anew. */
static void change_disks(struct model *m)
{
	struct vfs *old = m->db.w.vfs;

	sim_call_at(old, 0, NULL, NULL);
	drop_views(m);
	model_close(&m->db);
	sim_free(&old);
	board_detach(&m->db.w.board);
	m->db.w.board = model_board();
	model_use_disk(&m->db, m->after_cut);
	m->after_cut = NULL;
}

static void recover(struct model *m)
{
	bool durable = m->db.w.conf.wal_sync == WAL_SYNC_ALWAYS;
	struct oracle_state *sent = mem_dup(m->o.now, m->o.count * sizeof(*sent));
	uint64_t last = board_visible(m->db.w.board).v;

	change_disks(m);
	if (rnd_below(&m->rnd, 4) == 0)
		arm_cut(m);
	model_open(&m->db);
	sim_call_at(m->db.w.vfs, 0, NULL, NULL);
	if (m->after_cut) {                      /* and again, while it recovered */
		change_disks(m);
		model_open(&m->db);
	}
	find_what_survived(m);
	oracle_forget(&m->o, m->o.undo_count);
	if (durable && m->sent_count > 0) {
		send_again(m);
		memcpy(m->o.now, sent, m->o.count * sizeof(*sent));
	}
	if (durable)                     /* nothing is missing, and nothing was applied twice */
		ck_assert_uint_eq(board_visible(m->db.w.board).v, last);
	mem_free(sent);
	check_all(&m->db, &m->o);
	m->cuts++;
}

/* ---- the other steps ---- */

static void read_some(struct model *m)
{
	struct model_view v = model_view(&m->db);

	for (unsigned i = 0; i < 20; i++)
		check_key(&m->o, &v, m->o.now, (uint32_t)rnd_below(&m->rnd, m->o.count), i % 2);
	check_scan(&m->o, &v, m->o.now, &m->rnd, (unsigned)rnd_below(&m->rnd, 100));
	view_unref(&v.view);
}

static void move_clock(struct model *m)
{
	world_now_ms += rnd_below(&m->rnd, 20) ? (int64_t)rnd_below(&m->rnd, 300) : -(int64_t)rnd_below(&m->rnd, 500);
	oracle_clock(&m->o, world_now_ms);
}

static void restart(struct model *m)
{
	drop_views(m);
	model_close(&m->db);
	model_open(&m->db);
	if (!m->after_cut)               /* a clean stop syncs */
		oracle_forget(&m->o, m->o.undo_count);
	m->restarts++;
}

static void relieve(struct model *m)
{
	while (truth_level0_count(m->db.w.db.truth) > LEVEL0_MAX)
		ck_assert_msg(model_compact(&m->db), "level 0 is full and there is nothing to compact");
}

static void act(struct model *m)
{
	unsigned what = (unsigned)rnd_below(&m->rnd, 1000);

	if (what < 640) {
		relieve(m);
		write_group(m);
	} else if (what < 680) {
		model_rotate(&m->db, 0, 0);
	} else if (what < 740) {
		model_flush(&m->db);
	} else if (what < 790) {
		(void)model_compact(&m->db);
	} else if (what < 820) {
		(void)model_compact_hidden(&m->db);
	} else if (what < 825) {
		while (model_compact(&m->db))
			;
	} else if (what < 900) {
		read_some(m);
	} else if (what < 920) {
		keep_view(m);
	} else if (what < 950) {
		ask_old_views(m);
	} else if (what < 990) {
		move_clock(m);
	} else if (what < 995) {
		restart(m);
	} else if (m->opt.on_sim) {
		arm_cut(m);
	}
}

static uint64_t segment(const struct model *m)
{
	return wal_id(m->db.w.db.writer.wal.wal).v;
}

static void step(struct model *m)
{
	size_t before = m->o.undo_count;
	uint64_t old_segment = segment(m);

	act(m);
	if (m->after_cut)
		recover(m);
	else if (m->db.w.conf.wal_sync == WAL_SYNC_ALWAYS)
		oracle_forget(&m->o, m->o.undo_count);
	else if (segment(m) != old_segment)
		oracle_forget(&m->o, before < m->o.undo_count ? before : m->o.undo_count);   /* a rotation syncs */
	forget_sent(m);
	retired_look(m->db.w.retired, m->db.w.db.truth);
}

/* A whole history; what it came to, as one number. */
static uint64_t run(uint64_t seed)
{
	struct model m;
	struct audit a;

	log_set_level(LOG_LEVEL_WARN);
	stats_begin_private();
	begin(&m, seed);
	for (unsigned i = 0; i < m.opt.steps; i++)
		step(&m);
	if (m.opt.on_sim)
		sim_call_at(m.db.w.vfs, 0, NULL, NULL);
	drop_views(&m);
	retired_look(m.db.w.retired, m.db.w.db.truth);
	a = audit_all(&m.db, &m.o);
	ck_assert_uint_ge(stats_sum(M_wal_entries_written), m.entries);      /* more, if some were lost and sent again */
	fprintf(stderr, "model: seed %llu: %llu entries, %llu flushes, %llu jobs, %llu of what is hidden, %llu moves, %u restarts, %u power cuts\n",
		(unsigned long long)seed, (unsigned long long)m.entries, (unsigned long long)m.db.flushes,
		(unsigned long long)m.db.jobs, (unsigned long long)m.db.hidden, (unsigned long long)m.db.moves, m.restarts, m.cuts);
	model_close(&m.db);
	model_remove(&m.db);
	oracle_end(&m.o);
	return oracle_mix(a.fingerprint, m.entries * 31 + m.cuts);
}

static unsigned long from_environment(const char *name, unsigned long otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtoul(text, NULL, 10) : otherwise;
}

START_TEST(every_read_agrees_with_the_oracle_whatever_happens)
{
	(void)run((uint64_t)_i);
}
END_TEST

START_TEST(a_seed_runs_the_same_way_again)
{
	uint64_t once = run((uint64_t)_i);

	ck_assert_uint_eq(run((uint64_t)_i), once);
}
END_TEST

static void suite(TCase *tc)
{
	unsigned long first = from_environment("LSM_MODEL_SEED", 1), count = from_environment("LSM_MODEL_SEEDS", SEEDS_DEFAULT);

	tcase_add_loop_test(tc, every_read_agrees_with_the_oracle_whatever_happens, (int)first, (int)(first + count));
	tcase_add_loop_test(tc, a_seed_runs_the_same_way_again, (int)first, (int)first + 2);
}

CHECK_MAIN("model", suite)
