/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls of the native API that are about ranges of keys:
 *
 *	GET /v1/kv         a page, or with Accept: application/x-ndjson all of it
 *	DELETE /v1/kv      range delete
 *	GET /v1/export     all of it, for keeping
 *	POST /v1/import    what an export was, back
 *	GET /v1/snapshots, DELETE /v1/snapshots/{id}
 *
 * Each reads its query, refuses what it does not know, and gives the request to whoever answers it. Event loop thread only.
 */
#ifndef FRONTEND_V1_SCAN_H
#define FRONTEND_V1_SCAN_H

#include "frontend/import.h"
#include "frontend/pending.h"
#include "frontend/scans.h"

enum { V1_LIMIT_DEFAULT = 100, V1_LIMIT_MAX = 10000 };

struct v1_scan {
	struct scans *scans;             /* all on loan */
	struct snapshots *snapshots;
	struct pending *pending;
	struct imports *imports;
	struct buf scratch, complaint, cursor;
};

void v1_scan_fini(struct v1_scan *v);

void v1_list(struct v1_scan *v, struct http_request *r);
void v1_export(struct v1_scan *v, struct http_request *r);
void v1_import(struct v1_scan *v, struct http_request *r);
void v1_snapshots(struct v1_scan *v, struct http_request *r);
void v1_snapshot_delete(struct v1_scan *v, struct http_request *r, struct slice id);

void v1_delete_range(struct v1_scan *v, struct http_request *r);

#endif
