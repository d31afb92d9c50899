"""generate.py: greedy tokens a second after one prompt, with PyTorch.

--cache dynamic is `model.generate` as it is. --cache static preallocates keys and values and runs one decoding step a token in a
plain loop, which torch.compile can then turn into one graph.
"""
import torch
from transformers import AutoTokenizer, StaticCache

import common


def with_generate(model, ids, count):
    out = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=count, min_new_tokens=count, pad_token_id=0)
    return out[0, ids.shape[1]:].tolist()


def with_static_cache(model, ids, count, step):
    cache = StaticCache(config=model.config, max_cache_len=ids.shape[1] + count)
    out = model(input_ids=ids, past_key_values=cache, logits_to_keep=1).logits[:, -1:].argmax(-1)
    new = [out.item()]
    for at in range(ids.shape[1], ids.shape[1] + count - 1):
        out = step(out, torch.tensor([[at]]), cache)
        new.append(out.item())
    return new


def main():
    p = common.parser(__doc__)
    p.add_argument("--prompt", default="The capital of France is")
    p.add_argument("--steps", type=int, default=128, help="new tokens")
    p.add_argument("--cache", choices=["dynamic", "static"], default="dynamic")
    p.add_argument("--repeat", type=int, default=3)
    args = p.parse_args()
    common.start(args)
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    model = common.load(args.model, common.DTYPES[args.precision]).eval()
    ids = tokenizer(args.prompt, return_tensors="pt")["input_ids"]

    def step(token, position, cache):
        return model(input_ids=token, position_ids=position, past_key_values=cache).logits.argmax(-1)

    if args.cache == "dynamic":
        if args.compile:
            model.forward = torch.compile(model.forward, dynamic=True)
        run = lambda: with_generate(model, ids, args.steps)  # noqa: E731
    else:
        decode = torch.compile(step) if args.compile else step
        run = lambda: with_static_cache(model, ids, args.steps, decode)  # noqa: E731
    with torch.inference_mode():
        new = run()  # warm-up
        seconds = []
        for _ in range(args.repeat):
            start = common.clock()
            assert run() == new
            seconds.append(common.clock() - start)
    common.report(args, work="generate", tokens_per_second=round(args.steps / min(seconds), 2), seconds=[round(s, 2) for s in seconds],
                  first_ids=new[:12], text=tokenizer.decode(new[:24]))


main()
