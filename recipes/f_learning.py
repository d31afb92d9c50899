#!/usr/bin/env python3
"""The study of docs/reproduce.md: the paper's protocol on a small model, many paired runs of `lethe update`.

  recipes/f_learning.py run MODEL --out DIR [--lethe build/release/lethe] [--grid GRID] [--seeds 3] [--facts 200]
  recipes/f_learning.py table DIR

For each data set and seed: a block of facts of its own; stage 0 teaches the OLD answers (full fine-tuning, 3 epochs), the model then
is the starting point of every method; each line of the grid is one `lethe update`. Results go to DIR/results.jsonl, a line a run;
runs that are there are not run again. The tables give means over seeds, the half-width of the 95 % interval (Student's t), and the paired
difference from the baseline of the same learning rate. Standard library only."""
import argparse, json, math, pathlib, shutil, subprocess, sys

HERE = pathlib.Path(__file__).resolve().parent
DATA = {"counterfact": HERE / "data/counterfact-1000.jsonl", "zsre": HERE / "data/zsre-1000.jsonl"}
OLD = {"counterfact": "ground_truth", "zsre": "pred"}
PROMPT = {"counterfact": "prompt", "zsre": "src"}


def grid(name):
    """(method, rate, learning rate, epochs[, LoRA's target]): the paper's settings around those that a 135 M model needs."""
    if name == "paper":
        settings = []
        for lr in (5e-5, 1.5e-4):
            settings += [("ft", None, lr, 3)] + [("f-ft", r, lr, 3) for r in (0.1, 0.3, 1.0)] + [("f-lora-ft", r, lr, 3) for r in (1.0, 3.0)]
        for lr in (5e-4, 2e-3):
            settings += [("lora", None, lr, 3)] + [("f-lora", r, lr, 3) for r in (0.3, 0.7, 1.5)]
        return settings
    if name == "long":  # learned to the end
        return [("ft", None, 5e-5, 10), ("f-ft", 0.3, 5e-5, 10), ("f-ft", 1.0, 5e-5, 10), ("lora", None, 2e-3, 10), ("f-lora", 0.7, 2e-3, 10)]
    if name == "targets":  # which matrices: attention's q and v are the paper's; the feed-forward alone; all
        return [(m, r, 5e-4, 3, t) for t in ("gate_proj,up_proj,down_proj", "all-linear") for m, r in (("lora", None), ("f-lora", 0.7), ("f-lora", 1.5))]
    sys.exit(f"--grid {name}: paper, long or targets expected")


def lethe(args, *command):
    done = subprocess.run([args.lethe, *map(str, command), "--json", "--quiet"], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"lethe {' '.join(map(str, command))}: {done.stderr}")
    return json.loads(done.stdout)


def run(args):
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    results = out / "results.jsonl"
    done = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    known = {json.dumps(r["key"]) for r in done}
    for data in args.data.split(","):
        records = [json.loads(line) for line in DATA[data].read_text().splitlines()]
        for seed in range(args.seeds):
            block = records[seed * args.facts:(seed + 1) * args.facts]
            if len(block) < args.facts:
                sys.exit(f"{DATA[data]} has {len(records)} facts: not enough for seed {seed} of {args.facts} facts each")
            jobs = [setting for setting in grid(args.grid) if json.dumps([data, seed, *setting]) not in known]
            if not jobs:
                continue
            facts, teach, taught, updated = (out / n for n in ("facts.jsonl", "teach.jsonl", "taught", "updated"))
            facts.write_text("".join(json.dumps(r) + "\n" for r in block))
            teach.write_text("".join(json.dumps({"prompt": r[PROMPT[data]], "new": r[OLD[data]]}) + "\n" for r in block))
            common = ["--seed", seed, "--overwrite", "--per-device-train-batch-size", 16]
            lethe(args, "update", args.model, teach, "--method", "ft", "--num-train-epochs", 3, "--learning-rate", args.teach_learning_rate,
                  "--no-eval", "--out", taught, *common)
            for method, rate, lr, epochs, *target in jobs:
                extra = [] if rate is None else ["--rate", rate, "--forget-epochs", 3]
                extra += ["--lora-target", *target] if target else []
                r = lethe(args, "update", taught, facts, "--method", method, "--learning-rate", lr, "--num-train-epochs", epochs,
                          "--out", updated, *extra, *common)
                page = json.loads((updated / "lethe/results.json").read_text())
                line = {"key": [data, seed, method, rate, lr, epochs, *target], "before": r["before"], "forgotten": page["forgotten"], "after": r["after"], "seconds": r["seconds"]}
                with results.open("a") as f:
                    f.write(json.dumps(line) + "\n")
                print(line["key"], round(r["after"]["reliability"]["token_accuracy"], 1), file=sys.stderr)
            for folder in (taught, updated):
                shutil.rmtree(folder)


