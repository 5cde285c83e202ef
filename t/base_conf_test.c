/* SPDX-License-Identifier: Apache-2.0 */
/* Settings: good and bad values, sources, what belongs together, and the way through text and back. */
#include "common/base/conf.h"

#include <fcntl.h>
#include <unistd.h>

#include "common/base/mem.h"
#include "t/check_main.h"

static struct conf c, d;
static struct buf complaint;

static void begin(void)
{
	conf_defaults(&c);
	buf_reset(&complaint);
}

static void end(void)
{
	buf_fini(&complaint);
}

static void expect_complaint(const char *wanted)
{
	ck_assert_msg(strstr(buf_cstr(&complaint), wanted), "wanted \"%s\", got \"%s\"", wanted,
	    buf_cstr(&complaint));
}

static char *effective(const struct conf *conf)
{
	struct buf b = BUF_INIT;
	char *s;

	conf_write(conf, &b);
	s = mem_strdup(buf_cstr(&b));
	buf_fini(&b);
	return s;
}

static const struct { const char *key, *value, *written; } good[] = {
	{ "PORT", "0", "PORT=0" },
	{ "PORT", "65535", "PORT=65535" },
	{ "PORT", "0080", "PORT=80" },
	{ "MEMTABLE_SIZE_LIMIT", "4096", "MEMTABLE_SIZE_LIMIT=4096" },
	{ "MEMTABLE_SIZE_LIMIT", "4K", "MEMTABLE_SIZE_LIMIT=4096" },
	{ "COMPACTION_RATE_LIMIT", "20K", "COMPACTION_RATE_LIMIT=20480" },
	{ "MEMTABLE_SIZE_LIMIT", "50M", "MEMTABLE_SIZE_LIMIT=52428800" },
	{ "MEMTABLE_SIZE_LIMIT", "1G", "MEMTABLE_SIZE_LIMIT=1073741824" },
	{ "MEMTABLE_SIZE_LIMIT", "64m", "MEMTABLE_SIZE_LIMIT=67108864" },
	{ "CACHE_SIZE_LIMIT", "1024G", "CACHE_SIZE_LIMIT=1099511627776" },
	{ "CACHE_SIZE_LIMIT", "0", "CACHE_SIZE_LIMIT=0" },
	{ "WAL_SYNC", "always", "WAL_SYNC=always" },
	{ "WAL_SYNC", "off", "WAL_SYNC=off" },
	{ "WAL_SYNC", "interval", "WAL_SYNC=interval:1000" },
	{ "WAL_SYNC", "interval:1", "WAL_SYNC=interval:1" },
	{ "WAL_SYNC", "interval:60000", "WAL_SYNC=interval:60000" },
	{ "LOG_LEVEL", "debug", "LOG_LEVEL=debug" },
	{ "LOG_LEVEL", "error", "LOG_LEVEL=error" },
	{ "NODE_ENV", "test", "NODE_ENV=test" },
	{ "DATA_DIR", "/var/lib/with space", "DATA_DIR=/var/lib/with space" },
	{ "DATA_DIR", "/data=1 ", "DATA_DIR=\"/data=1 \"" },
	{ "RUN_DIR", "", "RUN_DIR=" },
};

START_TEST(a_good_value_is_taken_and_written)
{
	char *text, *line;

	begin();
	ck_assert_int_eq(conf_set(&c, good[_i].key, good[_i].value, &complaint), ST_OK);
	ck_assert_uint_eq(complaint.n, 0);
	text = effective(&c);
	line = mem_printf("%s\n", good[_i].written);
	ck_assert_ptr_nonnull(strstr(text, line));
	mem_free(line);
	mem_free(text);
	end();
}
END_TEST

