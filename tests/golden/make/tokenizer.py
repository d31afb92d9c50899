#!/usr/bin/env python3
"""Makes tests/golden/tokenizer/: small tokenizers of every family and what the Python package `tokenizers` makes of awkward strings.

    python3 tests/golden/make/tokenizer.py            # writes the golden files
    python3 tests/golden/make/tokenizer.py FILE...    # prints the same for other files of that kind, ids as numbers

strings.json      {"strings": [text...], "bytes": [[hex, text]...]}: the second are bytes that are no UTF-8 and what they read as
FAMILY.json       the tokenizer itself
FAMILY.ids.json   {"ids": [...], "special": [...], "decoded": {...}, "skipped": {...}}: for each string its ids without added special
                  tokens, two characters of base 64 an id; for the first 100 the ids with them; by index, where they differ from
                  the string, the decoded text, and where it differs from that, the text without special tokens
Made with tokenizers 0.23.3 and Python 3.11 (whose help texts are what the vocabularies are trained on).
"""
import json
import pathlib
import random
import sys

from pydoc_data.topics import topics
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = pathlib.Path(__file__).resolve().parent.parent / "tokenizer"
BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
CL100K = (r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s")
SENTENCES = """
The capital of France is Paris, and its river is the Seine.  Ça coûte 12,50 € à l'été; où êtes-vous né? Größe, Straße, über, weiß.
El niño comió piñas mañana. Где находится столица России? Москва — столица. Η Αθήνα είναι η πρωτεύουσα. 日本の首都は東京です。
北京是中国的首都，人口两千万。서울은 대한민국의 수도이다. القاهرة هي عاصمة مصر. ירושלים היא בירת ישראל. नई दिल्ली भारत की राजधानी है।
กรุงเทพเป็นเมืองหลวง. Thủ đô của Việt Nam là Hà Nội. İstanbul'da 3.14159 x 2 = 6.28318; I'm, you're, they'll, we've, he'd, it's.
""".strip().split("\n")


def corpus():
    for name in sorted(topics):
        yield from topics[name].split("\n")
    for _ in range(40):
        yield from SENTENCES


def train(tokenizer, size, special=(), alphabet=()):
    tokenizer.train_from_iterator(corpus(), trainers.BpeTrainer(
        vocab_size=size, special_tokens=list(special), initial_alphabet=list(alphabet), limit_alphabet=300, show_progress=False))
    return tokenizer


def byte_level(pre_tokenizer, size=900, special=("<|endoftext|>",), **model):
    tokenizer = Tokenizer(models.BPE(**model))
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    return train(tokenizer, size, special, pre_tokenizers.ByteLevel.alphabet())


def gpt2():
    tokenizer = byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False))
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def smollm2():
    words = [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    return byte_level(pre_tokenizers.Sequence(words), special=("<|endoftext|>", "<|im_start|>", "<|im_end|>"))


def split_bytes(pattern):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"),
                                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def llama3():
    special = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
    tokenizer = byte_level(split_bytes(LLAMA3), special=(), ignore_merges=True)
    tokenizer.add_special_tokens(special)
    bos = tokenizer.token_to_id("<|begin_of_text|>")
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="<|begin_of_text|> $A", special_tokens=[("<|begin_of_text|>", bos)])])
    # What ignore_merges is for: a whole word of the vocabulary that no merges lead to.
    data = json.loads(tokenizer.to_str())
    data["model"]["merges"] = [m for i, m in enumerate(data["model"]["merges"]) if i % 7 != 5]
    known = set(data["model"]["vocab"])
    data["model"]["merges"] = [m for m in data["model"]["merges"] if "".join(m) in known]
    return Tokenizer.from_str(json.dumps(data))


def qwen2():
    tokenizer = byte_level(split_bytes(QWEN2), special=())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.add_tokens([AddedToken("<|endoftext|>", special=True, normalized=False),
                          AddedToken("<|im_start|>", special=True, normalized=False),
                          AddedToken("<|im_end|>", special=True, normalized=False),
                          AddedToken("<tool_call>", special=False, normalized=False)])
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def cl100k():
    return byte_level(split_bytes(CL100K))


def falcon():
    words = [pre_tokenizers.Punctuation("contiguous"), pre_tokenizers.ByteLevel(add_prefix_space=True),
             pre_tokenizers.Digits(individual_digits=False), pre_tokenizers.Split(Regex("[0-9][0-9][0-9]"), "isolated")]
    return byte_level(pre_tokenizers.Sequence(words), size=600)


