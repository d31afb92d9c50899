"""tests/golden/beams.json: what transformers' beam search gives, for the small models of tests/golden/models.

Run in the environment of README.md, after models.py: python beams.py
"""
import json
import pathlib

import torch
from transformers import AutoModelForCausalLM

models = pathlib.Path(__file__).resolve().parent.parent / "models"
prompts = [[1, 5, 9], [7, 3, 2, 11, 4], [20, 21]]
golden = {}
for name in ["llama", "gpt2", "gpt-neox"]:
    model = AutoModelForCausalLM.from_pretrained(models / name, dtype=torch.float32).eval()
    # An end that is likely: what the model says second.
    ids = torch.tensor([prompts[0]])
    with torch.no_grad():
        said = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=3, min_new_tokens=3, pad_token_id=0)
    ends = said[0, 4:6].tolist()
    golden[name] = []
    for end in [None, ends]:
        for beams in [2, 4]:
            for prompt in prompts:
                ids = torch.tensor([prompt])
                model.generation_config.eos_token_id = end
                with torch.no_grad():
                    out = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, num_beams=beams, max_new_tokens=8,
                                         pad_token_id=0, length_penalty=1.0, early_stopping=False)
                golden[name].append({"prompt": prompt, "num_beams": beams, "stop_ids": end or [], "ids": out[0, len(prompt):].tolist()})
(models.parent / "beams.json").write_text(json.dumps(golden) + "\n")
