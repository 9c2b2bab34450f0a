# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash disable=SC2154
# ./dev lint and ./dev format. Sourced by ./dev, after common.sh and setup.sh.

# files_of PATTERN... prints the tree's files, tracked or new but not ignored.
files_of() { (cd "$root" && git ls-files --cached --others --exclude-standard -- "$@" | sort -u | while read -r f; do [[ -f $f ]] && echo "$f"; done); }

# written_in PATTERN ENDING: files with that ending, and those whose first line names an interpreter that matches.
written_in() {
    files_of "*.$2"
    files_of | while read -r file; do
        [[ $file == *."$2" ]] || ! head -c 64 "$root/$file" | head -n 1 | tr -d '\0' | grep -qE "^#!.*\b($1)\b" || echo "$file"
    done
}

shell_scripts() { written_in '(ba)?sh' sh; }
python_scripts() { written_in 'python[0-9.]*' py; }

lint_sources() {
    local file lines status=0
    while read -r file; do
        if ! head -n 3 "$root/$file" | grep -q 'SPDX-License-Identifier: GPL-3.0-or-later'; then
            echo "$file: the SPDX line is missing at the top"
            status=1
        fi
        lines=$(wc -l <"$root/$file")
        if ((lines > 500)); then
            echo "$file: $lines lines; above 500 it wants to be two files"
            status=1
        fi
    done < <({ files_of '*.cpp' '*.hpp' '*.js' && shell_scripts && python_scripts; } | sort -u)
    return "$status"
}

lint_python() {
    (cd "$root" && python_scripts | "$python" -c '
import ast, sys
status = 0
for name in sys.stdin.read().splitlines():
    with open(name, encoding="utf-8") as source:
        try:
            ast.parse(source.read(), name)
        except SyntaxError as error:
            print(f"{name}:{error.lineno}: {error.msg}")
            status = 1
sys.exit(status)')
}

# An area of tests that its parent does not name would never run, nor a test without a suite in a package's build, and nobody
# would notice.
lint_areas() {
    local file area status=0
    while read -r file; do
        area=$(basename "$(dirname "$file")")
        if ! grep -q "'$area'" "$root/tests/unit/meson.build"; then
            echo "tests/unit/meson.build does not name '$area'"
            status=1
        fi
    done < <(files_of 'tests/unit/*/meson.build')
    while read -r file; do
        if (($(grep -cE '^ *test\(' "$root/$file") > $(grep -c 'suite:' "$root/$file"))); then
            echo "$file: a test without a suite; who asks for suites would never run it"
            status=1
        fi
    done < <(files_of '*meson.build')
    return "$status"
}

cmd_lint() {
    local status=0
    local -a cpp shell
    need_all
    cd "$root" || fail "no $root"
    mapfile -t cpp < <(files_of '*.cpp' '*.hpp')
    mapfile -t shell < <(shell_scripts)
    say "clang-format: ${#cpp[@]} files"
    clang-format --dry-run -Werror "${cpp[@]}" || status=1
    say "shellcheck: ${#shell[@]} scripts"
    shellcheck -x "${shell[@]}" || status=1
    say "SPDX lines and sizes"
    lint_sources || status=1
    lint_areas || status=1
    say "python: syntax"
    lint_python || status=1
    ((status == 0)) || fail "lint found something (./dev format repairs the layout)"
    say "lint: nothing found"
}

cmd_format() {
    local -a cpp
    need_all
    cd "$root" || fail "no $root"
    mapfile -t cpp < <(files_of '*.cpp' '*.hpp')
    clang-format -i "${cpp[@]}"
}
