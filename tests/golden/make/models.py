"""models.py [DIR]: the tiny random models of tests/golden/models, with what PyTorch says about them.

Needs torch, transformers, peft and safetensors (bench/make_venv.sh). Every weight is far from 0 and 1, so that a norm, a bias or
a scale that is left out shows.
"""
import copy
import json
import math
import os
import shutil
import sys

import torch
import torch.nn.functional as F
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import (AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel, GPTNeoXConfig, GPTNeoXForCausalLM, LlamaConfig,
                          LlamaForCausalLM)

import oracle

LLAMA = dict(vocab_size=97, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             max_position_embeddings=64, rms_norm_eps=1e-5, tie_word_embeddings=False, bos_token_id=1, eos_token_id=2)
GPT2 = dict(vocab_size=288, n_embd=32, n_layer=2, n_head=4, n_positions=40, bos_token_id=1, eos_token_id=2)
NEOX = dict(vocab_size=97, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2,
            max_position_embeddings=64, bos_token_id=1, eos_token_id=2)
NEOX_LINEAR = ["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"]
LLAMA_LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def theta(value, **more):
    return {"rope_type": "default", "rope_theta": value} | more


# name: (class, config, {adapter: target modules})
MODELS = {
    "llama": (LlamaForCausalLM, LlamaConfig(**LLAMA, rope_parameters=theta(10000.0)),
              {"qv": ["q_proj", "v_proj"], "all": LLAMA_LINEAR, "embedding": ["embed_tokens", "q_proj"],
               "head": ["lm_head", "v_proj"]}),
    "llama-tied": (LlamaForCausalLM, LlamaConfig(**LLAMA | dict(vocab_size=288, num_attention_heads=2, num_key_value_heads=1,
                                                       tie_word_embeddings=True), rope_parameters=theta(100000.0)),
                   {"qv": ["q_proj", "v_proj"]}),
    "llama-bias": (LlamaForCausalLM, LlamaConfig(**LLAMA, attention_bias=True, mlp_bias=True, rope_parameters=theta(500.0)), {}),
    "llama-linear-rope": (LlamaForCausalLM, LlamaConfig(**LLAMA, rope_parameters=theta(300.0, rope_type="linear", factor=2.0)), {}),
    "llama-llama3-rope": (LlamaForCausalLM, LlamaConfig(**LLAMA, head_dim=16, rope_parameters=theta(
        500.0, rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=48)), {}),
    "gpt2": (GPT2LMHeadModel, GPT2Config(**GPT2), {"attn": ["c_attn"], "all": ["c_attn", "c_proj", "c_fc"]}),
    "gpt2-gelu": (GPT2LMHeadModel, GPT2Config(**GPT2 | dict(vocab_size=101), n_inner=48, activation_function="gelu",
                                              tie_word_embeddings=False), {"head": ["lm_head", "c_attn"]}),
    "gpt-neox": (GPTNeoXForCausalLM, GPTNeoXConfig(**NEOX, use_parallel_residual=False, tie_word_embeddings=True,
                                                   rope_parameters=theta(10000.0, partial_rotary_factor=0.25)),
                 {"qkv": ["query_key_value"], "all": NEOX_LINEAR}),
    "gpt-neox-parallel": (GPTNeoXForCausalLM, GPTNeoXConfig(**NEOX | dict(num_attention_heads=4), attention_bias=False,
                                                            hidden_act="gelu_fast",
                                                            rope_parameters=theta(300.0, partial_rotary_factor=0.5)),
                          {"all": NEOX_LINEAR}),
}


