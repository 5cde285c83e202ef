/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of an import: where the next one ends, and what it is.
 *
 *	lines      a JSON object each (json_entry.h), ended by a line feed, the last one also by the end; empty lines are none
 *	protobuf   lsm.LSMEntry messages, each with its length in front as a varint
 *
 * Pure.
 */
#ifndef FRONTEND_IMPORT_RECORD_H
#define FRONTEND_IMPORT_RECORD_H

#include "common/base/buf.h"
#include "frontend/problem.h"

enum import_form { IMPORT_LINES, IMPORT_PROTOBUF };

enum { IMPORT_RECORD_MAX = 49 << 20 };   /* the largest value, every byte of it escaped as six */

enum import_cut {
	IMPORT_RECORD,
	IMPORT_BLANK,                    /* an empty line */
	IMPORT_MORE,                     /* it is not all there; at the end: there is none */
	IMPORT_BAD                       /* what stands there is no record, or longer than IMPORT_RECORD_MAX */
};

/* The first record of bytes: how many bytes it takes with all that belongs to it, and its inside. at_end: nothing comes
 * behind bytes. */
enum import_cut import_cut(enum import_form form, struct slice bytes, bool at_end, struct slice *inside, size_t *usedp);

/* Appends the put to batch. A problem: batch is as it was, complaint is a sentence. */
enum problem import_record_read(enum import_form form, struct slice inside, struct buf *batch, struct buf *complaint);

#endif
