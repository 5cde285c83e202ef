#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# The unit files are what systemd accepts: no unknown directive, no missing program, no bad value.  Checked offline, with
# the build tree's supervisor in the place of the installed one.

echo 1..3
if ! command -v systemd-analyze >/dev/null; then
	for i in 1 2 3; do echo "ok $i # SKIP systemd-analyze is not installed"; done
	exit 0
fi

dir=$(mktemp -d "${TMPDIR:-/tmp}/systemd.XXXXXX") || exit 1
trap 'rm -rf "$dir"' EXIT
cp "$LSM_SOURCE_DIR/systemd/lsm-engine.socket" "$dir/"
sed -e "s|^ExecStart=[^ ]*lsm-supervisor|ExecStart=$LSM_BUILD_DIR/lsm-supervisor|" \
	-e "s|^ExecReload=[^ ]*lsmctl|ExecReload=$LSM_BUILD_DIR/lsmctl|" \
	"$LSM_BUILD_DIR/systemd/lsm-engine.service" >"$dir/lsm-engine.service"

# verify tells some faults and still exits 0, so it must be silent as well.
verify() {
	if systemd-analyze --man=no verify "$dir/$2" >"$dir/out" 2>&1 && [ ! -s "$dir/out" ]; then
		echo "ok $1 - systemd accepts $2"
	else
		sed 's/^/# /' "$dir/out"
		echo "not ok $1 - systemd accepts $2"
	fi
}

verify 1 lsm-engine.service
verify 2 lsm-engine.socket

if grep -q '@[a-z]*@' "$LSM_BUILD_DIR/systemd/lsm-engine.service"; then
	echo 'not ok 3 - every path is filled in'
else
	echo 'ok 3 - every path is filled in'
fi
echo "# $(systemd-analyze security --offline=true "$dir/lsm-engine.service" 2>&1 | tail -1)"
