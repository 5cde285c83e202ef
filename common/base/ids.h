/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two 64-bit kinds whose mix-up would corrupt data, kept apart by the compiler.
 *
 * A sequence numbers one entry (a put or a delete) for the life of a database; 0 = none. A file id names one WAL
 * segment, memtable or table; reserved durably before use, never reused; 0 = none.
 */
#ifndef BASE_IDS_H
#define BASE_IDS_H

#include <stdint.h>

struct seq { uint64_t v; };
struct file_id { uint64_t v; };

#define SEQ_MAX ((struct seq){ (1ull << 56) - 1 })

static inline struct seq seq(uint64_t v) { return (struct seq){ v }; }
static inline struct file_id file_id(uint64_t v) { return (struct file_id){ v }; }

#endif
