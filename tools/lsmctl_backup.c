/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lsmctl backup; see lsmctl_backup.h.
 *
 *   lock the set -> lock DATA_DIR/checkpoints -> clear what an interrupted one left there -> checkpoint
 *   -> copy or link its files into the set -> remove the checkpoint
 *
 * The engine only ever makes the checkpoint, so copying, however long, keeps nothing from it but the room of tables that
 * compaction has replaced meanwhile.
 */
#include "tools/lsmctl_backup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "engine/copydir.h"
#include "tools/backup.h"
#include "tools/backup_damage.h"

#define EXIT_REFUSED 1
#define LOCK_NAME "LOCK"
#define STAGING "backup"                 /* below DATA_DIR/checkpoints */
#define STAGING_LOCK "backup.lock"

const char lsmctl_backup_usage[] =
	"  backup DIR                make the next backup in DIR; tables that the last one has are linked, others copied\n"
	"  backup list DIR           show the backups in DIR\n"
	"  backup verify DIR [N|all] read everything in the newest one (or in number N, or in all)\n"
	"  backup prune --keep N DIR remove all but the newest N that can be read\n";

static int complain(const char *what, const char *detail)
{
	fprintf(stderr, "lsmctl: %s%s%s\n", what, detail && *detail ? ": " : "", detail ? detail : "");
	return EXIT_REFUSED;
}

/* A number from 1 on, and nothing else. */
static bool parse_number(const char *word, uint64_t *np)
{
	char *end;

	errno = 0;
	*np = strtoull(word, &end, 10);
	return *word >= '0' && *word <= '9' && !*end && !errno && *np > 0;
}

static double mib(uint64_t bytes)
{
	return (double)bytes / (1 << 20);
}

