#!/usr/bin/env python3
"""compare.py: Lethe and PyTorch in turn, A B A B ..., on the work of the table in RESULTS.md; medians and ratios.

  bench/compare.py --venv DIR --smollm2 HF_DIR --gpt2 HF_DIR [--rows train,facts,...] [--repeat 3]

Rows: train-small, train-gpt2, train-smollm2, train-smollm2-fp32, facts, evaluate, process, generate, delta, delta-inputs. A training figure is tokens/s over the
steps after the warm-up; `facts` and `evaluate` are the seconds of the work alone, `process` those of the whole evaluation from the shell
(imports, loading and all). The best PyTorch variant of a row counts (eager, torch.compile; logits of all positions or of the targets only).
What the processor can do is measured anew before each run of Lethe, because a shared machine's peak moves. Standard library only."""
import argparse, json, math, os, pathlib, random, shutil, statistics, subprocess, sys, tempfile, time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
p.add_argument("--venv", required=True)
p.add_argument("--smollm2", required=True)
p.add_argument("--gpt2")
p.add_argument("--facts", default=str(ROOT / "recipes/data/counterfact-1000.jsonl"))
p.add_argument("--build", default=str(ROOT / "build/release"))
p.add_argument("--rows", default="train-small,train-gpt2,train-smollm2,train-smollm2-fp32,facts,evaluate,process,generate,delta,delta-inputs")
p.add_argument("--repeat", type=int, default=3)
p.add_argument("--steps", type=int, default=4)
p.add_argument("--threads", type=int, default=2)
p.add_argument("--eager", action="store_true", help="leave torch.compile out (it takes minutes to warm up)")
args = p.parse_args()
work = pathlib.Path(tempfile.mkdtemp(prefix="lethe-bench-"))
lethe = f"{args.build}/lethe"


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def output(command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}\n{done.stderr[-2000:]}")
    return done.stdout


def peer(script, *options):
    begin = time.monotonic()
    line = output([f"{args.venv}/bin/python", HERE / "peer" / script, *options, "--threads", args.threads]).strip().splitlines()[-1]
    say("  peer", script, *options, line)
    return json.loads(line) | {"process": time.monotonic() - begin}


def machine():
    """What the threads can do now: operations a second in bf16 and fp32, bytes read a second."""
    return json.loads(output([f"{args.build}/bench/matmul_bench", "peak", args.threads]))


def parameters(model):
    """Weights that a token meets in a product: all but the position table, a tied embedding once (as the head)."""
    with open(pathlib.Path(model) / "model.safetensors", "rb") as f:
        header = json.loads(f.read(int.from_bytes(f.read(8), "little")))
    return sum(math.prod(t["shape"]) for name, t in header.items() if name != "__metadata__" and not name.endswith("wpe.weight"))


