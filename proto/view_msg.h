/* SPDX-License-Identifier: Apache-2.0 */
/* The published view as plain structs (view.proto). Encoded by the engine, decoded by whoever reads. */
#ifndef PROTO_VIEW_MSG_H
#define PROTO_VIEW_MSG_H

#include "common/base/arena.h"
#include "common/base/buf.h"
#include "common/base/status.h"
#include "common/table/view_desc.h"

void view_desc_encode(const struct view_desc *v, struct buf *out);
/* Everything, keys too, lives in the arena. */
enum st view_desc_decode(struct slice message, struct arena *a, struct view_desc *vp) MUST_USE;

#endif
