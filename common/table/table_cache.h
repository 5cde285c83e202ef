/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open tables of one process by id, reference counted. At most max_open are open, and their indexes and filters hold at
 * most max_memory, as long as closing those that nobody uses (least recently used first) can see to that: whoever keeps
 * tables for long must stop doing so while the cache is crowded. Any thread.
 */
#ifndef TABLE_TABLE_CACHE_H
#define TABLE_TABLE_CACHE_H

#include "common/table/table_reader.h"

struct table_cache;

struct table_cache_use { size_t open, index_bytes, filter_bytes; };

struct table_cache *table_cache_new(struct vfs *v, const char *data_dir, uint64_t database,
				    struct block_cache *blocks, size_t max_open);
void table_cache_free(struct table_cache **tp);

/* The open table, referenced. ST_NOT_FOUND: the file is gone (a newer view is out). */
enum st table_cache_get(struct table_cache *t, struct file_id id, struct table_reader **rp) MUST_USE;
/* The same for a table that left the newest view: what has to be opened for it is closed with the last release. */
enum st table_cache_get_once(struct table_cache *t, struct file_id id, struct table_reader **rp) MUST_USE;
/* The open table, referenced; NULL when it is not open. Never touches the disk. */
struct table_reader *table_cache_find(struct table_cache *t, struct file_id id);
void table_cache_release(struct table_cache *t, struct table_reader **rp);

/* Closes what is open of this id as soon as nobody uses it: the table left the view. */
void table_cache_evict(struct table_cache *t, struct file_id id);

void table_cache_set_memory(struct table_cache *t, size_t max_memory);     /* no bound at first */
/* So many tables will be read. When they cannot all be open the cache is crowded from the start, so that the least recently
 * used may close whatever came first. True: the answer is another one than before. One thread. */
bool table_cache_expect(struct table_cache *t, size_t tables);
/* Are there more open tables than there should be, all of them in use, or will there be? No lock. */
bool table_cache_is_crowded(const struct table_cache *t);
struct table_cache_use table_cache_use(struct table_cache *t);
uint64_t table_cache_database(struct table_cache *t);
void table_cache_set_database(struct table_cache *t, uint64_t database);

#endif
