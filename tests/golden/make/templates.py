"""Golden files of lethe/text/template_test.cc: two tiny tokenizers (byte-level BPE with ChatML tokens, SentencePiece-style BPE with
byte fallback), and the ids that transformers' apply_chat_template gives for conversations with them.

    python tests/golden/make/templates.py        (needs transformers 5, tokenizers)

The conversations hold what templates stumble over: line ends and spaces at the ends, several turns, digits, other scripts.
"""
import json
import pathlib

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

OUT = pathlib.Path(__file__).resolve().parent.parent / "templates"
TEXTS = [
    "What is the capital of France? The capital of France is Paris. You are a helpful assistant. system user assistant",
    "Below is an instruction that describes a task. Write a response that appropriately completes the request. the year 1984",
]

CHATML = (
    "{% for m in messages %}{% if loop.first and m.role != 'system' %}"
    "{{ '<|im_start|>system\nYou are a tiny model<|im_end|>\n' }}{% endif %}"
    "{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
LLAMA2 = (
    "{% if messages[0].role == 'system' %}{% set sys = '<<SYS>>\n' + messages[0].content + '\n<</SYS>>\n\n' %}"
    "{% set rest = messages[1:] %}{% else %}{% set sys = '' %}{% set rest = messages %}{% endif %}{% for m in rest %}"
    "{% if m.role == 'user' %}{{ bos_token + '[INST] ' + ((sys if loop.first else '') + m.content).strip() + ' [/INST]' }}"
    "{% else %}{{ ' ' + m.content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}"
)


def message(role, content):
    return {"role": role, "content": content}


CONVERSATIONS = [
    [message("user", "What is the capital of France?"), message("assistant", "Paris")],
    [message("user", " A line\n\nand another "), message("assistant", " It is 1984. \n")],
    [message("system", "You are helpful."), message("user", "Hi"), message("assistant", "Hello"),
     message("user", "Größe? 你好 🙂"), message("assistant", "the year 1984")],
]


def byte_level():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=330, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
                                  special_tokens=["<|im_start|>", "<|im_end|>"])
    tokenizer.train_from_iterator(TEXTS, trainer)
    return tokenizer, dict(bos_token="<|im_start|>", eos_token="<|im_end|>", chat_template=CHATML)


def sentence_piece():
    vocab = {"<unk>": 0, "<s>": 1, "</s>": 2}
    vocab |= {f"<0x{byte:02X}>": 3 + byte for byte in range(256)}
    trained = Tokenizer(models.BPE())
    trained.normalizer = normalizers.Replace(" ", "▁")
    trained.train_from_iterator(TEXTS, trainers.BpeTrainer(vocab_size=90))
    model = json.loads(trained.to_str())["model"]
    for token in sorted(model["vocab"], key=model["vocab"].get):
        vocab[token] = len(vocab)
    merges = [tuple(merge) for merge in model["merges"]]
    tokenizer = Tokenizer(models.BPE(vocab, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in ("<unk>", "<s>", "</s>")])
    return tokenizer, dict(bos_token="<s>", eos_token="</s>", chat_template=LLAMA2)


def main():
    for name, (tokenizer, config) in {"chatml": byte_level(), "llama2": sentence_piece()}.items():
        hf = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **config)
        ids = lambda messages, **options: hf.encode(hf.apply_chat_template(messages, tokenize=False, **options),
                                                    add_special_tokens=False)
        folder = OUT / name
        folder.mkdir(parents=True, exist_ok=True)
        tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
        (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1) + "\n")
        end_of_turn = tokenizer.token_to_id(config["eos_token"])

        def case(messages):
            whole = ids(messages)
            labels = [-100] * len(whole)  # the assistant's turns, the end-of-turn token included
            for i, said in enumerate(messages):
                if said["role"] == "assistant":
                    start = len(ids(messages[:i], add_generation_prompt=True))
                    end = start + whole[start:].index(end_of_turn) + 1
                    labels[start:end] = whole[start:end]
            return {"messages": messages, "ids": whole, "labels": labels,
                    "prompt_ids": ids(messages[:-1], add_generation_prompt=True)}

        cases = [case(messages) for messages in CONVERSATIONS]
        (folder / "cases.json").write_text(json.dumps(cases, ensure_ascii=False) + "\n", encoding="utf-8")


main()
