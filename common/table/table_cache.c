/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open tables by id.
 *
 *	(not here) --get--> in use --last release--> idle --crowded, or evict--> closed
 *	                      \--evict--> doomed --last release--> closed
 *
 * 1. A table in use or idle is in the hash table; a doomed one only in the list of the doomed.
 * 2. Idle ones form a list, longest idle first. The cache is crowded when more than max_open tables are open, or their
 *    indexes and filters hold more than max_memory: then idle ones close until it is not, or none is left. A table about
 *    to be opened makes room for itself first.
 * 3. A file is opened and closed without the lock. Two threads that open one table both do; the second closes
 *    its own.
 * 4. An id evicted while it is being opened is doomed from the start, and so is one that is opened once only.
 * 5. A table whose file could not be opened for its damage is remembered and answered so, without another look and
 *    another line in the log for every read, until it is evicted. At most DAMAGED_MAX are.
 *
 * Any thread; one lock, a leaf.
 */
#include "common/table/table_cache.h"

#include <pthread.h>
#include <stdatomic.h>

#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/table/filename.h"

#define TABLE_CACHE_MAGIC 0x74636163u
#define BUCKETS_MIN 64u
#define DAMAGED_MAX 1024u

struct node {
	struct file_id id;
	struct table_reader *reader;
	unsigned refs;
	struct node *chain;                  /* in the bucket, or among the doomed */
	struct node *older, *newer;          /* idle list */
};

/* A table being opened, on the stack of the thread that does it. */
struct opening {
	struct file_id id;
	bool evicted;                        /* or not to be kept in any case */
	struct opening *next;
};

struct table_cache {
	uint32_t magic;
	/* fixed */
	struct vfs *vfs;
	char *data_dir;
	struct block_cache *blocks;
	size_t max_open;
	/* any thread */
	_Atomic uint64_t database;
	atomic_bool crowded;                 /* as of the last change */
	/* guarded by lock */
	pthread_mutex_t lock;
	struct node **buckets, *doomed;
	size_t bucket_count, node_count;
	size_t max_memory;
	bool too_many;                       /* expected: not all of them can be open */
	struct table_cache_use use;
	struct node *oldest, *newest;        /* ends of the idle list */
	struct opening *openings;
	struct file_id *damaged;
	size_t damaged_count;
};

struct table_cache *table_cache_new(struct vfs *v, const char *data_dir, uint64_t database,
				    struct block_cache *blocks, size_t max_open)
{
	struct table_cache *t = mem_zalloc(sizeof(*t));

	obj_init(t, TABLE_CACHE_MAGIC);
	t->vfs = v;
	t->data_dir = mem_strdup(data_dir);
	t->blocks = blocks;
	t->max_open = max_open;
	t->max_memory = SIZE_MAX;
	atomic_init(&t->database, database);
	must(pthread_mutex_init(&t->lock, NULL) == 0);
	t->bucket_count = BUCKETS_MIN;
	t->buckets = mem_zalloc(BUCKETS_MIN * sizeof(*t->buckets));
	return t;
}

/* ---- hash table; ids are dense, so their low bits do ---- */

static struct node **bucket_of(struct table_cache *t, struct file_id id)
{
	return &t->buckets[id.v & (t->bucket_count - 1)];
}

static struct node *lookup(struct table_cache *t, struct file_id id)
{
	struct node *n = *bucket_of(t, id);

	while (n && n->id.v != id.v)
		n = n->chain;
	return n;
}

static void grow(struct table_cache *t)
{
	struct node **old = t->buckets, *n, *next;
	size_t count = t->bucket_count;

	t->bucket_count = count * 2;
	t->buckets = mem_zalloc(t->bucket_count * sizeof(*t->buckets));
	for (size_t i = 0; i < count; i++)
		for (n = old[i]; n; n = next) {
			next = n->chain;
			n->chain = *bucket_of(t, n->id);
			*bucket_of(t, n->id) = n;
		}
	mem_free(old);
}

static void hash_in(struct table_cache *t, struct node *n)
{
	if (t->node_count++ == t->bucket_count)
		grow(t);
	n->chain = *bucket_of(t, n->id);
	*bucket_of(t, n->id) = n;
}

static void unchain(struct node **at, struct node *n)
{
	while (*at != n)
		at = &(*at)->chain;
	*at = n->chain;
	n->chain = NULL;
}

static void hash_out(struct table_cache *t, struct node *n)
{
	unchain(bucket_of(t, n->id), n);
	t->node_count--;
}

/* ---- idle list ---- */

static void idle_in(struct table_cache *t, struct node *n)
{
	n->older = t->newest;
	n->newer = NULL;
	*(t->newest ? &t->newest->newer : &t->oldest) = n;
	t->newest = n;
}

static void idle_out(struct table_cache *t, struct node *n)
{
	*(n->older ? &n->older->newer : &t->oldest) = n->newer;
	*(n->newer ? &n->newer->older : &t->newest) = n->older;
}

