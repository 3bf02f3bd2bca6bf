#!/usr/bin/env python3
"""Times tiktoken and Hugging Face tokenizers, and hub/bpe beside them, on the same text.

  tokenizer_peer.py --text FILE --vocab 32768 --threads 2 --tokenizer tokenizer.json [--ours COMMAND] [--rounds N]
                    [--skip-train] [--results FILE]

tiktoken gets the vocabulary and the split pattern of tokenizer.json, Hugging Face tokenizers loads the file, so that all
encode to the same ids; the script stops if the two do not. Both get the text as documents of --document-bytes, cut at line
ends, because neither uses more than one thread for one text. Hugging Face also trains a vocabulary of the same size, and the
script says whether its merges are those of tokenizer.json.

COMMAND is run once a round, between the peers. It must print one JSON object with train_seconds and encode_mb_per_second
(trainer bench tokenizer --json), or the lines of the Go benchmarks BenchmarkTrain and BenchmarkEncodeBatch of hub/bpe (whose text the environment variable
BPE_TEXT names).

One JSON object goes to standard output: every sample, medians with their range, and the ratios of the rounds. With
--results the samples are added to those that FILE holds for the same text, and FILE is written again.

Needs the packages tokenizers and tiktoken.
"""
import argparse
import hashlib
import json
import os
import platform
import re
import shlex
import statistics
import subprocess
import sys
import time


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--text", required=True)
    p.add_argument("--vocab", type=int, default=32768)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--tokenizer", required=True, help="tokenizer.json without special tokens, trained on the text")
    p.add_argument("--ours", help="command that measures hub/bpe")
    p.add_argument("--rounds", type=int, default=1)
    p.add_argument("--skip-train", action="store_true", help="do not train the peer")
    p.add_argument("--document-bytes", type=int, default=1 << 16)
    p.add_argument("--results", help="JSON file to add the samples to")
    p.add_argument("--commit", default="", help="commit of the code that COMMAND measures, for the report")
    p.add_argument("--about", default="", help="what the text is, for the report")
    return p.parse_args()


def documents(text, size):
    """Cuts text behind the first line end after each size bytes."""
    out, at = [], 0
    while at < len(text):
        end = text.find(b"\n", at + size - 1)
        end = len(text) if end < 0 else end + 1
        out.append(text[at:end].decode())
        at = end
    return out


