/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The board: where everything visible is, in one shared segment.
 *
 *	segment := header (one page) slot slot
 *	header  := magic version slot_bytes secret | visible | generation | incarnation state replay  (| = a line)
 *	slot    := length (8 bytes) bytes, zero-filled to 8
 *
 * Publishing generation g + 1 while g is current:
 *
 *	writer                                   reader
 *	1. words of slot (g+1)&1 := view         a. g := generation (acquire)
 *	   (each a release store)                b. copy the words of slot g&1 (each an acquire load)
 *	2. generation := g + 1 (release)         c. generation still g? else from (a)
 *
 * 1. The copy is of g alone: words newer than g in its slot are written only after generation g + 1 was
 *    set, so a reader that loads one of them (acquire) sees at (c) that the generation is no longer g.
 * 2. Everything shared is an atomic word, so there is no data race to argue about, and no fence.
 * 3. The visible sequence stands on a line of its own: it changes with every commit and the rest does not.
 * 4. What a reader finds is not believed: a length beyond the slot is refused.
 *
 * Writing is for one thread of one process (engine: publisher for views, commit for the visible sequence);
 * reading is for any thread of any process.
 */
#include "common/view/board.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/base/rand.h"

#define BOARD_MAGIC 0xb0a2db0au
#define BOARD_FILE_MAGIC 0x6472616f626d736cu    /* "lsmboard" in a dump */
#define BOARD_VERSION 1u
#define BOARD_PAGE 4096u
#define BOARD_SLOT_BYTES (40u << 20)            /* 100,000 tables with two keys of common length each */
#define BOARD_VIEW_MAX (BOARD_SLOT_BYTES - sizeof(uint64_t))
#define BOARD_BYTES (BOARD_PAGE + 2ul * BOARD_SLOT_BYTES)

typedef _Atomic uint64_t board_word;

struct board_header {
	uint64_t magic;
	uint32_t version, slot_bytes;
	uint8_t secret[BOARD_SECRET_BYTES];
	_Alignas(64) board_word visible;
	_Alignas(64) board_word generation;
	_Alignas(64) board_word incarnation;
	board_word state, replay_done, replay_total;
};
_Static_assert(sizeof(struct board_header) <= BOARD_PAGE, "the header is one page");

struct board {
	uint32_t magic;
	bool writable;
	struct board_header *header;
};

static board_word *slot_of(const struct board *b, uint64_t generation)
{
	uint8_t *slots = (uint8_t *)b->header + BOARD_PAGE;

	return (board_word *)(void *)(slots + (generation & 1) * BOARD_SLOT_BYTES);
}

/* ---- life ---- */

/* Sizes, seals and signs a fresh memory file. */
static bool board_sign(int fd)
{
	struct board_header h = {
		.magic = BOARD_FILE_MAGIC, .version = BOARD_VERSION, .slot_bytes = BOARD_SLOT_BYTES,
	};

	rand_bytes(h.secret, sizeof h.secret);
	return ftruncate(fd, (off_t)BOARD_BYTES) == 0
	    && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0
	    && pwrite(fd, &h, sizeof h, 0) == (ssize_t)sizeof h;
}

