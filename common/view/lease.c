/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leases in shared memory; see lease.h.
 *
 *	segment := header (one page) stripe*       one stripe a worker
 *	header  := magic version | shut revoked | leaving*
 *	stripe  := slot*                           LEASES_PER_WORKER of them, two lines each
 *	slot    := id generation newest_table seq taken expires pinned uses | held ended
 *	id      := 0 | 1 + worker that fills it | uses (upper bits) place of the slot (lower 13)
 *	held    := 0 | holder:u8 uses:u24 1 + descriptor:u32       descriptor -1: shown to nobody
 *	ended   := 0 | the id, once nobody waits for what more could be read of it
 *
 * 1. A slot has a lease while its id has the slot's place and a use. Its fields are written before the id and not while that
 *    stands there, but for `expires`, `held` and `ended`. A reader that finds the same id before and after has read fields of
 *    that lease. A slot without one that counts is marked by compare-and-swap before it is filled, so that workers may look for places in
 *    each other's stripes. A mark that its worker died over goes when that is started anew.
 * 2. Granting against removing (lease.h 1) is store-then-load on both sides, so the four accesses that meet are sequentially
 *    consistent: id stored, generation, shut and revoked loaded here; one of these stored, ids loaded there.
 * 3. `uses` stays when a slot is free, and when its worker is started anew: ids are not used again.
 * 4. Any worker may renew or release a lease: `expires` and the id are changed by compare-and-swap from what was looked at,
 *    so that nothing happens to the slot's next lease.
 * 5. Who takes a lease over and who gives it up change `held` so: one of them gets it. Its uses are those of the id, so it is
 *    this lease's and not the next one's of the same holder and descriptor.
 */
#include "common/view/lease.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/heritage.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/must.h"

#define LEASES_MAGIC 0x1ea5e5edu
#define LEASES_FILE_MAGIC 0x6573616c6d736cu      /* "lsmlase" in a dump */
#define LEASES_VERSION 3u
#define LEASES_PAGE 4096u
#define PLACE_BITS 13u
#define SLOT_COUNT (SLOT_MAX * LEASES_PER_WORKER)
#define PLACE_MASK ((UINT64_C(1) << PLACE_BITS) - 1)
#define HELD_USES 0xffffffu
_Static_assert(SLOT_COUNT <= 1u << PLACE_BITS && SLOT_MAX < 1u << PLACE_BITS, "a slot's place fits into an id, and a mark is none");
_Static_assert(SLOT_MAX <= 256, "a holder fits into its byte");

typedef _Atomic uint64_t lease_word;

struct lease_slot {
	_Alignas(128) lease_word id;
	lease_word generation, newest_table, seq, taken, expires, pinned, uses, held, ended;
};

struct lease_segment {
	uint64_t magic;
	uint32_t version, slot_count;
	_Alignas(64) lease_word shut;
	lease_word revoked;              /* this generation and all older ones */
	_Alignas(64) lease_word leaving[SLOT_MAX];
	_Alignas(LEASES_PAGE) struct lease_slot slots[SLOT_COUNT];
};

struct leases {
	uint32_t magic;
	unsigned worker;
	struct lease_segment *segment;
};

/* ---- the segment ---- */

static bool leases_sign(int fd)
{
	struct { uint64_t magic; uint32_t version, slot_count; } head = { LEASES_FILE_MAGIC, LEASES_VERSION, SLOT_COUNT };

	return ftruncate(fd, (off_t)sizeof(struct lease_segment)) == 0
	    && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0
	    && pwrite(fd, &head, sizeof head, 0) == (ssize_t)sizeof head;
}

