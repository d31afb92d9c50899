#!/usr/bin/env bash
# demo.sh: updates 100 facts of COUNTERFACT in SmolLM2-135M-Instruct by F-Learning and shows the proof.
set -euo pipefail
cd "$(dirname "$0")/.."
model=$(tools/fetch_smollm2.sh)
build/release/lethe update "$model" examples/facts/counterfact-100.json --out out/demo --overwrite
echo "The page of proof: $PWD/out/demo/lethe/report.html"
