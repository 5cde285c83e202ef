/* SPDX-License-Identifier: Apache-2.0 */
/* The list of damaged tables beside a backup; see backup_damage.h. */
#include "tools/backup_damage.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/mem.h"
#include "engine/copydir.h"

#define LIST_MAX (64u << 20)

struct path backup_damage_path(struct path backup)
{
	struct path dir = path_parent(backup.s);
	char name[64];

	snprintf(name, sizeof(name), "%s" BACKUP_DAMAGED, strrchr(backup.s, '/') + 1);
	return path_join(dir.s, name);
}

void backup_damage_add(struct buf *list, const struct live_table *t, struct slice wrong)
{
	buf_printf(list, "table %" PRIu64 ", level %u, keys ", t->facts.id.v, t->level);
	buf_append_readable(list, t->facts.min_key);
	buf_append_str(list, " to ");
	buf_append_readable(list, t->facts.max_key);
	buf_append_str(list, ": ");
	buf_append_slice(list, wrong);
	buf_append_byte(list, '\n');
}

enum st backup_damage_write(struct vfs *v, struct path backup, struct slice list)
{
	struct path to = backup_damage_path(backup);
	enum st st = vfs_unlink(v, to.s);

	if (st == ST_NOT_FOUND)
		st = list.n > 0 ? ST_OK : ST_NOT_FOUND;
	if (st)
		return st == ST_NOT_FOUND ? ST_OK : st;
	if (list.n > 0)
		st = copydir_write(v, to.s, list.p, list.n);
	return st ? st : vfs_sync_dir(v, path_parent(to.s).s);
}

enum st backup_damage_read(struct vfs *v, struct path backup, struct buf *list)
{
	uint8_t *bytes;
	size_t n;
	enum st st = vfs_slurp(v, backup_damage_path(backup).s, LIST_MAX, &bytes, &n);

	if (st)
		return st == ST_NOT_FOUND ? ST_OK : st;
	buf_append(list, bytes, n);
	mem_free(bytes);
	return ST_OK;
}

/* Cuts the first line off what is left. */
static struct slice next_line(struct slice *left)
{
	const uint8_t *end = memchr(left->p, '\n', left->n);
	size_t n = end ? (size_t)(end - left->p) + 1 : left->n;
	struct slice line = slice_of(left->p, n);

	*left = slice_of(left->p + n, left->n - n);
	return line;
}

size_t backup_damage_count(struct slice list)
{
	size_t n = 0;

	for (; list.n > 0; n++)
		(void)next_line(&list);
	return n;
}

bool backup_damage_names(struct slice list, struct file_id table)
{
	char head[40];
	size_t n = (size_t)snprintf(head, sizeof(head), "table %" PRIu64 ",", table.v);

	while (list.n > 0) {
		struct slice line = next_line(&list);

		if (line.n > n && memcmp(line.p, head, n) == 0)
			return true;
	}
	return false;
}
