/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A memtable: a skip list inside one memory file, nodes linked by 32-bit offsets, so that any process can
 * map it at any address. One writer (the engine's commit thread), any number of lock-free readers in any
 * process.
 *
 * 1. A node is complete before it is linked (release store); what a reader can reach never changes.
 * 2. Offsets only; a reader checks each against the mapping before it follows it.
 * 3. Readers map read-only: a broken reader cannot harm anybody.
 * 4. The memory goes back to the kernel when the last mapping or descriptor is gone.
 */
#ifndef VIEW_MEMTABLE_H
#define VIEW_MEMTABLE_H

#include "common/table/iter.h"

struct memtable;

/* A new one with room for capacity_bytes of arena: a sparse file, untouched room costs nothing; at most
 * 32 GiB. */
enum st memtable_new(struct file_id id, uint64_t capacity_bytes, struct memtable **mp) MUST_USE;

/* Maps one that was handed out; takes over fd, also on failure. ST_CORRUPT: it is no memtable of this id. */
enum st memtable_map(struct file_id id, int fd, struct memtable **mp) MUST_USE;

struct memtable *memtable_ref(struct memtable *m);      /* any thread */
void memtable_unref(struct memtable **mp);              /* any thread */

struct file_id memtable_id(const struct memtable *m);
/* For handing out, still owned by m; it can only be mapped for reading. */
int memtable_fd(const struct memtable *m);
/* A reader met something that no writer made: what m answers may lack entries. */
bool memtable_damaged(const struct memtable *m);
uint64_t memtable_used(const struct memtable *m);       /* arena bytes */
uint64_t memtable_entries(const struct memtable *m);    /* whoever counts an entry finds it */
uint64_t memtable_room(const struct memtable *m);       /* arena bytes left */
uint64_t memtable_cost(size_t key_bytes, size_t value_bytes);   /* most that one insert can take */

/* Writer only; room was checked (must). Entries may come in any order of sequence. */
void memtable_insert(struct memtable *m, const struct entry *e);
/* The same for n entries one after the other; faster, most of all when their keys lie far apart. */
void memtable_insert_all(struct memtable *m, const struct entry *e, size_t n);

/* The newest version of key with sequence <= seq; *ep is good as long as the memtable is referenced. */
bool memtable_get(const struct memtable *m, struct slice key, struct seq seq, struct entry *ep);
struct iter *memtable_iter_new(struct memtable *m);     /* takes a reference of its own */

#endif
