/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lsm-bench: measures the storage engine in one process, as db_bench measures RocksDB.
 *
 *   names -> lives: runs of workloads on one database, each in a child of its own -> rows through a pipe -> table
 *
 * A workload that begins with an empty database begins a new life. A life has a process of its own, because the engine
 * never lets go of its links and locks before its process ends; so a failed one leaves the rows of the others.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/log.h"
#include "common/base/mem.h"
#include "supervisor/worker.h"
#include "tools/bench_dir.h"
#include "tools/bench_run.h"
#include "tools/bench_serial.h"

#define WORKS_MAX 64u

struct plan {
	struct bench_opts o;
	const char *dir;
	char *programs;                  /* folder of the compactor */
	const struct bench_work *works[WORKS_MAX];
	unsigned work_count;
	struct bench_row rows[WORKS_MAX];
	unsigned row_count;
};

/* ---- the plan ---- */

static void add_work(struct plan *p, const char *name, size_t n)
{
	const struct bench_work *w = bench_work_find(name, n);

	if (!w) {
		fprintf(stderr, "lsm-bench: no such benchmark: %.*s\nTry lsm-bench --help.\n", (int)n, name);
		exit(EXIT_CONFIG);
	}
	if (p->work_count == WORKS_MAX) {
		fprintf(stderr, "lsm-bench: more than %u benchmarks\n", WORKS_MAX);
		exit(EXIT_CONFIG);
	}
	if (p->o.use_existing_db && w->fresh)
		printf("%-12s : skipped (--use-existing-db)\n", w->name);
	else
		p->works[p->work_count++] = w;
}

static void add_works(struct plan *p)
{
	for (const char *at = p->o.benchmarks; *at;) {
		size_t n = strcspn(at, ",");

		if (n > 0)
			add_work(p, at, n);
		at += n + (at[n] == ',');
	}
	if (p->work_count == 0) {
		fprintf(stderr, "lsm-bench: --benchmarks=%s: there is nothing to run\n", p->o.benchmarks);
		exit(EXIT_CONFIG);
	}
}

static bool needs_database(const struct bench_work *w)
{
	return w->loop || w->once;
}

static void print_head(const struct bench_opts *o)
{
	static const char *const words[] = { "none", "fast", "small" };
	double raw = (double)(o->key_size + o->value_size) * (double)o->num / (1 << 20);

	printf("Keys:       %llu bytes each\nValues:     %llu bytes each (%.0f bytes after compression)\nEntries:    %llu\n"
	       "RawSize:    %.1f MB (estimated)\nCompression: %s\nMemtable:   %llu bytes, cache %llu bytes, %llu compactors\n"
	       "------------------------------------------------\n",
	       (unsigned long long)o->key_size, (unsigned long long)o->value_size,
	       (double)o->value_size * o->compression_ratio, (unsigned long long)o->num, raw, words[o->compression],
	       (unsigned long long)o->write_buffer_size, (unsigned long long)o->cache_size, (unsigned long long)o->compactors);
}

/* ---- one life, in the child ---- */

static void send_row(int fd, const struct bench_row *row)
{
	if (write(fd, row, sizeof *row) != sizeof *row)
		_exit(EXIT_OSERR);
}

_Noreturn static void live(const struct plan *p, unsigned first, unsigned end, int fd)
{
	struct bench_db_config c = { .dir = p->dir, .programs = p->programs, .write_buffer_size = p->o.write_buffer_size,
				     .cache_size = p->o.cache_size, .compression = p->o.compression,
				     .compactors = (unsigned)p->o.compactors };
	struct bench_db *db;
	struct bench_row row;

	prctl(PR_SET_PDEATHSIG, SIGTERM);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	if (p->works[first]->fresh || (first == 0 && !p->o.use_existing_db))
		bench_dir_empty(p->dir);
	db = bench_db_open(&c);
	for (unsigned i = first; i < end; i++) {
		if (p->works[i]->loop) {
			bench_run(&p->o, p->works[i], i, db, &row);
			send_row(fd, &row);
		} else {
			p->works[i]->once(db);
			fflush(stdout);
		}
	}
	bench_db_close(db);
	_exit(EXIT_DONE);                /* threads of nng are still at work: nothing runs at exit */
}