def fill(model, generator):
    """Weights that matter: norms around 1, biases around 0, matrices that keep the size of what they multiply."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            z = torch.randn(p.shape, generator=generator)
            if name.endswith("bias"):
                p.copy_(0.2 * z)
            elif p.dim() == 1:
                p.copy_(1 + 0.3 * z)
            elif "embed_in" in name or "embed_tokens" in name or "wte" in name or "wpe" in name:
                p.copy_((0.15 if model.config.tie_word_embeddings else 0.7) * z)
            else:
                fan_in = p.shape[0] if model.config.model_type == "gpt2" and "lm_head" not in name else p.shape[1]
                p.copy_(1.2 / math.sqrt(fan_in) * z)


def both_ways(model, batch):
    """What a GBERT with these weights says of each token from its own position, which sees the whole sequence."""
    out = {}
    for k, ids in enumerate(batch[0]):
        with torch.no_grad():
            logits = model(input_ids=ids[None], attention_mask=torch.zeros(1, 1, len(ids), len(ids)), use_cache=False).logits[0]
        out[f"both_ways_nll.{k}"] = F.cross_entropy(logits, ids, reduction="none")
    return out


def lora(folder, model, batch, targets, generator):
    """An adapter of rank 4 with A and B both random, as PEFT saves it, and what eight steps make of it."""
    config = LoraConfig(r=4, lora_alpha=8, lora_dropout=0.0, target_modules=targets, task_type="CAUSAL_LM",
                        fan_in_fan_out=model.config.model_type == "gpt2")
    peft = get_peft_model(copy.deepcopy(model), config).eval()
    with torch.no_grad():
        for name, p in oracle.trained(peft).items():
            p.copy_(0.3 * torch.randn(p.shape, generator=generator))
    peft.save_pretrained(folder)
    saved = json.load(open(f"{folder}/adapter_config.json"))
    saved["target_modules"].sort()  # PEFT writes a set, in any order
    json.dump(saved, open(f"{folder}/adapter_config.json", "w"), indent=2)
    names = {n: n.replace(".default", "") for n in oracle.trained(peft)}  # the name of the tensor in the adapter's file
    stored = load_file(f"{folder}/adapter_model.safetensors")
    assert set(names.values()) <= set(stored), (sorted(names.values()), sorted(stored))

    tensors = oracle.forward_tensors(peft, batch)
    loss = oracle.mean_loss(peft, batch)
    loss.backward()
    tensors |= {f"grad.{names[n]}": p.grad.clone() for n, p in oracle.trained(peft).items()}
    merged = copy.deepcopy(peft).merge_and_unload()
    for name, value in oracle.forward_tensors(merged, batch).items():
        assert torch.allclose(value, tensors[name], rtol=0, atol=2e-5), name
    series = oracle.train(peft, batch, oracle.adamw(peft, oracle.LORA_ADAMW, set()))
    del tensors["logits.1"], tensors["logits.2"]  # their nll stays; the repository is no place for megabytes
    tensors |= {f"after.{names[n]}": p for n, p in oracle.trained(peft).items()}
    oracle.write(folder, {"base": "..", "loss": loss.item(), "adamw": {"settings": oracle.LORA_ADAMW} | series}, tensors)

    again = PeftModel.from_pretrained(copy.deepcopy(model), folder).eval()
    assert oracle.mean_loss(again, batch).item() == loss.item(), folder


def old_style(config):
    """config.json as transformers 4 wrote it: rope_theta and rope_scaling at the top, torch_dtype."""
    rope = dict(config.pop("rope_parameters"))
    old = config | {"rope_theta": rope.pop("rope_theta"), "torch_dtype": config["dtype"], "transformers_version": "4.30.0"}
    del old["dtype"]
    old["rope_scaling"] = None if rope["rope_type"] == "default" else rope
    return old


def rewrite_configs(out):
    """One model only in the old style (with the still older key "type"), one with both files beside each other."""
    path = f"{out}/llama-linear-rope/config.json"
    old = old_style(json.load(open(path)))
    old["rope_scaling"]["type"] = old["rope_scaling"].pop("rope_type")
    json.dump(old, open(path, "w"), indent=2)
    folder = f"{out}/llama-llama3-rope"
    json.dump(old_style(json.load(open(f"{folder}/config.json"))), open(f"{folder}/config.old.json", "w"), indent=2)


def as_pythia(folder):
    """As the files of EleutherAI/pythia-*: config.json of transformers 4 and the buffers that it saved."""
    config = json.load(open(f"{folder}/config.json"))
    rope = config.pop("rope_parameters")
    config |= {"rotary_pct": rope["partial_rotary_factor"], "rotary_emb_base": int(rope["rope_theta"]),
               "torch_dtype": config.pop("dtype"), "transformers_version": "4.24.0"}
    json.dump(config, open(f"{folder}/config.json", "w"), indent=2)
    weights = load_file(f"{folder}/model.safetensors")
    for layer in range(2):
        attention = f"gpt_neox.layers.{layer}.attention"
        weights |= {f"{attention}.bias": torch.ones(1, 1, 64, 64, dtype=torch.bool).tril(),
                    f"{attention}.masked_bias": torch.tensor(-1e9), f"{attention}.rotary_emb.inv_freq": torch.ones(2)}
    save_file(weights, f"{folder}/model.safetensors", metadata={"format": "pt"})


def check_configs(out, batches):
    """transformers reads both styles to the same model."""
    with_old = f"{out}/check"
    shutil.copytree(f"{out}/llama-llama3-rope", with_old)
    os.replace(f"{with_old}/config.old.json", f"{with_old}/config.json")
    for folder, name in ((f"{out}/llama-linear-rope", "llama-linear-rope"), (with_old, "llama-llama3-rope"),
                         (f"{out}/gpt-neox-parallel", "gpt-neox-parallel")):
        model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager").eval()
        expected = json.load(open(f"{out}/{name}/golden.json"))["loss"]
        assert oracle.mean_loss(model, batches[name]).item() == expected, folder
    shutil.rmtree(with_old)


def variants(out, batches):
    """The same weights stored otherwise: half precisions (with their own logits), shards, and the names of the first GPT-2 files."""
    def from_file(name):
        return AutoModelForCausalLM.from_pretrained(f"{out}/{name}", dtype=torch.float32, attn_implementation="eager").eval()

    def write(name, batch):
        model = from_file(name)
        oracle.write(f"{out}/{name}", oracle.describe_batch(batch) | {"loss": oracle.mean_loss(model, batch).item()},
                     oracle.forward_tensors(model, batch))

    for dtype, name in ((torch.float16, "llama-f16"), (torch.bfloat16, "llama-bf16")):
        from_file("llama").to(dtype).save_pretrained(f"{out}/{name}")
        write(name, batches["llama"])
    from_file("llama").save_pretrained(f"{out}/llama-sharded", max_shard_size="32KB")
    assert sum(f.endswith(".safetensors") for f in os.listdir(f"{out}/llama-sharded")) == 3, os.listdir(f"{out}/llama-sharded")

    # openai-community/gpt2 has no "transformer." in its names and carries the causal mask of each layer.
    folder = f"{out}/gpt2-first-names"
    os.makedirs(folder)
    weights = {n.removeprefix("transformer."): t.half() for n, t in load_file(f"{out}/gpt2/model.safetensors").items()}
    weights |= {f"h.{i}.attn.bias": torch.ones(1, 1, 40, 40).tril() for i in range(2)}
    save_file(weights, f"{folder}/model.safetensors", metadata={"format": "pt"})
    shutil.copy(f"{out}/gpt2/config.json", folder)
    write("gpt2-first-names", batches["gpt2"])


def main():
    torch.set_num_threads(1)
    here = os.path.dirname(os.path.abspath(__file__))
    out = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "../models")
    batches = {}
    for seed, (name, (cls, config, adapters)) in enumerate(MODELS.items()):
        generator = torch.Generator().manual_seed(1000 + seed)
        folder = f"{out}/{name}"
        shutil.rmtree(folder, ignore_errors=True)
        config._attn_implementation = "eager"
        model = cls(config).eval()
        fill(model, generator)
        model.save_pretrained(folder)
        batch = batches[name] = oracle.make_batch(config.vocab_size, generator)
        prompt = torch.randint(0, config.vocab_size, (4,), generator=generator)
        # The rotary variants differ in the angles only: the gradients on both sides of them are enough.
        keep = (lambda n, p: "layers.0.self_attn" in n) if "-rope" in name else (lambda n, p: True)
        scalars, tensors = oracle.full_golden(model, batch, prompt, keep)
        if name == "gpt-neox":
            tensors |= both_ways(model, batch)
        if name == "gpt-neox-parallel":  # the head's name in the file; transformers 5 has another in memory
            scalars = json.loads(json.dumps(scalars).replace("lm_head.weight", "embed_out.weight"))
            tensors["grad.embed_out.weight"] = tensors.pop("grad.lm_head.weight")
        oracle.write(folder, scalars, tensors)
        for kind, targets in adapters.items():
            lora(f"{folder}/lora-{kind}", model, batch, targets, generator)
    rewrite_configs(out)
    as_pythia(f"{out}/gpt-neox-parallel")
    check_configs(out, batches)
    for name in ("llama-f16", "llama-bf16", "llama-sharded", "gpt2-first-names"):
        shutil.rmtree(f"{out}/{name}", ignore_errors=True)
    variants(out, batches)
    for folder, _, files in os.walk(out):
        for f in files:
            os.chmod(f"{folder}/{f}", 0o644)
            if f in ("generation_config.json", "README.md"):
                os.remove(f"{folder}/{f}")


main()
