/* SPDX-License-Identifier: Apache-2.0 */
/* The two buffers and the thread of line_log.h. The thread holds the lock only to swap the buffers. */
#include "frontend/line_log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/must.h"
#include "common/base/proc.h"

#define LINE_LOG_MAGIC 0x4c6c6701u

enum { KEEP_BYTES = 256 << 10 };         /* a larger buffer is given back */

struct line_log {
	uint32_t magic;
	/* fixed */
	char *path;
	pthread_t thread;
	/* the thread's */
	int fd;
	struct buf writing;
	bool failed;                     /* the last write; told once */
	/* guarded by lock */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct buf filling;
	bool reopen, stop;
};

static bool is_stdout(const char *path)
{
	return strcmp(path, "stdout") == 0;
}

static int open_file(const char *path)
{
	return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0640);
}

/* ---- the thread ---- */

static void reopen(struct line_log *l)
{
	int fd;

	if (is_stdout(l->path))
		return;
	fd = open_file(l->path);
	if (fd < 0) {
		log_error("ACCESS_LOG=%s: cannot be opened anew: %s; the file opened before goes on", l->path, strerror(errno));
		return;
	}
	close(l->fd);
	l->fd = fd;
}

static void write_all(struct line_log *l)
{
	size_t at = 0;

	while (at < l->writing.n) {
		ssize_t n = write(l->fd, l->writing.p + at, l->writing.n - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && !l->failed)
			log_error("ACCESS_LOG=%s: cannot be written: %s", l->path, strerror(errno));
		l->failed = n < 0;
		if (n < 0)
			break;
		at += (size_t)n;
	}
	buf_reset(&l->writing);
	if (l->writing.capacity > KEEP_BYTES)
		buf_fini(&l->writing);
}

/* Waits until there is something to do; what it is. */
static void await(struct line_log *l, bool *reopenp, bool *stopp)
{
	pthread_mutex_lock(&l->lock);
	while (l->filling.n == 0 && !l->reopen && !l->stop)
		pthread_cond_wait(&l->changed, &l->lock);
	*reopenp = l->reopen;
	*stopp = l->stop;
	l->reopen = false;
	pthread_mutex_unlock(&l->lock);
}

static void take(struct line_log *l)
{
	struct buf empty = l->writing;

	pthread_mutex_lock(&l->lock);
	l->writing = l->filling;
	l->filling = empty;
	pthread_mutex_unlock(&l->lock);
}

static void *run(void *arg)
{
	struct line_log *l = arg;
	bool anew, stop = false;

	while (!stop) {
		await(l, &anew, &stop);
		if (!anew && !stop)
			clock_sleep_us(LINE_LOG_PAUSE_MS * 1000u);       /* more lines for one write */
		take(l);
		write_all(l);
		if (anew)
			reopen(l);
	}
	return NULL;
}

/* ---- the others ---- */

enum st line_log_open(const char *path, struct line_log **lp, struct buf *complaint)
{
	int fd = is_stdout(path) ? dup(STDOUT_FILENO) : open_file(path);
	struct line_log *l;

	*lp = NULL;
	if (fd < 0) {
		buf_printf(complaint, "ACCESS_LOG=%s: cannot be opened: %s", path, strerror(errno));
		return ST_INVALID;
	}
	l = mem_zalloc(sizeof *l);
	obj_init(l, LINE_LOG_MAGIC);
	l->fd = fd;
	l->path = mem_strdup(path);
	must(pthread_mutex_init(&l->lock, NULL) == 0 && pthread_cond_init(&l->changed, NULL) == 0);
	l->thread = proc_thread("access-log", run, l);
	*lp = l;
	return ST_OK;
}

bool line_log_add(struct line_log *l, struct slice line)
{
	bool room, first;

	pthread_mutex_lock(&l->lock);
	room = l->filling.n + line.n <= LINE_LOG_BYTES;
	first = l->filling.n == 0;
	if (room)
		buf_append_slice(&l->filling, line);
	pthread_mutex_unlock(&l->lock);
	if (room && first)
		pthread_cond_signal(&l->changed);
	return room;
}

void line_log_reopen(struct line_log *l)
{
	pthread_mutex_lock(&l->lock);
	l->reopen = true;
	pthread_mutex_unlock(&l->lock);
	pthread_cond_signal(&l->changed);
}

void line_log_close(struct line_log **lp)
{
	struct line_log *l = *lp;

	if (!l)
		return;
	obj_check(l, LINE_LOG_MAGIC);
	pthread_mutex_lock(&l->lock);
	l->stop = true;
	pthread_mutex_unlock(&l->lock);
	pthread_cond_signal(&l->changed);
	pthread_join(l->thread, NULL);
	close(l->fd);
	pthread_mutex_destroy(&l->lock);
	pthread_cond_destroy(&l->changed);
	buf_fini(&l->filling);
	buf_fini(&l->writing);
	mem_free(l->path);
	obj_fini(l);
	mem_drop(lp);
}
