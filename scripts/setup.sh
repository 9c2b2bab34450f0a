# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash disable=SC2154
# ./dev setup. Sourced by ./dev, after common.sh and packages.sh.

# missing_of PACKAGE... prints those that are not installed, one a line.
missing_of() {
    local name status
    declare -A installed=()
    while read -r status name; do
        [[ $status == installed ]] && installed[$name]=1
    done < <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null)
    for name in "$@"; do
        [[ ${installed[$name]:-} ]] || echo "$name"
    done
}

as_root() {
    if ((EUID == 0)); then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        fail "this needs root: $* (neither root nor sudo here)"
    fi
}

# without_services COMMAND...: as root. Some packages that the tests need are servers (nginx, coturn): installing them here
# must start none. Debian's way to say so is a policy-rc.d; one that is there already is left alone.
without_services() (
    readonly policy=/usr/sbin/policy-rc.d
    if [[ ! -e $policy ]]; then
        trap 'as_root rm -f "$policy"' EXIT # also when interrupted
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null && as_root chmod 755 "$policy"
    fi
    as_root "$@"
)

# need_packages PACKAGE...: installs what is not there. Costs one dpkg-query when all is.
need_packages() {
    local -a missing
    local -r apt=(env DEBIAN_FRONTEND=noninteractive apt-get -y -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3)
    if ! command -v dpkg-query >/dev/null; then
        say "Not a Debian system: install what scripts/packages.sh lists by your own means."
        return 0
    fi
    mapfile -t missing < <(missing_of "$@")
    ((${#missing[@]})) || return 0
    say "Installing ${#missing[@]} packages with apt-get: ${missing[*]}"
    if [[ " ${missing[*]} " == *" jackd2 "* ]]; then
        # jackd2 asks whether to edit the real-time limits; nobody may be there to answer.
        as_root debconf-set-selections <<<'jackd2 jackd/tweak_rt_limits boolean false'
    fi
    as_root "${apt[@]}" update </dev/null || fail "apt-get update failed"
    without_services "${apt[@]}" install --no-install-recommends "${missing[@]}" </dev/null || fail "apt-get install failed"
    mapfile -t missing < <(missing_of "$@")
    ((${#missing[@]} == 0)) || fail "still missing after apt-get install: ${missing[*]}"
}

need_run() { need_packages "${packages_run[@]}"; }
need_all() { need_packages "${packages_run[@]}" "${packages_test[@]}"; }

cmd_setup() {
    case ${1:-} in
        '') need_all ;;
        --run) need_run ;;
        *) fail "setup takes nothing, or --run for what building and the demo need" ;;
    esac
    say "All packages are there."
}
