"""new_models.py DIR: what transformers says of the models that `LETHE_NEW_MODELS=DIR model_test -tc='new models*'` wrote.

DIR has a folder for each family that Lethe makes. Of gbert, for which transformers has no class: GPT-NeoX under a mask that
hides nothing, each token from its own position.
"""
import json
import os
import sys

import torch
import torch.nn.functional as F
from transformers import AutoConfig, AutoModelForCausalLM, GPTNeoXConfig, GPTNeoXForCausalLM

IDS = [(7 * i + 3) % 61 for i in range(20)]


def load(folder, family):
    if family != "gbert":
        config = AutoConfig.from_pretrained(folder)
        assert config.tie_word_embeddings, folder
        return AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", output_loading_info=True)
    config = json.load(open(f"{folder}/config.json"))
    config["model_type"] = "gpt_neox"
    return GPTNeoXForCausalLM.from_pretrained(folder, config=GPTNeoXConfig(**config), attn_implementation="eager",
                                              output_loading_info=True)


def main():
    torch.set_num_threads(1)
    ids = torch.tensor(IDS)
    out = {"ids": IDS}
    for family in ("gpt2-rotary", "gpt2", "llama", "gbert"):
        model, info = load(f"{sys.argv[1]}/{family}", family)
        assert not info["missing_keys"] and not info["unexpected_keys"] and not info["mismatched_keys"], (family, info)
        more = {"attention_mask": torch.zeros(1, 1, len(IDS), len(IDS))} if family == "gbert" else {}
        with torch.no_grad():
            logits = model.eval()(input_ids=ids[None], use_cache=False, **more).logits[0]
        nll = F.cross_entropy(logits, ids, reduction="none") if more else F.cross_entropy(logits[:-1], ids[1:], reduction="none")
        out[family] = [round(x, 7) for x in nll.tolist()]
    here = os.path.dirname(os.path.abspath(__file__))
    json.dump(out, open(os.path.join(here, "../new_models.json"), "w"), indent=1)


main()
