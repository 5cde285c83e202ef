# SPDX-License-Identifier: Apache-2.0
# proto: the treaties.  Generated code is a library of its own (libprotogen.a); its headers are seen only in here.
# PROTO_LIBS is what a program links to use this room.  The files import each other as "proto/<name>.proto".

PROTO_FILES = proto/lsm.proto proto/write.proto proto/compact.proto proto/control.proto proto/view.proto

noinst_LIBRARIES += libproto.a libprotogen.a
libproto_a_SOURCES = proto/limits.h proto/commands.def \
	proto/fields.c proto/fields.h \
	proto/write.h proto/write_priv.h \
	proto/write.c proto/write_ask.c proto/write_result.c proto/write_reply.c proto/write_wal.c \
	proto/damage_report.c proto/damage_report.h \
	proto/view_msg.c proto/view_msg.h \
	proto/unpack.c proto/unpack.h \
	proto/compact.c proto/compact.h \
	proto/control.c proto/control.h \
	proto/command.c proto/command.h
PROTO_LIBS = libproto.a libprotogen.a $(TABLE_LIBS) $(PROTOBUF_C_LIBS)

proto_generated_c = $(PROTO_FILES:.proto=.pb-c.c)
proto_generated_h = $(PROTO_FILES:.proto=.pb-c.h)

libprotogen_a_SOURCES =
nodist_libprotogen_a_SOURCES = $(proto_generated_c) $(proto_generated_h)
libprotogen_a_CFLAGS = $(FOREIGN_CFLAGS)
BUILT_SOURCES += $(proto_generated_h)
CLEANFILES += $(proto_generated_c) $(proto_generated_h)
EXTRA_DIST += $(PROTO_FILES) proto/README.md

# A generated header includes those of its imports, so everything in the room waits for all of them.
$(libprotogen_a_OBJECTS) $(libproto_a_OBJECTS): $(proto_generated_h)

%.pb-c.c %.pb-c.h: %.proto $(PROTO_FILES)
	$(AM_V_GEN)$(MKDIR_P) proto && $(PROTOC_C) --c_out=. --proto_path=$(top_srcdir) $(top_srcdir)/$*.proto
