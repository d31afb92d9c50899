"""gguf_files.py STORIES [DIR]: the files of tests/golden/gguf; STORIES is the Hugging Face directory of stories260K (MIT).

Run models.py before: two of the files hold the weights of tests/golden/models/llama-tied and gpt2. Needs torch, transformers,
tokenizers, safetensors and gguf (bench/make_venv.sh).
"""
import json
import os
import sys

import numpy as np
import torch
from gguf import GGMLQuantizationType as Type
from gguf import GGUFReader, GGUFWriter, TokenType
from gguf.constants import GGML_QUANT_SIZES
from gguf.quants import dequantize, quantize
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoModelForCausalLM

import oracle

# Where a block of each type keeps its half-precision scales and minima (ggml-common.h); all other bytes may be anything.
SCALES = {Type.Q4_0: [0], Type.Q4_1: [0, 2], Type.Q5_0: [0], Type.Q5_1: [0, 2], Type.Q8_0: [0], Type.Q4_K: [0, 2], Type.Q5_K: [0, 2],
          Type.Q6_K: [208]}
# Where the exponent of a plain number is: bits that must not all be set.
PLAIN = {Type.F32: (np.uint32, 0x7F800000), Type.F16: (np.uint16, 0x7C00), Type.BF16: (np.uint16, 0x7F80)}

LLAMA_NAMES = {"input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
               "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
               "mlp.down_proj": "ffn_down"}
GPT2_NAMES = {"ln_1": "attn_norm", "ln_2": "ffn_norm", "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output", "mlp.c_fc": "ffn_up",
              "mlp.c_proj": "ffn_down"}
TOP_NAMES = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output", "transformer.wte": "token_embd",
             "transformer.wpe": "position_embd", "transformer.ln_f": "output_norm"}

TEXTS = ["Once upon a time, there was a little girl named Lily.", "In 1998 and 2019 it's 1999; we'll see 20201 things.", "",
         "  two  spaces,\n\nnew lines\n and a\ttab ", "naïve café – “quoted” 🙂 漢字", "a", " ", "He said: \"I don't know!\" (3.14)"]
CORPUS = ["the there then that other the and hand stand in 1998 1998 2019 2019 1999 there the time", "named time once upon the there"] * 20


