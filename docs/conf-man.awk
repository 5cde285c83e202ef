# SPDX-License-Identifier: Apache-2.0
#
# Turns what `lsm-supervisor --print-default-config` prints into the manual page lsm-engine.conf(5), so that settings
# are described in one place only: the table.  Its paragraphs end in a line "#KEY=default"; the first one, which has
# none, is for readers of the file and is left out here.

function quote(s) {
	gsub(/\\/, "\\e", s)
	gsub(/-/, "\\-", s)
	sub(/^[.']/, "\\\\\\&&", s)
	return s
}

BEGIN {
	print ".\\\" SPDX-License-Identifier: Apache-2.0"
	print ".TH LSM-ENGINE.CONF 5 \"\" lsm-engine \"lsm-engine\""
	print ".SH NAME"
	print "lsm-engine.conf \\- settings of the lsm-engine server"
	print ".SH DESCRIPTION"
	print "Lines of the form KEY=value; empty lines and lines that begin with # are left out. The file is read by"
	print ".BR lsm\\-supervisor (8)"
	print "when it is started with"
	print ".BR \\-\\-config ."
	print "An environment variable of the same name wins. An unknown key or a wrong value is reported in one sentence,"
	print "and the server does not start (exit status 64). Settings are read at start only."
	print ".SH SETTINGS"
	print "The value behind each name is the default."
}

/^#[A-Z_]+=/ {
	at = index($0, "=")
	value = substr($0, at + 1)
	print ".TP"
	print ".BR " quote(substr($0, 2, at - 2)) " \" = " (value == "" ? "(empty)" : quote(value)) "\""
	for (i = 1; i <= n; i++) {
		if (line[i] ~ / \| / || line[i] ~ /^([a-z]+, )?[0-9]+ to [0-9]+/)
			print ".br"
		print quote(line[i])
	}
}

/^# / { line[++n] = substr($0, 3) }
/^$/ { n = 0 }

END {
	print ".SH SEE ALSO"
	print ".BR lsm\\-supervisor (8),"
	print ".BR lsmctl (1)"
}
