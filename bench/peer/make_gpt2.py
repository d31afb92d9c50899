"""make_gpt2.py DIR [--data FILE]: GPT-2 124M with random weights, so that both sides train the same ones.

--data also writes a JSONL file of {"input_ids"}: 64 records of 512 random ids, for train.py --data and `lethe finetune`.
"""
import argparse
import json

import torch
from transformers import GPT2Config, GPT2LMHeadModel

p = argparse.ArgumentParser(description=__doc__)
p.add_argument("dir")
p.add_argument("--data")
p.add_argument("--records", type=int, default=64)
p.add_argument("--length", type=int, default=512)
args = p.parse_args()
torch.manual_seed(0)
GPT2LMHeadModel(GPT2Config()).save_pretrained(args.dir)
if args.data:
    with open(args.data, "w") as f:
        for row in torch.randint(0, 49152, (args.records, args.length)).tolist():  # ids that GPT-2 and SmolLM2 both have
            f.write(json.dumps({"input_ids": row}) + "\n")