def random_blocks(type_, rows, generator):
    """Rows of 256 values of random bytes, valid in that no scale is infinite or not a number; and what gguf makes of them."""
    per_block, block_bytes = GGML_QUANT_SIZES[type_]
    raw = generator.integers(0, 256, (rows, 256 // per_block, block_bytes), dtype=np.uint8)
    if type_ in PLAIN:
        word, exponent = PLAIN[type_]
        bits = raw.reshape(rows, -1).view(word)
        bits[(bits & exponent) == exponent] &= ~word(exponent)
        raw = bits.view(np.uint8).reshape(rows, -1)
        # gguf leaves F32 and F16 to NumPy.
        values = bits.view(np.float16 if type_ is Type.F16 else np.float32).astype(np.float32) if type_ is not Type.BF16 else dequantize(raw, type_)
        return raw, values
    for at in SCALES[type_]:
        raw[..., at:at + 2] = (generator.standard_normal(raw.shape[:2]) * 0.05).astype(np.float16)[..., None].view(np.uint8)
    raw = raw.reshape(rows, -1)
    return raw, dequantize(raw, type_)


def write_blocks(path):
    generator, out = np.random.default_rng(7), {}
    for type_ in list(PLAIN) + list(SCALES):
        out[f"{type_.name}.raw"], out[f"{type_.name}.f32"] = random_blocks(type_, 3, generator)
    save_file(out, path)


def permute(w, heads):
    """llama.cpp interleaves the two halves of a rotary head."""
    return w.reshape(heads, 2, w.shape[0] // heads // 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)


def unpermute(w, heads):
    return w.reshape(heads, w.shape[0] // heads // 2, 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)


def heads_of(config, name):
    return config["num_attention_heads"] if "q_proj" in name else config.get("num_key_value_heads") if "k_proj" in name else None


def gguf_name(name):
    stem, kind = name.rsplit(".", 1)
    if stem in TOP_NAMES:
        return f"{TOP_NAMES[stem]}.{kind}"
    layer, inner = stem.split(".", 3)[2:]
    return f"blk.{layer}.{(LLAMA_NAMES | GPT2_NAMES)[inner]}.{kind}"


def to_gguf(name, w, config):
    if heads_of(config, name):
        return permute(w, heads_of(config, name))
    return w.T if config["model_type"] == "gpt2" and w.ndim == 2 and "wte" not in name and "wpe" not in name else w


def start(path, config, name):
    w = GGUFWriter(path, config["model_type"])
    w.add_name(name)
    if config["model_type"] == "gpt2":
        w.add_block_count(config["n_layer"]), w.add_context_length(config["n_positions"]), w.add_embedding_length(config["n_embd"])
        w.add_feed_forward_length(config["n_inner"] or 4 * config["n_embd"]), w.add_head_count(config["n_head"])
        w.add_layer_norm_eps(config["layer_norm_epsilon"])
    else:
        rope = config.get("rope_parameters") or config
        w.add_block_count(config["num_hidden_layers"]), w.add_context_length(config["max_position_embeddings"])
        w.add_embedding_length(config["hidden_size"]), w.add_feed_forward_length(config["intermediate_size"])
        w.add_head_count(config["num_attention_heads"]), w.add_head_count_kv(config["num_key_value_heads"])
        w.add_rope_freq_base(rope["rope_theta"]), w.add_rope_dimension_count(config["head_dim"])
        w.add_layer_norm_rms_eps(config["rms_norm_eps"]), w.add_vocab_size(config["vocab_size"])
    return w


def finish(w):
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def add_vocabulary(w, tokenizer, model, pre, types, scores=None, add_bos=None):
    w.add_tokenizer_model(model)
    w.add_tokenizer_pre(pre)
    w.add_token_list([tokenizer.id_to_token(i) for i in range(tokenizer.get_vocab_size())])
    if scores:
        w.add_token_scores(scores)
    w.add_token_types(types)
    w.add_bos_token_id(1), w.add_eos_token_id(2), w.add_unk_token_id(0)
    if add_bos is not None:
        w.add_add_bos_token(add_bos)


def byte_level_bpe(size, digits_apart, add_bos):
    """A byte-level BPE as GPT-2's (digits_apart: as SmolLM's), with three special tokens."""
    t = Tokenizer(models.BPE())
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=["<unk>", "<s>", "</s>"], show_progress=False,
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.train_from_iterator(CORPUS, trainer)
    assert t.get_vocab_size() == size
    if digits_apart:
        t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), t.pre_tokenizer])
    if add_bos:
        t.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)])
    t.decoder = decoders.ByteLevel()
    return t


def encoded(tokenizer, more=()):
    return [{"text": x, "ids": tokenizer.encode(x).ids} for x in [*TEXTS, *more]]


def check(folder, model):
    """transformers reads the file to the same model (it takes GPT-2's positions for 1,024 unless told)."""
    more = {"n_positions": model.config.n_positions} if model.config.model_type == "gpt2" else {}
    theirs = AutoModelForCausalLM.from_pretrained(folder, gguf_file="model.gguf", dtype=torch.float32, attn_implementation="eager", **more).eval()
    ids = torch.tensor([[5, 77, 31, 200, 9, 41]])
    with torch.no_grad():
        assert torch.allclose(theirs(ids).logits, model(ids).logits, rtol=0, atol=1e-5), folder


