# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash disable=SC2154
# ./dev test. Sourced by ./dev, after common.sh and setup.sh.

# Sanitizer builds keep -O1, so that a test takes seconds, and frame pointers, so that a report can be read.
readonly sanitizer_options=(--buildtype=debug --optimization=1 -Db_lundef=false -Dcpp_args=-fno-omit-frame-pointer)

# sanitizer_environment DIR: what the runtimes need to know. Stock libraries are not instrumented; what they are known to
# do wrong by themselves is named, with its reason, in tests/sanitizers/.
sanitizer_environment() {
    local -r suppressions=$root/tests/sanitizers
    # Whole stacks: GLib is built without frame pointers, and a suppression must find the library that called it.
    export ASAN_OPTIONS="detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1:abort_on_error=0:handle_abort=1:fast_unwind_on_malloc=0"
    export LSAN_OPTIONS="suppressions=$suppressions/lsan.supp:print_suppressions=0"
    export UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1"
    export TSAN_OPTIONS="suppressions=$suppressions/tsan.supp:halt_on_error=0:exitcode=66:detect_deadlocks=0:ignore_noninstrumented_modules=1:history_size=4"
    # detect_deadlocks: its tables overflow with GLib's recursive locks, and it ends the program then.
    # The plugin scanner is a stock program, which cannot load an instrumented plugin: let the process scan by itself.
    export GST_REGISTRY_FORK=no GST_REGISTRY="$root/$1/gst-registry.bin"
    export G_SLICE=always-malloc
}

# run_tests DIR MULTIPLIER [MESON TEST OPTION...]: everything Meson knows, then the counts as the last line.
#
# Whole programs that play in real time fail now and then because the machine, not the program, was late. A few cases of
# theirs may try again, alone; that they had to is told before the counts.
run_tests() {
    local -r dir=$root/$1 multiplier=$2
    shift 2
    local -r log=$dir/meson-logs/testlog.json again=$dir/meson-logs/again.json
    local status=0
    rm -f "$log" "$again"
    export MATRIZ_PATIENCE=$multiplier
    meson_test "$dir" "$multiplier" "$@" || status=$?
    "$python" "$root/scripts/run_again.py" "$dir" integration,server,plugins "$multiplier" "$log" "$again" </dev/null ||
        say "what failed could not run again; it counts as failed"
    MATRIZ_MESON_STATUS=$status "$python" "$root/scripts/count_tests.py" "$log" "$again"
}

meson_test() {
    local -r dir=$1 multiplier=$2
    shift 2
    meson test -C "$dir" --no-rebuild --print-errorlogs --timeout-multiplier "$multiplier" "$@" </dev/null
}

# Everything a build with clang needs to be told apart from g++'s.
configure_clang() { CC=clang CXX=clang++ configure "$@"; }

cmd_test() {
    local kind=''
    case ${1:-} in
        --asan | --tsan | --clang)
            kind=${1#--}
            shift
            ;;
    esac
    need_all
    case $kind in
        asan)
            configure_clang build-asan "${sanitizer_options[@]}" -Db_sanitize=address,undefined -Dfuzz=true
            compile build-asan
            sanitizer_environment build-asan
            run_tests build-asan 4 "$@"
            ;;
        tsan)
            configure_clang build-tsan "${sanitizer_options[@]}" -Db_sanitize=thread
            compile build-tsan
            sanitizer_environment build-tsan
            run_tests build-tsan 6 "$@"
            ;;
        clang)
            configure_clang build-clang
            compile build-clang
            run_tests build-clang 1 "$@"
            ;;
        *)
            configure build
            compile build
            run_tests build 1 "$@"
            ;;
    esac
}
