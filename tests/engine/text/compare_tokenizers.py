#!/usr/bin/env python3
"""Development check: our Gemma 3 tokeniser against the Hugging Face tokenizers library, id for id, on random Unicode text.

  compare_tokenizers.py TOKENIZE_RECORDS TOKENIZER_JSON[.xz] [GGUF] [--strings 100000] [--seed 1]

Exit status 0: equal; 1: a difference, which is shown; 77: Python's tokenizers package or a file is absent (skipped)."""
import argparse, json, lzma, os, random, struct, subprocess, sys, tempfile, time

try:
    import tokenizers
except ImportError:
    print("skipped: the Python package tokenizers is absent")
    sys.exit(77)

WORDS = """the right left lung pleural effusion small large opacity No acute cardiopulmonary process Findings: Impression: <ref> </ref> <box> </box> <image> <emb>
<obj_0> <obj_35> <obj_36> <image_start> <start_of_turn> <end_of_turn> <bos> <eos> <unused1> <unused99> <table> </td> [multimodal] (12,340),(567,1024) 3.14 -42 I'm naïve
Übergröße œuvre 中文字符 日本語 한국어 Русский العربية עברית हिन्दी ไทย Ελληνικά 😀 👨‍⚕️ 🇪🇸 ½ ﬁ ① Å é ▁ ▁▁ ▁▁▁ \u200b \u00a0 \ufeff <0x0A> <0xff>""".split(" ")


def random_text(r):
    kind = r.randrange(6)
    n = r.choice((1, 2, 3, 5, 8, 13, 21, 40, 80))
    if kind == 0:  # any character but NUL and surrogates
        return "".join(chr(r.choice((r.randrange(1, 0x80), r.randrange(1, 0x800), r.randrange(1, 0xD800), r.randrange(0xE000, 0x110000)))) for _ in range(n))
    if kind == 1:  # printable ASCII
        return "".join(chr(r.randrange(0x20, 0x7F)) for _ in range(n))
    if kind == 2:  # white space and what becomes it
        return "".join(r.choice((" ", " ", "  ", "\n", "\n\n", "\t", "\r\n", "\u2581", "a", "the", "\u3000", "\u2028")) for _ in range(n))
    if kind == 3:  # few characters, many merges that compete
        letters = r.choice(("ab", "aA ", "in g", "0123456789 ", "-=_ ", "\n ", "<>/b", "еа ", "的一是 ", "ererst "))
        return "".join(r.choice(letters) for _ in range(n * 3))
    if kind == 4:  # words and tags with and without spaces
        return r.choice((" ", "", "\n", "  ")).join(r.choice(WORDS) for _ in range(n))
    block = r.choice((0x370, 0x400, 0x530, 0x590, 0x600, 0x900, 0xE00, 0x1100, 0x1E00, 0x2000, 0x2190, 0x2500, 0x3040, 0x4E00, 0xAC00, 0x1F300, 0x1F900, 0xFE00))
    return "".join(chr(block + r.randrange(0x100)) if r.random() < 0.8 else " " for _ in range(n))


def run_ours(program, source, texts):
    data = b"".join(struct.pack("<I", len(t)) + t for t in texts)
    out = subprocess.run([program, source], input=data, stdout=subprocess.PIPE, check=True).stdout
    at, result = 0, []
    for _ in texts:
        (n,) = struct.unpack_from("<I", out, at)
        ids = list(struct.unpack_from("<%di" % n, out, at + 4))
        at += 4 + 4 * n
        (m,) = struct.unpack_from("<I", out, at)
        result.append((ids, out[at + 4 : at + 4 + m].decode()))
        at += 4 + m
    return result


def main():
    p = argparse.ArgumentParser()
    p.add_argument("program")
    p.add_argument("json")
    p.add_argument("gguf", nargs="?")
    p.add_argument("--strings", type=int, default=100000)
    p.add_argument("--seed", type=int, default=1)
    a = p.parse_args()
    if not os.path.exists(a.json):
        print("skipped: %s is absent" % a.json)
        return 77
    with tempfile.TemporaryDirectory() as folder:
        path = a.json
        if path.endswith(".xz"):
            path = os.path.join(folder, "tokenizer.json")
            with lzma.open(a.json) as source, open(path, "wb") as target:
                target.write(source.read())
        theirs = tokenizers.Tokenizer.from_file(path)
        names = ["<image>", "<image_start>", "<image_end>", "<box>", "</box>", "<emb>", "</emb>"] + ["<obj_%d>" % i for i in range(36)] + ["<ref>", "</ref>"]
        theirs.add_tokens([tokenizers.AddedToken(n, normalized=True, special=False) for n in names])
        r = random.Random(a.seed)
        texts = [random_text(r) for _ in range(a.strings)]
        status = 0
        expected = [theirs.encode(t).ids for t in texts]
        decoded = [theirs.decode(ids, skip_special_tokens=True) for ids in expected]
        for source in [path] + ([a.gguf] if a.gguf and os.path.exists(a.gguf) else []):
            ours = run_ours(a.program, source, [t.encode() for t in texts])
            wrong = [i for i in range(len(texts)) if ours[i][0] != expected[i]]
            odd = [i for i in range(len(texts)) if ours[i][1] != decoded[i]]
            print("%s: %d strings, %d tokens: %d differ in ids, %d in decoded text" % (os.path.basename(source), len(texts), sum(map(len, expected)), len(wrong), len(odd)))
            for i in wrong[:5]:
                print("  %r\n    expected %s\n    got      %s" % (texts[i], expected[i], ours[i][0]))
            for i in odd[:5]:
                print("  decoded %r\n    expected %r\n    got      %r" % (texts[i], decoded[i], ours[i][1]))
            status |= bool(wrong or odd)
        if len(sys.argv) < 4 or not (a.gguf and os.path.exists(a.gguf)):
            print("the GGUF source was not compared: no file")
        return status


sys.exit(main())