static const struct { const char *key, *value, *complaint; } bad[] = {
	{ "MEMTABLE_SIZE_LIMIT", "abc",
	    "MEMTABLE_SIZE_LIMIT=abc: not a number; give bytes from 4096 to 1073741824, e.g. 52428800 or 50M" },
	{ "MEMTABLE_SIZE_LIMIT", "4095", "too small; give bytes from 4096" },
	{ "MEMTABLE_SIZE_LIMIT", "1073741825", "too large" },
	{ "MEMTABLE_SIZE_LIMIT", "2G", "too large" },
	{ "MEMTABLE_SIZE_LIMIT", "1T", "not a number" },
	{ "MEMTABLE_SIZE_LIMIT", "1MB", "not a number" },
	{ "MEMTABLE_SIZE_LIMIT", "M", "not a number" },
	{ "MEMTABLE_SIZE_LIMIT", "18446744073709551615G", "too large" },
	{ "MEMTABLE_SIZE_LIMIT", "17179869185G", "too large" },
	{ "PORT", "65536", "PORT=65536: too large; give a number from 0 to 65535, e.g. 5000" },
	{ "PORT", "99999999999999999999999", "too large" },
	{ "PORT", "-1", "not a number" },
	{ "PORT", "+1", "not a number" },
	{ "PORT", " 1", "not a number" },
	{ "PORT", "1 ", "not a number" },
	{ "PORT", "0x50", "not a number" },
	{ "PORT", "5K", "not a number" },
	{ "PORT", "", "PORT=: not a number" },
	{ "FRONTEND_WORKERS", "0", "too small; give processes from 1 to 32" },
	{ "LOG_LEVEL", "loud", "LOG_LEVEL=loud: give one of debug, info, warn, error" },
	{ "LOG_LEVEL", "inf", "give one of" },
	{ "LOG_LEVEL", "INFO", "give one of" },
	{ "LOG_LEVEL", "", "give one of" },
	{ "LOG_LEVEL", "debug|info", "give one of" },
	{ "WAL_SYNC", "interval:0", "WAL_SYNC=interval:0: give always, off, or interval:<ms> "
	    "with 1 to 60000 milliseconds" },
	{ "WAL_SYNC", "interval:60001", "interval:<ms>" },
	{ "WAL_SYNC", "interval:", "interval:<ms>" },
	{ "WAL_SYNC", "interval:10ms", "interval:<ms>" },
	{ "WAL_SYNC", "sometimes", "interval:<ms>" },
	{ "DATA_DIR", "two\nlines", "control character" },
	{ "DATA_DIR", "tab\there", "byte 4 is a control character" },
};

START_TEST(a_bad_value_is_refused_with_a_sentence_and_changes_nothing)
{
	char *before, *after;

	begin();
	before = effective(&c);
	ck_assert_int_eq(conf_set(&c, bad[_i].key, bad[_i].value, &complaint), ST_INVALID);
	expect_complaint(bad[_i].complaint);
	ck_assert_ptr_null(strchr(buf_cstr(&complaint), '\n'));
	after = effective(&c);
	ck_assert_str_eq(before, after);
	mem_free(before);
	mem_free(after);
	end();
}
END_TEST

START_TEST(a_text_is_refused_at_the_first_byte_too_many)
{
	char text[CONF_STR_MAX + 1];

	begin();
	memset(text, 'x', sizeof(text));
	text[CONF_STR_MAX - 1] = '\0';
	ck_assert_int_eq(conf_set(&c, "DATA_DIR", text, &complaint), ST_OK);
	ck_assert_str_eq(c.data_dir, text);
	text[CONF_STR_MAX - 1] = 'x';
	text[CONF_STR_MAX] = '\0';
	ck_assert_int_eq(conf_set(&c, "DATA_DIR", text, &complaint), ST_INVALID);
	expect_complaint("1024 bytes are too long; give at most 1023");
	ck_assert_uint_lt(complaint.n, 200);
	end();
}
END_TEST

START_TEST(a_key_that_does_not_exist_is_not_found)
{
	begin();
	ck_assert_int_eq(conf_set(&c, "PATH", "x", &complaint), ST_NOT_FOUND);
	ck_assert_int_eq(conf_set(&c, "port", "1", &complaint), ST_NOT_FOUND);
	ck_assert_uint_eq(complaint.n, 0);
	end();
}
END_TEST

