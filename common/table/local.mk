# SPDX-License-Identifier: Apache-2.0
# common/table: sources in layer order, headers beside them.  TABLE_LIBS is what a program links to use this room.

noinst_LIBRARIES += libtable.a
libtable_a_SOURCES = \
	common/table/filename.c common/table/filename.h \
	common/table/entry.h \
	common/table/damage.c common/table/damage.h \
	common/table/view_desc.h \
	common/table/compress.c common/table/compress.h \
	common/table/block_builder.c common/table/block_builder.h \
	common/table/block.c common/table/block.h \
	common/table/filter.c common/table/filter.h \
	common/table/format.c common/table/format.h \
	common/table/table_index.c common/table/table_index.h \
	common/table/iter.h common/table/merge_iter.c \
	common/table/block_cache.c common/table/block_cache.h \
	common/table/table_writer.c common/table/table_writer.h \
	common/table/table_reader.h common/table/table_reader_priv.h common/table/table_reader.c \
	common/table/index_cursor.c \
	common/table/table_damaged.c \
	common/table/table_open.c \
	common/table/table_iter.c \
	common/table/table_cache.c common/table/table_cache.h
TABLE_LIBS = libtable.a $(VFS_LIBS) $(LIBDEFLATE_LIBS) $(ZSTD_LIBS)
EXTRA_DIST += common/table/README.md
