/* SPDX-License-Identifier: Apache-2.0 */
/* Making and removing the folder of a benchmark; see bench_dir.h. */
#include "tools/bench_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "common/base/status.h"

_Noreturn static void refuse(int code, const char *dir, const char *why)
{
	fprintf(stderr, "lsm-bench: %s: %s\n", dir, why);
	exit(code);
}

static bool has_mark(const char *dir)
{
	char *mark = mem_printf("%s/%s", dir, BENCH_DIR_MARK);
	bool there = access(mark, F_OK) == 0;

	mem_free(mark);
	return there;
}

static void put_mark(const char *dir)
{
	char *mark = mem_printf("%s/%s", dir, BENCH_DIR_MARK);
	int fd = open(mark, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	if (fd < 0)
		refuse(EXIT_OSERR, mark, strerror(errno));
	close(fd);
	mem_free(mark);
}

static bool is_empty(const char *dir)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	bool empty = true;

	if (!d)
		refuse(EXIT_OSERR, dir, strerror(errno));
	while ((e = readdir(d)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			empty = false;
	closedir(d);
	return empty;
}

static int remove_one(const char *path, const struct stat *sb, int type, struct FTW *at)
{
	(void)sb;
	(void)type;
	(void)at;
	return remove(path);
}

static void remove_all(const char *dir)
{
	if (nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0)
		refuse(EXIT_OSERR, dir, strerror(errno));
}

char *bench_dir_temporary(void)
{
	const char *tmp = getenv("TMPDIR");
	char *dir = mem_printf("%s/lsm-bench-XXXXXX", tmp && *tmp ? tmp : "/tmp");

	if (!mkdtemp(dir))
		refuse(EXIT_OSERR, dir, strerror(errno));
	put_mark(dir);
	return dir;
}

void bench_dir_empty(const char *dir)
{
	if (mkdir(dir, 0700) != 0 && errno != EEXIST)
		refuse(EXIT_OSERR, dir, strerror(errno));
	if (!has_mark(dir) && !is_empty(dir))
		refuse(EXIT_CONFIG, dir, "is not empty and was not made by lsm-bench; it stays as it is");
	remove_all(dir);
	if (mkdir(dir, 0700) != 0)
		refuse(EXIT_OSERR, dir, strerror(errno));
	put_mark(dir);
}

void bench_dir_remove(const char *dir)
{
	if (has_mark(dir))
		remove_all(dir);
}
