# SPDX-License-Identifier: Apache-2.0
# tools: the four commands, and the scripts that look after the tree.

EXTRA_DIST += tools/lint tools/coverage tools/bench-http
bin_PROGRAMS += lsmctl
lsmctl_SOURCES = tools/lsmctl.c
lsmctl_LDADD = $(PROTO_LIBS) $(TABLE_LIBS) $(BASE_LIBS)
