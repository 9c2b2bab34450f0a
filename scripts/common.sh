# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
# What every part of ./dev needs: where the tree is, how to speak, how to build. Sourced, never run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
readonly root

# Debian's interpreter, whatever else PATH offers: the apt packages (websockets, numpy) belong to it.
readonly python=/usr/bin/python3

say() { printf '\033[1m%s\033[0m\n' "$*" >&2; }

# say() without escape codes when nobody looks at a terminal.
[[ -t 2 ]] || say() { printf '%s\n' "$*" >&2; }

fail() {
    printf './dev: %s\n' "$*" >&2
    exit 1
}

jobs_here() { nproc 2>/dev/null || echo 2; }

# option_of DIR NAME prints the present value of a Meson option in a configured build directory.
option_of() {
    meson introspect "$1" --buildoptions 2>/dev/null | "$python" -c '
import json, sys
print(next((str(o["value"]).lower() for o in json.load(sys.stdin) if o["name"] == sys.argv[1]), ""))' "$2"
}

# configure DIR [MESON OPTION...]: sets DIR up once; a warning stops the build, since g++ 12 and clang 14 are known.
configure() {
    local dir=$1
    shift
    if [[ ! -e $root/$dir/build.ninja ]]; then
        (cd "$root" && meson setup "$dir" --werror "$@") || fail "meson setup $dir failed"
    elif [[ $(option_of "$root/$dir" werror) != true ]]; then
        (cd "$root" && meson configure "$dir" -Dwerror=true) || fail "meson configure $dir failed"
    fi
}

compile() {
    ninja -C "$root/$1" -j "$(jobs_here)" "${@:2}" || fail "the build in $1 failed; the first error above is the one to read"
}
