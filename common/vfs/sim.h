/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A simulated disk in memory, for tests only. It remembers per file the content that is safe (synced) and
 * the writes since, per directory the names that are safe and the changes since, and can be asked for the
 * disk as it might look after a power cut at this very moment.
 */
#ifndef VFS_SIM_H
#define VFS_SIM_H

#include "common/base/rand.h"
#include "common/vfs/vfs.h"

/* An empty disk with a root directory; every path is taken as one from there. */
struct vfs *sim_new(void);
void sim_free(struct vfs **vp);                    /* no file of it may be open */

enum sim_cut {
	SIM_CUT_SYNCED_ONLY,     /* nothing unsynced survives */
	SIM_CUT_ALL,             /* everything written survives */
	SIM_CUT_RANDOM,          /* each unsynced 512-byte sector and each unsynced name change survives by
	                            chance; a size change may survive without its data (zeros) */
	SIM_CUT_PREFIX           /* a random prefix of all unsynced operations survives, the last one torn at
	                            a sector */
};

/* A new disk: what this one might be after a power cut. The old one stays as it is. */
struct vfs *sim_after_power_cut(struct vfs *sim, enum sim_cut cut, struct rnd *rnd);

/* Number of state-changing operations so far (write, sync, rename, ...). */
uint64_t sim_events(struct vfs *sim);

/* From the n-th event on (counted from now, 1 = the next) every operation fails with ST_IO and changes
 * nothing: the process is dead to the disk. 0 switches that off. */
void sim_die_at(struct vfs *sim, uint64_t n);

/* Calls f just before the n-th event from now (0: never), in the midst of whatever causes it; f may cut the power. */
typedef void sim_call_f(void *ctx);
void sim_call_at(struct vfs *sim, uint64_t n, sim_call_f *f, void *ctx);

/* What was written to the file since its last sync will never be on disk, though reads show it: what a
 * failed fsync leaves behind. False, and nothing done, when the file is not one of a simulated disk. */
bool sim_lose_unsynced(struct vfs_file *f);

/* For corruption tests: direct access to a file's bytes, safe and current alike. */
enum st sim_flip(struct vfs *sim, const char *path, uint64_t offset, uint8_t xor_mask) MUST_USE;

#endif
