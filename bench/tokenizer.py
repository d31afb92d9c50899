#!/usr/bin/env python3
"""Lethe's tokenizer beside the Python package `tokenizers`, one thread each, in turn:

    python3 bench/tokenizer.py build/release/bench/tokenizer_bench TOKENIZER_JSON... [--runs N] [--text FILE]

Prints medians: milliseconds to load, and megabytes of text a second for a whole file, line by line (the package's encode_batch_fast
on all lines at once), and back from ids to text. The text is Python's own help (English and code) unless a FILE is given.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"
from tokenizers import Tokenizer  # noqa: E402: reads the environment


def seconds(work):
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def package(path, text):
    lines = text.removesuffix("\n").split("\n")
    load, tokenizer = seconds(lambda: Tokenizer.from_file(str(path)))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    size = len(text.encode()) / 1e6
    tokenizer.encode(text, add_special_tokens=False)
    whole, encoding = seconds(lambda: tokenizer.encode(text, add_special_tokens=False))
    by_line, encodings = seconds(lambda: tokenizer.encode_batch_fast(lines))
    ids = encoding.ids
    decode, _ = seconds(lambda: tokenizer.decode(ids, skip_special_tokens=False))
    return {"load_ms": load * 1e3, "whole": size / whole, "lines": size / by_line, "decode": size / decode,
            "ids": len(ids), "line_ids": sum(len(e.ids) for e in encodings)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bench")
    parser.add_argument("tokenizers", nargs="+", type=pathlib.Path)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--text", type=pathlib.Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = options.text
        if path is None:
            from pydoc_data.topics import topics
            path = pathlib.Path(folder) / "text.txt"
            path.write_text("\n".join(topics[name] for name in sorted(topics)) + "\n", encoding="utf-8")
        text = path.read_bytes().decode()
        for name in options.tokenizers:
            ours, theirs = [], []
            for _ in range(options.runs):
                out = subprocess.run([options.bench, name, path], check=True, capture_output=True, text=True).stdout
                ours.append(json.loads(out))
                theirs.append(package(name, text))
            print(f"{name}: {len(text.encode()) / 1e6:.2f} MB, medians of {options.runs} runs")
            for key in ours[0]:
                a, b = (statistics.median(run[key] for run in runs) for runs in (ours, theirs))
                if key.endswith("ids"):
                    print(f"  {key:8} {a:10} {b:10}  {'equal' if a == b else 'DIFFERENT'}")
                else:
                    ratio = b / a if key == "load_ms" else a / b
                    print(f"  {key:8} lethe {a:8.2f}  tokenizers {b:8.2f}  {ratio:5.2f} x")


if __name__ == "__main__":
    main()
