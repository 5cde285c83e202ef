# SPDX-License-Identifier: Apache-2.0
# Tests of frontend.  A unit test is three lines:
#   check_PROGRAMS += t/frontend_<file>_test
#   t_frontend_<file>_test_SOURCES = t/frontend_<file>_test.c
#   t_frontend_<file>_test_LDADD = $(FRONTEND_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/frontend_history_test t/frontend_sse_test t/frontend_feed_test t/frontend_watch_query_test
t_frontend_watch_query_test_SOURCES = t/frontend_watch_query_test.c
t_frontend_watch_query_test_LDADD = $(FRONTEND_LIBS) $(CHECK_LIBS)
t_frontend_history_test_SOURCES = t/frontend_history_test.c t/engine_testlib.h t/engine_walhelp.h
t_frontend_history_test_LDADD = $(FRONTEND_LIBS) $(ENGINE_LIBS) $(CHECK_LIBS)
t_frontend_sse_test_SOURCES = t/frontend_sse_test.c
t_frontend_sse_test_LDADD = $(FRONTEND_LIBS) $(CHECK_LIBS)
t_frontend_feed_test_SOURCES = t/frontend_feed_test.c t/engine_testlib.h t/engine_walhelp.h
t_frontend_feed_test_LDADD = $(FRONTEND_LIBS) $(ENGINE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/frontend_shares_test
t_frontend_shares_test_SOURCES = t/frontend_shares_test.c
t_frontend_shares_test_LDADD = $(FRONTEND_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/frontend_http_stream_test t/frontend_http_body_test
t_frontend_http_stream_test_SOURCES = t/frontend_http_stream_test.c t/frontend_http_rig.h
t_frontend_http_stream_test_LDADD = $(FRONTEND_LIBS) $(CHECK_LIBS)
t_frontend_http_body_test_SOURCES = t/frontend_http_body_test.c t/frontend_http_rig.h
t_frontend_http_body_test_LDADD = $(FRONTEND_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/frontend_http_coding_test t/frontend_gzip_test t/frontend_cors_test
t_frontend_http_coding_test_SOURCES = t/frontend_http_coding_test.c
t_frontend_http_coding_test_LDADD = $(FRONTEND_LIBS) $(CHECK_LIBS)
t_frontend_gzip_test_SOURCES = t/frontend_gzip_test.c
t_frontend_gzip_test_LDADD = $(FRONTEND_LIBS) $(CHECK_LIBS)
t_frontend_cors_test_SOURCES = t/frontend_cors_test.c
t_frontend_cors_test_LDADD = $(FRONTEND_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/frontend_base64url_test
t_frontend_base64url_test_SOURCES = t/frontend_base64url_test.c
t_frontend_base64url_test_LDADD = $(FRONTEND_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/frontend_media_test
t_frontend_media_test_SOURCES = t/frontend_media_test.c
t_frontend_media_test_LDADD = $(FRONTEND_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/frontend_cursor_test
t_frontend_cursor_test_SOURCES = t/frontend_cursor_test.c
t_frontend_cursor_test_LDADD = $(FRONTEND_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/frontend_entry_text_test
t_frontend_entry_text_test_SOURCES = t/frontend_entry_text_test.c
t_frontend_entry_text_test_LDADD = $(FRONTEND_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/frontend_scan_step_test
t_frontend_scan_step_test_SOURCES = t/frontend_scan_step_test.c
t_frontend_scan_step_test_LDADD = $(FRONTEND_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/frontend_import_record_test
t_frontend_import_record_test_SOURCES = t/frontend_import_record_test.c
t_frontend_import_record_test_LDADD = $(FRONTEND_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/frontend_import_test
t_frontend_import_test_SOURCES = t/frontend_import_test.c t/frontend_http_rig.h
t_frontend_import_test_LDADD = $(FRONTEND_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/frontend_snapshots_test
t_frontend_snapshots_test_SOURCES = t/frontend_snapshots_test.c
t_frontend_snapshots_test_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=clock_mono_us,--wrap=stats_worker_pid
t_frontend_snapshots_test_LDADD = $(FRONTEND_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/frontend_query_test
t_frontend_query_test_SOURCES = t/frontend_query_test.c
t_frontend_query_test_LDADD = $(FRONTEND_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/frontend_access_test
t_frontend_access_test_SOURCES = t/frontend_access_test.c
t_frontend_access_test_LDADD = $(FRONTEND_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/frontend_tokens_test t/frontend_line_log_test t/frontend_request_line_test
t_frontend_request_line_test_SOURCES = t/frontend_request_line_test.c
t_frontend_request_line_test_LDADD = $(FRONTEND_LIBS) $(CHECK_LIBS)
t_frontend_tokens_test_SOURCES = t/frontend_tokens_test.c
t_frontend_tokens_test_LDADD = $(FRONTEND_LIBS) $(CHECK_LIBS)
t_frontend_line_log_test_SOURCES = t/frontend_line_log_test.c
t_frontend_line_log_test_LDADD = $(FRONTEND_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/frontend_urlcode_test t/frontend_text_test t/frontend_problem_test t/frontend_routes_test
check_PROGRAMS += t/frontend_http_parse_test t/frontend_http_test t/frontend_json_test t/frontend_gather_test t/frontend_health_test t/frontend_front_test t/frontend_pending_test
EXTRA_DIST += t/http_cases.def
t_frontend_urlcode_test_SOURCES = t/frontend_urlcode_test.c
t_frontend_urlcode_test_LDADD = $(FRONTEND_LIBS) $(CHECK_LIBS)
t_frontend_text_test_SOURCES = t/frontend_text_test.c
t_frontend_text_test_LDADD = $(FRONTEND_LIBS) $(CHECK_LIBS)
t_frontend_problem_test_SOURCES = t/frontend_problem_test.c
t_frontend_problem_test_LDADD = $(FRONTEND_LIBS) $(CHECK_LIBS)
t_frontend_routes_test_SOURCES = t/frontend_routes_test.c
t_frontend_routes_test_LDADD = $(FRONTEND_LIBS) $(CHECK_LIBS)
t_frontend_http_parse_test_SOURCES = t/frontend_http_parse_test.c
t_frontend_http_parse_test_LDADD = $(FRONTEND_LIBS) $(CHECK_LIBS)
t_frontend_http_test_SOURCES = t/frontend_http_test.c t/frontend_http_rig.h
t_frontend_http_test_LDADD = $(FRONTEND_LIBS) $(CHECK_LIBS)
t_frontend_json_test_SOURCES = t/frontend_json_test.c
t_frontend_json_test_LDADD = $(FRONTEND_LIBS) $(CHECK_LIBS)
t_frontend_gather_test_SOURCES = t/frontend_gather_test.c
t_frontend_gather_test_LDADD = $(FRONTEND_LIBS) $(CHECK_LIBS)
t_frontend_health_test_SOURCES = t/frontend_health_test.c
t_frontend_health_test_LDADD = $(FRONTEND_LIBS) $(CHECK_LIBS)
t_frontend_pending_test_SOURCES = t/frontend_pending_test.c
t_frontend_pending_test_LDADD = $(FRONTEND_LIBS) $(CHECK_LIBS)
t_frontend_front_test_SOURCES = t/frontend_front_test.c
t_frontend_front_test_LDADD = $(FRONTEND_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/frontend_etag_test t/frontend_http_date_test t/frontend_v1_explain_test
t_frontend_etag_test_SOURCES = t/frontend_etag_test.c
t_frontend_etag_test_LDADD = $(FRONTEND_LIBS) $(CHECK_LIBS)
t_frontend_http_date_test_SOURCES = t/frontend_http_date_test.c
t_frontend_http_date_test_LDADD = $(FRONTEND_LIBS) $(CHECK_LIBS)
t_frontend_v1_explain_test_SOURCES = t/frontend_v1_explain_test.c
t_frontend_v1_explain_test_LDADD = $(FRONTEND_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/frontend_json_in_test t/frontend_v1_ops_test
t_frontend_json_in_test_SOURCES = t/frontend_json_in_test.c
t_frontend_json_in_test_LDADD = $(FRONTEND_LIBS) $(CHECK_LIBS)
t_frontend_v1_ops_test_SOURCES = t/frontend_v1_ops_test.c
t_frontend_v1_ops_test_LDADD = $(FRONTEND_LIBS) $(CHECK_LIBS)