/* ---- the lives, in the parent ---- */

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
	interrupted = sig;
}

static void take_rows(struct plan *p, int fd)
{
	ssize_t n;

	while (p->row_count < WORKS_MAX) {
		n = read(fd, &p->rows[p->row_count], sizeof p->rows[0]);
		if (n < 0 && errno == EINTR)
			continue;
		if (n != sizeof p->rows[0])
			return;
		p->row_count++;
	}
}

/* Runs works[first .. end) in a child; 0 or how to end. */
static int run_life(struct plan *p, unsigned first, unsigned end)
{
	int fds[2], status = 0;
	pid_t pid;

	fflush(NULL);
	if (pipe(fds) != 0 || (pid = fork()) < 0) {
		fprintf(stderr, "lsm-bench: no process: %s\n", strerror(errno));
		return EXIT_OSERR;
	}
	if (pid == 0) {
		close(fds[0]);
		live(p, first, end, fds[1]);
	}
	close(fds[1]);
	take_rows(p, fds[0]);
	close(fds[0]);
	while (waitpid(pid, &status, 0) < 0)
		if (interrupted)
			kill(pid, SIGTERM);
	if (interrupted)
		return 128 + interrupted;
	if (WIFSIGNALED(status)) {
		fprintf(stderr, "lsm-bench: the benchmark was killed by SIG%s\n", sigabbrev_np(WTERMSIG(status)));
		return EXIT_CRASH;
	}
	return WEXITSTATUS(status);
}

static int run_all(struct plan *p)
{
	unsigned first = 0;

	while (first < p->work_count) {
		unsigned end = first + 1;
		int code;

		if (!needs_database(p->works[first])) {
			bench_serialization(p->o.seed);
			first = end;
			continue;
		}
		while (end < p->work_count && needs_database(p->works[end]) && !p->works[end]->fresh)
			end++;
		code = run_life(p, first, end);
		if (code)
			return code;
		first = end;
	}
	return EXIT_DONE;
}

static void print_table(const struct plan *p)
{
	if (p->row_count == 0)
		return;
	printf("\n%-17s %12s %10s %10s %9s %10s  %s\n", "workload", "ops/s", "p50 us", "p99 us", "write x", "tables MB", "found");
	for (unsigned i = 0; i < p->row_count; i++) {
		const struct bench_row *r = &p->rows[i];

		printf("%-17s %12.0f %10.2f %10.2f ", r->name, r->seconds > 0 ? (double)r->operations / r->seconds : 0, r->p50_us,
		       r->p99_us);
		if (r->write_amplification > 0)
			printf("%9.2f", r->write_amplification);
		else
			printf("%9s", "-");
		printf(" %10.1f  ", (double)r->table_bytes / (1 << 20));
		if (r->tells_found)
			printf("%llu", (unsigned long long)r->found);
		else
			printf("-");
		putchar('\n');
	}
}

static void help(void)
{
	puts("Usage: lsm-bench [OPTION]...\n\nMeasures the storage engine in one process; workloads and options are named as those\n"
	     "of db_bench.\n");
	bench_opts_help();
	puts("\nBenchmarks:\n");
	for (const struct bench_work *w = bench_works; w->name; w++)
		printf("  %-20s %s\n", w->name, w->help);
}

int main(int argc, char **argv)
{
	static struct plan p;
	char *temporary = NULL;
	int code;

	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		help();
		return EXIT_DONE;
	}
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("lsm-bench (" PACKAGE_STRING ")");
		return EXIT_DONE;
	}
	bench_opts_parse(&p.o, argc, argv);
	add_works(&p);
	log_init("lsm-bench", LOG_LEVEL_WARN, LOG_FORMAT_PRETTY);
	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGINT, &(struct sigaction){ .sa_handler = on_signal }, NULL);
	sigaction(SIGTERM, &(struct sigaction){ .sa_handler = on_signal }, NULL);
	p.programs = worker_find_programs();
	p.dir = p.o.db;
	if (!p.dir)
		p.dir = temporary = bench_dir_temporary();
	print_head(&p.o);
	code = run_all(&p);
	print_table(&p);
	if (temporary)
		bench_dir_remove(temporary);
	mem_free(temporary);
	mem_free(p.programs);
	return code;
}
