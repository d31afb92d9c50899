#!/usr/bin/env bash
# run.sh [OPTIONS of compare.py]: everything that compare.py needs, made once under build/bench, then the comparison.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/packages.sh

bench=build/bench
venv=$bench/venv
if [ ! -e $bench/complete ]; then
  need_apt python3-venv
  bench/make_venv.sh $venv >&2
  gguf=$(tools/fetch_smollm2.sh)
  build/release/lethe convert "$gguf" --out $bench/smollm2 --overwrite --quiet >&2
  $venv/bin/python bench/peer/make_gpt2.py $bench/gpt2 >&2
  touch $bench/complete
fi
cmake --build --preset release --target matmul_bench step_bench >&2
exec python3 bench/compare.py --venv $venv --smollm2 $bench/smollm2 --gpt2 $bench/gpt2 "$@"
