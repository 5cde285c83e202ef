# SPDX-License-Identifier: Apache-2.0
# common/base: sources in layer order, headers beside them.  BASE_LIBS is what a program links to use this room.

noinst_LIBRARIES += libbase.a
libbase_a_SOURCES =
BASE_LIBS = libbase.a $(LIBDEFLATE_LIBS) $(XXHASH_LIBS)
