/* SPDX-License-Identifier: Apache-2.0 */
/* A classic POSIX record lock, which can tell who holds it; see datalock.h. */
#include "engine/datalock.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/table/filename.h"

#define ENGINE_BYTE 1
#define TRY_EVERY_US 5000u

static struct flock lock_of(short type)
{
	return (struct flock){ .l_type = type, .l_whence = SEEK_SET, .l_start = ENGINE_BYTE, .l_len = 1 };
}

static bool try_lock(int fd)
{
	struct flock l = lock_of(F_WRLCK);

	return fcntl(fd, F_SETLK, &l) == 0;
}

/* The pid that holds it, 0 when it was let go in the meantime. */
static int holder(int fd)
{
	struct flock l = lock_of(F_WRLCK);

	return fcntl(fd, F_GETLK, &l) == 0 && l.l_type != F_UNLCK ? (int)l.l_pid : 0;
}

enum st datalock_take(const char *data_dir, unsigned wait_ms, struct buf *complaint)
{
	uint64_t until = clock_mono_us() + wait_ms * 1000ull;
	struct path p = path_lock(data_dir);
	int fd = open(p.s, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return fail(ST_IO, "cannot open %s: %s", p.s, strerror(errno));
	while (!try_lock(fd)) {
		if (errno != EAGAIN && errno != EACCES)
			return fail(ST_IO, "cannot lock %s: %s", p.s, strerror(errno));
		if (clock_mono_us() >= until) {
			buf_printf(complaint, "%s is held by an engine with pid %d: stop that one first.", data_dir, holder(fd));
			close(fd);
			return ST_BUSY;
		}
		clock_sleep_us(TRY_EVERY_US);
	}
	return ST_OK;                    /* the descriptor stays open for the life of the process */
}
