/* SPDX-License-Identifier: Apache-2.0 */
/* pick by table: which tables lie where, and which job must come of it. */
#include "t/check_main.h"

#include <stdio.h>

#include "engine/pick.h"

#define MOST 24
#define NOW_MS 1000000
#define GATHERED(bytes) { 1, 0, "a", "m", 25, 0 }, { 2, 0, "c", "p", 25, 0 }, { 3, 0, "a", "b", 25, 0 }, \
			{ 4, 0, "a", "d", 25, 0 }, { 5, 5, "a", "b", bytes, 0 }
#define SIX(id) { id, 0, "a", "d", 6, 0 }
#define SIXTEEN SIX(20), SIX(21), SIX(22), SIX(23), SIX(24), SIX(25), SIX(26), SIX(27), SIX(28), SIX(29), SIX(30), SIX(31), \
		SIX(32), SIX(33), SIX(34), { 35, 0, "c", "p", 10, 0 }
#define THE_SIXTEEN 35, 34, 33, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20
#define LAST_12000 { 9, 6, "zz", "zzz", 12000, 0 }

struct row {
	uint64_t id;
	unsigned level;
	const char *min, *max;
	uint64_t size;
	char state;      /* 0, 'b' busy, 'r' at rest, 't' half tombstones, '1' a tenth tombstones, 'x' half expired */
};

/*
 * A memtable has 25 bytes, four tables trigger level 0, a table is to have 100 bytes: B of levels.h is 300. With 12000
 * bytes on level 6 the fan-out is the root of 40, level 5 may have 1898 bytes, and what level 0 brings gathers in front of
 * it, on level 4, up to 1050 bytes. With 900 on level 6 the fan-out is 3, and it gathers on level 5, up to 750.
 */
static const struct levels_conf conf = { 4, 25, 10 };

struct one_case {
	const char *name;
	struct row rows[MOST];           /* level 0: the higher the id, the newer */
	struct { unsigned from, to; const char *min, *max; } running;
	uint64_t want[MOST];             /* inputs in order; none: no job */
	unsigned to;
	bool move, at_rest;
	const char *deeper;              /* "a-c,f-g" */
	uint64_t room;                   /* 0: any */
	bool hurry, hopeful;
	const char *damaged;             /* a key on record */
	uint64_t asked;                  /* the sequence of a table is its id */
};

