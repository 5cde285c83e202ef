# SPDX-License-Identifier: Apache-2.0
# systemd: service and socket units.

nodist_systemdsystemunit_DATA = systemd/lsm-engine.service
dist_systemdsystemunit_DATA = systemd/lsm-engine.socket
EXTRA_DIST += systemd/lsm-engine.service.in
CLEANFILES += systemd/lsm-engine.service

systemd/lsm-engine.service: systemd/lsm-engine.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) systemd && sed -e 's|@sbindir[@]|$(sbindir)|g' -e 's|@sysconfdir[@]|$(sysconfdir)|g' -e 's|@bindir[@]|$(bindir)|g' \
		$(top_srcdir)/systemd/lsm-engine.service.in >$@.tmp && mv $@.tmp $@

TESTS += t/systemd.sh
dist_check_SCRIPTS += t/systemd.sh
