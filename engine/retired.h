/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of tables that left the levels: removed at once, or as soon as no lease needs them (common/view/lease.h).
 *
 *   table replaced, view without it published -> needed by a lease? --no--> removed, or to quarantine/
 *                                                   |yes: stays in sst/, looked at again and again
 *   start, file that no edit names ----------------/   until the lease ends, or an hour is over, or the disk is full
 *
 * 1. A file is added after the view that no longer names its table was published, and only then are leases looked at.
 * 2. None stays longer than LEASE_LIFE_MOST_US, whatever the leases say.
 * 3. Where the disk is full the leases that keep something are taken back: writes go before old reads.
 * 4. The list is in memory. An engine that starts leaves whatever lies in sst/ and any lease could need, and goes on from there;
 *    under a new supervisor there are no leases, so all goes.
 *
 * Any thread; one lock, a leaf but for the truth's state lock.
 */
#ifndef ENGINE_RETIRED_H
#define ENGINE_RETIRED_H

#include "common/view/lease.h"
#include "engine/install.h"
#include "engine/truth.h"

struct retired;

/* All on loan. Grants no leases until retired_begin(): the engine starts. */
struct retired *retired_new(struct vfs *v, const char *data_dir, struct leases *l, const struct board *b);
void retired_free(struct retired **rp);          /* files that are still needed stay: the next start sees to them */

/* Start only, nothing published yet: files in sst/ that are not live (sorted) and that a lease may need. They are noted
 * here and appended to *keptp, heap memory of the caller. */
enum st retired_adopt(struct retired *r, const struct file_id *live, size_t live_count, struct file_id **keptp, size_t *np)
	MUST_USE;
void retired_begin(struct retired *r);           /* the first view is published */

/* Takes the file of a table that left the levels out of sst/: to quarantine/ when damage of it is on record, else it is
 * removed. When a lease needs it, later (truth_retired(); NULL: nobody has leases). */
enum st retired_table(const struct install_dir *d, struct truth *t, struct file_id table) MUST_USE;

void retired_look(struct retired *r, struct truth *t);   /* removes what nobody needs any more; a few times a second */
void retired_make_room(struct retired *r);       /* the disk is full: takes back the leases that keep something */

#endif