static const struct one_case cases[] = {
	{ .name = "nothing to do in an empty database" },
	{ .name = "three tables do not trigger level 0",
	  .rows = { { 1, 0, "a", "z", 10, 0 }, { 2, 0, "a", "z", 10, 0 }, { 3, 0, "a", "z", 10, 0 } } },
	{ .name = "all of level 0, newest first, and what lies below, by key",
	  .rows = { { 1, 0, "a", "m", 10, 0 }, { 2, 0, "c", "p", 10, 0 }, { 3, 0, "a", "b", 10, 0 }, { 4, 0, "a", "d", 10, 0 },
		    { 5, 6, "a", "b", 6, 0 }, { 6, 6, "o", "q", 6, 0 }, { 7, 6, "r", "s", 6, 0 } },
	  .want = { 4, 3, 2, 1, 5, 6 }, .to = 6 },
	{ .name = "the oldest table that meets nothing just moves, as deep as it can",
	  .rows = { { 1, 0, "a", "b", 10, 0 }, { 2, 0, "c", "d", 10, 0 }, { 3, 0, "e", "f", 10, 0 }, { 4, 0, "g", "h", 10, 0 },
		    { 5, 6, "x", "z", 10, 0 } },
	  .want = { 1 }, .move = true, .to = 6 },
	{ .name = "from level 0 past the base",
	  .rows = { { 1, 0, "a", "b", 10, 0 }, { 2, 0, "c", "d", 10, 0 }, { 3, 0, "e", "f", 10, 0 }, { 4, 0, "g", "h", 10, 0 },
		    LAST_12000 },
	  .want = { 1 }, .move = true, .to = 6 },
	{ .name = "but not over what it meets",
	  .rows = { { 1, 0, "a", "b", 10, 0 }, { 2, 0, "c", "d", 10, 0 }, { 3, 0, "e", "f", 10, 0 }, { 4, 0, "g", "h", 10, 0 },
		    { 5, 6, "a", "c", 10, 0 }, LAST_12000 },
	  .want = { 1 }, .move = true, .to = 5 },
	{ .name = "a table that something below meets does not move",
	  .rows = { { 1, 0, "a", "b", 10, 0 }, { 2, 0, "c", "d", 10, 0 }, { 3, 0, "e", "f", 10, 0 }, { 4, 0, "g", "h", 10, 0 },
		    { 5, 6, "b", "c", 10, 0 } },
	  .want = { 4, 3, 2, 1, 5 }, .to = 6 },
	{ .name = "nor one that would meet too much below its new place: it is rewritten, and cut there",
	  .rows = { { 1, 4, "b", "c", 1200, 0 }, { 2, 6, "a", "b", 500, 0 }, { 3, 6, "c", "d", 501, 0 }, LAST_12000 },
	  .want = { 1 }, .to = 5, .deeper = "a-b,c-d" },
	{ .name = "nor one with tombstones to where nothing lies deeper: it is rewritten, and loses them",
	  .rows = { { 1, 0, "a", "b", 10, 't' }, { 2, 0, "a", "b", 10, 'q' }, { 3, 5, "c", "d", 2000, 't' }, LAST_12000 },
	  .want = { 3 }, .to = 6 },
	{ .name = "one with tombstones moves above what they hide",
	  .rows = { { 1, 3, "c", "d", 100, 't' }, { 2, 6, "c", "d", 100, 0 } },
	  .want = { 1 }, .move = true, .to = 5, .deeper = "c-d" },
	{ .name = "one job of level 0 at a time",
	  .rows = { { 1, 0, "a", "b", 10, 'b' }, { 2, 0, "c", "d", 10, 0 }, { 3, 0, "e", "f", 10, 0 }, { 4, 0, "g", "h", 10, 0 },
		    { 5, 0, "i", "j", 10, 0 }, { 6, 0, "k", "l", 10, 0 } } },
	{ .name = "a busy table below holds level 0 up",
	  .rows = { { 1, 0, "a", "m", 10, 0 }, { 2, 0, "c", "p", 10, 0 }, { 3, 0, "a", "b", 10, 0 }, { 4, 0, "a", "d", 10, 0 },
		    { 5, 6, "k", "l", 10, 'b' } } },
	{ .name = "while level 0 waits for the base, nothing more is begun there",
	  .rows = { { 1, 0, "a", "m", 10, 0 }, { 2, 0, "c", "p", 10, 0 }, { 3, 0, "a", "b", 10, 0 }, { 4, 0, "a", "d", 10, 0 },
		    { 5, 0, "a", "d", 10, 0 }, { 6, 5, "a", "b", 1000, 'b' }, { 7, 5, "c", "d", 1900, 0 }, LAST_12000 },
	  .hurry = true },
	{ .name = "a running job that writes there holds level 0 up",
	  .rows = { { 1, 0, "a", "b", 10, 0 }, { 2, 0, "c", "d", 10, 0 }, { 3, 0, "e", "f", 10, 0 }, { 4, 0, "a", "h", 10, 0 } },
	  .running = { 5, 6, "a", "k" } },
	{ .name = "level 0 goes to where it gathers",
	  .rows = { { 1, 0, "a", "m", 10, 0 }, { 2, 0, "c", "p", 10, 0 }, { 3, 0, "a", "b", 10, 0 }, { 4, 0, "a", "d", 10, 0 },
		    { 5, 5, "a", "b", 10, 0 }, { 6, 6, "o", "q", 10, 0 }, LAST_12000 },
	  .want = { 4, 3, 2, 1 }, .to = 4, .deeper = "a-b,o-q" },
	{ .name = "to what has gathered there",
	  .rows = { SIXTEEN, { 5, 5, "a", "b", 650, 0 }, { 6, 6, "o", "q", 200, 0 }, { 9, 6, "zz", "zzz", 700, 0 } },
	  .want = { THE_SIXTEEN, 5 }, .to = 5, .deeper = "o-q", .room = 3300 },
	{ .name = "and goes on with it when that is enough",
	  .rows = { SIXTEEN, { 5, 5, "a", "b", 651, 0 }, { 6, 6, "o", "q", 200, 0 }, { 9, 6, "zz", "zzz", 700, 0 } },
	  .want = { THE_SIXTEEN, 5, 6 }, .to = 6, .room = 4000 },
	{ .name = "but where there is no room for that",
	  .rows = { GATHERED(700), { 6, 6, "b", "q", 200, 0 }, { 9, 6, "zz", "zzz", 700, 0 } },
	  .want = { 4, 3, 2, 1, 5 }, .to = 5, .deeper = "b-q", .room = 900 },
	{ .name = "or where it would meet what rests",
	  .rows = { GATHERED(700), { 6, 6, "o", "q", 200, 'r' }, { 9, 6, "zz", "zzz", 700, 0 } },
	  .want = { 4, 3, 2, 1, 5 }, .to = 5, .deeper = "o-q", .room = 2000 },
	{ .name = "for what another job has it waits, and nothing more is begun on the way",
	  .rows = { GATHERED(500), { 7, 5, "s", "t", 300, 0 }, { 6, 6, "o", "q", 200, 'b' }, { 9, 6, "zz", "zzz", 700, 0 } },
	  .hurry = true },
	{ .name = "when the disk is nearly full nothing gathers",
	  .rows = { GATHERED(100), { 6, 6, "o", "q", 200, 0 }, { 9, 6, "zz", "zzz", 700, 0 } },
	  .want = { 4, 3, 2, 1, 5, 6 }, .to = 6, .hurry = true },
	{ .name = "nor when nobody writes",
	  .rows = { GATHERED(100), { 6, 6, "o", "q", 200, 0 }, { 9, 6, "zz", "zzz", 700, 0 } },
	  .want = { 4, 3, 2, 1, 5, 6 }, .to = 6, .at_rest = true },
	{ .name = "nor what was asked for",
	  .rows = { GATHERED(100), { 6, 6, "o", "q", 200, 0 }, { 9, 6, "zz", "zzz", 700, 0 } },
	  .want = { 4, 3, 2, 1, 5, 6 }, .to = 6, .asked = 4 },
	{ .name = "or to a higher level that still holds something",
	  .rows = { { 1, 0, "a", "m", 10, 0 }, { 2, 0, "c", "p", 10, 0 }, { 3, 0, "a", "b", 10, 0 }, { 4, 0, "a", "d", 10, 0 },
		    { 5, 3, "b", "b", 10, 0 }, { 6, 5, "a", "b", 10, 0 }, LAST_12000 },
	  .want = { 4, 3, 2, 1, 5 }, .to = 3, .deeper = "a-b" },
	{ .name = "a level below its target stays",
	  .rows = { { 1, 5, "a", "b", 1897, 0 }, LAST_12000 } },
	{ .name = "an over-full level gives the table that meets least for its size",
	  .rows = { { 1, 5, "a", "b", 1000, 0 }, { 2, 5, "c", "d", 1000, 0 }, { 3, 6, "a", "b", 5000, 0 },
		    { 4, 6, "c", "d", 3000, 0 }, { 9, 6, "zz", "zzz", 4000, 0 } },
	  .want = { 2, 4 }, .to = 6 },
	{ .name = "and garbage speaks for a table",
	  .rows = { { 1, 5, "a", "b", 1000, '1' }, { 2, 5, "c", "d", 1000, 0 }, { 3, 6, "a", "b", 3100, 0 },
		    { 4, 6, "c", "d", 3000, 0 }, { 9, 6, "zz", "zzz", 5900, 0 } },
	  .want = { 1, 3 }, .to = 6 },
	{ .name = "its neighbours go with it when they meet nothing more below",
	  .rows = { { 1, 5, "a", "b", 1000, 0 }, { 2, 5, "c", "d", 500, 0 }, { 3, 5, "e", "f", 500, 0 }, { 4, 5, "g", "h", 100, 0 },
		    { 5, 6, "b", "f", 300, 0 }, { 6, 6, "h", "i", 11000, 0 }, { 9, 6, "zz", "zzz", 700, 0 } },
	  .want = { 1, 2, 3, 5 }, .to = 6 },
	{ .name = "but not one that reaches beyond",
	  .rows = { { 1, 5, "a", "b", 100, 0 }, { 2, 5, "c", "d", 900, 0 }, { 3, 5, "e", "f", 600, 0 }, { 4, 5, "g", "h", 400, 0 },
		    { 5, 6, "b", "f", 300, 0 }, { 6, 6, "h", "i", 11000, 0 }, { 9, 6, "zz", "zzz", 700, 0 } },
	  .want = { 2, 3, 5 }, .to = 6 },
	{ .name = "a level that should be empty goes down, as far as it can",
	  .rows = { { 1, 1, "a", "b", 200, 0 }, { 2, 6, "x", "z", 10, 0 } },
	  .want = { 1 }, .move = true, .to = 6 },
	{ .name = "a busy table is passed over, and so is one above a busy table",
	  .rows = { { 1, 5, "a", "b", 4000, 'b' }, { 2, 5, "c", "d", 4000, 0 }, { 3, 5, "e", "f", 4000, 0 },
		    { 4, 6, "d", "d", 10, 'b' }, { 5, 6, "f", "g", 10, 0 }, LAST_12000 },
	  .want = { 3, 5 }, .to = 6 },
	{ .name = "nothing goes where a running job writes, nor past it",
	  .rows = { { 1, 3, "a", "b", 4000, 0 }, { 2, 3, "k", "l", 3000, 0 } },
	  .running = { 3, 4, "a", "f" }, .want = { 2 }, .move = true, .to = 6 },
	{ .name = "a move ends above where a running job writes",
	  .rows = { { 1, 3, "a", "b", 4000, 0 } },
	  .running = { 5, 6, "a", "f" }, .want = { 1 }, .move = true, .to = 5 },
	{ .name = "a table that rests is passed over, and so is one above it",
	  .rows = { { 1, 5, "a", "b", 4000, 'r' }, { 2, 5, "c", "d", 4000, 0 }, { 3, 5, "e", "f", 4000, 0 },
		    { 4, 6, "d", "d", 10, 'r' }, { 5, 6, "f", "g", 10, 0 }, LAST_12000 },
	  .want = { 3, 5 }, .to = 6 },
	{ .name = "of level 0 what is older than a table that rests goes",
	  .rows = { { 1, 0, "a", "m", 10, 0 }, { 2, 0, "c", "p", 10, 0 }, { 3, 0, "a", "z", 10, 'r' }, { 4, 0, "a", "d", 10, 0 },
		    { 5, 6, "a", "b", 10, 0 } },
	  .want = { 2, 1, 5 }, .to = 6 },
	{ .name = "and what is newer, but for those that meet it, and those that meet these",
	  .rows = { { 1, 0, "c", "d", 10, 'r' }, { 2, 0, "a", "b", 10, 0 }, { 3, 0, "d", "f", 10, 0 }, { 4, 0, "f", "g", 10, 0 },
		    { 5, 0, "a", "a", 10, 0 }, { 6, 0, "h", "i", 10, 0 } },
	  .want = { 6, 5, 2 }, .to = 6 },
	{ .name = "nothing of it when all meet the oldest, which rests",
	  .rows = { { 1, 0, "a", "d", 10, 'r' }, { 2, 0, "a", "b", 10, 0 }, { 3, 0, "d", "f", 10, 0 }, { 4, 0, "c", "g", 10, 0 } } },
	{ .name = "one that rests does not even move",
	  .rows = { { 1, 0, "a", "b", 10, 'r' }, { 2, 0, "c", "d", 10, 0 }, { 3, 0, "e", "f", 10, 0 }, { 4, 0, "c", "h", 10, 0 } },
	  .want = { 4, 3, 2 }, .to = 6 },
	{ .name = "one that rests in the base holds level 0 up, and the rest of the base goes on",
	  .rows = { { 1, 0, "a", "m", 10, 0 }, { 2, 0, "c", "p", 10, 0 }, { 3, 0, "a", "b", 10, 0 }, { 4, 0, "a", "d", 10, 0 },
		    { 5, 0, "a", "d", 10, 0 }, { 11, 0, "a", "d", 10, 0 }, { 12, 0, "a", "d", 10, 0 }, { 13, 0, "a", "d", 10, 0 },
		    { 14, 0, "a", "d", 10, 0 }, { 15, 0, "a", "d", 10, 0 }, { 16, 0, "a", "d", 10, 0 }, { 17, 0, "a", "d", 10, 0 },
		    { 18, 0, "a", "d", 10, 0 }, { 6, 5, "a", "b", 10, 'r' }, { 7, 5, "c", "d", 2000, 0 }, LAST_12000 },
	  .want = { 7 }, .move = true, .to = 6 },
	{ .name = "what lies deeper is told, merged and in order",
	  .rows = { { 1, 1, "d", "h", 400, 0 }, { 2, 2, "c", "e", 10, 0 }, { 3, 3, "a", "c", 10, 'b' }, { 4, 3, "g", "k", 10, 'b' },
		    { 5, 4, "b", "d", 10, 'b' }, { 6, 5, "x", "z", 10, 'b' } },
	  .want = { 1, 2 }, .to = 2, .deeper = "a-d,g-k" },
	{ .name = "the last level has nowhere to go",
	  .rows = { { 1, 6, "a", "b", UINT64_C(1) << 50, 0 } } },
	{ .name = "the fullest level wins",
	  .rows = { { 1, 4, "a", "b", 600, 0 }, { 2, 5, "a", "b", 30000, 0 }, { 9, 6, "zz", "zzz", 60000, 0 } },
	  .want = { 2 }, .move = true, .to = 6 },
	{ .name = "when the fullest can do nothing the next one does",
	  .rows = { { 1, 4, "a", "b", 2000, 0 }, { 2, 5, "k", "l", 60000, 0 }, { 3, 6, "k", "m", 10, 'b' },
		    { 9, 6, "zz", "zzz", 60000, 0 } },
	  .want = { 1 }, .move = true, .to = 6 },
	{ .name = "a table that is half tombstones goes down though its level is small",
	  .rows = { { 1, 5, "a", "b", 100, 't' }, { 2, 6, "a", "b", 1000, 0 }, LAST_12000 },
	  .want = { 1, 2 }, .to = 6 },
	{ .name = "a very small one waits for a rest",
	  .rows = { { 1, 5, "a", "b", 10, 't' }, { 2, 6, "a", "b", 1000, '9' }, { 3, 6, "b1", "b2", 1000, '9' }, LAST_12000 } },
	{ .name = "and then goes",
	  .rows = { { 1, 5, "a", "b", 10, 't' }, { 2, 6, "a", "b", 1000, '9' }, { 3, 6, "b1", "b2", 1000, '9' }, LAST_12000 },
	  .at_rest = true, .want = { 1, 2 }, .to = 6 },
	{ .name = "a table that is half expired goes down too",
	  .rows = { { 1, 5, "a", "b", 100, 'x' }, { 2, 6, "a", "b", 1000, 0 }, LAST_12000 },
	  .want = { 1, 2 }, .to = 6 },
	{ .name = "on the last level it is rewritten in place",
	  .rows = { { 1, 6, "a", "b", 100, 0 }, { 2, 6, "c", "d", 1000, 'x' }, { 3, 5, "c", "d", 10, 0 }, LAST_12000 },
	  .want = { 2 }, .to = 6 },
	{ .name = "not while a job writes there",
	  .rows = { { 1, 6, "a", "b", 100, 0 }, { 2, 6, "c", "d", 1000, 'x' }, LAST_12000 },
	  .running = { 5, 6, "b", "c" } },
	{ .name = "not where damage is on record, for there it would stay",
	  .rows = { { 1, 6, "a", "b", 100, 0 }, { 2, 6, "c", "d", 1000, 'x' }, { 3, 5, "c", "d", 10, 0 }, LAST_12000 },
	  .damaged = "d" },
	{ .name = "an eighth of the last level may lie above it at rest",
	  .rows = { { 1, 0, "a", "b", 100, 0 }, { 2, 5, "a", "b", 1400, 0 }, { 3, 6, "a", "b", 12000, 0 } }, .at_rest = true },
	{ .name = "more goes down, first from where most is too much",
	  .rows = { { 1, 0, "a", "b", 100, 0 }, { 2, 5, "a", "b", 1401, 0 }, { 3, 6, "a", "b", 12000, 0 } },
	  .at_rest = true, .want = { 2, 3 }, .to = 6 },
	{ .name = "level 0 too, though it is not triggered",
	  .rows = { { 1, 0, "a", "b", 150, 0 }, { 2, 0, "a", "b", 150, 0 }, { 3, 6, "a", "b", 2000, 0 } },
	  .at_rest = true, .want = { 2, 1, 3 }, .to = 6 },
	{ .name = "tombstones count as much as they hide",
	  .rows = { { 1, 0, "a", "b", 10, '9' }, { 3, 6, "a", "b", 400, 0 } },
	  .at_rest = true, .want = { 1, 3 }, .to = 6 },
	{ .name = "on a full disk one table of level 0 is reason enough",
	  .rows = { { 1, 0, "a", "m", 10, 0 }, { 2, 6, "b", "c", 10, 0 } },
	  .hurry = true, .want = { 1, 2 }, .to = 6 },
	{ .name = "what does not fit on the disk is not begun",
	  .rows = { { 1, 0, "a", "m", 10, 0 }, { 2, 6, "b", "c", 10, 0 } },
	  .hurry = true, .room = 19 },
	{ .name = "what just fits is",
	  .rows = { { 1, 0, "a", "m", 10, 0 }, { 2, 6, "b", "c", 10, 0 } },
	  .hurry = true, .room = 20, .want = { 1, 2 }, .to = 6 },
	{ .name = "a table that does not fit is passed over for one that does",
	  .rows = { { 1, 4, "a", "b", 300, 0 }, { 2, 4, "c", "d", 200, 0 }, { 3, 5, "b", "b", 50, 'b' }, { 4, 5, "d", "d", 100, 0 } },
	  .room = 399, .want = { 2, 4 }, .to = 5 },
	{ .name = "of a level 0 that does not fit half goes, the older one",
	  .rows = { { 1, 0, "a", "m", 10, 0 }, { 2, 0, "c", "p", 10, 0 }, { 3, 0, "a", "b", 10, 0 }, { 4, 0, "a", "d", 10, 0 },
		    { 5, 6, "a", "b", 10, 0 } },
	  .room = 49, .want = { 2, 1, 5 }, .to = 6 },
	{ .name = "or its oldest table alone",
	  .rows = { { 1, 0, "a", "m", 10, 0 }, { 2, 0, "c", "p", 10, 0 }, { 3, 0, "a", "b", 10, 0 }, { 4, 0, "a", "d", 10, 0 },
		    { 5, 6, "a", "b", 10, 0 } },
	  .room = 20, .want = { 1, 5 }, .to = 6 },
	{ .name = "level 0 waits for more while the base is large",
	  .rows = { { 1, 0, "a", "m", 10, 0 }, { 2, 0, "c", "p", 10, 0 }, { 3, 0, "a", "b", 10, 0 }, { 4, 0, "a", "d", 10, 0 },
		    { 5, 6, "a", "b", 1000, 0 } },
	  .room = 2080 },
	{ .name = "but not where a job of all of it needs more than half of the room",
	  .rows = { { 1, 0, "a", "m", 10, 0 }, { 2, 0, "c", "p", 10, 0 }, { 3, 0, "a", "b", 10, 0 }, { 4, 0, "a", "d", 10, 0 },
		    { 5, 6, "a", "b", 1000, 0 } },
	  .room = 2079, .want = { 4, 3, 2, 1, 5 }, .to = 6 },
	{ .name = "hopefully, deletes take what they hide with them: half of the room must do for what is left",
	  .rows = { { 1, 0, "a", "m", 1, 't' }, { 2, 0, "a", "m", 1, 't' }, { 3, 6, "a", "m", 40, 0 } },
	  .hurry = true, .hopeful = true, .room = 4, .want = { 2, 1, 3 }, .to = 6 },
	{ .name = "and no less than half",
	  .rows = { { 1, 0, "a", "m", 1, 't' }, { 2, 0, "a", "m", 1, 't' }, { 3, 6, "a", "m", 40, 0 } },
	  .hurry = true, .hopeful = true, .room = 3 },
	{ .name = "without the hope they count in full",
	  .rows = { { 1, 0, "a", "m", 1, 't' }, { 2, 0, "a", "m", 1, 't' }, { 3, 6, "a", "m", 40, 0 } },
	  .hurry = true, .room = 4 },
	{ .name = "a move needs no room",
	  .rows = { { 1, 1, "a", "b", 500, 0 } },
	  .room = 1, .want = { 1 }, .move = true, .to = 6 },
	{ .name = "what was asked for goes down though nothing presses, from the top",
	  .rows = { { 1, 6, "a", "b", 12000, 0 }, { 2, 5, "a", "b", 10, 0 }, { 3, 0, "a", "b", 10, 0 } },
	  .asked = 3, .want = { 3, 2 }, .to = 5, .deeper = "a-b" },
	{ .name = "then from further below, to the last level",
	  .rows = { { 1, 6, "a", "b", 12000, 0 }, { 2, 5, "a", "b", 10, 0 } },
	  .asked = 2, .want = { 2, 1 }, .to = 6 },
	{ .name = "what was written after it was asked for stays",
	  .rows = { { 1, 6, "a", "b", 12000, 0 }, { 4, 5, "c", "d", 10, 0 }, { 5, 0, "a", "b", 10, 0 } }, .asked = 3 },
	{ .name = "and is passed over",
	  .rows = { { 1, 6, "a", "d", 12000, 0 }, { 2, 5, "a", "b", 10, 0 }, { 4, 5, "c", "d", 100, 0 } },
	  .asked = 3, .want = { 2, 1 }, .to = 6 },
	{ .name = "on level 0 too",
	  .rows = { { 4, 0, "a", "b", 10, 0 }, { 5, 0, "a", "b", 10, 0 } }, .asked = 3 },
	{ .name = "all that was asked for is there",
	  .rows = { { 1, 6, "a", "b", 100, 0 }, { 2, 6, "c", "d", 100, 0 } }, .asked = 2 },
	{ .name = "under load that can wait",
	  .rows = { { 1, 0, "a", "b", 10, '9' }, { 3, 6, "a", "b", 400, 0 } } },
};