T95 = {1: 12.71, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31, 9: 2.26}


def interval(values):
    n = len(values)
    mean = sum(values) / n
    if n < 2:
        return f"{mean:.1f}"
    half = T95.get(n - 1, 2.0) * math.sqrt(sum((v - mean) ** 2 for v in values) / (n - 1) / n)
    return f"{mean:.1f} ± {half:.1f}"


MEASURES = {
    "reliability": lambda r: r["after"]["reliability"]["token_accuracy"],
    "generality": lambda r: r["after"]["generality"]["token_accuracy"],
    "locality": lambda r: r["after"]["locality"]["token_accuracy"],
    "old left": lambda r: r["after"]["old"]["reliability"]["token_accuracy"],
    "old after forgetting": lambda r: r["forgotten"]["old"]["reliability"]["token_accuracy"] if r["forgotten"] else None,
}


def table(args):
    rows = [json.loads(line) for line in (pathlib.Path(args.out) / "results.jsonl").read_text().splitlines()]
    for data in sorted({r["key"][0] for r in rows}):
        mine = [r for r in rows if r["key"][0] == data]
        before = {r["key"][1]: r["before"]["old"]["reliability"]["token_accuracy"] for r in mine}
        print(f"\n### {data}\n\nOld answers known before: {interval(list(before.values()))} ({len(before)} seeds).\n")
        print("| method | rate | learning rate | epochs | " + " | ".join(MEASURES) + " | reliability, generality, locality, old left against the baseline |")
        print("|---|---:|---:|---:|" + "---:|" * len(MEASURES) + "---|")
        settings = []
        for r in mine:
            if r["key"][2:] not in settings:
                settings.append(r["key"][2:])
        for method, rate, lr, epochs, *target in settings:
            these = {r["key"][1]: r for r in mine if r["key"][2:] == [method, rate, lr, epochs, *target]}
            cells = []
            for f in MEASURES.values():
                values = [v for v in map(f, these.values()) if v is not None]
                cells.append(interval(values) if values else "")
            base = {r["key"][1]: r for r in mine if r["key"][2:] == ["lora" if method == "f-lora" else "ft", None, lr, epochs, *target]}
            paired = ""
            if rate is not None and set(base) & set(these):
                parts = []
                for name in list(MEASURES)[:4]:
                    parts.append(interval([MEASURES[name](these[s]) - MEASURES[name](base[s]) for s in these if s in base]))
                paired = ", ".join(("+" if not p.startswith("-") else "") + p for p in parts)
            print(f"| {' '.join([method, *target])} | {'' if rate is None else rate} | {lr:g} | {epochs} | " + " | ".join(cells) + f" | {paired} |")


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
verbs = parser.add_subparsers(required=True)
p = verbs.add_parser("run")
p.add_argument("model")
p.add_argument("--out", required=True)
p.add_argument("--lethe", default="build/release/lethe")
p.add_argument("--grid", default="paper")
p.add_argument("--data", default="counterfact,zsre")
p.add_argument("--seeds", type=int, default=3)
p.add_argument("--facts", type=int, default=200)
p.add_argument("--teach-learning-rate", type=float, default=5e-5)
p.set_defaults(call=run)
p = verbs.add_parser("table")
p.add_argument("out")
p.set_defaults(call=table)
arguments = parser.parse_args()
arguments.call(arguments)
