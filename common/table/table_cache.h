/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open tables of one process by id, reference counted, at most `max_open` kept beyond those in use (least
 * recently used go first). Any thread.
 */
#ifndef TABLE_TABLE_CACHE_H
#define TABLE_TABLE_CACHE_H

#include "common/table/table_reader.h"

struct table_cache;

struct table_cache *table_cache_new(struct vfs *v, const char *data_dir, uint64_t database,
				    struct block_cache *blocks, size_t max_open);
void table_cache_free(struct table_cache **tp);

/* The open table, referenced. ST_NOT_FOUND: the file is gone (a newer view is out). */
enum st table_cache_get(struct table_cache *t, struct file_id id, struct table_reader **rp) MUST_USE;
/* The open table, referenced; NULL when it is not open. Never touches the disk. */
struct table_reader *table_cache_find(struct table_cache *t, struct file_id id);
void table_cache_release(struct table_cache *t, struct table_reader **rp);

/* Closes what is open of this id as soon as nobody uses it: the table left the view. */
void table_cache_evict(struct table_cache *t, struct file_id id);
size_t table_cache_memory(struct table_cache *t);
uint64_t table_cache_database(struct table_cache *t);
void table_cache_set_database(struct table_cache *t, uint64_t database);

#endif