def byte_alphabet():
    """The byte that each character of the byte alphabet stands for."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in plain]
    return {chr(c): b for b, c in zip(plain + rest, plain + list(range(256, 256 + len(rest))))}


def split_pattern(tokenizer):
    pre = tokenizer["pre_tokenizer"]
    if pre["type"] == "ByteLevel":
        return r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
    return pre["pretokenizers"][0]["pattern"]["Regex"]


class Peers:
    def __init__(self, args, docs):
        import tiktoken
        import tokenizers
        self.docs, self.args = docs, args
        with open(args.tokenizer, encoding="utf-8") as f:
            self.file = json.load(f)
        self.hf = tokenizers.Tokenizer.from_file(args.tokenizer)
        alphabet = byte_alphabet()
        # tiktoken takes the id for the rank. Its bytes may have any order, as no merge makes one.
        ranks = {bytes(alphabet[c] for c in token): i for token, i in self.file["model"]["vocab"].items()}
        self.tiktoken = tiktoken.Encoding("peer", pat_str=split_pattern(self.file), mergeable_ranks=ranks, special_tokens={})
        self.versions = {"tokenizers": tokenizers.__version__, "tiktoken": tiktoken.__version__, "python": platform.python_version()}

    def encode_tiktoken(self):
        return self.tiktoken.encode_ordinary_batch(self.docs, num_threads=self.args.threads)

    def encode_hf(self):
        return self.hf.encode_batch_fast(self.docs, add_special_tokens=False)

    def train_hf(self):
        from tokenizers import Tokenizer, models, pre_tokenizers, trainers
        tok = Tokenizer(models.BPE())
        tok.pre_tokenizer = Tokenizer.from_file(self.args.tokenizer).pre_tokenizer
        trainer = trainers.BpeTrainer(vocab_size=self.args.vocab, show_progress=False, special_tokens=[],
                                      initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
        tok.train_from_iterator(self.docs, trainer)
        return tok

    def same_merges(self, tok):
        return json.loads(tok.to_str())["model"]["merges"] == self.file["model"]["merges"]


def seconds(do):
    start = time.perf_counter()
    out = do()
    return time.perf_counter() - start, out


def run_ours(command, megabytes):
    """Returns seconds of training and MB/s of encoding, None for what the command does not print."""
    out = subprocess.run(shlex.split(command), check=True, stdout=subprocess.PIPE, text=True).stdout
    try:
        d = json.loads(out)
        return d.get("train_seconds"), d.get("encode_mb_per_second")
    except ValueError:
        ns = {m[1]: float(m[2]) for m in re.finditer(r"^Benchmark(\w+)\S*\s+\d+\s+([\d.]+) ns/op", out, re.M)}
    if not ns:
        sys.exit(f"tokenizer_peer: neither JSON nor Go benchmarks in the output of {command!r}:\n{out}")
    train, encode = ns.get("Train"), ns.get("EncodeBatch")
    return train and train / 1e9, encode and megabytes / (encode / 1e9)


def one_round(peers, args, megabytes, add):
    if args.ours:
        train, encode = run_ours(args.ours, megabytes)
        add("bpe_train_seconds", train)
        add("bpe_encode_mb_per_second", encode)
    t, reference = seconds(peers.encode_tiktoken)
    add("tiktoken_encode_mb_per_second", megabytes / t)
    t, got = seconds(peers.encode_hf)
    add("tokenizers_encode_mb_per_second", megabytes / t)
    if any(a != b.ids for a, b in zip(reference, got)):
        sys.exit("tokenizer_peer: tiktoken and tokenizers give different ids")
    del got
    if args.skip_train:
        return None
    t, tok = seconds(peers.train_hf)
    add("tokenizers_train_seconds", t)
    return peers.same_merges(tok)


def processor():
    try:
        with open("/proc/cpuinfo") as f:
            return next(line.split(":", 1)[1].strip() for line in f if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def spread(values):
    return {"n": len(values), "median": round(statistics.median(values), 3), "least": min(values), "most": max(values)}


def summarise(samples):
    """Returns medians, and the ratios of each round: what else the machine does in it slows all of them down."""
    ratios = {}
    for name, ours, theirs, more_is_better in (
            ("encode_over_tiktoken", "bpe_encode_mb_per_second", "tiktoken_encode_mb_per_second", True),
            ("encode_over_tokenizers", "bpe_encode_mb_per_second", "tokenizers_encode_mb_per_second", True),
            ("train_over_tokenizers", "bpe_train_seconds", "tokenizers_train_seconds", False)):
        rounds = list(zip(samples.get(ours, []), samples.get(theirs, [])))
        if rounds:
            ratios[name] = spread([round(a / b if more_is_better else b / a, 2) for a, b in rounds])
    return {k: spread(v) for k, v in samples.items()}, ratios


def main():
    args = arguments()
    os.environ["RAYON_NUM_THREADS"] = str(args.threads)  # read when the thread pool of tokenizers starts
    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    with open(args.text, "rb") as f:
        text = f.read()
    docs = documents(text, args.document_bytes)
    about = {"what": args.about, "bytes": len(text), "sha256": hashlib.sha256(text).hexdigest(), "documents": len(docs)}
    samples, same = {}, None
    if args.results and os.path.exists(args.results):
        with open(args.results) as f:
            before = json.load(f)
        if before["text"] == about and before["vocab"] == args.vocab and before["threads"] == args.threads and before["commit"] == args.commit:
            samples, same = before["samples"], before["same_merges"]

    def add(name, value):
        if value is not None:
            samples.setdefault(name, []).append(round(value, 3))

    peers = Peers(args, docs)
    for _ in range(args.rounds):
        checked = one_round(peers, args, len(text) / 1e6, add)
        same = checked if checked is not None else same
    summary, ratios = summarise(samples)
    command = [os.path.basename(a) if a.startswith(os.path.sep) else a for a in sys.argv if not a.startswith(("--commit=", "--about="))]
    out = {"benchmark": "tokenizer", "command": shlex.join(command), "commit": args.commit, "date": time.strftime("%Y-%m-%d"),
           "machine": {"processor": processor(), "cores": os.cpu_count(), "system": platform.system()}, "versions": peers.versions,
           "text": about, "vocab": args.vocab, "threads": args.threads, "same_ids": True, "same_merges": same,
           "samples": samples, "summary": summary, "ratios": ratios}
    report = json.dumps(out, indent=1)
    if args.results:
        with open(args.results + ".tmp", "w") as f:
            f.write(report + "\n")
        os.replace(args.results + ".tmp", args.results)
    print(report)


if __name__ == "__main__":
    main()
