/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where groups of writes are kept so that a crash cannot take them back, as the group sees it: append records, write
 * them, make them safe. The local WAL is the first implementation; a replicated log can be another.
 *
 * 1. append only buffers. write: a killed process no longer loses what was appended. sync: neither does a power cut.
 * 2. After a failed write or sync nothing more is accepted (invariant 9). One thread at a time.
 */
#ifndef ENGINE_JOURNAL_H
#define ENGINE_JOURNAL_H

#include "engine/wal.h"

struct journal {
	const struct journal_ops *ops;
	void *ctx;
};

struct journal_ops {
	void (*append)(void *ctx, struct seq first, uint32_t count, struct slice head, struct slice body);
	enum st (*write)(void *ctx);
	enum st (*sync)(void *ctx);
};

/* The local WAL: segments come and go behind it. */
struct journal_wal { struct wal *wal; };
struct journal journal_of_wal(struct journal_wal *w);

#endif