/* Ten entries each; '9': a hundred of them, one a tombstone where the table is on level 0. */
static struct live_table table_of(const struct row *r)
{
	struct live_table t = { .facts = { .id = file_id(r->id), .size_bytes = r->size, .min_key = slice_str(r->min),
					   .max_key = slice_str(r->max), .min_seq = seq(r->id), .max_seq = seq(r->id),
					   .entry_count = 10 },
				.level = r->level, .created_ms = NOW_MS };

	if (r->state == 't')
		t.facts.tombstone_count = 5;
	if (r->state == '1')
		t.facts.tombstone_count = 1;
	if (r->state == '9') {
		t.facts.entry_count = r->level == 0 ? 2 : 100;
		t.facts.tombstone_count = r->level == 0 ? 2 : 0;
	}
	if (r->state == 'x') {
		t.facts.expiring_count = 5;
		t.facts.min_expires_ms = NOW_MS - 2;
		t.facts.max_expires_ms = NOW_MS - 1;
	}
	return t;
}

static struct version *build(const struct row *rows)
{
	struct version *v = version_new();

	for (size_t i = 0; i < MOST && rows[i].id; i++) {
		struct live_table t = table_of(&rows[i]);
		struct version_edit e = { .added = &t, .added_count = 1 };

		ck_assert_int_eq(version_check(v, &e), ST_OK);
		version_apply(v, &e);
		if (rows[i].state == 'b')
			version_set_busy(v, file_id(rows[i].id), true);
	}
	return v;
}