int board_create(void)
{
	int fd = memfd_create("lsm-board", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd >= 0 && board_sign(fd))
		return fd;
	log_error("cannot make the board: %s", strerror(errno));
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

static bool board_is_sound(const struct board_header *h)
{
	return h->magic == BOARD_FILE_MAGIC && h->version == BOARD_VERSION
	    && h->slot_bytes == BOARD_SLOT_BYTES;
}

enum st board_attach(int fd, bool writable, struct board **bp)
{
	const int sealed = F_SEAL_SHRINK | F_SEAL_GROW;
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat sb;
	void *map;

	*bp = NULL;
	if (seals < 0 || (seals & sealed) != sealed || fstat(fd, &sb) != 0
	    || sb.st_size != (off_t)BOARD_BYTES)
		return fail(ST_CORRUPT, "descriptor %d is no board", fd);
	map = mmap(NULL, BOARD_BYTES, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return fail(ST_FULL, "cannot map the board: %s", strerror(errno));
	if (!board_is_sound(map)) {
		(void)munmap(map, BOARD_BYTES);
		return fail(ST_CORRUPT, "descriptor %d is no board of version %u", fd, BOARD_VERSION);
	}
	*bp = mem_zalloc(sizeof **bp);
	obj_init(*bp, BOARD_MAGIC);
	(*bp)->writable = writable;
	(*bp)->header = map;
	return ST_OK;
}

void board_detach(struct board **bp)
{
	struct board *b = *bp;

	*bp = NULL;
	if (b == NULL)
		return;
	obj_check(b, BOARD_MAGIC);
	(void)munmap(b->header, BOARD_BYTES);
	obj_fini(b);
	mem_free(b);
}

/* ---- the engine ---- */

/* The header, for writing. */
static struct board_header *header_to_write(struct board *b)
{
	obj_check(b, BOARD_MAGIC);
	must(b->writable);
	return b->header;
}

static void words_store(board_word *to, struct slice from)
{
	uint64_t word;
	size_t i, whole = from.n / sizeof word;

	for (i = 0; i < whole; i++) {
		memcpy(&word, from.p + i * sizeof word, sizeof word);
		atomic_store_explicit(&to[i], word, memory_order_release);
	}
	if (from.n % sizeof word == 0)
		return;
	word = 0;
	memcpy(&word, from.p + whole * sizeof word, from.n % sizeof word);
	atomic_store_explicit(&to[whole], word, memory_order_release);
}

static void words_load(uint8_t *to, const board_word *from, size_t n)
{
	uint64_t word;

	for (size_t i = 0; i < n; i += sizeof word) {
		word = atomic_load_explicit(&from[i / sizeof word], memory_order_acquire);
		memcpy(to + i, &word, n - i < sizeof word ? n - i : sizeof word);
	}
}

enum st board_publish(struct board *b, struct slice view, uint64_t *generationp)
{
	struct board_header *h = header_to_write(b);
	uint64_t generation = board_next_generation(b);
	board_word *slot = slot_of(b, generation);

	*generationp = 0;
	if (view.n > BOARD_VIEW_MAX)
		return fail(ST_TOO_BIG, "a view of %zu bytes does not fit on the board", view.n);
	atomic_store_explicit(&slot[0], view.n, memory_order_release);
	words_store(slot + 1, view);
	atomic_store_explicit(&h->generation, generation, memory_order_seq_cst);      /* lease.c 2 */
	*generationp = generation;
	return ST_OK;
}

uint64_t board_next_generation(const struct board *b)
{
	return board_generation(b) + 1;
}

void board_set_visible(struct board *b, struct seq seq)
{
	struct board_header *h = header_to_write(b);

	if (seq.v > board_visible(b).v)
		atomic_store_explicit(&h->visible, seq.v, memory_order_release);
}

void board_set_incarnation(struct board *b, uint64_t incarnation)
{
	atomic_store_explicit(&header_to_write(b)->incarnation, incarnation, memory_order_release);
}

void board_set_state(struct board *b, enum board_state state)
{
	atomic_store_explicit(&header_to_write(b)->state, state, memory_order_release);
}

void board_set_replay(struct board *b, uint64_t done_bytes, uint64_t total_bytes)
{
	struct board_header *h = header_to_write(b);

	atomic_store_explicit(&h->replay_total, total_bytes, memory_order_relaxed);
	atomic_store_explicit(&h->replay_done, done_bytes, memory_order_relaxed);
}

/* ---- anybody ---- */

struct seq board_visible(const struct board *b)
{
	return seq(atomic_load_explicit(&b->header->visible, memory_order_acquire));
}

uint64_t board_generation(const struct board *b)
{
	return atomic_load_explicit(&b->header->generation, memory_order_seq_cst);
}

uint64_t board_incarnation(const struct board *b)
{
	return atomic_load_explicit(&b->header->incarnation, memory_order_acquire);
}

enum board_state board_state(const struct board *b)
{
	uint64_t state = atomic_load_explicit(&b->header->state, memory_order_acquire);

	return state <= BOARD_REFUSING ? (enum board_state)state : BOARD_STARTING;
}

void board_replay(const struct board *b, uint64_t *donep, uint64_t *totalp)
{
	*donep = atomic_load_explicit(&b->header->replay_done, memory_order_relaxed);
	*totalp = atomic_load_explicit(&b->header->replay_total, memory_order_relaxed);
}

struct slice board_secret(const struct board *b)
{
	static const uint8_t none[BOARD_SECRET_BYTES];
	const uint8_t *secret = b->header->secret;

	return slice_of(secret, memcmp(secret, none, sizeof none) == 0 ? 0 : sizeof none);
}

/* Copies the slot of a generation into out; whether it was still that one's is for the caller to ask. */
static bool slot_copy(const struct board *b, uint64_t generation, struct buf *out)
{
	const board_word *slot = slot_of(b, generation);
	uint64_t n = atomic_load_explicit(&slot[0], memory_order_acquire);

	buf_reset(out);
	if (n > BOARD_VIEW_MAX)
		return false;
	words_load(buf_reserve(out, n), slot + 1, n);
	out->n = n;
	return true;
}

enum st board_load(const struct board *b, struct buf *out, uint64_t *generationp)
{
	*generationp = 0;
	for (;;) {
		uint64_t generation = board_generation(b);
		bool whole;

		if (generation == 0) {
			buf_reset(out);
			return ST_NOT_FOUND;
		}
		whole = slot_copy(b, generation, out);
		if (board_generation(b) != generation)
			continue;
		if (!whole)
			return fail(ST_CORRUPT, "the board's view has no sound length");
		*generationp = generation;
		return ST_OK;
	}
}