/* ---- too many ---- */

/* What an open table holds comes in, or goes. */
static void account(struct table_cache *t, const struct table_reader *r, bool opened)
{
	size_t filter = table_filter_memory(r), index = table_memory(r) - filter;

	t->use.open += opened ? 1 : (size_t)-1;
	t->use.index_bytes += opened ? index : -index;
	t->use.filter_bytes += opened ? filter : -filter;
}

static void drop_node(struct table_cache *t, struct node *n, struct node **outp)
{
	account(t, n->reader, false);
	n->chain = *outp;
	*outp = n;
}

static bool is_crowded(const struct table_cache *t, size_t more)
{
	return t->use.open + more > t->max_open || t->use.index_bytes + t->use.filter_bytes > t->max_memory;
}

/* Takes idle tables out of the cache, onto *outp, until there is room for so many more. */
static void trim(struct table_cache *t, size_t more, struct node **outp)
{
	while (t->oldest && is_crowded(t, more)) {
		struct node *n = t->oldest;

		idle_out(t, n);
		hash_out(t, n);
		drop_node(t, n, outp);
	}
	atomic_store_explicit(&t->crowded, t->too_many || is_crowded(t, 0), memory_order_relaxed);
}

static void close_nodes(struct node *n)
{
	for (struct node *next; n; n = next) {
		next = n->chain;
		table_close(&n->reader);
		mem_free(n);
	}
}

/* ---- getting and releasing ---- */

/* The table of this id, referenced; NULL when it is not open. */
static struct table_reader *take(struct table_cache *t, struct file_id id)
{
	struct node *n = lookup(t, id);

	if (!n)
		return NULL;
	if (n->refs++ == 0)
		idle_out(t, n);
	return n->reader;
}

static void add(struct table_cache *t, struct file_id id, struct table_reader *r, bool is_doomed)
{
	struct node *n = mem_zalloc(sizeof(*n));

	n->id = id;
	n->reader = r;
	n->refs = 1;
	account(t, r, true);
	if (is_doomed) {
		n->chain = t->doomed;
		t->doomed = n;
	} else {
		hash_in(t, n);
	}
}

static void end_opening(struct table_cache *t, struct opening *o)
{
	struct opening **at = &t->openings;

	while (*at != o)
		at = &(*at)->next;
	*at = o->next;
}

/* Opens the file; the lock is held on entry and on return, not between. */
static enum st open_file(struct table_cache *t, struct opening *o, struct table_reader **rp)
{
	struct path path = path_sst(t->data_dir, o->id);
	struct node *out = NULL;
	enum st st;

	o->next = t->openings;
	t->openings = o;
	trim(t, 1, &out);
	pthread_mutex_unlock(&t->lock);
	close_nodes(out);
	st = table_open(t->vfs, path.s, o->id, atomic_load(&t->database), t->blocks, rp);
	pthread_mutex_lock(&t->lock);
	end_opening(t, o);
	return st;
}

static size_t find_damaged(const struct table_cache *t, struct file_id id)
{
	size_t i = 0;

	while (i < t->damaged_count && t->damaged[i].v != id.v)
		i++;
	return i;
}

static void remember_damaged(struct table_cache *t, struct file_id id)
{
	if (t->damaged_count == DAMAGED_MAX || find_damaged(t, id) < t->damaged_count)
		return;
	if (!t->damaged)
		t->damaged = mem_alloc(DAMAGED_MAX * sizeof *t->damaged);
	t->damaged[t->damaged_count++] = id;
}

static void forget_damaged(struct table_cache *t, struct file_id id)
{
	size_t i = find_damaged(t, id);

	if (i < t->damaged_count)
		t->damaged[i] = t->damaged[--t->damaged_count];
}

/* Opens what is not here; the lock is held before and after, not meanwhile. */
static enum st open_absent(struct table_cache *t, struct file_id id, bool once, struct table_reader **rp,
			   struct table_reader **sparep)
{
	struct opening o = { .id = id, .evicted = once };
	enum st st;

	if (find_damaged(t, id) < t->damaged_count)
		return ST_CORRUPT;
	st = open_file(t, &o, sparep);
	*rp = take(t, id);
	if (*rp)
		return ST_OK;
	if (st == ST_CORRUPT && !o.evicted)
		remember_damaged(t, id);
	if (st)
		return st;
	add(t, id, *sparep, o.evicted);
	*rp = *sparep;
	*sparep = NULL;
	return ST_OK;
}

static enum st get(struct table_cache *t, struct file_id id, bool once, struct table_reader **rp)
{
	struct table_reader *spare = NULL;
	struct node *out = NULL;
	enum st st = ST_OK;

	obj_check(t, TABLE_CACHE_MAGIC);
	pthread_mutex_lock(&t->lock);
	*rp = take(t, id);
	if (!*rp) {
		st = open_absent(t, id, once, rp, &spare);
		trim(t, 0, &out);
	}
	pthread_mutex_unlock(&t->lock);
	close_nodes(out);
	table_close(&spare);
	return st;
}