static void write_deeper(const struct pick_job *job, struct buf *out)
{
	for (size_t i = 0; i < job->deeper_count; i++) {
		buf_append_str(out, i ? "," : "");
		buf_append_slice(out, job->deeper[i].min);
		buf_append_str(out, "-");
		buf_append_slice(out, job->deeper[i].max);
	}
}

static void check_job(const struct one_case *c, bool found, const struct pick_job *job)
{
	struct buf deeper = BUF_INIT;
	size_t want = 0;

	while (want < MOST && c->want[want])
		want++;
	ck_assert_msg(found == (want > 0), "%s: %s", c->name, found ? "found a job" : "found none");
	if (!found)
		return;
	ck_assert_msg(job->input_count == want, "%s: %zu inputs", c->name, job->input_count);
	for (size_t i = 0; i < want; i++)
		ck_assert_msg(job->inputs[i]->facts.id.v == c->want[i], "%s: input %zu is %d", c->name, i,
			      (int)job->inputs[i]->facts.id.v);
	ck_assert_msg(job->move == c->move, "%s: move", c->name);
	ck_assert_msg(job->output_level == c->to, "%s: to level %u", c->name, job->output_level);
	write_deeper(job, &deeper);
	if (c->deeper)
		ck_assert_str_eq(buf_cstr(&deeper), c->deeper);
	buf_fini(&deeper);
}

