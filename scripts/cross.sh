# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash disable=SC2154
# ./dev deb --arm64: Debian's cross compiler against the libraries of an arm64 Debian, which are extracted and not
# installed: the -dev packages of two architectures cannot be installed beside each other (introspection). Sourced by deb.sh.

# A root takes minutes and is kept; removing it makes a new one.
cross_root() { echo "${MATRIZ_CROSS_ROOT:-$root/build-arm64-root}"; }

# What the root has: build dependencies, and what the programs need to run under qemu.
cross_contents() {
    local name
    for name in "${packages_run[@]}"; do
        [[ $name != lib*-dev ]] || echo "$name"
    done
    printf '%s\n' libc6-dev libstdc++-12-dev gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good \
        gstreamer1.0-plugins-bad gstreamer1.0-nice
}

# dpkg-shlibdeps asks dpkg which package has a library, and of which version. Extracting tells dpkg nothing, so this does:
# with the paths as they are on this machine, and /lib also as the /usr/lib that it is.
tell_dpkg() {
    local -r where=$1
    local deb name parts
    mkdir -p "$where/var/lib/dpkg/info"
    echo 1 >"$where/var/lib/dpkg/info/format"
    : >"$where/var/lib/dpkg/status"
    parts=$(mktemp -d)
    for deb in "$where"/var/cache/apt/archives/*.deb; do
        rm -rf "${parts:?}"/*
        dpkg-deb --control "$deb" "$parts/c"
        name=$(sed -n 's/^Package: //p' "$parts/c/control")
        grep -q '^Multi-Arch: same' "$parts/c/control" && name+=:arm64
        { sed '/^Package: /a Status: install ok installed' "$parts/c/control" && echo; } >>"$where/var/lib/dpkg/status"
        dpkg-deb --fsys-tarfile "$deb" | tar -t | sed -n -e "s,^\./\(lib/.*[^/]\)\$,$where/\1\n$where/usr/\1,p;t" -e "s,^\./\(.*[^/]\)\$,$where/\1,p" \
            >"$where/var/lib/dpkg/info/$name.list"
        for part in shlibs symbols; do
            [[ ! -f $parts/c/$part ]] || cp "$parts/c/$part" "$where/var/lib/dpkg/info/$name.$part"
        done
    done
    rm -rf "$parts" "$where"/var/cache/apt/archives/*.deb
}

# Links that begin with / would lead the cross linker into this machine's own libraries.
links_stay_inside() {
    local link target
    find "$1/usr/lib" "$1/etc" -type l -lname '/*' | while read -r link; do
        target=$(readlink "$link")
        ln -sfnr "$1$target" "$link"
    done
}

need_cross_root() {
    local -r where=$(cross_root)
    local contents
    [[ ! -e $where/var/lib/dpkg/info/format ]] || return 0
    contents=$(cross_contents | paste -sd,)
    say "Extracting an arm64 Debian to $where"
    rm -rf "$where"
    mmdebstrap --variant=extract --architectures=arm64 --skip=cleanup/apt --include="$contents" \
        --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr bookworm "$where" || fail "no arm64 root"
    links_stay_inside "$where"
    tell_dpkg "$where"
}

# cross_environment DIR: what a build for arm64 needs to know, in the environment of its commands. DIR gets the name that
# Debian's cross builds call pkg-config by; the package of that name is one of those that cannot be installed here.
cross_environment() {
    local -r where=$(cross_root)
    mkdir -p "$1"
    ln -sf "$(command -v pkg-config)" "$1/aarch64-linux-gnu-pkg-config"
    export PATH=$1:/usr/lib/ccache:$PATH
    export PKG_CONFIG_LIBDIR=$where/usr/lib/aarch64-linux-gnu/pkgconfig:$where/usr/share/pkgconfig
    export PKG_CONFIG_SYSROOT_DIR=$where
    export DEB_CFLAGS_APPEND=--sysroot=$where DEB_CXXFLAGS_APPEND=--sysroot=$where DEB_LDFLAGS_APPEND=--sysroot=$where
    export QEMU_LD_PREFIX=$where
}

# The arm64 programs run, under qemu-user: versions, config, plugin, tests.
cross_run() {
    local -r where=$(cross_root)
    local -r qemu="qemu-aarch64-static -L $where"
    local built=$1 name
    # No plugin scanner: qemu starts no other arm64 program.
    export GST_REGISTRY_FORK=no GST_REGISTRY=$built/arm64-registry.bin
    say "Running the arm64 programs under qemu"
    for name in node/matriz configserver/matriz-configserver matrizctl/matrizctl; do
        $qemu "$built/$name" --version || fail "$name does not run"
    done
    $qemu "$built/node/matriz" --check "$root/config/client.json" || fail "matriz --check"
    $qemu "$built/configserver/matriz-configserver" --check "$root/config/clients.json" || fail "matriz-configserver --check"
    GST_PLUGIN_PATH=$built/plugins $qemu "$where/usr/bin/gst-inspect-1.0" matriz || fail "the plugin does not load"
    cross_test "$built"
}

# Tests that are for a real machine, and why: whole programs, and single cases of the others.
declare -rA cross_leaves_out=(
    [plugins-jack]='needs a JACK server of its own architecture, in real time'
)
declare -rA cross_leaves_out_cases=(
    ['*ADay*']='a day of simulated sound takes qemu a quarter of an hour and more'
    ['*MixFreely*']='48 mixtures of rates take qemu as long'
    ['Ways.AreMeasured']='qemu knows no IP_MTU'
)

# cross_test BUILD_DIR: all tests but those of whole programs in real time; the last line has the counts.
cross_test() {
    local -r built=$1 log=$1/meson-logs/testlog.json where=$(cross_root)
    local -a suites=(--suite unit --suite plugins --suite fuzz) names=()
    local name status=0 filter=''
    say "Building and running the tests for arm64"
    meson configure "$built" -Dtests=enabled
    while read -r name; do
        if [[ ${cross_leaves_out[$name]:-} ]]; then
            say "left out: $name ${cross_leaves_out[$name]}"
        else
            names+=("$name")
        fi
    done < <(meson test -C "$built" --list "${suites[@]}" 2>/dev/null | sed -n 's,^.* / ,,p')
    for name in "${!cross_leaves_out_cases[@]}"; do
        say "left out: $name ${cross_leaves_out_cases[$name]}"
        filter+=":$name"
    done
    # Scripts among the tests run programs, too, for which Meson tells them nothing.
    export GTEST_FILTER=-${filter#:} MESON_EXE_WRAPPER="qemu-aarch64-static -L $where"
    meson test -C "$built" "${suites[@]}" --timeout-multiplier 20 --print-errorlogs "${names[@]}" </dev/null || status=$?
    MATRIZ_MESON_STATUS=$status "$python" "$root/scripts/count_tests.py" "$log" || fail "tests fail under qemu"
}

# cross_packages OUT
cross_packages() {
    local out=$1 place
    need_cross_root
    place=$(mktemp -d)
    rm -rf "$out"
    mkdir -p "$out"
    clean_copy "$place/matriz"
    say "Building for arm64"
    (
        cross_environment "$place/bin"
        cross_file >"$place/qemu.ini"
        export MATRIZ_SHLIBS_ROOT MATRIZ_CROSS_FILE=$place/qemu.ini
        MATRIZ_SHLIBS_ROOT=$(cross_root)
        packages_from "$place/matriz" "$out" --host-arch arm64 -d -Pcross,nocheck
    ) || exit 1
    (
        cross_environment "$place/bin"
        cross_run "$place/matriz/obj-aarch64-linux-gnu"
    ) || exit 1
    rm -rf "$place"
    (cd "$out" && ls -sh1 -- *.deb)
}

# Meson runs what it has built with this.
cross_file() {
    printf "[binaries]\nexe_wrapper = ['qemu-aarch64-static', '-L', '%s']\n" "$(cross_root)"
}
