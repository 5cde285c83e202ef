/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lsmctl, the operator's command: asks the supervisor or the engine, each at its control socket (proto/control.proto).
 *
 * The sockets lie in RUN_DIR, by default DATA_DIR/run; both are found as the server finds them: --config FILE and the
 * environment. Exit codes: 0 done, 1 the server refused, did not manage, or not all of its workers run, 64 wrong
 * command line, 69 no server answers.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/conf.h"
#include "common/base/door.h"
#include "common/table/filename.h"
#include "proto/command.h"
#include "proto/control.h"
#include "proto/limits.h"
#include "tools/lsmctl_backup.h"

#define EXIT_REFUSED 1
#define EXIT_NO_SERVER 69
#define RESTART_PATIENCE_US (60u * 1000000u)
#define RELOAD_PATIENCE_US (5u * 1000000u)
#define POLL_US 20000u
#define COMPACT_POLL_US 200000u
#define ANSWER_TIMEOUT_S 5
#define COMMAND_TIMEOUT_S 600            /* the engine says itself when it gives up */

extern char **environ;

static const char usage_head[] =
	"Usage: lsmctl [--config FILE | --run-dir DIR] COMMAND\n"
	"\n"
	"  status            show the server and its workers\n"
	"  restart WORKER    restart one worker (engine, frontend.0, compactor.0, ...) and wait until it serves again\n"
	"  restart all       restart every worker, one after the other\n"
	"  reload            have the frontends take their files anew: access tokens, TLS certificate, access log\n"
	"  set slow-request-ms N\n"
	"                    log requests that take N milliseconds and more, until the next start; 0: none\n";

static const char usage_tail[] =
	"\n"
	"The server is found through RUN_DIR or DATA_DIR, from the environment or from FILE.\n";

static void print_usage(FILE *to)
{
	fputs(usage_head, to);
	for (size_t i = 0; i < command_row_count; i++) {
		const struct command_row *c = &command_rows[i];
		int n = fprintf(to, "  %s %s", c->name, c->arguments);

		fprintf(to, n < 20 ? "%*s%s\n" : "\n%*s%s\n", n < 20 ? 20 - n : 20, "", c->prose);
	}
	fputs(lsmctl_backup_usage, to);
	fputs(usage_tail, to);
}

struct session {
	char socket_path[PATH_BYTES];    /* the supervisor's */
	char engine_path[PATH_BYTES];
	char report_path[PATH_BYTES];    /* what the last start found in the write-ahead log */
	struct buf answer;               /* of the last question */
	struct arena memory;             /* of its texts */
};

_Noreturn static void refuse(int code, const char *what, const char *detail)
{
	fprintf(stderr, "lsmctl: %s%s%s\n", what, detail ? ": " : "", detail ? detail : "");
	exit(code);
}

/* The sentence of RUN_DIR/recovery.json (engine/report.h), when the last start found something. */
static void print_recovery(const char *path, FILE *to)
{
	static const char field[] = "\"summary\": \"";
	char text[16384], *begin, *end;
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	if (f)
		(void)fclose(f);
	text[n] = '\0';
	begin = strstr(text, field);
	if (!begin)
		return;
	begin += sizeof(field) - 1;
	end = strchr(begin, '"');
	if (end)
		*end = '\0';
	fprintf(to, "\nRecovery: %s\n  %s\n", begin, path);
}

static _Noreturn void no_server(const char *path, const char *why)
{
	fprintf(stderr, "lsmctl: no server answers at %s: %s\n"
		"  Is it running with this DATA_DIR or RUN_DIR? Name it: DATA_DIR=... lsmctl status\n", path, why);
	exit(EXIT_NO_SERVER);
}

/* Asks at a socket; the answer lives until the next one. */
static struct slice ask_at(struct session *s, const char *path, const struct buf *question, unsigned timeout_s)
{
	enum st st;

	buf_reset(&s->answer);
	st = door_ask(path, buf_slice(question), CONTROL_MESSAGE_MAX, timeout_s, &s->answer);
	if (st == ST_UNAVAILABLE)
	{
		int why = errno;

		print_recovery(s->report_path, stderr);
		no_server(path, strerror(why));
	}
	if (st == ST_INVALID)
		refuse(EXIT_CONFIG, "the socket's path is too long", path);
	if (st == ST_TOO_BIG)
		refuse(EXIT_NO_SERVER, "the server's answer is of another version", NULL);
	if (st)
		refuse(EXIT_NO_SERVER, "the server broke off", st == ST_TIMEOUT ? "no answer in time" : strerror(errno));
	return buf_slice(&s->answer);
}

