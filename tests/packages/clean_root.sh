#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The packages in a Debian that has nothing else: installed with what they depend on, run under real systemd in a container
# without network, started anew with a read-only root, upgraded, removed, purged. As root; takes minutes. usage: clean_root.sh FOLDER_WITH_DEBS
# MATRIZ_CLEAN_ROOT names a tarball of the bare Debian, which is made where it is missing and kept.
# MATRIZ_PATIENCE: how many times the 5 s to play again in are granted on a machine that is slower or busy.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
debs=$(cd "${1:?usage: clean_root.sh FOLDER_WITH_DEBS}" && pwd)
place=$(mktemp -d -p "${TMPDIR:-/tmp}" matriz-clean-XXXXXX)
base=${MATRIZ_CLEAN_ROOT:-$place/base.tar}
trap 'rm -rf "$place"' EXIT

[[ -e $base ]] || mmdebstrap --variant=minbase --include=systemd,systemd-sysv,dbus,procps,iproute2 bookworm "$base"
root=$place/root
mkdir "$root" "$place/out"
echo "${MATRIZ_PATIENCE:-1}" >"$place/out/patience"
tar -x -f "$base" -C "$root"

# The same packages with a higher version: what an upgrade brings.
mkdir "$root/debs" "$root/newer"
for deb in "$debs"/*.deb; do
    case $deb in *-dbgsym_*) continue ;; esac
    cp "$deb" "$root/debs/"
    dpkg-deb -R "$deb" "$place/unpacked"
    sed -i -E 's/^Version: .*/&+1/; s/(matriz \(= [^)]*)\)/\1+1)/' "$place/unpacked/DEBIAN/control"
    dpkg-deb -b --root-owner-group "$place/unpacked" "$root/newer/" >/dev/null
    rm -rf "$place/unpacked"
done

echo "=== install"
# Nobody misses this root after a power cut: without waiting for the disk at each file it installs in a fraction of the time.
echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/unsafe-io"
# Debian's own way of not starting services where no systemd runs yet.
systemd-nspawn -q -D "$root" --pipe --register=no --keep-unit /bin/sh -ec '
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq update
    apt-get -qq -o Dpkg::Use-Pty=0 --no-install-recommends install /debs/*.deb >/dev/null
    dpkg --audit'
install -m 755 "$here/inside.py" "$here/../../debian/tests/play-together" "$root/"
cat >"$root/etc/systemd/system/inside.service" <<'UNIT'
[Unit]
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/inside.py
ExecStopPost=/bin/systemctl --no-block poweroff
StandardOutput=file:/out/log
StandardError=inherit
TimeoutStartSec=600
UNIT
ln -s ../inside.service "$root/etc/systemd/system/multi-user.target.wants/inside.service"

# power_up PHASE [OPTION OF systemd-nspawn...]: the machine starts, inside.py does what belongs to PHASE, the machine stops.
power_up() {
    local -r phase=$1
    shift
    echo "=== $phase"
    rm -f "$place/out/log"
    echo "$phase" >"$place/out/phase"
    timeout 900 systemd-nspawn -q -D "$root" --boot --private-network --capability=all --register=no --keep-unit \
        --bind="$place/out:/out" "$@" >"$place/console.log" 2>&1 </dev/null || tail -n 20 "$place/console.log"
    cat "$place/out/log"
    grep -q '^all is well$' "$place/out/log"
}

power_up use
# What docs/appliance.md has overlayroot do, done by the container: the root is read, and never written.
power_up read-only --volatile=overlay
power_up purge