int leases_create(void)
{
	int fd = memfd_create("lsm-leases", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd >= 0 && leases_sign(fd))
		return fd;
	log_error("cannot make the segment of leases: %s", strerror(errno));
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

static bool leases_are_sound(const struct lease_segment *s)
{
	return s->magic == LEASES_FILE_MAGIC && s->version == LEASES_VERSION && s->slot_count == SLOT_COUNT;
}

/* ---- words ---- */

static uint64_t word_get(const lease_word *w)
{
	return atomic_load_explicit(w, memory_order_acquire);
}

static void word_set(lease_word *w, uint64_t v)
{
	atomic_store_explicit(w, v, memory_order_release);
}

/* The slot in which this lease could stand; NULL: there is no such place. */
static struct lease_slot *slot_of(const struct leases *l, uint64_t id)
{
	uint64_t place = id & PLACE_MASK;

	return id >> PLACE_BITS && place < SLOT_COUNT ? &l->segment->slots[place] : NULL;
}

/* Of a slot that a worker is about to fill. */
static uint64_t mark_of(unsigned worker)
{
	return 1 + worker;
}

static bool is_mark(uint64_t id)
{
	return id >= mark_of(0) && id <= mark_of(SLOT_MAX - 1);
}

static uint64_t held_word(unsigned worker, uint64_t id, int fd)
{
	return (uint64_t)worker << 56 | (id >> PLACE_BITS & HELD_USES) << 32 | ((uint32_t)fd + 1);
}

static bool is_held_by(uint64_t held, unsigned worker, uint64_t id)
{
	return held >> 32 == held_word(worker, id, -1) >> 32;
}

/* ---- life ---- */

/* Ends a lease unless another worker takes it over. */
static void give_up(struct leases *l, uint64_t id)
{
	struct lease_slot *s = slot_of(l, id);
	uint64_t held = s ? word_get(&s->held) : 0;

	while (s && is_held_by(held, l->worker, id))
		if (atomic_compare_exchange_strong(&s->held, &held, 0)) {
			(void)atomic_compare_exchange_strong(&s->id, &id, 0);
			return;
		}
}

/* What this worker holds, in whichever stripe, and places that it was about to fill. */
static void end_own(struct leases *l)
{
	for (unsigned i = 0; i < SLOT_COUNT; i++) {
		struct lease_slot *s = &l->segment->slots[i];
		uint64_t id = word_get(&s->id);

		if (id == mark_of(l->worker))
			(void)atomic_compare_exchange_strong(&s->id, &id, 0);
		else if (slot_of(l, id) == s)
			give_up(l, id);
	}
}

enum st leases_attach(int fd, unsigned worker, struct leases **lp)
{
	const int sealed = F_SEAL_SHRINK | F_SEAL_GROW;
	int seals = fcntl(fd, F_GET_SEALS);
	struct leases *l;
	struct stat sb;
	void *map;

	*lp = NULL;
	must(worker < SLOT_MAX);
	if (seals < 0 || (seals & sealed) != sealed || fstat(fd, &sb) != 0
	    || sb.st_size != (off_t)sizeof(struct lease_segment))
		return fail(ST_CORRUPT, "descriptor %d is no segment of leases", fd);
	map = mmap(NULL, sizeof(struct lease_segment), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return fail(ST_FULL, "cannot map the leases: %s", strerror(errno));
	if (!leases_are_sound(map)) {
		(void)munmap(map, sizeof(struct lease_segment));
		return fail(ST_CORRUPT, "descriptor %d is no segment of leases of version %u", fd, LEASES_VERSION);
	}
	l = mem_zalloc(sizeof *l);
	obj_init(l, LEASES_MAGIC);
	l->worker = worker;
	l->segment = map;
	end_own(l);
	atomic_store(&l->segment->leaving[worker], 0);
	*lp = l;
	return ST_OK;
}

void leases_detach(struct leases **lp)
{
	struct leases *l = *lp;

	*lp = NULL;
	if (l == NULL)
		return;
	obj_check(l, LEASES_MAGIC);
	end_own(l);
	atomic_store(&l->segment->leaving[l->worker], 0);
	(void)munmap(l->segment, sizeof(struct lease_segment));
	obj_fini(l);
	mem_free(l);
}

/* ---- what counts ---- */

/* The lease that stands in a slot; false: none does, or it changed meanwhile, so one has ended. */
static bool slot_look(const struct leases *l, const struct lease_slot *s, struct lease *out)
{
	uint64_t id = atomic_load_explicit(&s->id, memory_order_seq_cst), held;
	unsigned holder;

	if (slot_of(l, id) != s)
		return false;
	held = word_get(&s->held);
	holder = (unsigned)(held >> 56);
	if (holder >= SLOT_MAX || !is_held_by(held, holder, id))         /* nobody's, any more */
		held = holder = 0;
	*out = (struct lease){ .id = id, .generation = word_get(&s->generation), .seq = seq(word_get(&s->seq)),
			       .newest_table = file_id(word_get(&s->newest_table)), .taken_us = word_get(&s->taken),
			       .expires_us = word_get(&s->expires), .pinned_bytes = word_get(&s->pinned),
			       .worker = holder, .shown = (int)(uint32_t)held - 1, .ended = word_get(&s->ended) == id };
	return word_get(&s->id) == id;
}

static bool lease_counts(const struct leases *l, const struct lease *lease, uint64_t now_us)
{
	return now_us < lease->expires_us && lease->taken_us <= now_us && now_us - lease->taken_us < LEASE_LIFE_MOST_US
	    && lease->generation > word_get(&l->segment->revoked);
}

size_t leases_list(const struct leases *l, struct lease **listp)
{
	uint64_t now = clock_mono_us();
	struct lease *list = NULL, one;
	size_t n = 0, room = 0;

	obj_check(l, LEASES_MAGIC);
	for (unsigned i = 0; i < SLOT_COUNT; i++) {
		if (!slot_look(l, &l->segment->slots[i], &one) || !lease_counts(l, &one, now))
			continue;
		if (n == room)
			list = mem_resize(list, (room = room ? room * 2 : 8) * sizeof *list);
		list[n++] = one;
	}
	*listp = list;
	return n;
}

bool lease_needs(const struct lease *lease, struct file_id table, uint64_t since)
{
	return lease->generation < since && table.v <= lease->newest_table.v;
}

/* ---- readers ---- */

static uint64_t until(uint64_t now_us, uint64_t taken_us, uint64_t ttl_ms)
{
	uint64_t ttl_us = (ttl_ms < LEASE_TTL_MOST_MS ? ttl_ms : LEASE_TTL_MOST_MS) * 1000;
	uint64_t end = taken_us + LEASE_LIFE_MOST_US;

	return now_us + ttl_us < end ? now_us + ttl_us : end;
}

static struct file_id newest_table(const struct view_desc *d)
{
	uint64_t newest = 0;

	for (unsigned level = 0; level < LEVEL_COUNT; level++)
		for (size_t i = 0; i < d->levels[level].count; i++)
			if (d->levels[level].tables[i].id.v > newest)
				newest = d->levels[level].tables[i].id.v;
	return file_id(newest);
}

/* Marks a slot in which no lease counts; false: one does, or another is quicker. */
static bool slot_mark(struct leases *l, struct lease_slot *s, uint64_t now_us)
{
	uint64_t id = word_get(&s->id);
	struct lease lease;

	if (is_mark(id) || (slot_look(l, s, &lease) && lease_counts(l, &lease, now_us)))
		return false;
	return atomic_compare_exchange_strong(&s->id, &id, mark_of(l->worker));
}

static unsigned held_count(const struct leases *l, uint64_t now_us)
{
	struct lease lease;
	unsigned n = 0;

	for (unsigned i = 0; i < SLOT_COUNT; i++)
		n += slot_look(l, &l->segment->slots[i], &lease) && lease.worker == l->worker && lease_counts(l, &lease, now_us);
	return n;
}

/* A place for a lease, marked; NULL: this worker has enough. In its own stripe, or where others have taken over what stood there,
 * anywhere: there are as many places as all workers together may hold. */
static struct lease_slot *find_place(struct leases *l, uint64_t now_us)
{
	for (unsigned i = 0; i < SLOT_COUNT; i++) {
		struct lease_slot *s = &l->segment->slots[(l->worker * LEASES_PER_WORKER + i) % SLOT_COUNT];

		if (i == LEASES_PER_WORKER && held_count(l, now_us) >= LEASES_PER_WORKER)
			return NULL;
		if (slot_mark(l, s, now_us))
			return s;
	}
	return NULL;
}

/* Puts the lease into a slot that was marked for it; its id. */
static uint64_t slot_fill(struct leases *l, struct lease_slot *s, const struct lease *lease)
{
	uint64_t uses = word_get(&s->uses) + 1, id = uses << PLACE_BITS | (uint64_t)(s - l->segment->slots);

	word_set(&s->uses, uses);
	word_set(&s->generation, lease->generation);
	word_set(&s->newest_table, lease->newest_table.v);
	word_set(&s->seq, lease->seq.v);
	word_set(&s->taken, lease->taken_us);
	word_set(&s->expires, lease->expires_us);
	word_set(&s->pinned, 0);
	word_set(&s->held, held_word(l->worker, id, -1));
	atomic_store_explicit(&s->id, id, memory_order_seq_cst);
	return id;
}

/* After the lease was written: could the engine still have missed it? */
static bool is_too_late(const struct leases *l, const struct board *b, uint64_t generation)
{
	return atomic_load_explicit(&l->segment->shut, memory_order_seq_cst) || board_generation(b) != generation
	    || generation <= atomic_load_explicit(&l->segment->revoked, memory_order_seq_cst);
}

enum st lease_take(struct leases *l, const struct board *b, const struct view_desc *d, struct seq seq, uint64_t ttl_ms,
		   uint64_t *idp)
{
	uint64_t now = clock_mono_us();
	struct lease lease = { .generation = d->generation, .seq = seq, .newest_table = newest_table(d), .taken_us = now,
			       .expires_us = until(now, now, ttl_ms) };
	struct lease_slot *s;

	*idp = 0;
	obj_check(l, LEASES_MAGIC);
	s = find_place(l, now);
	if (s == NULL)
		return ST_BUSY;
	*idp = slot_fill(l, s, &lease);
	if (!is_too_late(l, b, lease.generation))
		return ST_OK;
	lease_release(l, *idp);
	*idp = 0;
	return ST_UNAVAILABLE;
}

enum st lease_find(const struct leases *l, uint64_t id, struct lease *lease)
{
	const struct lease_slot *s = slot_of(l, id);

	obj_check(l, LEASES_MAGIC);
	if (s == NULL || !slot_look(l, s, lease) || lease->id != id || !lease_counts(l, lease, clock_mono_us()))
		return ST_NOT_FOUND;
	return ST_OK;
}

enum st lease_renew(struct leases *l, uint64_t id, uint64_t ttl_ms)
{
	struct lease lease;
	uint64_t end;

	while (lease_find(l, id, &lease) == ST_OK) {
		end = until(clock_mono_us(), lease.taken_us, ttl_ms);
		if (atomic_compare_exchange_strong(&slot_of(l, id)->expires, &lease.expires_us, end))
			return ST_OK;
	}
	return ST_NOT_FOUND;
}

void lease_release(struct leases *l, uint64_t id)
{
	struct lease_slot *s = slot_of(l, id);

	obj_check(l, LEASES_MAGIC);
	if (s != NULL)
		(void)atomic_compare_exchange_strong(&s->id, &id, 0);
}

void lease_give_up(struct leases *l, uint64_t id)
{
	obj_check(l, LEASES_MAGIC);
	give_up(l, id);
}

void lease_show(struct leases *l, uint64_t id, int fd)
{
	struct lease lease;
	uint64_t before;

	obj_check(l, LEASES_MAGIC);
	if (lease_find(l, id, &lease) != ST_OK || !lease_is_held_here(l, &lease))
		return;
	before = held_word(l->worker, id, lease.shown);
	(void)atomic_compare_exchange_strong(&slot_of(l, id)->held, &before, held_word(l->worker, id, fd));
}

void lease_set_ended(struct leases *l, uint64_t id, bool ended)
{
	struct lease_slot *s = slot_of(l, id);

	obj_check(l, LEASES_MAGIC);
	if (s != NULL)
		word_set(&s->ended, ended ? id : 0);
}

/* ---- from one that leaves to one that stays ---- */

void leases_leave(struct leases *l)
{
	obj_check(l, LEASES_MAGIC);
	atomic_store(&l->segment->leaving[l->worker], 1);
}

bool lease_is_held_here(const struct leases *l, const struct lease *lease)
{
	return lease->worker == l->worker;
}

bool leases_is_leaving(const struct leases *l, unsigned worker)
{
	return worker < SLOT_MAX && atomic_load(&l->segment->leaving[worker]) != 0;
}

bool leases_any_leaving(const struct leases *l)
{
	obj_check(l, LEASES_MAGIC);
	for (unsigned worker = 0; worker < SLOT_MAX; worker++)
		if (leases_is_leaving(l, worker))
			return true;
	return false;
}

bool lease_take_over(struct leases *l, const struct lease *seen, int fd)
{
	uint64_t before = held_word(seen->worker, seen->id, seen->shown);
	struct lease_slot *s = slot_of(l, seen->id);

	obj_check(l, LEASES_MAGIC);
	return s && seen->shown >= 0
	    && atomic_compare_exchange_strong(&s->held, &before, held_word(l->worker, seen->id, fd))
	    && word_get(&s->id) == seen->id;
}

/* ---- the engine ---- */

void leases_shut(struct leases *l, bool shut)
{
	obj_check(l, LEASES_MAGIC);
	atomic_store_explicit(&l->segment->shut, shut, memory_order_seq_cst);
}

void leases_revoke(struct leases *l, uint64_t generation)
{
	obj_check(l, LEASES_MAGIC);
	if (generation > word_get(&l->segment->revoked))
		atomic_store_explicit(&l->segment->revoked, generation, memory_order_seq_cst);
}

void lease_set_pinned(struct leases *l, uint64_t id, uint64_t bytes)
{
	struct lease_slot *s = slot_of(l, id);

	obj_check(l, LEASES_MAGIC);
	if (s != NULL)
		word_set(&s->pinned, bytes);
}
