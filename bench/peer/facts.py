"""facts.py train|evaluate: updating and measuring facts of COUNTERFACT (EasyEdit's fields) with PyTorch, transformers and PEFT.

train: one stage of fine-tuning on the new answers, padded batches in random order, AdamW (fused) on all weights or on LoRA's.
evaluate: token accuracy, teacher forcing, of the prompt and the rephrasing for the new and the old answer and of the locality
question; padded batches sorted by length. The prompt has the tokenizer's default special tokens; a space and the answer are
tokenised apart; only the answer is a target.
"""
import json
import random
import sys

import torch
import torch.nn.functional as F
from transformers import AutoTokenizer

import common


def example(tokenizer, prompt, answer):
    head = tokenizer(prompt)["input_ids"]
    tail = tokenizer(" " + answer, add_special_tokens=False)["input_ids"]
    return head + tail, len(head)


def pad(examples):
    """ids and attention mask [B, T], padded on the right; the flat positions that predict an answer's token, and those tokens."""
    width = max(len(ids) for ids, _ in examples)
    ids = torch.zeros(len(examples), width, dtype=torch.long)
    mask, where, targets = torch.zeros_like(ids), [], []
    for row, (tokens, head) in enumerate(examples):
        ids[row, :len(tokens)] = torch.tensor(tokens)
        mask[row, :len(tokens)] = 1
        where += range(row * width + head - 1, row * width + len(tokens) - 1)
        targets += tokens[head:]
    return ids, mask, torch.tensor(where), torch.tensor(targets)


def target_logits(model, ids, mask, where, everywhere):
    """Logits [targets, V]: of all positions and then chosen, as transformers' own loss does, or of the targets alone."""
    if everywhere:
        return model(input_ids=ids, attention_mask=mask, use_cache=False).logits.flatten(0, 1)[where]
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    hidden = base.model(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
    return base.lm_head(hidden.flatten(0, 1)[where])


def train(args, facts, tokenizer):
    model = common.load(args.model).eval()  # no dropout
    if args.lora_rank:
        from peft import LoraConfig, get_peft_model
        model = get_peft_model(model, LoraConfig(r=args.lora_rank, lora_alpha=2 * args.lora_rank, target_modules=["q_proj", "v_proj"],
                                                 task_type="CAUSAL_LM")).eval()
    weights = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=args.learning_rate, weight_decay=0.0, fused=True)

    def loss_of(ids, mask, where, targets):
        with common.autocast(args.precision):
            logits = target_logits(model, ids, mask, where, args.logits == "all")
            return F.cross_entropy(logits.float(), targets)

    compiled = torch.compile(loss_of, dynamic=True) if args.compile else loss_of
    examples = [example(tokenizer, f["prompt"], f["target_new"]) for f in facts]
    order, losses, real, padded, steps = random.Random(args.seed), [], 0, 0, 0
    compiled(*pad(examples[:args.batch])).backward()  # warm-up
    optimizer.zero_grad(set_to_none=True)
    start = common.clock()
    for _ in range(args.epochs):
        order.shuffle(examples)
        for at in range(0, len(examples), args.batch):
            ids, mask, where, targets = pad(examples[at:at + args.batch])
            optimizer.zero_grad(set_to_none=True)
            loss = compiled(ids, mask, where, targets)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            real, padded, steps = real + int(mask.sum()), padded + ids.numel(), steps + 1
            if steps % 10 == 0:
                print(f"step {steps} loss {losses[-1]:.4f} {common.clock() - start:.1f} s", file=sys.stderr)
            if args.steps and steps == args.steps:
                break
        if args.steps and steps == args.steps:
            break
    seconds = common.clock() - start
    common.report(args, work="facts train", seconds=round(seconds, 2), steps_done=steps, tokens=real, padded_tokens=padded,
                  tokens_per_second=round(real / seconds, 1), first_loss=round(losses[0], 4), last_loss=round(losses[-1], 4))


def questions(fact):
    """(measure, prompt, answer)"""
    for which, answer in (("new", fact["target_new"]), ("old", fact["ground_truth"])):
        yield f"reliability_{which}", fact["prompt"], answer
        yield f"generality_{which}", fact["rephrase_prompt"], answer
    yield "locality", fact["locality_prompt"], fact["locality_ground_truth"]


def evaluate(args, facts, tokenizer):
    # Nothing is trained: the weights themselves may be bf16, which is faster than autocast.
    model = common.load(args.model, common.DTYPES[args.precision]).eval()

    def right(ids, mask, where, targets):
        return target_logits(model, ids, mask, where, args.logits == "all").argmax(-1) == targets

    compiled = torch.compile(right, dynamic=True) if args.compile else right
    sums = {}
    with torch.inference_mode():
        if args.compile:
            compiled(*pad([example(tokenizer, f["prompt"], f["target_new"]) for f in facts[:args.batch]]))
        start = common.clock()
        asked = [(name, *example(tokenizer, prompt, answer)) for f in facts for name, prompt, answer in questions(f)]
        asked.sort(key=lambda q: len(q[1]))
        for at in range(0, len(asked), args.batch):
            rows = asked[at:at + args.batch]
            hits = compiled(*pad([(tokens, head) for _, tokens, head in rows])).split([len(tokens) - head for _, tokens, head in rows])
            for (name, _, _), hit in zip(rows, hits):
                total = sums.setdefault(name, [0.0, 0])
                total[0] += hit.float().mean().item()
                total[1] += 1
        seconds = common.clock() - start
    tokens = sum(len(q[1]) for q in asked)
    common.report(args, work="facts evaluate", seconds=round(seconds, 2), sequences=len(asked), tokens=tokens, tokens_per_second=round(tokens / seconds, 1),
                  token_accuracy={name: round(100 * s / n, 3) for name, (s, n) in sorted(sums.items())})


def main():
    p = common.parser(__doc__)
    p.add_argument("work", choices=["train", "evaluate"])
    p.add_argument("--facts", required=True, help="JSON in EasyEdit's fields")
    p.add_argument("--limit", type=int, default=500)
    p.add_argument("--batch", type=int, help="examples a batch: 16 to train, 64 to evaluate")
    p.add_argument("--epochs", type=int, default=3)
    p.add_argument("--steps", type=int, help="stop training after so many steps")
    p.add_argument("--learning-rate", type=float, default=5e-5)
    p.add_argument("--lora-rank", type=int, default=0)
    p.add_argument("--logits", choices=["all", "targets"], default="all")
    args = p.parse_args()
    args.batch = args.batch or (16 if args.work == "train" else 64)
    common.start(args)
    with open(args.facts) as f:
        facts = json.load(f)[:args.limit]
    {"train": train, "evaluate": evaluate}[args.work](args, facts, AutoTokenizer.from_pretrained(args.model))


main()