static struct pick_question question_of(const struct version *v)
{
	return (struct pick_question){ .version = v, .levels = conf, .table_size_target = 100, .now_ms = NOW_MS };
}

static size_t resting_of(const struct row *rows, struct file_id *ids)
{
	size_t n = 0;

	for (size_t i = 0; i < MOST && rows[i].id; i++)
		if (rows[i].state == 'r')
			ids[n++] = file_id(rows[i].id);
	return n;
}

START_TEST(each_layout_gives_the_job_it_must)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct one_case *c = &cases[i];
		struct pick_running running = { .input_level = c->running.from, .output_level = c->running.to };
		struct version *v = build(c->rows);
		struct pick_question q = question_of(v);
		struct file_id resting[MOST];
		struct pick_job job;
		struct arena a;

		arena_init(&a);
		q.resting = resting;
		q.resting_count = resting_of(c->rows, resting);
		q.at_rest = c->at_rest;
		q.room_bytes = c->room;
		q.hopeful = c->hopeful;
		q.hurry = c->hurry;
		if (c->damaged) {
			struct table_damage d = { .record = 1, .table = file_id(99), .min = slice_str(c->damaged),
						  .max = slice_str(c->damaged), .max_seq = seq(1) };

			version_set_damages(v, &d, 1, 2);
		}
		q.asked = seq(c->asked);
		if (c->running.min) {
			running.min = slice_str(c->running.min);
			running.max = slice_str(c->running.max);
			q.running = &running;
			q.running_count = 1;
		}
		check_job(c, pick_next(&q, &a, &job), &job);
		arena_fini(&a);
		version_free(&v);
	}
}
END_TEST

