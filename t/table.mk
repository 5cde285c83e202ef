# SPDX-License-Identifier: Apache-2.0
# Tests of table.  A unit test is three lines:
#   check_PROGRAMS += t/table_<file>_test
#   t_table_<file>_test_SOURCES = t/table_<file>_test.c
#   t_table_<file>_test_LDADD = $(TABLE_LIBS) $(CHECK_LIBS)

noinst_HEADERS += t/table_help.h t/iter_walk.h

check_PROGRAMS += t/table_table_test
t_table_table_test_SOURCES = t/table_table_test.c
t_table_table_test_LDADD = $(TABLE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/table_damage_test
t_table_damage_test_SOURCES = t/table_damage_test.c
t_table_damage_test_LDADD = $(TABLE_LIBS) $(VFSTEST_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/table_format_test
t_table_format_test_SOURCES = t/table_format_test.c
t_table_format_test_LDADD = libprotogen.a $(PROTOBUF_C_LIBS) $(ZLIB_LIBS) $(TABLE_LIBS) $(CHECK_LIBS)
$(t_table_format_test_OBJECTS): $(proto_generated_h)

check_PROGRAMS += t/table_filter_test
t_table_filter_test_SOURCES = t/table_filter_test.c
t_table_filter_test_LDADD = $(TABLE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/table_merge_iter_test
t_table_merge_iter_test_SOURCES = t/table_merge_iter_test.c
t_table_merge_iter_test_LDADD = $(TABLE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/table_block_cache_test
t_table_block_cache_test_SOURCES = t/table_block_cache_test.c
t_table_block_cache_test_LDADD = $(TABLE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/table_table_cache_test
t_table_table_cache_test_SOURCES = t/table_table_cache_test.c
t_table_table_cache_test_LDADD = $(TABLE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/table_filename_test
t_table_filename_test_SOURCES = t/table_filename_test.c
t_table_filename_test_LDADD = $(TABLE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/table_reader_test
t_table_reader_test_SOURCES = t/table_reader_test.c
t_table_reader_test_LDADD = $(TABLE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/table_writer_test
t_table_writer_test_SOURCES = t/table_writer_test.c
t_table_writer_test_LDADD = $(TABLE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/table_fault_test
t_table_fault_test_SOURCES = t/table_fault_test.c
t_table_fault_test_LDADD = $(TABLE_LIBS) $(VFSTEST_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/table_block_test
t_table_block_test_SOURCES = t/table_block_test.c
t_table_block_test_LDADD = $(TABLE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/table_index_test
t_table_index_test_SOURCES = t/table_index_test.c
t_table_index_test_LDADD = $(TABLE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/table_compress_test
t_table_compress_test_SOURCES = t/table_compress_test.c
t_table_compress_test_LDADD = $(TABLE_LIBS) $(CHECK_LIBS)

check_PROGRAMS += t/table_damageindex_test
t_table_damageindex_test_SOURCES = t/table_damageindex_test.c
t_table_damageindex_test_LDADD = $(TABLE_LIBS) $(CHECK_LIBS)
