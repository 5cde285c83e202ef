/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Imports: a body of any length into the database, batch by batch, in constant memory.
 *
 *	body --pieces--> records --> batch --> engine --acknowledged--> the next batch
 *	                                |
 *	                                `-- busy, away: tried again, up to a minute (patience)
 *
 * 1. One batch is at the engine at a time; while it is, nothing is read from the client. A batch is applied whole or
 *    not at all, so what is applied is always a beginning of the body.
 * 2. The answer tells how far that reaches: records and bytes, from the beginning of the body. Whoever goes on asks with
 *    skip=records and sends the same body again. One that has fewer is another one, and refused.
 * 3. A record that is none ends the import with its number and place. What stands in front of it is applied, nothing
 *    behind it.
 * 4. An import that takes longer than a second answers with lines of progress while it goes on.
 * 5. When the client goes away the batch under way is the last one, and is not tried again.
 * 6. What the client asks behind it on the same connection waits until it is over.
 *
 * Event loop thread only.
 */
#ifndef FRONTEND_IMPORT_H
#define FRONTEND_IMPORT_H

#include "frontend/http_conn.h"
#include "frontend/import_record.h"
#include "frontend/pending.h"

struct imports;
struct loop;

enum { IMPORTS_MAX = 8, IMPORT_BATCH_BYTES = 512 << 10, IMPORT_BATCH_RECORDS = 5000 };
enum { IMPORT_PROGRESS_US = 1000000, IMPORT_PATIENCE_US = 60000000 };

typedef void imports_flush_f(void *ctx);

struct imports_setup {
	struct loop *loop;               /* on loan, as pending */
	struct pending *pending;
	uint64_t patience_us;            /* so long a batch is tried; IMPORT_PATIENCE_US */
	imports_flush_f *flush;          /* after answers of its own accord */
	void *ctx;
};

void imports_new(const struct imports_setup *setup, struct imports **ip);
void imports_free(struct imports **ip);          /* nothing may be under way */

/* r's body comes in pieces. */
void imports_begin(struct imports *s, struct http_request *r, enum import_form form, uint64_t skip);

#endif