START_TEST(a_file_is_read_with_comments_blanks_and_quotes)
{
	begin();
	ck_assert_int_eq(conf_read_text(&c, "x.conf",
	    "# comment\n\n   # another\n PORT = 81 \r\nLOG_LEVEL=warn # why\n"
	    "DATA_DIR=\"/d # 1 \"\nRUN_DIR=/run/a#b\nMAX_BODY_BYTES=2M", &complaint), ST_OK);
	ck_assert_uint_eq(c.port, 81);
	ck_assert_int_eq(conf_log_level(&c), LOG_LEVEL_WARN);
	ck_assert_str_eq(c.data_dir, "/d # 1 ");
	ck_assert_str_eq(c.run_dir, "/run/a#b");
	ck_assert_uint_eq(c.max_body_bytes, 2097152);
	end();
}
END_TEST

static const struct { const char *text, *complaint; } bad_files[] = {
	{ "PORT=1\n\nPORT=x\n", "x.conf line 3: PORT=x: not a number" },
	{ "MEMTABLE_LIMIT=5\n", "x.conf line 1: there is no setting MEMTABLE_LIMIT; "
	    "did you mean MEMTABLE_SIZE_LIMIT?" },
	{ "port=5\n", "x.conf line 1: there is no setting port" },
	{ "PROT=5\n", "did you mean PORT?" },
	{ "LOGLEVEL=5\n", "did you mean LOG_LEVEL?" },
	{ "PORT 80\n", "x.conf line 1: not of the form KEY=value: PORT 80" },
	{ "=80\n", "x.conf line 1: there is no setting " },
	{ "DATA_DIR=/a\001b\n", "control character" },
};

START_TEST(a_bad_line_is_named_with_its_number)
{
	begin();
	ck_assert_int_eq(conf_read_text(&c, "x.conf", bad_files[_i].text, &complaint), ST_INVALID);
	expect_complaint(bad_files[_i].complaint);
	end();
}
END_TEST

START_TEST(a_key_like_nothing_known_gets_no_suggestion)
{
	begin();
	ck_assert_int_eq(conf_read_text(&c, "x.conf", "QQQQQQQQQQQQ=5\n", &complaint), ST_INVALID);
	ck_assert_ptr_null(strstr(buf_cstr(&complaint), "did you mean"));
	end();
}
END_TEST

START_TEST(the_environment_gives_what_the_table_knows_and_leaves_the_rest)
{
	char *const env[] = { (char[]){ "PATH=/bin" }, (char[]){ "PORT=82" }, (char[]){ "PORTS=x" },
		(char[]){ "PORT" }, (char[]){ "WAL_SYNC=interval:5" }, NULL };
	char *const wrong[] = { (char[]){ "MEMTABLE_SIZE_LIMIT=abc" }, NULL };

	begin();
	ck_assert_int_eq(conf_read_env(&c, env, &complaint), ST_OK);
	ck_assert_uint_eq(c.port, 82);
	ck_assert_uint_eq(c.wal_sync, WAL_SYNC_INTERVAL);
	ck_assert_uint_eq(c.wal_sync_ms, 5);
	ck_assert_int_eq(conf_read_env(&c, wrong, &complaint), ST_INVALID);
	ck_assert_str_eq(buf_cstr(&complaint), "MEMTABLE_SIZE_LIMIT=abc (environment): not a number; "
	    "give bytes from 4096 to 1073741824, e.g. 52428800 or 50M");
	end();
}
END_TEST

static char *write_file(const char *text, size_t n)
{
	char *path = mem_strdup("conf_test.XXXXXX");
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, n), (ssize_t)n);
	close(fd);
	return path;
}

static void enter_new_directory(char *dir)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(chdir(dir), 0);
}

