/* SPDX-License-Identifier: Apache-2.0 */
/* The manifest as bytes, for a copy of the database; for manifest.c only. */
#ifndef ENGINE_MANIFEST_IMAGE_H
#define ENGINE_MANIFEST_IMAGE_H

#include "common/base/ids.h"
#include "engine/manifest_db.h"

/* As manifest_image(). */
enum st manifest_image__make(sqlite3 *db, struct file_id wal_floor, struct seq promised, uint8_t **bytesp,
			     size_t *np) MUST_USE;

#endif