static void check_reason(const struct row *rows, bool at_rest, const char *reason)
{
	struct version *v = build(rows);
	struct pick_question q = question_of(v);
	struct pick_job job;
	struct arena a;

	arena_init(&a);
	q.at_rest = at_rest;
	ck_assert(pick_next(&q, &a, &job));
	ck_assert_str_eq(job.reason, reason);
	arena_fini(&a);
	version_free(&v);
}

START_TEST(the_reason_is_a_sentence_for_people)
{
	const struct row level0[MOST] = { { 1, 0, "a", "m", 10, 0 }, { 2, 0, "c", "p", 10, 0 }, { 3, 0, "a", "b", 10, 0 },
					  { 4, 0, "a", "d", 10, 0 } };
	const struct row full[MOST] = { { 1, 5, "a", "b", 3796, 0 }, LAST_12000 };
	const struct row drain[MOST] = { { 1, 2, "a", "b", 10, 0 } };
	const struct row dead[MOST] = { { 1, 6, "a", "b", 10, 'x' } };
	const struct row rest[MOST] = { { 1, 0, "a", "b", 10, 0 }, { 2, 6, "a", "b", 40, 0 } };

	check_reason(level0, false, "level 0 has 4 tables");
	check_reason(full, false, "level 5 is 2.0 times its size");
	check_reason(drain, false, "level 2 should be empty");
	check_reason(dead, false, "of a table on level 6 much is deleted or expired");
	check_reason(rest, true, "at rest: above the last level lies 25 % of it");
}
END_TEST