START_TEST(a_file_that_is_missing_or_binary_is_refused)
{
	char dir[] = "/tmp/base_conf.XXXXXX", *path;

	begin();
	enter_new_directory(dir);
	ck_assert_int_eq(conf_read_file(&c, "missing.conf", &complaint), ST_INVALID);
	expect_complaint("missing.conf: cannot read the configuration file: No such file or directory");
	buf_reset(&complaint);
	path = write_file("PORT=1\n\0PORT=2\n", 15);
	ck_assert_int_eq(conf_read_file(&c, path, &complaint), ST_INVALID);
	expect_complaint("not a configuration file");
	unlink(path);
	mem_free(path);
	buf_reset(&complaint);
	path = write_file("PORT=83", 7);
	ck_assert_int_eq(conf_read_file(&c, path, &complaint), ST_OK);
	ck_assert_uint_eq(c.port, 83);
	unlink(path);
	mem_free(path);
	ck_assert_int_eq(rmdir(dir), 0);
	end();
}
END_TEST

START_TEST(settings_come_back_from_their_text_unchanged)
{
	static const char *const dirs[] = {
		"/plain", " lead", "trail ", "\"quoted\"", "\"", "a # b", "#a", "a\"b", "=", "\xc3\xa9"
	};
	char *text;

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		begin();
		ck_assert_int_eq(conf_set(&c, "DATA_DIR", dirs[i], &complaint), ST_OK);
		ck_assert_int_eq(conf_set(&c, "WAL_SYNC", "interval:77", &complaint), ST_OK);
		ck_assert_int_eq(conf_set(&c, "PORT", "1", &complaint), ST_OK);
		text = effective(&c);
		conf_defaults(&d);
		ck_assert_int_eq(conf_read_text(&d, "heritage", text, &complaint), ST_OK);
		ck_assert_str_eq(d.data_dir, dirs[i]);
		ck_assert_uint_eq(d.wal_sync_ms, 77);
		ck_assert_uint_eq(d.port, 1);
		ck_assert_uint_eq(d.cache_size_limit, c.cache_size_limit);
		mem_free(text);
	}
	end();
}
END_TEST

/* Takes the "#" off every commented default. */
static void uncomment(struct buf *out, const char *text)
{
	for (; *text; text++) {
		bool begins = out->n == 0 || out->p[out->n - 1] == '\n';

		if (!(begins && text[0] == '#' && text[1] >= 'A' && text[1] <= 'Z'))
			buf_append_byte(out, (uint8_t)*text);
	}
}

START_TEST(the_documented_file_is_legal_with_and_without_its_comments)
{
	struct buf doc = BUF_INIT, bare = BUF_INIT;
	char *expected, *got;

	begin();
	expected = effective(&c);
	conf_write_documented(&doc);
	ck_assert_int_eq(conf_read_text(&c, "documented", buf_cstr(&doc), &complaint), ST_OK);
	uncomment(&bare, buf_cstr(&doc));
	memset(&d, 0, sizeof(d));
	ck_assert_int_eq(conf_read_text(&d, "documented", buf_cstr(&bare), &complaint), ST_OK);
	got = effective(&d);
	ck_assert_str_eq(got, expected);        /* all keys are there, each with its default */
	mem_free(got);
	mem_free(expected);
	buf_fini(&doc);
	buf_fini(&bare);
	end();
}
END_TEST

START_TEST(the_defaults_are_legal_together)
{
	char dir[] = "/tmp/base_conf.XXXXXX";

	begin();
	enter_new_directory(dir);
	ck_assert_msg(conf_finish(&c, false, &complaint) == ST_OK, "%s", buf_cstr(&complaint));
	ck_assert_int_eq(rmdir(dir), 0);
	end();
}
END_TEST

