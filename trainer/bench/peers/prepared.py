#!/usr/bin/env python3
"""Reads the folders of `trainer data prepare` (package shard has the format), for peers that train on the same documents.

  prepared.py DIR SET FILE    writes the tokens of SET, train or val, to FILE as 16-bit ids and prints tokens and bytes of text

Between documents stands what stands there in the trainer's rows: the end-of-document token, then the beginning-of-document
token, where the tokenizer has them.
"""
import glob
import json
import os
import struct
import sys

import numpy as np

MAGIC = b"\x89TOKS\r\n\x1a"


def read_file(path):
    """Returns the documents' tokens [n], their ends [docs], bytes of text, and the tokens before and after a document."""
    with open(path, "rb") as f:
        header = f.read(128)
    if header[:8] != MAGIC:
        raise ValueError(f"{path} is no file of tokens: it begins with {header[:8]!r}")
    _, width, _, begin, end = struct.unpack_from("<IIIii", header, 8)
    docs, tokens, size = struct.unpack_from("<QQQ", header, 40)
    data = np.fromfile(path, dtype="<u2" if width == 2 else "<u4", count=tokens, offset=128)
    ends = np.fromfile(path, dtype="<u8", count=docs, offset=128 + (tokens * width + 7) // 8 * 8)
    return data, ends.astype(np.int64), size, [t for t in (begin,) if t >= 0], [t for t in (end,) if t >= 0]


def read_set(folder, name):
    """Returns the stream of tokens of a set with the tokens between documents, and its bytes of text."""
    files = sorted(glob.glob(os.path.join(folder, name + "-*.tok")))
    if not files:
        raise FileNotFoundError(f"{folder} has no {name}-*.tok; `trainer data prepare --out {folder}` makes them")
    parts, size = [], 0
    for path in files:
        data, ends, text, before, after = read_file(path)
        size += text
        start = 0
        for end in ends:
            parts += [np.array(before, data.dtype), data[start:end], np.array(after, data.dtype)]
            start = end
    return np.concatenate(parts), size


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    tokens, size = read_set(sys.argv[1], sys.argv[2])
    if tokens.max() >= 1 << 16:
        sys.exit("an id needs more than 16 bits")
    tokens.astype("<u2").tofile(sys.argv[3])
    print(json.dumps({"tokens": len(tokens), "bytes": int(size)}))


if __name__ == "__main__":
    main()