/* Asks the supervisor once; the reply's texts live until the next question. */
static struct control_reply ask_supervisor(struct session *s, const struct control_request *q)
{
	struct control_reply r;
	struct buf out = BUF_INIT;
	struct slice got;

	arena_reset(&s->memory);
	control_request_encode(q, &out);
	got = ask_at(s, s->socket_path, &out, ANSWER_TIMEOUT_S);
	buf_fini(&out);
	if (control_reply_decode(got, &s->memory, &r) != ST_OK)
		refuse(EXIT_NO_SERVER, "the server's answer is of another version", NULL);
	if (r.status != ST_OK)
		refuse(r.status == ST_INVALID ? EXIT_CONFIG : EXIT_REFUSED, r.detail, NULL);
	return r;
}

static struct control_reply ask(struct session *s, enum control_verb verb, const char *worker)
{
	struct control_request q = { .verb = verb, .worker = worker };

	return ask_supervisor(s, &q);
}

/* The engine has a working directory of its own, so it gets an absolute name: what exists of it is resolved here. */
static char *absolute(char *dir)
{
	static char whole[2 * PATH_MAX];
	char parent[PATH_MAX], *slash, *base;
	size_t n = strlen(dir);

	if (n == 0)
		refuse(EXIT_CONFIG, "the name of the directory is empty", NULL);
	while (n > 1 && dir[n - 1] == '/')
		dir[--n] = '\0';
	slash = strrchr(dir, '/');
	base = slash ? slash + 1 : dir;
	if (slash)
		*slash = '\0';
	if (!realpath(!slash ? "." : dir[0] ? dir : "/", parent))
		refuse(EXIT_CONFIG, slash && dir[0] ? dir : "/", strerror(errno));
	snprintf(whole, sizeof whole, "%s/%s", strcmp(parent, "/") == 0 ? "" : parent, base);
	return whole;
}

/* What the engine answers to the words; its text lives until the next question. */
static struct command_reply ask_engine(struct session *s, char **words, size_t count)
{
	struct command q = { words, count };
	struct command_reply r;
	struct buf out = BUF_INIT;
	struct slice got;

	arena_reset(&s->memory);
	command_encode(&q, &out);
	got = ask_at(s, s->engine_path, &out, COMMAND_TIMEOUT_S);
	buf_fini(&out);
	if (command_reply_decode(got, &s->memory, &r) != ST_OK)
		refuse(EXIT_NO_SERVER, "the engine's answer is of another version", NULL);
	return r;
}

/* Has the engine do what the words say; prints what it answers, a refusal always. */
static int tell_engine(struct session *s, char **words, size_t count, bool print)
{
	struct command_reply r = ask_engine(s, words, count);

	if (r.status == ST_OK) {
		if (print)
			fputs(r.text, stdout);
		return EXIT_DONE;
	}
	fprintf(stderr, "lsmctl: %s", r.text[0] ? r.text : st_text(r.status));
	return r.status == ST_INVALID ? EXIT_CONFIG : EXIT_REFUSED;
}

/* Begins a compaction of everything, and waits until the engine says that it is over. */
static int compact(struct session *s, bool wait)
{
	char *words[] = { (char[]){ "compact" }, (char[]){ "status" } };
	int code = tell_engine(s, words, 1, !wait);

	if (code != EXIT_DONE || !wait)
		return code;
	while (ask_engine(s, words, 2).status == ST_BUSY)
		clock_sleep_us(COMPACT_POLL_US);
	return tell_engine(s, words, 2, true);
}

static void print_uptime(uint64_t ms)
{
	uint64_t s = ms / 1000;

	if (s < 120)
		printf("%9.1fs", (double)ms / 1000);
	else if (s < 2 * 3600)
		printf("%6llum%02llus", (unsigned long long)(s / 60), (unsigned long long)(s % 60));
	else
		printf("%6lluh%02llum", (unsigned long long)(s / 3600), (unsigned long long)(s / 60 % 60));
}

