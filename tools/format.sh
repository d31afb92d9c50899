#!/usr/bin/env bash
# format.sh [--check]: clang-format 14 over every C++ file of the repository; --check changes nothing and fails on a difference.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/packages.sh

command -v clang-format-14 >/dev/null || { update_apt || true; need_apt clang-format-14; }
options=(-i)
[ "${1-}" = --check ] && options=(--dry-run --Werror)
git ls-files -z '*.cc' '*.h' | xargs -0 clang-format-14 "${options[@]}"
