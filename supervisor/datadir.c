/* SPDX-License-Identifier: Apache-2.0 */
/* Takes the directories of datadir.h. Run by the supervisor's only thread at start. */
#include "supervisor/datadir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/table/filename.h"

static enum st refuse(struct buf *complaint, int *exit_codep, int code, const char *what, const char *path)
{
	buf_printf(complaint, "%s %s: %s", what, path, strerror(errno));
	*exit_codep = errno == ENOTDIR ? EXIT_CONFIG : code;     /* a file where a directory was named */
	return ST_INVALID;
}

/* A new name is on disk only after its folder was synced. */
static int sync_parent(const char *path)
{
	struct path p;
	char *slash;
	int fd, result;

	snprintf(p.s, sizeof p.s, "%s", path);
	slash = strrchr(p.s, '/');
	slash[slash == p.s] = '\0';
	fd = open(p.s, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	result = fsync(fd);
	close(fd);
	return result;
}

static int make_folder(const char *path)
{
	return mkdir(path, 0700) == 0 ? sync_parent(path) : errno == EEXIST ? 0 : -1;
}

/* mkdir -p of an absolute path; only what is missing is made, with mode 0700. */
static int make_folders(const char *path)
{
	struct path p;
	size_t n = strlen(path);

	if (n >= sizeof p.s) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(p.s, path, n + 1);
	for (char *at = p.s + 1; *at; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		if (make_folder(p.s) != 0)
			return -1;
		*at = '/';
	}
	return make_folder(p.s);
}

static bool is_in(const char *name, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(name, list[i]) == 0)
			return true;
	return false;
}

/* Each of them says that it is a database of ours, or was going to be one. A LOCK does not: others have one, too. */
static bool is_ours(const char *name)
{
	static const char *const names[] = { "manifest.db", "wal", "sst", "quarantine" };

	return is_in(name, names, sizeof names / sizeof names[0]);
}

/* There before the first start, or left behind by one that did not come far. */
static bool is_harmless(const char *name)
{
	static const char *const names[] = { ".", "..", "lost+found", "run", "LOCK", "ballast" };

	return is_in(name, names, sizeof names / sizeof names[0]);
}

/* The run directory, where a start before this one made it in here under another name. */
static bool holds_run_dir(const struct conf *c, const char *name)
{
	struct path p = path_join(c->data_dir, name);
	size_t n = strlen(p.s);

	return strncmp(c->run_dir, p.s, n) == 0 && (c->run_dir[n] == '/' || c->run_dir[n] == '\0');
}

/* A folder with things in it, none of which says that it is a database, is not to be filled by us. */
static enum st check_not_foreign(const struct conf *c, struct buf *complaint, int *exit_codep)
{
	const char *path = c->data_dir;
	DIR *d = opendir(path);
	char stranger[256] = "";
	bool ours = false;

	if (!d)
		return refuse(complaint, exit_codep, EXIT_OSERR, "cannot read the data directory", path);
	for (struct dirent *e; (e = readdir(d)) != NULL && !ours;) {
		ours = is_ours(e->d_name);
		if (!ours && !is_harmless(e->d_name) && !holds_run_dir(c, e->d_name))
			snprintf(stranger, sizeof stranger, "%s", e->d_name);
	}
	closedir(d);
	if (ours || !stranger[0])
		return ST_OK;
	buf_printf(complaint, "DATA_DIR=%s holds other things (\"%s\") and no manifest.db, so it is not a database of this "
		   "server; give an empty or new directory", path, stranger);
	*exit_codep = EXIT_DATA;
	return ST_INVALID;
}

/* A folder that one server at a time may have. */
struct claim {
	const char *folder, *setting;
	struct path lock;
};

static enum st lock_refused(const struct claim *c, int fd, struct buf *complaint, int *exit_codep)
{
	struct flock asked = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1 };

	if (fcntl(fd, F_GETLK, &asked) == 0 && asked.l_type != F_UNLCK)
		buf_printf(complaint, "the %s directory is in use by another server, pid %d (it holds %s); stop that one, or "
			   "set %s", c->folder, (int)asked.l_pid, c->lock.s, c->setting);
	else
		buf_printf(complaint, "cannot lock %s: the %s directory may be in use by another server", c->lock.s,
			   c->folder);
	*exit_codep = EXIT_LOCKED;
	return ST_INVALID;
}

static enum st take_lock(const struct claim *c, struct buf *complaint, int *exit_codep)
{
	struct flock want = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1 };
	int fd = open(c->lock.s, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct buf pid = BUF_INIT;

	if (fd < 0)
		return refuse(complaint, exit_codep, EXIT_OSERR, "cannot open", c->lock.s);
	if (fcntl(fd, F_SETLK, &want) != 0)
		return lock_refused(c, fd, complaint, exit_codep);
	buf_printf(&pid, "%d\n", (int)getpid());
	if (ftruncate(fd, 0) != 0 || pwrite(fd, pid.p, pid.n, 0) != (ssize_t)pid.n)
		log_warn("could not write the pid into %s: %s", c->lock.s, strerror(errno));
	buf_fini(&pid);
	return ST_OK;               /* fd stays open: the lock goes with the process */
}

enum st datadir_take(const struct conf *c, struct buf *complaint, int *exit_codep)
{
	struct claim data = { "data", "DATA_DIR", path_lock(c->data_dir) };
	struct claim run = { "run", "RUN_DIR", path_lock(c->run_dir) };
	enum st st;

	if (make_folders(c->data_dir) != 0)
		return refuse(complaint, exit_codep, EXIT_OSERR, "cannot make the data directory", c->data_dir);
	st = check_not_foreign(c, complaint, exit_codep);
	if (st)
		return st;
	st = take_lock(&data, complaint, exit_codep);
	if (st)
		return st;
	if (make_folders(c->run_dir) != 0)
		return refuse(complaint, exit_codep, EXIT_OSERR, "cannot make the run directory", c->run_dir);
	return take_lock(&run, complaint, exit_codep);
}

void datadir_keep_run(const struct conf *c)
{
	if (access(c->run_dir, F_OK) == 0)
		return;
	if (make_folders(c->run_dir) == 0)
		log_warn("RUN_DIR=%s was gone and is made anew. lsmctl does not reach this server until it is started anew.", c->run_dir);
	else
		log_error("RUN_DIR=%s is gone and cannot be made anew: %s", c->run_dir, strerror(errno));
}
