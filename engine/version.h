/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The live tables by level, in memory. Level 0 newest first (by max sequence), deeper levels by key,
 * disjoint. Not thread-safe: guarded by the truth's locks (truth.h).
 */
#ifndef ENGINE_VERSION_H
#define ENGINE_VERSION_H

#include "common/base/arena.h"
#include "engine/damages.h"
#include "engine/edit.h"

struct version;

struct version *version_new(void);
void version_free(struct version **vp);

/* Would this edit leave a legal version? ST_CORRUPT with a sentence logged otherwise (overlap on a deep
 * level, unknown removed id, id twice). Changes nothing. */
enum st version_check(const struct version *v, const struct version_edit *e) MUST_USE;
void version_apply(struct version *v, const struct version_edit *e);     /* copies keys; the edit was checked */

struct level_list { struct live_table *const *tables; size_t count; uint64_t bytes; };
struct level_list version_level(const struct version *v, unsigned level);   /* good until the next apply */
const struct live_table *version_find(const struct version *v, struct file_id id);

/* Marks a table as an input of a running job (or not). */
void version_set_busy(struct version *v, struct file_id id, bool busy);
bool version_is_busy(const struct live_table *live);     /* as version_level() and version_find() give it, no copy */

const struct damages *version_damages(const struct version *v);
void version_set_damages(struct version *v, const struct table_damage *list, size_t n, uint64_t next);   /* at start */

/* Fills desc's levels and damage from this version, memory from the arena. */
void version_describe(const struct version *v, struct arena *a, struct view_desc *desc);

#endif
