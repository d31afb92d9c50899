"""What PyTorch, transformers and PEFT say about a model: the numbers that Lethe's parity tests compare with.

Everything is float32, in eval mode (no dropout), one sequence at a time (no padding), on one thread. The layout of the files
is described in tests/golden/README.md.
"""
import copy
import json
import os

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from transformers import Trainer

STEPS = 8
ADAMW = {"lr": 1e-3, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.01}
SGD = {"lr": 0.1, "max_grad_norm": 0.5}
LORA_ADAMW = {"lr": 1e-2, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.0}


def make_batch(vocab_size, generator):
    """Three sequences: all targets, a masked prompt, and holes in the middle and at the end."""
    ids = [torch.randint(0, vocab_size, (n,), generator=generator) for n in (5, 11, 17)]
    labels = [x.clone() for x in ids]
    labels[1][:4] = -100
    labels[2][:2] = labels[2][7:10] = labels[2][-1:] = -100
    return ids, labels


def forward(model, ids, labels):
    """logits [T, V] and the loss of each label [T]; label t is predicted at position t - 1, label 0 and -100 cost nothing."""
    logits = model(input_ids=ids[None], use_cache=False).logits[0]
    nll = F.cross_entropy(logits[:-1], labels[1:], reduction="none", ignore_index=-100)
    return logits, torch.cat([nll.new_zeros(1), nll])


def mean_loss(model, batch):
    """The mean over all targets of the batch, whichever sequence they are in."""
    total = sum(forward(model, i, l)[1].sum() for i, l in zip(*batch))
    return total / sum(int((l[1:] != -100).sum()) for l in batch[1])


def trained(model):
    return {n: p for n, p in model.named_parameters() if p.requires_grad}


def train(model, batch, optimizer, max_norm=0.0):
    """STEPS steps on one batch: the loss before each, and the norm of the whole gradient before clipping."""
    losses, norms = [], []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = mean_loss(model, batch)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(trained(model).values(), max_norm or float("inf"))
        optimizer.step()
        losses.append(loss.item())
        norms.append(norm.item())
    return {"losses": losses, "grad_norms": norms}


def adamw(model, settings, decayed):
    named = trained(model)
    groups = [{"params": [p for n, p in named.items() if n in decayed], "weight_decay": settings["weight_decay"]},
              {"params": [p for n, p in named.items() if n not in decayed], "weight_decay": 0.0}]
    return torch.optim.AdamW([g for g in groups if g["params"]], lr=settings["lr"], betas=settings["betas"], eps=settings["eps"])


def write(folder, scalars, tensors):
    json.dump(scalars, open(os.path.join(folder, "golden.json"), "w"), indent=1)
    save_file({n: t.detach().contiguous().clone() for n, t in tensors.items()}, os.path.join(folder, "golden.safetensors"))


def describe_batch(batch):
    targets = sum(int((l[1:] != -100).sum()) for l in batch[1])
    return {"input_ids": [x.tolist() for x in batch[0]], "labels": [x.tolist() for x in batch[1]], "targets": targets}


def forward_tensors(model, batch):
    out = {}
    with torch.no_grad():
        for k, (i, l) in enumerate(zip(*batch)):
            out[f"logits.{k}"], out[f"nll.{k}"] = forward(model, i, l)
    return out


def greedy(model, prompt, count):
    """Greedy continuation; refuses a prompt whose choice is so close that rounding could decide it."""
    with torch.no_grad():
        out = model.generate(prompt[None], attention_mask=torch.ones_like(prompt)[None], do_sample=False, max_new_tokens=count,
                             min_new_tokens=count, pad_token_id=0)[0]
        top = model(input_ids=out[None]).logits[0, len(prompt) - 1:-1].topk(2).values
    margin = (top[:, 0] - top[:, 1]).min().item()
    assert margin > 2e-3, f"greedy margin {margin}: choose another seed"
    return {"prompt_ids": prompt.tolist(), "ids": out[len(prompt):].tolist(), "smallest_margin": margin}


def full_golden(model, batch, prompt, keep_gradient=lambda name, p: True):
    """Scalars and tensors of a whole model: logits, losses, gradients, two series of steps, a greedy continuation."""
    model.eval()
    tensors = forward_tensors(model, batch)
    loss = mean_loss(model, batch)
    loss.backward()
    norms = {n: p.grad.norm().item() for n, p in trained(model).items()}
    tensors |= {f"grad.{n}": p.grad.clone() for n, p in trained(model).items() if keep_gradient(n, p)}
    model.zero_grad()
    decayed = sorted(set(Trainer.get_decay_parameter_names(None, model)) & set(trained(model)))
    a, b = copy.deepcopy(model), copy.deepcopy(model)
    return describe_batch(batch) | {
        "loss": loss.item(),
        "gradient_norms": norms,
        "adamw": {"settings": ADAMW, "decayed": decayed} | train(a, batch, adamw(a, ADAMW, decayed)),
        "sgd": {"settings": SGD} | train(b, batch, torch.optim.SGD(trained(b).values(), lr=SGD["lr"]), SGD["max_grad_norm"]),
        "greedy": greedy(model, prompt, 12),
    }, tensors
