# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash disable=SC2154
# ./dev deb. Sourced by ./dev, after common.sh, setup.sh and packages.sh.

# shellcheck source=scripts/cross.sh
. "$root/scripts/cross.sh"

# Where the packages end up; a build of another architecture has its own folder below.
readonly deb_out=$root/build-deb

# clean_copy DIR: the tree as it would be committed now, without what building leaves behind.
clean_copy() {
    mkdir -p "$1"
    (cd "$root" && files_of | tar -c --verbatim-files-from -T - | tar -x -C "$1") || fail "cannot copy the tree to $1"
}

# Each build has another folder, which is in no object (-ffile-prefix-map): ccache need not mind it. The second build of
# check_reproducible goes without ccache, and would tell.
export CCACHE_NOHASHDIR=1 CCACHE_IGNOREOPTIONS='-ffile-prefix-map=*'

# packages_from TREE OUT [OPTION OF dpkg-buildpackage...]: builds there, and takes what comes out.
packages_from() {
    local tree=$1 out=$2
    shift 2
    (cd "$tree" && MAKEFLAGS='' dpkg-buildpackage -us -uc -b "$@" </dev/null) >"$out/build.log" 2>&1 || {
        tail -n 40 "$out/build.log" >&2
        fail "the packages do not build; all of it is in $out/build.log"
    }
    find "$tree/.." -maxdepth 1 -type f \( -name 'matriz*' -o -name 'gstreamer*' \) -exec mv -t "$out" {} +
}

# build_packages OUT [OPTION OF dpkg-buildpackage...]
build_packages() {
    local out=$1 place
    shift
    place=$(mktemp -d)
    mkdir -p "$out"
    find "$out" -maxdepth 1 -type f -delete
    clean_copy "$place/matriz"
    packages_from "$place/matriz" "$out" "$@"
    rm -rf "$place"
}

# The same sources at another path, at another time of the day, in another language, must make the same packages.
check_reproducible() {
    local place again status=0
    place=$(mktemp -d)
    again=$place/out
    mkdir -p "$again"
    clean_copy "$place/elsewhere/$RANDOM/matriz"
    (
        umask 0077
        export TZ=Pacific/Kiritimati LC_ALL=C.UTF-8 LANG=C.UTF-8 DEB_BUILD_OPTIONS="${DEB_BUILD_OPTIONS:-} nocheck"
        export CCACHE_DISABLE=1  # what the first build has left there would show nothing
        packages_from "$(echo "$place"/elsewhere/*/matriz)" "$again"
    ) || status=1
    for package in "$deb_out"/*.deb; do
        if ! cmp -s "$package" "$again/$(basename "$package")"; then
            echo "not reproducible: $(basename "$package") (see $place)" >&2
            status=1
        fi
    done
    ((status)) || rm -rf "$place"
    return "$status"
}

# check_lintian FOLDER
check_lintian() {
    local -a as=()
    ((EUID != 0)) || as=(--allow-root)
    lintian "${as[@]}" --info --fail-on error,warning --suppress-tags initial-upload-closes-no-bugs "$1"/*.changes
}

# A Debian with nothing but these packages and what they depend on: installed, used, upgraded, removed, purged.
check_clean_root() { as_root "$root/tests/packages/clean_root.sh" "$deb_out"; }

cmd_deb() {
    local step status=0 check='' arm64=''
    for step in "$@"; do
        case $step in
            --check) check=1 ;;
            --arm64) arm64=1 ;;
            *) fail "deb takes --check or --arm64" ;;
        esac
    done
    need_packages "${packages_run[@]}" "${packages_deb[@]}"
    if [[ $arm64 ]]; then
        cross_packages "$deb_out/arm64"
        [[ ! $check ]] || { say "Checking: lintian" && check_lintian "$deb_out/arm64"; }
        return
    fi
    say "Building packages"
    build_packages "$deb_out"
    if [[ $check ]]; then
        for step in lintian reproducible clean_root; do
            say "Checking: ${step/_/ }"
            "check_$step" "$deb_out" || { say "failed: ${step/_/ }"; status=1; }
        done
    fi
    (cd "$deb_out" && ls -sh1 -- *.deb)
    return "$status"
}
