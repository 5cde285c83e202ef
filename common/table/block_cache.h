/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decompressed data blocks by (table id, offset), bounded in bytes, shared by the threads of one process. Sharded; what
 * is read once makes room for itself, so that no scan sweeps out what is read again and again.
 */
#ifndef TABLE_BLOCK_CACHE_H
#define TABLE_BLOCK_CACHE_H

#include "common/base/ids.h"
#include "common/base/slice.h"

struct block_cache;
struct cached_block;

/* Keeps a block's bytes from going away. {NULL} is no pin. */
struct block_pin { struct cached_block *block; };

struct block_cache_stats { uint64_t hits, misses, evictions, used_bytes, capacity_bytes; };

struct block_cache *block_cache_new(uint64_t capacity_bytes);
void block_cache_free(struct block_cache **cp);              /* no pins may be out */

/* From now on at most so many bytes; what is too much goes at once. */
void block_cache_set_capacity(struct block_cache *c, uint64_t capacity_bytes);

/* The block, pinned; false when it is not there. */
bool block_cache_find(struct block_cache *c, struct file_id table, uint64_t offset, struct block_pin *pinp,
		      struct slice *bytesp);

/* A block to be, with room for n bytes at *bytesp; NULL when memory does not suffice. */
struct cached_block *cached_block_new(size_t n, uint8_t **bytesp);
void cached_block_free(struct cached_block **bp);

/* Takes over *bp, of whose room the first n bytes are the block, and pins it. When another thread was faster its copy is
 * pinned instead. c may be NULL: then the pin alone owns the bytes. */
struct slice block_cache_insert(struct block_cache *c, struct file_id table, uint64_t offset, struct cached_block **bp,
				size_t n, struct block_pin *pinp);
void block_pin_release(struct block_pin *pin);               /* NULL pins are fine */
void block_cache_stats(struct block_cache *c, struct block_cache_stats *sp);

#endif
