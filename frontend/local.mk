# SPDX-License-Identifier: Apache-2.0
# frontend: sources in layer order, headers beside them.  FRONTEND_LIBS is what a program links to use this room.

noinst_LIBRARIES += libfrontend.a
libfrontend_a_SOURCES = \
	frontend/loop.c frontend/loop.h \
	frontend/urlcode.c frontend/urlcode.h \
	frontend/text.c frontend/text.h frontend/text_scan.h \
	frontend/json_in.c frontend/json_in.h \
	frontend/http_status.c frontend/http_status.h \
	frontend/problem.c frontend/problem.h frontend/problem.def \
	frontend/query.c frontend/query.h \
	frontend/etag.c frontend/etag.h \
	frontend/base64url.c frontend/base64url.h \
	frontend/media.c frontend/media.h \
	frontend/key_range.c frontend/key_range.h \
	frontend/cursor.c frontend/cursor.h \
	frontend/entry_text.c frontend/entry_text.h \
	frontend/http_fields.c frontend/http_fields.h frontend/http_fields.def \
	frontend/http_coding.c frontend/http_coding.h \
	frontend/gzip.c frontend/gzip.h \
	frontend/cors.c frontend/cors.h \
	frontend/tokens.c frontend/tokens.h \
	frontend/line_log.c frontend/line_log.h \
	frontend/http_request.c frontend/http_request.h \
	frontend/http_head.c frontend/http_head.h \
	frontend/http_trailer.c frontend/http_trailer.h \
	frontend/http_parse.c frontend/http_parse.h \
	frontend/http_date.c frontend/http_date.h \
	frontend/http_tls.c frontend/http_tls.h \
	frontend/http_conn.c frontend/http_conn.h frontend/http_conn_priv.h \
	frontend/http_body.c frontend/http_body.h \
	frontend/http_stream.c frontend/http_stream.h \
	frontend/http_conn_in.c \
	frontend/http_conn_time.c \
	frontend/http_answer.c \
	frontend/http_server.c frontend/http_server.h \
	frontend/access.c frontend/access.h \
	frontend/conditions.c frontend/conditions.h \
	frontend/request_line.c frontend/request_line.h \
	frontend/request_log.c frontend/request_log.h \
	frontend/routes.c frontend/routes.h \
	frontend/methods.c frontend/methods.h \
	frontend/v1_ops.c frontend/v1_ops.h \
	frontend/json.c frontend/json.h \
	frontend/gather.c frontend/gather.h \
	frontend/pending.c frontend/pending.h \
	frontend/shares.c frontend/shares.h \
	frontend/suspects.c frontend/suspects.h \
	frontend/attach.c frontend/attach.h \
	frontend/cold.c frontend/cold.h \
	frontend/damage_text.c frontend/damage_text.h \
	frontend/reads.c frontend/reads.h frontend/reads_priv.h \
	frontend/reads_many.c frontend/reads_many.h \
	frontend/workers.c frontend/workers.h \
	frontend/snapshot_share.c frontend/snapshot_share.h \
	frontend/snapshots.c frontend/snapshots.h \
	frontend/walk.c frontend/walk.h \
	frontend/scan_step.c frontend/scan_step.h \
	frontend/scan_problem.c frontend/scan_problem.h \
	frontend/scans.c frontend/scans.h \
	frontend/json_entry.c frontend/json_entry.h \
	frontend/import_record.c frontend/import_record.h \
	frontend/import.c frontend/import.h \
	frontend/write_refuse.c frontend/write_refuse.h \
	frontend/v1_scan.c frontend/v1_scan.h \
	frontend/history.c frontend/history.h \
	frontend/sse.c frontend/sse.h \
	frontend/feed.h frontend/feed_priv.h frontend/feed_read.c frontend/feed.c \
	frontend/watch_query.c frontend/watch_query.h \
	frontend/watch.c frontend/watch.h \
	frontend/stats_json.c frontend/stats_json.h \
	frontend/health_json.c frontend/health_json.h \
	frontend/v1.c frontend/v1.h \
	frontend/v1_explain.c frontend/v1_explain.h \
	frontend/v1_read.c frontend/v1_read.h \
	frontend/v1_write.c frontend/v1_write.h \
	frontend/v1_batch.c frontend/v1_batch.h \
	frontend/v1_mget.c frontend/v1_mget.h \
	frontend/openapi.c frontend/openapi.h \
	frontend/operate.c frontend/operate.h \
	frontend/front.c frontend/front.h
FRONTEND_LIBS = libfrontend.a $(WAL_LIBS) $(PROTO_LIBS) $(VIEW_LIBS) $(STATS_LIBS) $(IPC_LIBS) \
	$(llhttp_built) $(LLHTTP_LIBS) $(EVENT_LIBS) $(OPENSSL_LIBS) $(JANSSON_LIBS) $(ZLIB_LIBS)

pkglibexec_PROGRAMS += lsm-frontend
lsm_frontend_SOURCES = frontend/main.c
lsm_frontend_LDADD = $(FRONTEND_LIBS)

EXTRA_DIST += frontend/README.md frontend/openapi.json

# The document becomes one string literal, a line for a line.
BUILT_SOURCES += frontend/openapi_text.inc
CLEANFILES += frontend/openapi_text.inc
frontend/openapi.$(OBJEXT): frontend/openapi_text.inc
frontend/openapi_text.inc: frontend/openapi.json
	$(AM_V_GEN)$(MKDIR_P) frontend && sed 's/\\/\\\\/g; s/"/\\"/g; s/^/"/; s/$$/\\n"/' $(srcdir)/frontend/openapi.json >$@.tmp && \
		mv $@.tmp $@

# llhttp is generated C: Debian ships its sources, not a library.  They are copied into the build directory because
# automake wants its sources there or in the source directory.
if BUILD_LLHTTP
noinst_LIBRARIES += libllhttp.a
llhttp_built = libllhttp.a
llhttp_copies = frontend/llhttp/api.c frontend/llhttp/http.c frontend/llhttp/llhttp.c
nodist_libllhttp_a_SOURCES = $(llhttp_copies)
libllhttp_a_CPPFLAGS = $(AM_CPPFLAGS) -DLLHTTP_STRICT_MODE=1
libllhttp_a_CFLAGS = $(FOREIGN_CFLAGS)
CLEANFILES += $(llhttp_copies)

frontend/llhttp/%.c: $(LLHTTP_SRC)/%.c
	$(AM_V_GEN)$(MKDIR_P) frontend/llhttp && cp $< $@ && chmod u+w $@
endif
