/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One step of a scan: so much of a walk as fits into a buffer, written in the form that the client gets. Runs on a
 * working thread; touches nothing but its own struct.
 */
#ifndef FRONTEND_SCAN_STEP_H
#define FRONTEND_SCAN_STEP_H

#include <stdatomic.h>

#include "common/base/buf.h"
#include "frontend/walk.h"

enum scan_form { SCAN_PAGE, SCAN_LINES, SCAN_PROTOBUF };       /* a JSON document, a JSON object a line, LSMEntry messages */

struct scan_step {
	/* set by the caller */
	struct walk walk;
	enum scan_form form;
	bool keys_only;
	uint64_t most_items;             /* of this step */
	size_t most_bytes;               /* of this step, of a page all in all; about: the entry that goes beyond it is still in */
	uint64_t most_us;                /* 0: whatever it takes. Else it pauses then, so that others get their turn */
	atomic_bool cancelled;           /* any thread: stop as soon as possible */

	/* what came of it */
	struct buf out;                  /* appended to */
	uint64_t items;                  /* of this step */
	bool any;                        /* of this step or one before */
	bool paused;                     /* its time was over; the next step goes on */
	struct buf last_key;             /* of the last item; kept for pages only */
	bool at_end;                     /* nothing more can be read; walk.st tells when that is because of trouble */
};

void scan_step_run(struct scan_step *s);
void scan_step_fini(struct scan_step *s);

#endif
