/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lsmctl, the operator's command: asks the supervisor over its control socket (proto/control.proto).
 *
 * The socket lies in RUN_DIR, by default DATA_DIR/run; both are found as the server finds them: --config FILE and the
 * environment. Exit codes: 0 done, 1 the server refused, did not manage, or not all of its workers run, 64 wrong
 * command line, 69 no server answers.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/coding.h"
#include "common/base/conf.h"
#include "common/table/filename.h"
#include "proto/control.h"
#include "proto/limits.h"

#define EXIT_REFUSED 1
#define EXIT_NO_SERVER 69
#define RESTART_PATIENCE_US (60u * 1000000u)
#define POLL_US 20000u
#define ANSWER_TIMEOUT_S 5

extern char **environ;

static const char usage[] =
	"Usage: lsmctl [--config FILE | --run-dir DIR] COMMAND\n"
	"\n"
	"  status            show the server and its workers\n"
	"  restart WORKER    restart one worker (engine, frontend.0, compactor.0, ...) and wait until it serves again\n"
	"  restart all       restart every worker, one after the other\n"
	"\n"
	"The server is found through RUN_DIR or DATA_DIR, from the environment or from FILE.\n";

struct session {
	char socket_path[PATH_BYTES];
	struct arena memory;             /* of the last reply */
};

_Noreturn static void refuse(int code, const char *what, const char *detail)
{
	fprintf(stderr, "lsmctl: %s%s%s\n", what, detail ? ": " : "", detail ? detail : "");
	exit(code);
}

static int connect_to(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = ANSWER_TIMEOUT_S };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof a.sun_path)
		refuse(EXIT_CONFIG, "the socket's path is too long", path);
	strcpy(a.sun_path, path);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0)
		refuse(EXIT_NO_SERVER, "no socket", strerror(errno));
	if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0) {
		fprintf(stderr, "lsmctl: no server answers at %s: %s\n"
			"  Is it running with this DATA_DIR or RUN_DIR? Name it: DATA_DIR=... lsmctl status\n", path, strerror(errno));
		exit(EXIT_NO_SERVER);
	}
	return fd;
}

static void read_all(int fd, void *p, size_t n)
{
	for (uint8_t *at = p; n > 0;) {
		ssize_t got = read(fd, at, n);

		if (got <= 0)
			refuse(EXIT_NO_SERVER, "the server broke off", got < 0 ? strerror(errno) : NULL);
		at += got;
		n -= (size_t)got;
	}
}

/* Asks once; the reply's texts live until the next ask. */
static struct control_reply ask(struct session *s, enum control_verb verb, const char *worker)
{
	struct control_request q = { .verb = verb, .worker = worker };
	struct control_reply r;
	struct buf out = BUF_INIT;
	uint8_t length[4], *bytes;
	int fd = connect_to(s->socket_path);
	uint32_t n;

	arena_reset(&s->memory);
	buf_append(&out, "\0\0\0", 4);
	control_request_encode(&q, &out);
	put_u32(out.p, (uint32_t)(out.n - 4));
	if (send(fd, out.p, out.n, MSG_NOSIGNAL) != (ssize_t)out.n)
		refuse(EXIT_NO_SERVER, "the server broke off", strerror(errno));
	read_all(fd, length, sizeof length);
	n = get_u32(length);
	if (n > CONTROL_MESSAGE_MAX)
		refuse(EXIT_NO_SERVER, "the server's answer is of another version", NULL);
	bytes = arena_alloc(&s->memory, n);
	read_all(fd, bytes, n);
	close(fd);
	buf_fini(&out);
	if (control_reply_decode(slice_of(bytes, n), &s->memory, &r) != ST_OK)
		refuse(EXIT_NO_SERVER, "the server's answer is of another version", NULL);
	if (r.status != ST_OK)
		refuse(EXIT_REFUSED, r.detail, NULL);
	return r;
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

	printf("lsm-engine %s, supervisor pid %d, http://%s\ndata in %s\n\n", r.version, r.supervisor_pid, r.listen, r.data_dir);
	printf("%-14s %8s  %-9s %10s %9s  %s\n", "WORKER", "PID", "STATE", "UPTIME", "RESTARTS", "LAST END");
	for (size_t i = 0; i < r.worker_count; i++) {
		const struct worker_status *w = &r.workers[i];

		printf("%-14s %8d  %-9s ", w->name, w->pid, w->state);
		print_uptime(w->uptime_ms);
		printf(" %9u  %s\n", w->restarts, w->last_end);
		all_run = all_run && strcmp(w->state, "running") == 0;
	}
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

/* Finds the socket as the server does. */
static void locate(struct session *s, const char *config_file, const char *run_dir)
{
	struct conf *c = calloc(1, sizeof *c);
	struct buf complaint = BUF_INIT;
	struct path p;
	enum st st = ST_OK;

	if (run_dir) {
		p = path_control_socket(run_dir);
	} else {
		conf_defaults(c);
		if (config_file)
			st = conf_read_file(c, config_file, &complaint);
		if (st == ST_OK)
			st = conf_read_env(c, environ, &complaint);
		if (st == ST_OK)
			st = conf_finish(c, false, &complaint);
		if (st)
			refuse(EXIT_CONFIG, buf_cstr(&complaint), NULL);
		p = path_control_socket(c->run_dir);
	}
	memcpy(s->socket_path, p.s, sizeof p.s);
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
			fputs(usage, stdout);
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
	fputs(usage, stderr);
	return EXIT_CONFIG;
}