def peak_memory(command):
    """Runs the command; (seconds, megabytes of its largest resident set, stdout)."""
    begin = time.monotonic()
    with open(work / "stdout", "w+") as out:
        process = subprocess.Popen(list(map(str, command)), stdout=out, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - begin
        out.seek(0)
        if status:
            sys.exit(f"{' '.join(map(str, command))}: status {status}")
        return seconds, usage.ru_maxrss / 1024, out.read()


def train_row(name, model, precision):
    vocabulary = json.loads((pathlib.Path(model) / "config.json").read_text())["vocab_size"]
    data = work / "ids.jsonl"
    r = random.Random(0)
    data.write_text("".join(json.dumps({"input_ids": [r.randrange(vocabulary) for _ in range(512)]}) + "\n" for _ in range(64)))
    steps, weights = args.steps + 2, parameters(model)

    def ours():
        peak = machine()[precision]
        _, memory, _ = peak_memory([lethe, "finetune", model, data, "--method", "full", "--out", work / "tuned", "--overwrite", "--max-steps", steps,
                                    "--per-device-train-batch-size", 4, "--learning-rate", "1e-4", "--lr-scheduler-type", "constant", "--max-grad-norm", 0,
                                    "--logging-steps", 1, "--precision", precision, "--threads", args.threads, "--quiet", "--json"])
        lines = [json.loads(x) for x in (work / "tuned/lethe/metrics.jsonl").read_text().splitlines()]
        speed = statistics.median(x["tokens_per_second"] for x in lines[2:])
        return speed, memory, 6 * weights * speed / peak

    def theirs(*options):
        r = peer("train.py", "--model", model, "--data", data, "--steps", args.steps, "--precision", precision, *options)
        return r["tokens_per_second"], r.get("peak_rss_mib", 0)

    variants = {"eager": []} if args.eager else {"eager": [], "compiled": ["--compile"]}
    return compare(name, ours, {k: (lambda o=o: theirs(*o)) for k, o in variants.items()}, "tokens/s", True)


def small_row():
    """The laboratory's net from nothing: 4 layers of 256, 4 heads, 16 windows of 256 tokens, random ones."""
    world, net = work / "world", work / "net"
    output([lethe, "world", "make", "--people", 1000, "--out", world, "--quiet"])
    output([lethe, "pretrain", world, "--layers", 4, "--heads", 4, "--hidden-size", 256, "--max-seq-length", 256, "--max-steps", 1,
            "--eval-steps", 0, "--out", net, "--quiet"])
    vocabulary, weights = json.loads((net / "config.json").read_text())["vocab_size"], parameters(net)

    def ours():
        peak = machine()["bf16"]
        _, memory, text = peak_memory([f"{args.build}/bench/step_bench", "bf16", 40, args.threads, vocabulary])
        speed = float(text.split(":")[1].split()[0])
        return speed, memory, 6 * weights * speed / peak

    def theirs(*options):
        r = peer("train.py", "--model", net, "--batch", 16, "--length", 256, "--ids", vocabulary, "--steps", 40, "--precision", "bf16", *options)
        return r["tokens_per_second"], r.get("peak_rss_mib", 0)

    variants = {"eager": []} if args.eager else {"eager": [], "compiled": ["--compile"]}
    return compare("train 4 layers of 256, 16 x 256, bf16", ours, {k: (lambda o=o: theirs(*o)) for k, o in variants.items()}, "tokens/s", True)


def compare(name, ours, variants, unit, more_is_better):
    """Every variant once, then the best one and Lethe in turn."""
    first = {k: f() for k, f in variants.items()}
    best = (max if more_is_better else min)(first, key=lambda k: first[k][0])
    a, b = [], [first[best]]
    for i in range(args.repeat):
        a.append(ours())
        say("  lethe", name, a[-1])
        if i:
            b.append(variants[best]())
    m, n = statistics.median(x[0] for x in a), statistics.median(x[0] for x in b)
    row = {"row": name, "unit": unit, "lethe": m, "peer": n, "variant": best, "variants": {k: v[0] for k, v in first.items()},
           "ratio": m / n if more_is_better else n / m, "lethe_mb": max(x[1] for x in a), "peer_mb": max(x[1] for x in b),
           "share": statistics.median(x[2] for x in a) if len(a[0]) > 2 else None}
    print(json.dumps(row), flush=True)
    return row


def facts_row():
    def ours():
        _, memory, text = peak_memory([lethe, "update", args.smollm2, args.facts, "--limit", 500, "--method", "ft", "--num-train-epochs", 3, "--no-eval",
                                       "--out", work / "tuned", "--overwrite", "--threads", args.threads, "--json", "--quiet"])
        return json.loads(text)["seconds"]["learn"], memory

    def theirs(*options):
        r = peer("facts.py", "train", "--model", args.smollm2, "--facts", easyedit(), *options)
        return r["seconds"], r.get("peak_rss_mib", 0)

    return compare("facts, 500 x 3 epochs", ours, {k: (lambda o=k: theirs("--logits", o)) for k in ("all", "targets")}, "s", False)


def easyedit():
    path = work / "facts.json"
    path.write_text(json.dumps([json.loads(x) for x in pathlib.Path(args.facts).read_text().splitlines()][:500]))
    return path


def evaluate_row(whole):
    def once(facts):
        return peak_memory([lethe, "evaluate", args.smollm2, args.facts, "--limit", facts, "--threads", args.threads, "--json", "--quiet"])[:2]

    def ours():
        seconds, memory = once(500)
        return seconds - (0 if whole else once(1)[0]), memory

    def theirs(*options):
        r = peer("facts.py", "evaluate", "--model", args.smollm2, "--facts", easyedit(), *options)
        return r["process" if whole else "seconds"], r.get("peak_rss_mib", 0)

    return compare("evaluate, 500 facts" + (", the whole process" if whole else ""), ours,
                   {"bf16, logits of " + k: (lambda o=k: theirs("--precision", "bf16", "--logits", o)) for k in ("all", "targets")}, "s", False)


def generate_row():
    def once(tokens):
        return peak_memory([lethe, "generate", args.smollm2, "--prompt", "The capital of France is", "--max-new-tokens", tokens, "--ignore-eos",
                            "--threads", args.threads, "--json", "--quiet"])

    def ours():
        bandwidth = machine()["bytes"]
        short, long = once(16), once(272)
        speed = 256 / (long[0] - short[0])
        return speed, long[1], 2 * parameters(args.smollm2) * speed / bandwidth

    def theirs(*options):
        r = peer("generate.py", "--model", args.smollm2, "--precision", "bf16", *options)
        return r["tokens_per_second"], r.get("peak_rss_mib", 0)

    variants = {"generate": [], "static cache": ["--cache", "static"]}
    if not args.eager:
        variants["static, compiled"] = ["--cache", "static", "--compile"]
    return compare("generate, one prompt, bf16", ours, {k: (lambda o=o: theirs(*o)) for k, o in variants.items()}, "tokens/s", True)


def delta_row(inputs):
    """delta apply against cp, page cache warm: of the model's file, which is as large as what it writes, or of all that it reads."""
    output([lethe, "update", args.smollm2, args.facts, "--limit", 16, "--method", "ft", "--num-train-epochs", 1, "--no-eval", "--out", work / "tuned",
            "--overwrite", "--quiet"])
    delta = work / "delta.safetensors"
    output([lethe, "delta", "diff", args.smollm2, work / "tuned", "--out", delta, "--overwrite"])
    (work / "copies").mkdir(exist_ok=True)

    def ours():
        shutil.rmtree(work / "applied", ignore_errors=True)
        return peak_memory([lethe, "delta", "apply", args.smollm2, delta, "--scale", "-0.3", "--out", work / "applied", "--quiet"])[:2]

    def copy():
        for file in (work / "copies").iterdir():
            file.unlink()
        return peak_memory(["cp", pathlib.Path(args.smollm2) / "model.safetensors", *([delta] if inputs else []), work / "copies"])[:2]

    name = "cp of MODEL and DELTA" if inputs else "cp of MODEL"
    return compare("delta apply", ours, {name: copy}, "s", False)


ROWS = {"train-small": small_row,
        "train-gpt2": lambda: train_row("train GPT-2 124M, 4 x 512, bf16", args.gpt2, "bf16"),
        "train-smollm2": lambda: train_row("train SmolLM2-135M, 4 x 512, bf16", args.smollm2, "bf16"),
        "train-smollm2-fp32": lambda: train_row("train SmolLM2-135M, 4 x 512, fp32", args.smollm2, "fp32"),
        "facts": facts_row, "evaluate": lambda: evaluate_row(False), "process": lambda: evaluate_row(True), "generate": generate_row, "delta": lambda: delta_row(False), "delta-inputs": lambda: delta_row(True)}
rows = []
for name in args.rows.split(","):
    say("==", name)
    rows.append(ROWS[name]())
shutil.rmtree(work)
print("\n| work | Lethe | PyTorch, best | which | ratio | share of the peak | peak memory, MB |\n|---|---:|---:|---|---:|---:|---:|")
for r in rows:
    share = f"{100 * r['share']:.0f} %" if r["share"] else ""
    print(f"| {r['row']} | {r['lethe']:.4g} {r['unit']} | {r['peer']:.4g} | {r['variant']} | {r['ratio']:.2f} | {share} | {r['lethe_mb']:.0f} / {r['peer_mb']:.0f} |")