/* One table on level 1 above many small ones on level 3. */
static struct version *build_above_many(struct live_table *many, char (*keys)[8], size_t n)
{
	const struct row rows[MOST] = { { 1, 1, "0", "9", 400, 0 } };
	struct version *v = build(rows);
	struct version_edit e = { .added = many, .added_count = n };

	for (size_t i = 0; i < n; i++) {
		struct row r = { 2 + i, 3, keys[i], keys[i], 1, 0 };

		(void)snprintf(keys[i], sizeof(keys[i]), "%06zu", i);
		many[i] = table_of(&r);
	}
	ck_assert_int_eq(version_check(v, &e), ST_OK);
	version_apply(v, &e);
	return v;
}

START_TEST(what_was_picked_outlives_the_tables_of_the_version)
{
	static const struct row rows[MOST] = { { 1, 4, "a", "b", 300, 0 }, { 2, 5, "b", "b", 50, 0 } };
	struct version *v = build(rows);
	struct pick_question q = question_of(v);
	struct pick_job job;
	struct arena a;

	arena_init(&a);
	ck_assert(pick_next(&q, &a, &job));
	ck_assert_uint_eq(job.input_count, 2);
	for (size_t i = 0; i < job.input_count; i++) {
		const struct live_table *live = version_find(v, file_id(rows[i].id));

		ck_assert(job.inputs[i] != live && job.inputs[i]->facts.min_key.p != live->facts.min_key.p &&
			  job.inputs[i]->facts.max_key.p != live->facts.max_key.p);
	}
	version_free(&v);
	for (size_t i = 0; i < job.input_count; i++) {
		ck_assert(job.inputs[i]->facts.id.v == rows[i].id && job.inputs[i]->level == rows[i].level);
		ck_assert(slice_eq(job.inputs[i]->facts.min_key, slice_str(rows[i].min)));
		ck_assert(slice_eq(job.inputs[i]->facts.max_key, slice_str(rows[i].max)));
	}
	ck_assert(slice_eq(job.min, slice_str("a")) && slice_eq(job.max, slice_str("b")));
	arena_fini(&a);
}
END_TEST

