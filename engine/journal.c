/* SPDX-License-Identifier: Apache-2.0 */
/* The local WAL behind the journal's functions. */
#include "engine/journal.h"

static void append(void *ctx, struct seq first, uint32_t count, struct slice head, struct slice body)
{
	struct journal_wal *w = ctx;

	wal_append(w->wal, first, count, head, body);
}

static enum st write_out(void *ctx)
{
	struct journal_wal *w = ctx;

	return wal_write(w->wal);
}

static enum st sync_out(void *ctx)
{
	struct journal_wal *w = ctx;

	return wal_sync(w->wal);
}

static const struct journal_ops wal_ops = { append, write_out, sync_out };

struct journal journal_of_wal(struct journal_wal *w)
{
	return (struct journal){ &wal_ops, w };
}