/* Its exit code serves health checks: refused when not every worker runs. */
static int status(struct session *s)
{
	struct control_reply r = ask(s, CONTROL_STATUS, "");
	bool all_run = true;

	printf("lsm-engine %s, supervisor pid %d, http%s://%s\ndata in %s\n\n", r.version, r.supervisor_pid, r.tls ? "s" : "",
	       r.listen, r.data_dir);
	printf("%-14s %8s  %-9s %10s %9s  %s\n", "WORKER", "PID", "STATE", "UPTIME", "RESTARTS", "LAST END");
	for (size_t i = 0; i < r.worker_count; i++) {
		const struct worker_status *w = &r.workers[i];

		printf("%-14s %8d  %-9s ", w->name, w->pid, w->state);
		print_uptime(w->uptime_ms);
		printf(" %9u  %s\n", w->restarts, w->last_end);
		all_run = all_run && (strcmp(w->state, "running") == 0 || strcmp(w->state, "restarting") == 0);
	}
	print_recovery(s->report_path, stdout);
	return all_run ? EXIT_DONE : EXIT_REFUSED;
}

static const struct worker_status *find(const struct control_reply *r, const char *name)
{
	for (size_t i = 0; i < r->worker_count; i++)
		if (strcmp(r->workers[i].name, name) == 0)
			return &r->workers[i];
	return NULL;
}

/* Restarts one worker and waits until another process of that name serves. */
static void restart_one(struct session *s, const char *name)
{
	struct control_reply r = ask(s, CONTROL_STATUS, "");
	const struct worker_status *w = find(&r, name);
	int old_pid = w ? w->pid : 0;
	uint64_t deadline = clock_mono_us() + RESTART_PATIENCE_US;

	ask(s, CONTROL_RESTART, name);
	while (clock_mono_us() < deadline) {
		r = ask(s, CONTROL_STATUS, "");
		w = find(&r, name);
		if (w && w->pid != 0 && w->pid != old_pid && strcmp(w->state, "running") == 0) {
			printf("%s: pid %d -> %d, running\n", name, old_pid, w->pid);
			return;
		}
		if (w && strcmp(w->state, "failed") == 0)
			refuse(EXIT_REFUSED, name, w->last_end);
		if (w && w->pid == old_pid && strncmp(w->last_end, "its successor", 13) == 0 && strcmp(w->state, "running") == 0)
			refuse(EXIT_REFUSED, name, w->last_end);
		clock_sleep_us(POLL_US);
	}
	refuse(EXIT_REFUSED, name, "asked, but it does not serve yet; see lsmctl status and the log");
}

static int restart(struct session *s, const char *name)
{
	char names[64][32];
	size_t count = 0;

	if (strcmp(name, "all") != 0) {
		restart_one(s, name);
		return 0;
	}
	struct control_reply r = ask(s, CONTROL_STATUS, "");

	for (; count < r.worker_count && count < 64; count++)
		snprintf(names[count], sizeof names[count], "%s", r.workers[count].name);
	for (size_t i = 0; i < count; i++)
		restart_one(s, names[i]);
	return 0;
}

static size_t count_frontends(const struct control_reply *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->worker_count; i++)
		n += r->workers[i].pid != 0 && strncmp(r->workers[i].name, "frontend.", 9) == 0;
	return n;
}

/* Asks, then waits until as many frontends as there are have said how it went. */
static int reload(struct session *s)
{
	struct control_reply r = ask(s, CONTROL_STATUS, "");
	uint64_t deadline = clock_mono_us() + RELOAD_PATIENCE_US, taken = r.reloads, failed = r.reload_failures;
	size_t frontends = count_frontends(&r);

	ask(s, CONTROL_RELOAD, "");
	do {
		clock_sleep_us(POLL_US);
		r = ask(s, CONTROL_STATUS, "");
	} while (r.reloads - taken + r.reload_failures - failed < frontends && clock_mono_us() < deadline);
	if (r.reload_failures != failed)
		refuse(EXIT_REFUSED, "a file could not be taken, and what was in force stays so; the log says which and why", NULL);
	if (r.reloads - taken < frontends)
		refuse(EXIT_REFUSED, "asked, but not every frontend has done it yet; see the log", NULL);
	if (frontends == 1)
		puts("1 frontend has taken its files anew");
	else
		printf("%llu frontends have taken their files anew\n", (unsigned long long)(r.reloads - taken));
	return EXIT_DONE;
}