START_TEST(very_many_deeper_ranges_are_told_as_fewer_that_cover_them_all)
{
	enum { TABLES = 10001 };
	static char keys[TABLES][8];
	static struct live_table many[TABLES];
	struct version *v = build_above_many(many, keys, TABLES);
	struct pick_question q = question_of(v);
	struct pick_job job;
	struct arena a;
	size_t at = 0;

	arena_init(&a);
	ck_assert(pick_next(&q, &a, &job));
	ck_assert_uint_eq(job.input_count, 1);
	ck_assert_uint_le(job.deeper_count, 4096);
	ck_assert_uint_gt(job.deeper_count, 2048);
	for (size_t i = 0; i < job.deeper_count; i++) {
		ck_assert(slice_eq(job.deeper[i].min, slice_str(keys[at])));
		while (at < TABLES && slice_cmp(slice_str(keys[at]), job.deeper[i].max) <= 0)
			at++;
		ck_assert(slice_eq(job.deeper[i].max, slice_str(keys[at - 1])));
	}
	ck_assert_uint_eq(at, TABLES);
	arena_fini(&a);
	version_free(&v);
}
END_TEST

/* Tables of level 0 that all overlap, ids 1 to n, the higher the newer. */
static struct version *build_level0(size_t n)
{
	const struct row none[MOST] = { { 0 } };
	struct version *v = build(none);

	for (uint64_t id = 1; id <= n; id++) {
		struct row r = { id, 0, "a", "z", 10, 0 };
		struct live_table t = table_of(&r);
		struct version_edit e = { .added = &t, .added_count = 1 };

		ck_assert_int_eq(version_check(v, &e), ST_OK);
		version_apply(v, &e);
	}
	return v;
}

static void check_level0(size_t n, uint64_t newest, uint64_t oldest)
{
	struct version *v = build_level0(n);
	struct pick_question q = question_of(v);
	struct pick_job job;
	struct arena a;

	arena_init(&a);
	ck_assert_int_eq(pick_next(&q, &a, &job), newest > 0);
	if (newest > 0) {
		ck_assert_uint_eq(job.input_count, newest - oldest + 1);
		for (size_t i = 0; i < job.input_count; i++)
			ck_assert_uint_eq(job.inputs[i]->facts.id.v, newest - i);
	}
	arena_fini(&a);
	version_free(&v);
}

START_TEST(of_a_crowded_level_0_the_oldest_64_go_and_the_newest_stay)
{
	check_level0(64, 64, 1);
	check_level0(65, 64, 1);
	check_level0(240, 64, 1);
}
END_TEST

static void suite(TCase *tc)
{
	tcase_add_test(tc, each_layout_gives_the_job_it_must);
	tcase_add_test(tc, what_was_picked_outlives_the_tables_of_the_version);
	tcase_add_test(tc, very_many_deeper_ranges_are_told_as_fewer_that_cover_them_all);
	tcase_add_test(tc, of_a_crowded_level_0_the_oldest_64_go_and_the_newest_stay);
	tcase_add_test(tc, the_reason_is_a_sentence_for_people);
}

CHECK_MAIN("engine/pick", suite)
