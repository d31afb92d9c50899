#!/usr/bin/env bash
# make_venv.sh DIR: the virtual environment of the peers in bench/peer and of the oracles in tests/golden/make. Needs python3 with
# venv, a C++ compiler (torch.compile), the network and 6 GB of disk, most of it CUDA libraries that torch's package asks for.
set -euo pipefail
dir=${1:?usage: make_venv.sh DIR}
[ -x "$dir/bin/python" ] || python3 -m venv "$dir"
"$dir/bin/pip" -q install torch==2.15.0 transformers==5.23.0 peft==0.21.2 accelerate==1.15.0 tokenizers==0.23.3 safetensors==0.8.0 \
  gguf==0.19.0 numpy==2.4.6
"$dir/bin/python" -c "import torch, transformers, peft; print('torch', torch.__version__, 'transformers', transformers.__version__, 'peft', peft.__version__)"
