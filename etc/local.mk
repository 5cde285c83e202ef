# SPDX-License-Identifier: Apache-2.0
# etc: the documented configuration file, printed by the program itself from the table of settings.  A file that the
# administrator may have edited is never overwritten; the pristine one lies beside the documentation.

nodist_doc_DATA = etc/lsm-engine.conf
CLEANFILES += etc/lsm-engine.conf

etc/lsm-engine.conf: lsm-supervisor$(EXEEXT)
	$(AM_V_GEN)$(MKDIR_P) etc && ./lsm-supervisor$(EXEEXT) --print-default-config >$@.tmp && mv $@.tmp $@

installed_conf = $(DESTDIR)$(sysconfdir)/lsm-engine.conf

install-data-local: etc/lsm-engine.conf
	@if test -e '$(installed_conf)'; then \
		echo ' keeping $(installed_conf); the default one is $(DESTDIR)$(docdir)/lsm-engine.conf'; \
	else \
		echo ' $(INSTALL_DATA) etc/lsm-engine.conf $(installed_conf)'; \
		$(MKDIR_P) '$(DESTDIR)$(sysconfdir)' && $(INSTALL_DATA) etc/lsm-engine.conf '$(installed_conf)'; \
	fi

# Only a file that nobody has edited goes.
uninstall-local: etc/lsm-engine.conf
	@if cmp -s etc/lsm-engine.conf '$(installed_conf)'; then rm -f '$(installed_conf)'; fi
