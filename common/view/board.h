/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The board: a shared segment made by the supervisor, on which the engine publishes where everything
 * visible is. Layout: header, then two slots for the encoded view; generation g lies in slot g & 1.
 *
 * 1. One writer, the engine; anybody reads, without locks. Frontends map it read-only.
 * 2. A slot is written while it is not the current one; then the generation is raised (release).
 * 3. A reader copies slot g & 1 and keeps the copy only if the generation is still g afterwards (acquire).
 * 4. Read the visible sequence BEFORE the generation: a sequence that lies in a new memtable was published
 *    after the generation that names that memtable, so whoever sees the sequence sees the generation too.
 * 5. Neither generation nor visible sequence ever goes back in the life of a board; generation 0 = nothing
 *    yet.
 * 6. A writer that dies inside (2) leaves the current slot whole.
 *
 * A secret stands here as well, random bytes that the supervisor made and that all its workers share.
 *
 * The engine's state for people (recovery progress, incarnation) stands here too, so that it can be told
 * while the engine is replaying.
 */
#ifndef VIEW_BOARD_H
#define VIEW_BOARD_H

#include "common/base/buf.h"
#include "common/base/ids.h"
#include "common/base/status.h"

struct board;

/* REFUSING: reads only. */
enum board_state { BOARD_STARTING, BOARD_REPLAYING, BOARD_SERVING, BOARD_REFUSING };

/* A new segment in a sealed-size memory file, for the supervisor; the descriptor, -1 when refused. */
int board_create(void);

/* Maps it; fd stays the caller's and may be closed. ST_CORRUPT when it is no board of this version. */
enum st board_attach(int fd, bool writable, struct board **bp) MUST_USE;
void board_detach(struct board **bp);                   /* unmaps; NULL is fine */

/* ---- the engine ---- */
/* Publishes an encoded view as the next generation and returns its number. ST_TOO_BIG beyond a slot. */
enum st board_publish(struct board *b, struct slice view, uint64_t *generationp) MUST_USE;
uint64_t board_next_generation(const struct board *b);
void board_set_visible(struct board *b, struct seq seq);  /* a lower one than was set is ignored */
void board_set_incarnation(struct board *b, uint64_t incarnation);
void board_set_state(struct board *b, enum board_state state);
void board_set_replay(struct board *b, uint64_t done_bytes, uint64_t total_bytes);

/* ---- anybody ---- */
struct seq board_visible(const struct board *b);
uint64_t board_generation(const struct board *b);
uint64_t board_incarnation(const struct board *b);
enum board_state board_state(const struct board *b);
void board_replay(const struct board *b, uint64_t *donep, uint64_t *totalp);

#define BOARD_SECRET_BYTES 80u
/* On loan from the board, the same for its whole life. Empty: made by a supervisor that knew of none. */
struct slice board_secret(const struct board *b);

/* The current view's bytes appended to out (reset first), and its generation. ST_NOT_FOUND: none yet. */
enum st board_load(const struct board *b, struct buf *out, uint64_t *generationp) MUST_USE;

#endif