START_TEST(paths_become_absolute_without_being_there)
{
	char dir[] = "/tmp/base_conf.XXXXXX", *want;

	begin();
	enter_new_directory(dir);
	ck_assert_int_eq(conf_set(&c, "DATA_DIR", "./a//b/.//", &complaint), ST_OK);
	ck_assert_int_eq(conf_finish(&c, false, &complaint), ST_OK);
	want = mem_printf("%s/a/b", dir);
	ck_assert_str_eq(c.data_dir, want);
	mem_free(want);
	want = mem_printf("%s/a/b/run", dir);
	ck_assert_str_eq(c.run_dir, want);
	mem_free(want);
	ck_assert_int_eq(conf_set(&c, "RUN_DIR", "/", &complaint), ST_OK);
	ck_assert_int_eq(conf_finish(&c, false, &complaint), ST_OK);
	ck_assert_str_eq(c.run_dir, "/");
	ck_assert_int_eq(rmdir(dir), 0);
	end();
}
END_TEST

START_TEST(a_run_dir_leaves_room_for_the_names_of_sockets)
{
	char path[78];

	begin();
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[76] = '\0';
	ck_assert_int_eq(conf_set(&c, "RUN_DIR", path, &complaint), ST_OK);
	ck_assert_int_eq(conf_finish(&c, false, &complaint), ST_OK);
	path[76] = 'x';
	path[77] = '\0';
	ck_assert_int_eq(conf_set(&c, "RUN_DIR", path, &complaint), ST_OK);
	ck_assert_int_eq(conf_finish(&c, false, &complaint), ST_INVALID);
	expect_complaint("77 bytes are too long for the sockets in it; give a directory of at most 76 bytes");
	end();
}
END_TEST

START_TEST(a_run_dir_inside_a_long_data_dir_is_explained)
{
	char path[CONF_STR_MAX];

	for (size_t n = 100; n < CONF_STR_MAX; n += CONF_STR_MAX - 1 - 100) {
		begin();
		memset(path, 'x', sizeof(path));
		path[0] = '/';
		path[n] = '\0';
		ck_assert_int_eq(conf_set(&c, "DATA_DIR", path, &complaint), ST_OK);
		ck_assert_int_eq(conf_finish(&c, false, &complaint), ST_INVALID);
		expect_complaint("too long for the sockets in it (it is DATA_DIR/run when empty)");
	}
	end();
}
END_TEST

