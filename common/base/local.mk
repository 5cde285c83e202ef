# SPDX-License-Identifier: Apache-2.0
# common/base: sources in layer order, headers beside them.  BASE_LIBS is what a program links to use this room.

noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = \
	common/base/status.def common/base/config.def common/base/slice.h common/base/ids.h \
	common/base/clock.c common/base/clock.h \
	common/base/log.c common/base/log.h \
	common/base/must.c common/base/must.h \
	common/base/status.c common/base/status.h \
	common/base/mem.c common/base/mem.h \
	common/base/rand.c common/base/rand.h \
	common/base/buf.c common/base/buf.h \
	common/base/arena.c common/base/arena.h \
	common/base/coding.c common/base/coding.h \
	common/base/crc.c common/base/crc.h \
	common/base/hash.c common/base/hash.h \
	common/base/door.c common/base/door.h \
	common/base/conf.c common/base/conf.h common/base/conf_priv.h \
	common/base/conf_read.c \
	common/base/conf_finish.c \
	common/base/conf_write.c \
	common/base/heritage.c common/base/heritage.h \
	common/base/proc.c common/base/proc.h
BASE_LIBS = libbase.a $(LIBDEFLATE_LIBS) $(XXHASH_LIBS)
EXTRA_DIST += common/base/README.md
