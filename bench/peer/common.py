"""What the peers share: options, timing, peak memory, and one JSON line at the end."""
import argparse
import json
import os
import platform
import resource
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

import torch  # noqa: E402
import transformers  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

clock = time.perf_counter
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


def parser(about):
    p = argparse.ArgumentParser(description=about)
    p.add_argument("--model", required=True, help="Hugging Face directory")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--precision", choices=DTYPES, default="bf16")
    p.add_argument("--compile", action="store_true", help="torch.compile instead of eager")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--clock", choices=["wall", "cpu"], default="wall", help="cpu: the process's own time, for one thread on a busy machine")
    return p


def start(args):
    global clock
    clock = time.process_time if args.clock == "cpu" else time.perf_counter
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)


def load(path, dtype=torch.float32):
    return AutoModelForCausalLM.from_pretrained(path, dtype=dtype, attn_implementation="sdpa")


def autocast(precision):
    """bf16: float32 weights, products in bf16; the casts of the weights are cached for the length of one step."""
    return torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bf16")


def cpu_name():
    with open("/proc/cpuinfo") as f:
        return next((line.split(":", 1)[1].strip() for line in f if line.startswith("model name")), platform.processor())


def report(args, **figures):
    """The last line of stdout."""
    print(json.dumps({"peer": "PyTorch", "torch": torch.__version__, "transformers": transformers.__version__, "cpu": cpu_name()} | vars(args) | figures |
                     {"peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}))