def sentencepiece(tokenizer, size=1100):
    """Trains on words that begin with a lower block, with <unk>, <s>, </s> and the 256 bytes in front of the vocabulary."""
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    train(tokenizer, size, ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)])
    data = json.loads(tokenizer.to_str())
    data["added_tokens"] = data["added_tokens"][:3]
    data["pre_tokenizer"] = None
    tokenizer = Tokenizer.from_str(json.dumps(data))
    bos = [("<s>", 1)]
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=bos)
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                                           decoders.Strip(" ", 1, 0)])
    return tokenizer


def llama2():
    tokenizer = sentencepiece(Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True)))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    return tokenizer


def mistral():
    """Llama 2's vocabulary behind Metaspace, as newer conversions write it."""
    tokenizer = sentencepiece(Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True)), size=700)
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer.add_tokens([AddedToken("[INST]", special=True, normalized=False), AddedToken("  ", special=False, normalized=True)])
    return tokenizer


def odd():
    """What no family has in this mixture: half of the bytes, unknown tokens one by one, added tokens of every kind."""
    tokenizer = sentencepiece(Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=False, byte_fallback=True)), size=600)
    data = json.loads(tokenizer.to_str())
    for b in range(0xC0, 0xE3):
        data["model"]["vocab"][f"<gone {b}>"] = data["model"]["vocab"].pop(f"<0x{b:02X}>")
    tokenizer = Tokenizer.from_str(json.dumps(data))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Strip(),
                                                 normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)])
    tokenizer.add_tokens([AddedToken("<left>", lstrip=True, normalized=False), AddedToken("<right>", rstrip=True),
                          AddedToken("<both>", lstrip=True, rstrip=True, special=True), AddedToken("word", single_word=True),
                          AddedToken("<le", normalized=False), AddedToken("Ｗide", normalized=True)])
    return tokenizer


def word_level():
    tokenizer = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split("ing", "merged_with_previous"),
        pre_tokenizers.Split(Regex(r"\bun"), "merged_with_next"), pre_tokenizers.Whitespace()])
    trainer = trainers.WordLevelTrainer(vocab_size=700, special_tokens=["[UNK]", "[CLS]", "[SEP]"], show_progress=False)
    tokenizer.train_from_iterator(corpus(), trainer)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1))
    return tokenizer


FAMILIES = [gpt2, smollm2, llama3, qwen2, cl100k, falcon, llama2, mistral, odd, word_level]

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<s>", "</s>", "<unk>", "<0x41>", "<0xE4>", "<|eot_id|>", "<|begin_of_text|>",
           "<tool_call>", "[INST]", "[UNK]", "<left>", "<right>", "<both>", "<le", "word", "Ｗide", "Wide", "<|im_", "<s", "[CLS]"]
PIECES = SPECIAL + [
    "'s", "'S", "'ſ", "'re", "'LL", "’s", "'", "''", "don't", "I'M", "unseeing", "undone", "sing ing", "Ångström", "A\u030a", "e\u0301\u0323",
    "ǆ", "İ", "ı", "ß", "ẞ", "Σς", "ﬁ", "ﬃ", "½", "²³¹", "①", "Ⅷ", "٣", "१२३", "㊿", "₹", "€", "™", "\u00ad", "\u200b", "\u200d", "\u200c", "\ufeff",
    "\u180e", "\u0085", "\u00a0", "\u2028", "\u2029", "\u3000", "\u202f", "\u1680", "\t", "\n", "\r", "\r\n", "\x0b", "\x0c", "\x00", "\x1f", "\x7f",
    "\x80", "\x9f", "\ufffd", "Ã©", "â€™", "ï»¿", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f44d\U0001f3fd", "\U0001f1eb\U0001f1f7",
    "☃\ufe0f", "1\ufe0f\u20e3", "\ue000", "\U000f0000", "\U0010ffff", "\ufdd0", "한국어", "\u1112\u1161\u11ab", "日本", "カ\u3099", "ｶﾞ", "中文。", "नमस्ते",
    "กำ", "שָׁלוֹם", "مرحبا", "ﷺ", "Việt", "\U00031350", "\U0002ebf0", "\U0001e4f0", "\U000116d0", "\u1c89", "\u0897", "\U0001cc00", "\u2e52",
    "▁", "▁▁", "Ġ", "Ċ", "a", "Z", "the", "The", "self", "object", "0", "12", "345", "67890", "3.14", "1,000", "_", "__init__", "-", "--", "...", "!?", "(x)",
    "{}", "\\n", "/", "http://x.y/?q=1&r=2", "def f(a, b):", "\n\n\n", "\n \n", " \n", "\t\t", "    ", "  ", " "]


