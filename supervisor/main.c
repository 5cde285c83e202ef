/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lsm-supervisor, the program a person or systemd starts: reads the settings, takes the data directory and the address,
 * then supervises. Every refusal is one sentence on stderr and an exit code of base/status.h, before anything starts.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/conf.h"
#include "common/base/mem.h"
#include "supervisor/datadir.h"
#include "supervisor/listener.h"
#include "supervisor/supervise.h"

extern char **environ;

static const char usage[] =
	"Usage: lsm-supervisor [--config FILE]\n"
	"Runs an lsm-engine server in the foreground. Settings come from FILE (KEY=value lines) and the environment,\n"
	"which wins. See lsm-engine.conf(5).\n"
	"\n"
	"  --config FILE           read settings from FILE\n"
	"  --print-config          print the effective settings and exit\n"
	"  --print-default-config  print a documented settings file and exit\n"
	"  --version               print the version and exit\n"
	"  --help                  print this and exit\n";

struct arguments {
	const char *config_file;
	bool print_config;
};

_Noreturn static void complain(int code, const char *sentence)
{
	fprintf(stderr, "lsm-supervisor: %s\n", sentence);
	exit(code);
}

static void print_documented(void)
{
	struct buf b = BUF_INIT;

	conf_write_documented(&b);
	fwrite(b.p, 1, b.n, stdout);
	buf_fini(&b);
}

static struct arguments parse(int argc, char **argv)
{
	struct arguments a = { NULL, false };

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--config") == 0) {
			if (i + 1 == argc)
				complain(EXIT_CONFIG, "--config needs the name of a file");
			a.config_file = argv[++i];
		} else if (strncmp(argv[i], "--config=", 9) == 0) {
			a.config_file = argv[i] + 9;
		} else if (strcmp(argv[i], "--print-config") == 0) {
			a.print_config = true;
		} else if (strcmp(argv[i], "--print-default-config") == 0) {
			print_documented();
			exit(EXIT_DONE);
		} else if (strcmp(argv[i], "--version") == 0) {
			puts(PACKAGE_STRING);
			exit(EXIT_DONE);
		} else if (strcmp(argv[i], "--help") == 0) {
			fputs(usage, stdout);
			exit(EXIT_DONE);
		} else {
			fprintf(stderr, "lsm-supervisor: unknown argument \"%s\"\n%s", argv[i], usage);
			exit(EXIT_CONFIG);
		}
	}
	return a;
}

static void read_settings(const struct arguments *a, struct conf *c)
{
	struct buf complaint = BUF_INIT;
	enum st st = ST_OK;

	conf_defaults(c);
	if (a->config_file)
		st = conf_read_file(c, a->config_file, &complaint);
	if (st == ST_OK)
		st = conf_read_env(c, environ, &complaint);
	if (st == ST_OK)
		st = conf_finish(c, isatty(STDERR_FILENO), &complaint);
	if (st)
		complain(EXIT_CONFIG, buf_cstr(&complaint));
	buf_fini(&complaint);
}

static int serve(const struct conf *c)
{
	struct buf complaint = BUF_INIT;
	struct listeners listeners;
	struct supervisor *s = NULL;
	char *libexec;
	int code = EXIT_OSERR;
	enum st st;

	if (datadir_take(c, &complaint, &code) != ST_OK)
		complain(code, buf_cstr(&complaint));
	st = listeners_open(c, &listeners, &complaint);
	if (st)
		complain(st == ST_INVALID ? EXIT_CONFIG : EXIT_OSERR, buf_cstr(&complaint));
	buf_fini(&complaint);
	libexec = worker_find_programs();
	code = supervisor_new(c, &listeners, libexec, &s) == ST_OK ? supervisor_run(s) : EXIT_OSERR;
	supervisor_free(&s);
	mem_free(libexec);
	return code;
}

int main(int argc, char **argv)
{
	static struct conf conf;
	struct arguments a = parse(argc, argv);

	read_settings(&a, &conf);
	log_init("supervisor", conf_log_level(&conf), conf_log_format(&conf));
	if (a.print_config) {
		struct buf b = BUF_INIT;

		conf_write(&conf, &b);
		fwrite(b.p, 1, b.n, stdout);
		buf_fini(&b);
		return EXIT_DONE;
	}
	return serve(&conf);
}