/* Held until the end of the process. */
static bool lock(struct path file)
{
	int fd = open(file.s, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0;
}

/* dir is resolved; the set's directory may be made. */
static int open_set(const char *dir, bool make, bool change, struct backup_set *s)
{
	static char whole[PATH_MAX];

	if (make && mkdir(dir, 0700) != 0 && errno != EEXIST)
		return complain(dir, strerror(errno));
	if (!realpath(dir, whole))
		return complain(dir, strerror(errno));
	if (strlen(whole) > CONF_STR_MAX - 32)
		return complain(whole, "the name is too long");
	*s = (struct backup_set){ .vfs = vfs_posix(), .dir = whole };
	if (change && !lock(path_join(whole, LOCK_NAME)))
		return errno == EWOULDBLOCK ? complain(whole, "another lsmctl changes these backups") :
					      complain(whole, strerror(errno));
	return EXIT_DONE;
}

/* ---- taking ---- */

/* What was damaged when it was made, a line each, with the file. */
static void tell_damaged(const struct backup_set *s, uint64_t number)
{
	struct path dir = backup_path(s, number);
	struct buf list = BUF_INIT;
	char *line, *rest = NULL;

	if (backup_damage_read(s->vfs, dir, &list) == ST_OK && list.n > 0)
		for (line = strtok_r((char *)(uintptr_t)buf_cstr(&list), "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
			uint64_t id = strtoull(line + strlen("table "), NULL, 10);

			fprintf(stderr, "lsmctl: damaged: %s (%s)\n", line, path_sst(dir.s, file_id(id)).s);
		}
	buf_fini(&list);
}

static int end_damaged(const struct backup_set *s, const struct backup_report *r)
{
	tell_damaged(s, r->number);
	fprintf(stderr, "lsmctl: %s was made, and %zu of its tables %s damaged, as in the database\n",
		backup_path(s, r->number).s, r->damaged, r->damaged == 1 ? "is" : "are");
	return EXIT_DATA;
}

static int take_from(const struct backup_set *s, const char *staging, uint64_t began_us)
{
	struct buf complaint = BUF_INIT;
	struct backup_report r;
	enum st st = backup_take(s, staging, &r, &complaint), undo = copydir_clear(s->vfs, staging);

	if (undo)
		complain(staging, "could not be removed; the next backup tries again");
	if (st)
		return complain("no backup was made", complaint.n ? buf_cstr(&complaint) : st_text(st));
	printf("%s: everything up to sequence %" PRIu64 "; %zu files copied (%.1f MiB), %zu linked (%.1f MiB); %.1f s\n",
	       backup_path(s, r.number).s, r.last_seq.v, r.copied, mib(r.copied_bytes), r.linked, mib(r.linked_bytes),
	       (double)(clock_mono_us() - began_us) / 1e6);
	(void)fflush(stdout);
	return r.damaged ? end_damaged(s, &r) : EXIT_DONE;
}

/* data: resolved. Of a directory that does not exist yet it is the parent that counts. */
static bool lies_in(const char *dir, const char *data)
{
	size_t n = strlen(data);
	char *copy = mem_printf("%s", dir), whole[PATH_MAX];
	bool known = realpath(dir, whole) || realpath(dirname(copy), whole);

	mem_free(copy);
	return known && strncmp(whole, data, n) == 0 && (whole[n] == '/' || whole[n] == '\0');
}

static int take(const struct lsmctl_backup *b, const char *dir)
{
	uint64_t began_us = clock_mono_us();
	char data[PATH_MAX];
	struct path checkpoints, staging;
	struct backup_set s;
	int code;

	if (!realpath(b->data_dir(b->ctx), data) || strlen(data) > CONF_STR_MAX - 32)
		return complain("the server's data directory cannot be found from here", strerror(errno));
	if (lies_in(dir, data)) {
		complain(dir, "backups may not lie in the data directory that they are of");
		return EXIT_CONFIG;
	}
	code = open_set(dir, true, true, &s);
	if (code)
		return code;
	checkpoints = path_checkpoints_dir(data);
	staging = path_join(checkpoints.s, STAGING);
	if (!lock(path_join(checkpoints.s, STAGING_LOCK)))
		return complain("another backup of this database runs, or its checkpoints/ is not writable", strerror(errno));
	if (copydir_clear(s.vfs, staging.s))
		return complain(staging.s, "is in the way and holds more than a checkpoint");
	code = b->checkpoint(b->ctx, staging.s);
	return code ? code : take_from(&s, staging.s, began_us);
}

/* ---- the others ---- */

static void print_time(const char *dir)
{
	struct path manifest = path_manifest(dir);
	struct stat sb;
	struct tm tm;
	char text[32] = "?";

	if (stat(manifest.s, &sb) == 0 && gmtime_r(&sb.st_mtime, &tm))
		strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	printf("%-21s", text);
}

static enum st print_one(const struct backup_set *s, uint64_t number)
{
	struct buf complaint = BUF_INIT;
	struct backup_report r;
	enum st st = backup_look(s, number, &r, &complaint);

	printf("%06" PRIu64 "  ", number);
	print_time(backup_path(s, number).s);
	if (st)
		printf("%s\n", complaint.n ? buf_cstr(&complaint) : st_text(st));
	else
		printf("%7zu %11.1f  %" PRIu64 "%s", r.tables, mib(r.table_bytes), r.last_seq.v, r.damaged ? "" : "\n");
	if (!st && r.damaged)
		printf("  %zu damaged when it was made\n", r.damaged);
	buf_fini(&complaint);
	return st;
}

static int show(const char *dir)
{
	struct backup_set s;
	uint64_t *numbers = NULL;
	size_t n = 0;
	int code = open_set(dir, false, false, &s);

	if (code)
		return code;
	if (backup_list(&s, &numbers, &n))
		return complain(dir, "cannot be read");
	printf("%-7s %-20s %8s %11s  %s\n", "NUMBER", "MADE", "TABLES", "MIB", "SEQUENCE");
	for (size_t i = 0; i < n; i++)
		if (print_one(&s, numbers[i]))
			code = EXIT_REFUSED;
	mem_free(numbers);
	return code;
}

static int verify_one(const struct backup_set *s, uint64_t number)
{
	struct buf complaint = BUF_INIT;
	struct backup_report r;
	enum st st = backup_verify(s, number, &r, &complaint);

	if (r.damaged)
		tell_damaged(s, number);
	if (st)
		complain(backup_path(s, number).s, complaint.n ? buf_cstr(&complaint) :
			 st == ST_CORRUPT ? "is damaged, as told above" : st_text(st));
	else
		printf("%s: %zu tables (%.1f MiB) and the log up to sequence %" PRIu64 " are as they should be\n",
		       backup_path(s, number).s, r.tables, mib(r.table_bytes), r.last_seq.v);
	buf_fini(&complaint);
	return st ? EXIT_REFUSED : EXIT_DONE;
}

static bool has(const uint64_t *numbers, size_t n, uint64_t wanted)
{
	size_t i = 0;

	while (i < n && numbers[i] != wanted)
		i++;
	return i < n;
}

/* which: of the n numbers; NULL is the newest. */
static int verify_some(const struct backup_set *s, const uint64_t *numbers, size_t n, const char *which)
{
	uint64_t wanted = n > 0 ? numbers[n - 1] : 0;
	bool all = which && strcmp(which, "all") == 0;
	int code = EXIT_DONE;

	if (which && !all && !parse_number(which, &wanted)) {
		complain(which, "is neither the number of a backup nor \"all\"");
		return EXIT_CONFIG;
	}
	if (!has(numbers, n, wanted))
		return complain(s->dir, "there is no such backup");
	if (!all)
		return verify_one(s, wanted);
	for (size_t i = 0; i < n; i++)
		if (verify_one(s, numbers[i]))
			code = EXIT_REFUSED;
	return code;
}

static int verify(const char *dir, const char *which)
{
	struct backup_set s;
	uint64_t *numbers = NULL;
	size_t n = 0;
	int code = open_set(dir, false, false, &s);

	if (code)
		return code;
	if (backup_list(&s, &numbers, &n))
		return complain(dir, "cannot be read");
	code = verify_some(&s, numbers, n, which);
	mem_free(numbers);
	return code;
}

struct pruning { const struct backup_set *set; int code; };

static void tell_pruned(void *ctx, uint64_t number, enum backup_fate fate)
{
	struct pruning *p = ctx;
	struct path dir = backup_path(p->set, number);

	if (fate == BACKUP_REMOVED)
		printf("%s: removed\n", dir.s);
	else if (fate == BACKUP_LAST_SOUND)
		printf("%s: stays, the newest without damage\n", dir.s);
	else
		p->code = complain(dir.s, "cannot be read: it does not count, and stays");
}

static int prune_set(const struct backup_set *s, uint64_t keep)
{
	struct pruning p = { s, EXIT_DONE };
	enum st st = backup_tidy(s);

	if (!st)
		st = backup_prune(s, keep, tell_pruned, &p);
	if (st == ST_NOT_FOUND)
		return complain(s->dir, "none of the backups can be read; nothing was removed");
	return st ? complain(s->dir, "cannot be read or tidied") : p.code;
}

static int prune(const char *keep, const char *dir)
{
	struct backup_set s;
	uint64_t kept;
	int code;

	if (!parse_number(keep, &kept)) {
		complain("--keep", "at least 1");
		return EXIT_CONFIG;
	}
	code = open_set(dir, false, true, &s);
	return code ? code : prune_set(&s, kept);
}

/* "backup list" without a directory makes no backup in ./list. */
static bool is_verb(const char *word)
{
	return strcmp(word, "list") == 0 || strcmp(word, "verify") == 0 || strcmp(word, "prune") == 0;
}

int lsmctl_backup(const struct lsmctl_backup *b, char **words, int count, bool *usagep)
{
	*usagep = false;
	if (count == 2 && strcmp(words[0], "list") == 0)
		return show(words[1]);
	if ((count == 2 || count == 3) && strcmp(words[0], "verify") == 0)
		return verify(words[1], count == 3 ? words[2] : NULL);
	if (count == 4 && strcmp(words[0], "prune") == 0 && strcmp(words[1], "--keep") == 0)
		return prune(words[2], words[3]);
	if (count == 1 && words[0][0] && words[0][0] != '-' && !is_verb(words[0]))
		return take(b, words[0]);
	*usagep = true;
	return EXIT_CONFIG;
}