def write_twin(twin, folder, tokenizer, pre, add_bos):
    """A float32 GGUF file with the weights of a model of tests/golden/models and a byte-level BPE."""
    os.makedirs(folder, exist_ok=True)
    config = json.load(open(f"{twin}/config.json"))
    w = start(f"{folder}/model.gguf", config, os.path.basename(twin))
    t = tokenizer
    add_vocabulary(w, t, "gpt2", pre, [TokenType.CONTROL] * 3 + [TokenType.NORMAL] * (t.get_vocab_size() - 3), add_bos=add_bos)
    w.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in json.loads(t.to_str())["model"]["merges"]])
    for name, value in load_file(f"{twin}/model.safetensors").items():
        w.add_tensor(gguf_name(name), np.ascontiguousarray(to_gguf(name, value, config)))
    finish(w)
    texts = encoded(t, ["one<s>two</s>three 1998"])
    json.dump({"twin": f"../../models/{os.path.basename(twin)}", "texts": texts}, open(f"{folder}/golden.json", "w"), indent=1)
    check(folder, AutoModelForCausalLM.from_pretrained(twin, attn_implementation="eager").eval())


def write_stories(source, folder):
    """stories260K in Q8_0 (F16 where the rows are no multiple of 32), with its SentencePiece vocabulary."""
    os.makedirs(folder, exist_ok=True)
    config = json.load(open(f"{source}/config.json"))
    tokenizer = Tokenizer.from_file(f"{source}/tokenizer.json")
    w = start(f"{folder}/model.gguf", config, "stories260K")
    w.add_license("mit")
    w.add_file_type(7)
    size, first = tokenizer.get_vocab_size(), 3 + 256  # <unk>, <s>, </s>, the bytes, then pieces, the best first
    types = [TokenType.UNKNOWN] + [TokenType.CONTROL] * 2 + [TokenType.BYTE] * 256 + [TokenType.NORMAL] * (size - first)
    add_vocabulary(w, tokenizer, "llama", "default", types, [0.0] * first + [-float(i) for i in range(size - first)], add_bos=True)
    weights, read = load_file(f"{source}/model.safetensors"), {}
    for name, value in weights.items():
        type_ = Type.F32 if value.ndim == 1 else Type.Q8_0 if value.shape[-1] % 32 == 0 else Type.F16
        data = quantize(np.ascontiguousarray(to_gguf(name, value, config)), type_)
        w.add_tensor(gguf_name(name), data, raw_dtype=type_)
        back = dequantize(data, type_) if type_ is Type.Q8_0 else data.astype(np.float32)
        read[name] = torch.from_numpy(unpermute(back, heads_of(config, name)).copy() if heads_of(config, name) else back.copy())
    finish(w)

    model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32, attn_implementation="eager").eval()
    missing, unexpected = model.load_state_dict(read, strict=False)
    assert missing in ([], ["lm_head.weight"]) and not unexpected
    check(folder, model)
    texts = ["Once upon a time, there was a little girl named Lily. She loved to play.", "The cat sat", "One day, a big dog ran home!"]
    ids = [torch.tensor(tokenizer.encode(x).ids) for x in texts]
    batch = ids, [torch.cat([torch.full((3,), -100), x[3:]]) for x in ids]
    prompt = torch.tensor(tokenizer.encode("Lily and Tom").ids)
    keep = lambda n, p: p.dim() == 1 or "layers.2.self_attn.k_proj" in n  # noqa: E731
    scalars, tensors = oracle.full_golden(model, batch, prompt, keep)
    oracle.write(folder, scalars | {"prompt": "Lily and Tom", "text": tokenizer.decode(scalars["greedy"]["ids"]), "texts": encoded(tokenizer)}, tensors)


def main():
    torch.set_num_threads(1)
    here = os.path.dirname(os.path.abspath(__file__))
    out = sys.argv[2] if len(sys.argv) > 2 else os.path.join(here, "../gguf")
    os.makedirs(out, exist_ok=True)
    write_blocks(f"{out}/blocks.safetensors")
    write_twin(os.path.join(here, "../models/llama-tied"), f"{out}/llama-tied", byte_level_bpe(288, True, True), "smollm", True)
    write_twin(os.path.join(here, "../models/gpt2"), f"{out}/gpt2", byte_level_bpe(288, False, False), "gpt-2", None)
    write_stories(sys.argv[1], f"{out}/stories260K")
    for folder, _, files in os.walk(out):
        for f in files:
            os.chmod(f"{folder}/{f}", 0o644)
            assert f.endswith((".json", ".safetensors", "LICENSE")) or GGUFReader(f"{folder}/{f}").tensors, f


main()
