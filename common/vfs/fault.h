/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vfs that passes everything to another one and fails the n-th operation, for tests only. Failing once is
 * a hiccup; failing for good is a broken disk. A failed write has written its first half. A failed sync
 * drops what was not yet safe when the inner vfs is a simulated disk. Failures may be narrowed to some
 * kinds of operation, and to some files. A read that is to fail with ST_CORRUPT succeeds, with one byte of what it brings flipped.
 */
#ifndef VFS_FAULT_H
#define VFS_FAULT_H

#include "common/vfs/vfs.h"

enum fault_kind {
	FAULT_READ = 1,
	FAULT_WRITE = 2,
	FAULT_SYNC = 4,          /* files and directories */
	FAULT_META = 8,          /* all the rest: open, names, sizes, lists */
	FAULT_ALL = 15
};

struct vfs *fault_new(struct vfs *inner);              /* inner is on loan */
void fault_free(struct vfs **vp);
/* The nth operation of these kinds from now (1 = the next) answers st; for_good: all after it too.
 * 0: none, it only counts. */
void fault_arm(struct vfs *fault, unsigned kinds, uint64_t nth, bool for_good, enum st st);
/* From now on only what is done to names that have this part counts and fails (a renamed file's old name); on loan. NULL: all. */
void fault_narrow(struct vfs *fault, const char *part);
uint64_t fault_count(struct vfs *fault);               /* operations of the armed kinds since fault_arm() */
bool fault_fired(struct vfs *fault);

#endif
