# SPDX-License-Identifier: Apache-2.0
# Fuzz targets.  make check replays their seeds with any compiler; make fuzz SECONDS=60 builds them with clang's libFuzzer and
# both sanitizers in a directory of its own, and runs each so long.  What it finds goes to t/fuzz/found/<target>/.

FUZZ_TARGETS = http_parse query json route cursor v1_ops import
SECONDS = 60

check_PROGRAMS += t/fuzz_http_parse_test t/fuzz_query_test t/fuzz_json_test t/fuzz_route_test t/fuzz_cursor_test t/fuzz_v1_ops_test t/fuzz_import_test
t_fuzz_http_parse_test_SOURCES = t/fuzz/http_parse.c t/fuzz/replay.c t/fuzz/fuzz.h
t_fuzz_http_parse_test_LDADD = $(FRONTEND_LIBS)
t_fuzz_query_test_SOURCES = t/fuzz/query.c t/fuzz/replay.c t/fuzz/fuzz.h
t_fuzz_query_test_LDADD = $(FRONTEND_LIBS)
t_fuzz_json_test_SOURCES = t/fuzz/json.c t/fuzz/replay.c t/fuzz/fuzz.h
t_fuzz_json_test_LDADD = $(FRONTEND_LIBS)
t_fuzz_route_test_SOURCES = t/fuzz/route.c t/fuzz/replay.c t/fuzz/fuzz.h
t_fuzz_route_test_LDADD = $(FRONTEND_LIBS)
t_fuzz_cursor_test_SOURCES = t/fuzz/cursor.c t/fuzz/replay.c t/fuzz/fuzz.h
t_fuzz_cursor_test_LDADD = $(FRONTEND_LIBS)
t_fuzz_v1_ops_test_SOURCES = t/fuzz/v1_ops.c t/fuzz/replay.c t/fuzz/fuzz.h
t_fuzz_v1_ops_test_LDADD = $(FRONTEND_LIBS)
t_fuzz_import_test_SOURCES = t/fuzz/import.c t/fuzz/replay.c t/fuzz/fuzz.h
t_fuzz_import_test_LDADD = $(FRONTEND_LIBS)

EXTRA_PROGRAMS += t/fuzz_http_parse t/fuzz_query t/fuzz_json t/fuzz_route t/fuzz_cursor t/fuzz_v1_ops t/fuzz_import
t_fuzz_http_parse_SOURCES = t/fuzz/http_parse.c
t_fuzz_http_parse_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
t_fuzz_http_parse_LDADD = $(FRONTEND_LIBS)
t_fuzz_query_SOURCES = t/fuzz/query.c
t_fuzz_query_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
t_fuzz_query_LDADD = $(FRONTEND_LIBS)
t_fuzz_json_SOURCES = t/fuzz/json.c
t_fuzz_json_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
t_fuzz_json_LDADD = $(FRONTEND_LIBS)
t_fuzz_route_SOURCES = t/fuzz/route.c
t_fuzz_route_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
t_fuzz_route_LDADD = $(FRONTEND_LIBS)
t_fuzz_cursor_SOURCES = t/fuzz/cursor.c
t_fuzz_cursor_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
t_fuzz_cursor_LDADD = $(FRONTEND_LIBS)
t_fuzz_v1_ops_SOURCES = t/fuzz/v1_ops.c
t_fuzz_v1_ops_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
t_fuzz_v1_ops_LDADD = $(FRONTEND_LIBS)
t_fuzz_import_SOURCES = t/fuzz/import.c
t_fuzz_import_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
t_fuzz_import_LDADD = $(FRONTEND_LIBS)

FUZZ_CONFIGURE = --quiet --enable-sanitize=address,undefined CC=clang CFLAGS='-g -O1 -fsanitize=fuzzer-no-link'

fuzz:
	$(MKDIR_P) fuzz
	cd fuzz && { test -f Makefile || $(abs_top_srcdir)/configure $(FUZZ_CONFIGURE); }
	cd fuzz && $(MAKE) fuzz-run SECONDS='$(SECONDS)' FUZZ_TARGETS='$(FUZZ_TARGETS)'

# In a directory configured for it. A crash leaves its input here, and is the end of the run.
fuzz-run: $(FUZZ_TARGETS:%=t/fuzz_%) $(FUZZ_TARGETS:%=t/fuzz_%_test)
	for t in $(FUZZ_TARGETS); do \
		$(MKDIR_P) corpus/$$t && t/fuzz_$${t}_test corpus/$$t && \
		t/fuzz_$$t -max_total_time=$(SECONDS) -timeout=10 -rss_limit_mb=2048 -max_len=20000 -print_final_stats=1 \
			-artifact_prefix=$$t- corpus/$$t || exit 1; \
	done

.PHONY: fuzz fuzz-run