static int set_in_supervisor(struct session *s, const char *setting, const char *value)
{
	struct control_request q = { .verb = CONTROL_SET, .worker = "", .setting = setting, .value = value };

	if (!*value)
		refuse(EXIT_CONFIG, "the value is empty", NULL);
	printf("%s\n", ask_supervisor(s, &q).detail);
	return EXIT_DONE;
}

/* ---- backup: what it needs of the rest ---- */

static const char *data_dir_of(void *ctx)
{
	return ask(ctx, CONTROL_STATUS, "").data_dir;
}

static int make_checkpoint(void *ctx, const char *dir)
{
	char *words[] = { (char[]){ "checkpoint" }, (char *)(uintptr_t)dir };

	return tell_engine(ctx, words, 2, false);
}

static int misused(char **words, int count)
{
	if (count > 0)
		fputs("lsmctl: not understood:", stderr);
	for (int i = 0; i < count; i++)
		fprintf(stderr, " %s", words[i]);
	fputs(count > 0 ? "\n" : "", stderr);
	print_usage(stderr);
	return EXIT_CONFIG;
}

static int backup(struct session *s, char **words, int count)
{
	struct lsmctl_backup b = { s, data_dir_of, make_checkpoint };
	bool usage;
	int code = lsmctl_backup(&b, words, count, &usage);

	if (usage)
		print_usage(stderr);
	return code;
}

/* Finds the socket as the server does. */
static void locate(struct session *s, const char *config_file, const char *run_dir)
{
	struct conf *c = calloc(1, sizeof *c);
	struct buf complaint = BUF_INIT;
	struct path p, engine, report;
	enum st st = ST_OK;

	if (!run_dir) {
		conf_defaults(c);
		if (config_file)
			st = conf_read_file(c, config_file, &complaint);
		if (st == ST_OK)
			st = conf_read_env(c, environ, &complaint);
		if (st == ST_OK)
			st = conf_finish(c, false, &complaint);
		if (st)
			refuse(EXIT_CONFIG, buf_cstr(&complaint), NULL);
		run_dir = c->run_dir;
	}
	p = path_control_socket(run_dir);
	engine = path_engine_socket(run_dir);
	report = path_recovery_report(run_dir);
	memcpy(s->report_path, report.s, sizeof(report.s));
	memcpy(s->socket_path, p.s, sizeof p.s);
	memcpy(s->engine_path, engine.s, sizeof engine.s);
	buf_fini(&complaint);
	free(c);
}

int main(int argc, char **argv)
{
	static struct session s;
	const char *config_file = NULL, *run_dir = NULL;
	int i = 1;

	arena_init(&s.memory);
	for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
		if (strcmp(argv[i], "--config") == 0 && i + 1 < argc) {
			config_file = argv[++i];
		} else if (strcmp(argv[i], "--run-dir") == 0 && i + 1 < argc) {
			run_dir = argv[++i];
		} else if (strcmp(argv[i], "--version") == 0) {
			puts("lsmctl (" PACKAGE_STRING ")");
			return 0;
		} else if (strcmp(argv[i], "--help") == 0) {
			print_usage(stdout);
			return 0;
		} else {
			break;
		}
	}
	locate(&s, config_file, run_dir);
	if (i + 1 == argc && strcmp(argv[i], "status") == 0)
		return status(&s);
	if (i + 2 == argc && strcmp(argv[i], "restart") == 0)
		return restart(&s, argv[i + 1]);
	if (i + 1 == argc && strcmp(argv[i], "reload") == 0)
		return reload(&s);
	if (i + 3 == argc && strcmp(argv[i], "set") == 0 && strcmp(argv[i + 1], "slow-request-ms") == 0)
		return set_in_supervisor(&s, argv[i + 1], argv[i + 2]);
	if (i + 1 == argc && strcmp(argv[i], "compact") == 0)
		return compact(&s, true);
	if (i + 2 == argc && strcmp(argv[i], "compact") == 0 && strcmp(argv[i + 1], "--no-wait") == 0)
		return compact(&s, false);
	if (i < argc && command_find(argv[i]) && argc - i <= (int)COMMAND_WORDS_MAX) {
		if (strcmp(argv[i], "checkpoint") == 0 && i + 2 == argc)
			argv[i + 1] = absolute(argv[i + 1]);
		return tell_engine(&s, argv + i, (size_t)(argc - i), true);
	}
	if (i + 1 < argc && strcmp(argv[i], "backup") == 0)
		return backup(&s, argv + i + 1, argc - i - 1);
	return misused(argv + i, argc - i);
}