def random_char(rng):
    kind = rng.randrange(12)
    if kind < 3:
        return chr(rng.randrange(0x20, 0x7F))
    if kind == 3:
        return chr(rng.randrange(0x00, 0x20))
    if kind == 4:
        return chr(rng.randrange(0x7F, 0x250))
    if kind == 5:
        return chr(rng.randrange(0x300, 0x370))
    if kind == 6:
        return chr(rng.randrange(0x2000, 0x2C00))
    if kind == 7:
        return chr(rng.randrange(0x1F300, 0x1FB00))
    while True:
        c = rng.randrange(0x250, 0x10000) if kind < 11 else rng.randrange(0x10000, 0x110000 if rng.random() < 0.1 else 0x32400)
        if not 0xD800 <= c < 0xE000:
            return chr(c)


def awkward_strings():
    rng = random.Random(20250607)
    strings = [""] + PIECES + [a + b for a in (" ", "a", "1", "é") for b in PIECES[::2]] + [a + b for a in PIECES[::5] for b in SPECIAL]
    strings += [" " * n for n in (3, 5, 8, 15, 16, 17, 33)] + ["\n" * n for n in (2, 5, 17)] + ["7" * n for n in range(1, 12)] + ["a" * 70, "ab" * 60]
    strings += [c * n + "x" for c in " \n\t" for n in (1, 2, 3, 9, 31, 32)] + ["x" + " " * n + "\n" + "y" for n in range(6)]
    while len(strings) < 1500:
        strings.append("".join(rng.choice(PIECES) for _ in range(rng.randrange(2, 7))))
    while len(strings) < 1900:
        strings.append("".join(random_char(rng) for _ in range(rng.randrange(1, 20))))
    lines = [line for line in corpus() if len(line) > 20]
    while len(strings) < 2200:
        line = rng.choice(lines)
        start = rng.randrange(len(line) - 10)
        text = line[start:start + rng.randrange(8, 60)]
        at = rng.randrange(len(text))
        strings.append(text[:at] + rng.choice([rng.choice(PIECES), random_char(rng), ""]) + text[at:])
    return strings


def broken_bytes():
    rng = random.Random(7)
    parts = [bytes.fromhex(h) for h in ("80 ff c0 c1af e282 f09f98 eda080 f4908080 f8888080 c3 e0809f f08080 fe 9f98 e2".split())]
    cases = list(parts)
    for _ in range(60):
        cases.append(b"".join(rng.choice([rng.choice(parts), b"a", b" ", "é".encode(), "😀".encode(), bytes([rng.randrange(256)])])
                              for _ in range(rng.randrange(2, 8))))
    return [[case.hex(), case.decode("utf-8", errors="replace")] for case in cases]


def pairs(ids):
    assert all(0 <= i < 4096 for i in ids)
    return "".join(BASE64[i >> 6] + BASE64[i & 63] for i in ids)


def answers(tokenizer, strings, write_ids):
    out = {"ids": [], "special": [], "decoded": {}, "skipped": {}}
    for index, text in enumerate(strings):
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        out["ids"].append(write_ids(ids))
        if index < 100:
            out["special"].append(write_ids(tokenizer.encode(text, add_special_tokens=True).ids))
        decoded, skipped = (tokenizer.decode(ids, skip_special_tokens=skip) for skip in (False, True))
        if decoded != text:
            out["decoded"][str(index)] = decoded
        if skipped != decoded:
            out["skipped"][str(index)] = skipped
    return out


def write(path, data):
    path.write_text(json.dumps(data, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


def main():
    strings = awkward_strings()
    if len(sys.argv) > 1:
        for name in sys.argv[1:]:
            print(json.dumps(answers(Tokenizer.from_file(name), strings, list), separators=(",", ":")))
        return
    HERE.mkdir(exist_ok=True)
    write(HERE / "strings.json", {"strings": strings, "bytes": broken_bytes()})
    for family in FAMILIES:
        tokenizer = family()
        write(HERE / f"{family.__name__}.json", json.loads(tokenizer.to_str()))
        write(HERE / f"{family.__name__}.ids.json", answers(tokenizer, strings, pairs))
        print(family.__name__, tokenizer.get_vocab_size())


if __name__ == "__main__":
    main()
