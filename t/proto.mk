# SPDX-License-Identifier: Apache-2.0
# Tests of proto.  A unit test is three lines:
#   check_PROGRAMS += t/proto_<file>_test
#   t_proto_<file>_test_SOURCES = t/proto_<file>_test.c
#   t_proto_<file>_test_LDADD = $(PROTO_LIBS) $(CHECK_LIBS)
# A test that uses generated code says so, for makes that name only this test:
#   $(t_proto_<file>_test_OBJECTS): $(proto_generated_h)

check_PROGRAMS += t/proto_write_test
t_proto_write_test_SOURCES = t/proto_write_test.c t/proto_hostile.h t/check_main.h
t_proto_write_test_LDADD = $(PROTO_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/proto_write_reply_test
t_proto_write_reply_test_SOURCES = t/proto_write_reply_test.c t/proto_hostile.h t/check_main.h
t_proto_write_reply_test_LDADD = $(PROTO_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/proto_write_wal_test
t_proto_write_wal_test_SOURCES = t/proto_write_wal_test.c t/proto_hostile.h t/check_main.h
t_proto_write_wal_test_LDADD = $(PROTO_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/proto_view_msg_test
t_proto_view_msg_test_SOURCES = t/proto_view_msg_test.c t/proto_hostile.h t/check_main.h
t_proto_view_msg_test_LDADD = $(PROTO_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/proto_compact_test
t_proto_compact_test_SOURCES = t/proto_compact_test.c t/proto_hostile.h t/check_main.h
t_proto_compact_test_LDADD = $(PROTO_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/proto_control_test
t_proto_control_test_SOURCES = t/proto_control_test.c t/proto_hostile.h t/check_main.h
t_proto_control_test_LDADD = $(PROTO_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/proto_command_test
t_proto_command_test_SOURCES = t/proto_command_test.c t/proto_hostile.h t/check_main.h
t_proto_command_test_LDADD = $(PROTO_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/proto_damage_report_test
t_proto_damage_report_test_SOURCES = t/proto_damage_report_test.c t/proto_hostile.h
t_proto_damage_report_test_LDADD = $(PROTO_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/proto_write_ask_test
t_proto_write_ask_test_SOURCES = t/proto_write_ask_test.c t/proto_hostile.h
t_proto_write_ask_test_LDADD = $(PROTO_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/proto_write_result_test
t_proto_write_result_test_SOURCES = t/proto_write_result_test.c
t_proto_write_result_test_LDADD = $(PROTO_LIBS) $(CHECK_LIBS)
