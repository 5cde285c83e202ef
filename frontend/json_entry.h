/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line of an import: a JSON object as a scan or an export writes it, into a put.
 *
 *	{"key":"user:1","value":"alice","version":17,"timestamp":1705932000,"expires_at":1705935600.25}
 *
 * key or key_base64, value or value_base64; expires_at (seconds) if there is one. version and timestamp may be there and
 * are given anew. Nothing else is taken: least of all the {"error":...} of an export that broke off. Pure.
 */
#ifndef FRONTEND_JSON_ENTRY_H
#define FRONTEND_JSON_ENTRY_H

#include "common/base/buf.h"
#include "frontend/problem.h"

/* Appends the put to batch. A problem: batch is as it was, complaint is a sentence. */
enum problem json_read_entry(struct slice line, struct buf *batch, struct buf *complaint);

#endif
