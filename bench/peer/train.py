"""train.py: tokens a second of training all weights of a language model with PyTorch, batch 4 x 512 by default.

float32 weights, AdamW (fused), and for bf16 autocast; dropout off, as in Lethe. The loss of each step is printed to stderr.
"""
import json
import sys

import torch
import torch.nn.functional as F

import common


def records(args):
    if args.data:
        with open(args.data) as f:
            rows = [json.loads(line)["input_ids"][:args.length] for line in f]
    else:
        rows = torch.randint(0, args.ids, (64, args.length)).tolist()
    return torch.tensor(rows)


def main():
    p = common.parser(__doc__)
    p.add_argument("--data", help='JSONL of {"input_ids"}; random ids if not given')
    p.add_argument("--ids", type=int, default=49152, help="random ids are below this")
    p.add_argument("--batch", type=int, default=4)
    p.add_argument("--length", type=int, default=512)
    p.add_argument("--steps", type=int, default=10)
    p.add_argument("--warmup", type=int, default=2)
    p.add_argument("--learning-rate", type=float, default=1e-4)
    args = p.parse_args()
    common.start(args)
    model = common.load(args.model).eval()  # eval: no dropout; the weights are trained all the same
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.learning_rate, weight_decay=0.0, fused=True)

    def loss_of(ids):
        with common.autocast(args.precision):
            logits = model(input_ids=ids, use_cache=False).logits[:, :-1]
            return F.cross_entropy(logits.flatten(0, 1).float(), ids[:, 1:].flatten())

    compiled = torch.compile(loss_of) if args.compile else loss_of
    data, seconds, losses = records(args), [], []
    began = common.clock()
    for step in range(args.warmup + args.steps):
        at = step * args.batch % (len(data) - args.batch + 1)
        start = common.clock()
        optimizer.zero_grad(set_to_none=True)
        loss = compiled(data[at:at + args.batch])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        seconds.append(common.clock() - start)
        print(f"step {step} loss {losses[-1]:.4f} {seconds[-1]:.3f} s", file=sys.stderr)
    timed = sorted(seconds[args.warmup:])
    tokens = args.batch * args.length
    common.report(args, work="train", tokens_per_second=round(tokens * len(timed) / sum(timed), 1),
                  best_tokens_per_second=round(tokens / timed[0], 1), warmup_seconds=round(sum(seconds[:args.warmup]), 1),
                  parameters=sum(q.numel() for q in model.parameters()), losses=[round(x, 4) for x in losses],
                  total_seconds=round(common.clock() - began, 1))


main()