enum st table_cache_get(struct table_cache *t, struct file_id id, struct table_reader **rp)
{
	return get(t, id, false, rp);
}

enum st table_cache_get_once(struct table_cache *t, struct file_id id, struct table_reader **rp)
{
	return get(t, id, true, rp);
}

struct table_reader *table_cache_find(struct table_cache *t, struct file_id id)
{
	struct table_reader *r;

	obj_check(t, TABLE_CACHE_MAGIC);
	pthread_mutex_lock(&t->lock);
	r = take(t, id);
	pthread_mutex_unlock(&t->lock);
	return r;
}

/* The node of a reader that is in use; *doomedp tells where it is. */
static struct node *node_of(struct table_cache *t, struct table_reader *r, bool *doomedp)
{
	struct node *n = lookup(t, table_props(r)->id);

	*doomedp = !n || n->reader != r;
	if (*doomedp)
		for (n = t->doomed; n && n->reader != r; n = n->chain)
			;
	must(n && n->refs > 0);
	return n;
}

void table_cache_release(struct table_cache *t, struct table_reader **rp)
{
	struct node *n, *out = NULL;
	bool is_doomed;

	if (!*rp)
		return;
	obj_check(t, TABLE_CACHE_MAGIC);
	pthread_mutex_lock(&t->lock);
	n = node_of(t, *rp, &is_doomed);
	if (--n->refs == 0) {
		if (is_doomed) {
			unchain(&t->doomed, n);
			drop_node(t, n, &out);
		} else {
			idle_in(t, n);
		}
		trim(t, 0, &out);
	}
	pthread_mutex_unlock(&t->lock);
	close_nodes(out);
	*rp = NULL;
}

void table_cache_evict(struct table_cache *t, struct file_id id)
{
	struct node *n, *out = NULL;

	obj_check(t, TABLE_CACHE_MAGIC);
	pthread_mutex_lock(&t->lock);
	for (struct opening *o = t->openings; o; o = o->next)
		o->evicted |= o->id.v == id.v;
	forget_damaged(t, id);
	n = lookup(t, id);
	if (n) {
		hash_out(t, n);
		if (n->refs == 0) {
			idle_out(t, n);
			drop_node(t, n, &out);
		} else {
			n->chain = t->doomed;
			t->doomed = n;
		}
		trim(t, 0, &out);
	}
	pthread_mutex_unlock(&t->lock);
	close_nodes(out);
}

void table_cache_set_memory(struct table_cache *t, size_t max_memory)
{
	struct node *out = NULL;

	obj_check(t, TABLE_CACHE_MAGIC);
	pthread_mutex_lock(&t->lock);
	t->max_memory = max_memory;
	trim(t, 0, &out);
	pthread_mutex_unlock(&t->lock);
	close_nodes(out);
}

bool table_cache_expect(struct table_cache *t, size_t tables)
{
	struct node *out = NULL;
	bool before = t->too_many;
	size_t held;

	obj_check(t, TABLE_CACHE_MAGIC);
	pthread_mutex_lock(&t->lock);
	held = t->use.index_bytes + t->use.filter_bytes;
	t->too_many = tables > t->max_open ||
		      (t->use.open > 0 && (double)held / (double)t->use.open * (double)tables > (double)t->max_memory);
	trim(t, 0, &out);
	pthread_mutex_unlock(&t->lock);
	close_nodes(out);
	return t->too_many != before;
}

bool table_cache_is_crowded(const struct table_cache *t)
{
	return atomic_load_explicit(&t->crowded, memory_order_relaxed);
}

struct table_cache_use table_cache_use(struct table_cache *t)
{
	struct table_cache_use use;

	obj_check(t, TABLE_CACHE_MAGIC);
	pthread_mutex_lock(&t->lock);
	use = t->use;
	pthread_mutex_unlock(&t->lock);
	return use;
}

uint64_t table_cache_database(struct table_cache *t)
{
	obj_check(t, TABLE_CACHE_MAGIC);
	return atomic_load(&t->database);
}

void table_cache_set_database(struct table_cache *t, uint64_t database)
{
	obj_check(t, TABLE_CACHE_MAGIC);
	atomic_store(&t->database, database);
}

void table_cache_free(struct table_cache **tp)
{
	struct table_cache *t = *tp;
	struct node *out = NULL;

	*tp = NULL;
	if (!t)
		return;
	obj_check(t, TABLE_CACHE_MAGIC);
	t->max_open = 0;
	trim(t, 0, &out);
	close_nodes(out);
	must(t->node_count == 0 && !t->doomed);      /* whoever got a table has released it */
	pthread_mutex_destroy(&t->lock);
	mem_free(t->buckets);
	mem_free(t->damaged);
	mem_free(t->data_dir);
	obj_fini(t);
	mem_free(t);
}