static const struct { const char *key, *value, *complaint, *host; } together[] = {
	{ "HOST", "localhost", NULL, "127.0.0.1" },
	{ "HOST", "::1", NULL, "::1" },
	{ "HOST", "127.8.9.10", NULL, "127.8.9.10" },
	{ "HOST", "::ffff:127.0.0.1", NULL, "::ffff:127.0.0.1" },
	{ "HOST", "0.0.0.0", "HOST=0.0.0.0: others can reach this address and there is no AUTH_TOKENS_FILE", NULL },
	{ "HOST", "::", "set LISTEN_PUBLIC=yes if that is what you want", NULL },
	{ "HOST", "::ffff:10.0.0.1", "others can reach this address", NULL },
	{ "HOST", "10.127.0.1", "others can reach this address", NULL },
	{ "TLS_CERT_FILE", "/x.pem", "TLS_KEY_FILE=: empty, while TLS_CERT_FILE is given; give both, or none for plain HTTP", NULL },
	{ "TLS_KEY_FILE", "/x.pem", "TLS_CERT_FILE=: empty, while TLS_KEY_FILE is given", NULL },
	{ "ACCESS_LOG", "", "ACCESS_LOG=: empty; give off, stdout, or the name of a file", NULL },
	{ "ACCESS_LOG", "stdout", NULL, "127.0.0.1" },
	{ "HOST", "example.com", "HOST=example.com: not an address; give an IPv4 or IPv6 address", NULL },
	{ "HOST", "", "not an address", NULL },
	{ "HOST", "127.0.0.1:80", "not an address", NULL },
	{ "DATA_DIR", "", "DATA_DIR=: empty; give a directory", NULL },
	{ "WAL_TEST_MODE", "true", "this server never corrupts its own log", NULL },
	{ "WAL_TEST_MODE", "false", NULL, "127.0.0.1" },
	{ "BLOCK_COMPRESSION", "none", NULL, "127.0.0.1" },
#ifdef HAVE_LIBZSTD
	{ "BLOCK_COMPRESSION_LAST", "zstd", NULL, "127.0.0.1" },
#else
	{ "BLOCK_COMPRESSION", "zstd", "built without zstd (configure --with-zstd); give none, fast or small", NULL },
	{ "BLOCK_COMPRESSION_LAST", "zstd", "built without zstd", NULL },
#endif
	{ "MEMORY_LIMIT", "209715199", "too little for four memtables of MEMTABLE_SIZE_LIMIT=52428800; give at least 209715200, or 0", NULL },
	{ "MEMORY_LIMIT", "200M", NULL, "127.0.0.1" },
	{ "CORS_ALLOW_ORIGIN", "*", NULL, "127.0.0.1" },
	{ "CORS_ALLOW_ORIGIN", " https://a.example, http://[::1]:8080 null chrome-extension://abc", NULL, "127.0.0.1" },
	{ "CORS_ALLOW_ORIGIN", "https://a.example/", "CORS_ALLOW_ORIGIN=https://a.example/: no page comes from \"https://a.example/\"", NULL },
	{ "CORS_ALLOW_ORIGIN", "https://a.example b.example", "no page comes from \"b.example\"; give origins as browsers send them", NULL },
	{ "CORS_ALLOW_ORIGIN", "https://A.example", "no page comes from", NULL },
	{ "CORS_ALLOW_ORIGIN", "https://a.example:443", "no page comes from", NULL },
	{ "CORS_ALLOW_ORIGIN", "http://a.example:80", "no page comes from", NULL },
	{ "CORS_ALLOW_ORIGIN", "https://", "no page comes from", NULL },
	{ "CORS_ALLOW_ORIGIN", "://a", "no page comes from", NULL },
	{ "CORS_ALLOW_ORIGIN", "* https://a.example", "no page comes from \"*\"", NULL },
	{ "MEMORY_LIMIT", "0", NULL, "127.0.0.1" },
};

START_TEST(what_belongs_together_is_checked_at_the_end)
{
	begin();
	ck_assert_int_eq(conf_set(&c, "RUN_DIR", "/run/x", &complaint), ST_OK);
	ck_assert_int_eq(conf_set(&c, together[_i].key, together[_i].value, &complaint), ST_OK);
	ck_assert_int_eq(conf_finish(&c, false, &complaint), together[_i].complaint ? ST_INVALID : ST_OK);
	if (together[_i].complaint)
		expect_complaint(together[_i].complaint);
	else
		ck_assert_str_eq(c.host, together[_i].host);
	end();
}
END_TEST

START_TEST(an_open_address_needs_tokens_or_a_word)
{
	begin();
	ck_assert_int_eq(conf_set(&c, "RUN_DIR", "/run/x", &complaint), ST_OK);
	ck_assert_int_eq(conf_set(&c, "HOST", "0.0.0.0", &complaint), ST_OK);
	d = c;
	ck_assert_int_eq(conf_set(&c, "LISTEN_PUBLIC", "yes", &complaint), ST_OK);
	ck_assert_int_eq(conf_finish(&c, false, &complaint), ST_OK);
	ck_assert_int_eq(conf_set(&d, "AUTH_TOKENS_FILE", "tokens", &complaint), ST_OK);
	ck_assert_int_eq(conf_finish(&d, false, &complaint), ST_OK);
	ck_assert_int_eq(d.auth_tokens_file[0], '/');
	end();
}
END_TEST

