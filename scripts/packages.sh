# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash disable=SC2034
# What the project needs from Debian 12, in the order of who needs it. Sourced, never run.

# To build both programs, and to run the demo.
packages_run=(
    ca-certificates
    ccache
    g++
    glib-networking
    gstreamer1.0-nice
    gstreamer1.0-plugins-bad
    gstreamer1.0-plugins-base
    gstreamer1.0-plugins-good
    gstreamer1.0-rtsp
    gstreamer1.0-tools
    jackd2
    libfmt-dev
    libgmock-dev
    libgstreamer-plugins-bad1.0-dev
    libgstreamer-plugins-base1.0-dev
    libgstreamer1.0-dev
    libgstrtspserver-1.0-dev
    libgtest-dev
    libjack-jackd2-dev
    libjsoncpp-dev
    libminiupnpc-dev
    libnatpmp-dev
    libnice-dev
    libopus-dev
    libsndfile1-dev
    libsoup-3.0-dev
    libsqlite3-dev
    libssl-dev
    libsystemd-dev
    libzita-resampler-dev
    meson
    ninja-build
    pkg-config
    python3
    python3-websockets
)

# To test and to lint, on top of that.
packages_test=(
    caddy
    chromium
    clang
    clang-format
    conntrack
    coturn
    dbus-daemon
    ffmpeg
    git
    iproute2
    libclang-rt-14-dev
    llvm-14
    man-db
    miniupnpc
    miniupnpd
    nftables
    nginx
    openssl
    procps
    python3-numpy
    shellcheck
    supervisor
    systemd
)

# To make packages (./dev deb), on top of what building needs.
packages_deb=(
    debhelper
    dh-python
    dpkg-dev
    fakeroot
    g++-aarch64-linux-gnu
    lintian
    mmdebstrap
    qemu-user-static
    systemd-container
)

# To measure others beside matriz (./dev bench), on top of all.
packages_bench=(
    jacktrip
    jamulus
    libfaketime
    zita-njbridge
)