START_TEST(names_of_files_become_absolute_and_words_stay)
{
	static const char *const keys[] = { "AUTH_TOKENS_FILE", "TLS_CERT_FILE", "TLS_KEY_FILE", "ACCESS_LOG" };

	begin();
	ck_assert_int_eq(conf_set(&c, "RUN_DIR", "/run/x", &complaint), ST_OK);
	d = c;
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		ck_assert_int_eq(conf_set(&c, keys[i], "/a//./b", &complaint), ST_OK);
	ck_assert_int_eq(conf_finish(&c, false, &complaint), ST_OK);
	ck_assert_str_eq(c.auth_tokens_file, "/a/b");
	ck_assert_str_eq(c.tls_cert_file, "/a/b");
	ck_assert_str_eq(c.tls_key_file, "/a/b");
	ck_assert_str_eq(c.access_log, "/a/b");
	ck_assert_int_eq(conf_finish(&d, false, &complaint), ST_OK);
	ck_assert_str_eq(d.access_log, "off");
	end();
}
END_TEST

static const struct {
	const char *log_format, *node_env;
	bool terminal;
	enum log_format expected;
} formats[] = {
	{ "auto", "unset", false, LOG_FORMAT_JSON },
	{ "auto", "unset", true, LOG_FORMAT_PRETTY },
	{ "auto", "test", false, LOG_FORMAT_JSON },
	{ "auto", "production", true, LOG_FORMAT_JSON },
	{ "auto", "development", false, LOG_FORMAT_PRETTY },
	{ "json", "development", true, LOG_FORMAT_JSON },
	{ "pretty", "production", false, LOG_FORMAT_PRETTY },
};

START_TEST(the_log_format_follows_terminal_and_node_env_when_auto)
{
	begin();
	ck_assert_int_eq(conf_set(&c, "RUN_DIR", "/run/x", &complaint), ST_OK);
	ck_assert_int_eq(conf_set(&c, "LOG_FORMAT", formats[_i].log_format, &complaint), ST_OK);
	ck_assert_int_eq(conf_set(&c, "NODE_ENV", formats[_i].node_env, &complaint), ST_OK);
	ck_assert_int_eq(conf_finish(&c, formats[_i].terminal, &complaint), ST_OK);
	ck_assert_int_eq(conf_log_format(&c), formats[_i].expected);
	end();
}
END_TEST

#define ROWS(table) ((int)(sizeof(table) / sizeof((table)[0])))

static void suite(TCase *tc)
{
	tcase_add_loop_test(tc, a_good_value_is_taken_and_written, 0, ROWS(good));
	tcase_add_loop_test(tc, a_bad_value_is_refused_with_a_sentence_and_changes_nothing, 0, ROWS(bad));
	tcase_add_test(tc, a_text_is_refused_at_the_first_byte_too_many);
	tcase_add_test(tc, a_key_that_does_not_exist_is_not_found);
	tcase_add_test(tc, a_file_is_read_with_comments_blanks_and_quotes);
	tcase_add_loop_test(tc, a_bad_line_is_named_with_its_number, 0, ROWS(bad_files));
	tcase_add_test(tc, a_key_like_nothing_known_gets_no_suggestion);
	tcase_add_test(tc, the_environment_gives_what_the_table_knows_and_leaves_the_rest);
	tcase_add_test(tc, a_file_that_is_missing_or_binary_is_refused);
	tcase_add_test(tc, settings_come_back_from_their_text_unchanged);
	tcase_add_test(tc, the_documented_file_is_legal_with_and_without_its_comments);
	tcase_add_test(tc, the_defaults_are_legal_together);
	tcase_add_test(tc, paths_become_absolute_without_being_there);
	tcase_add_test(tc, a_run_dir_leaves_room_for_the_names_of_sockets);
	tcase_add_test(tc, a_run_dir_inside_a_long_data_dir_is_explained);
	tcase_add_loop_test(tc, what_belongs_together_is_checked_at_the_end, 0, ROWS(together));
	tcase_add_test(tc, an_open_address_needs_tokens_or_a_word);
	tcase_add_test(tc, names_of_files_become_absolute_and_words_stay);
	tcase_add_loop_test(tc, the_log_format_follows_terminal_and_node_env_when_auto, 0, ROWS(formats));
}

CHECK_MAIN("base/conf", suite)
