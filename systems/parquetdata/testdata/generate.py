"""Writes parquet files with pyarrow, and what a plain reader finds in them.

    python generate.py OUT              the files of this directory
    python generate.py OUT --random N   other ones, drawn from seed N

OUT/expected.json lists, for each file and column, the documents that are to
come out: a text, null, or {"sha256", "bytes"} in place of a long text. It is
made from the Python values that were written; that pyarrow reads them back is
asserted.
"""

import hashlib
import itertools
import json
import os
import random
import sys

import pyarrow as pa
import pyarrow.parquet as pq

CODECS = ["none", "snappy", "gzip", "zstd", "brotli", "lz4"]
WORDS = "let mut match value => Some(x) fn impl 0x1f {} // naïve größe 変数 \t \n \"quoted\" \u2028 'a &str".split(" ")


def text(rng):
    kind = rng.random()
    if kind < 0.05:
        return ""
    if kind < 0.35:  # repeats: for dictionaries and common prefixes
        return rng.choice(["fn main() {}\n", "fn main() { let x = 1; }\n", "// SPDX-License-Identifier: MIT\n"])
    return " ".join(rng.choices(WORDS, k=rng.randrange(1, 40)))


def maybe(rng, make, nulls):
    return None if rng.random() < nulls else make(rng)


def listing(rng, make):
    return [make(rng) for _ in range(rng.choice([0, 1, 1, 2, 5]))]


def flat(rows):
    """The documents of a column of texts."""
    return rows


def elements(rows, get=lambda e: e):
    """The documents of a column of lists: none or null lists count as null."""
    out = []
    for row in rows:
        if not row:
            out.append(None)
        else:
            out += [None if e is None else get(e) for e in row]
    return out


def short(doc):
    if isinstance(doc, bytes):
        doc = doc.decode("utf-8")
    if doc is None or len(doc) <= 2000:
        return doc
    raw = doc.encode("utf-8")
    return {"sha256": hashlib.sha256(raw).hexdigest(), "bytes": len(raw)}


class Out:
    def __init__(self, path):
        self.path, self.expected = path, []
        os.makedirs(path, exist_ok=True)

    def write(self, name, table, **options):
        path = os.path.join(self.path, name)
        pq.write_table(table, path, **options)
        assert pq.read_table(path).to_pylist() == table.to_pylist(), name

    def expect(self, name, column, docs, **more):
        self.expected.append({"file": name, "column": column, "documents": [short(d) for d in docs], **more})

    def close(self):
        with open(os.path.join(self.path, "expected.json"), "w") as f:
            json.dump(self.expected, f, ensure_ascii=False, indent=1)
            f.write("\n")


def strings(rng, rows, nulls, kind=pa.string(), nullable=True):
    values = [maybe(rng, text, nulls if nullable else 0) for _ in range(rows)]
    schema = pa.schema([pa.field("id", pa.int64()), pa.field("text", kind, nullable=nullable), pa.field("score", pa.float64())])
    stored = [v if v is None or kind not in (pa.binary(), pa.large_binary()) else v.encode() for v in values]
    cols = [pa.array(range(rows), pa.int64()), pa.array(stored, kind), pa.array([0.5] * rows, pa.float64())]
    return values, pa.table(cols, schema=schema)


def nested(rng, rows, nulls):
    message = pa.struct([("role", pa.string()), ("text", pa.string())])
    schema = pa.schema([
        ("meta", pa.struct([("lang", pa.string()), ("content", pa.string()), ("inner", pa.struct([("code", pa.string())]))])),
        ("lines", pa.list_(pa.string())),
        ("messages", pa.list_(message)),
        ("deep", pa.list_(pa.list_(pa.string()))),
        ("tags", pa.map_(pa.string(), pa.string())),
        ("repo", pa.string()),
        ("licenses", pa.list_(pa.string())),
    ])
    m = lambda r: maybe(r, text, nulls)
    data = []
    for i in range(rows):
        data.append({
            "meta": maybe(rng, lambda r: {"lang": "rust", "content": m(r), "inner": maybe(r, lambda q: {"code": m(q)}, nulls)}, nulls),
            "lines": maybe(rng, lambda r: listing(r, m), nulls),
            "messages": maybe(rng, lambda r: listing(r, lambda q: maybe(q, lambda p: {"role": "user", "text": m(p)}, nulls)), nulls),
            "deep": maybe(rng, lambda r: listing(r, lambda q: maybe(q, lambda p: listing(p, m), nulls)), nulls),
            "tags": maybe(rng, lambda r: [(f"k{j}", m(r)) for j in range(r.randrange(3))], nulls),
            "repo": maybe(rng, lambda r: f"owner/repo-{i // 3}", 0.1),
            "licenses": rng.choice([None, [], ["MIT"], ["MIT", "Apache-2.0"]]),
        })
    return data, pa.Table.from_pylist(data, schema)


def expect_nested(out, name, data):
    meta = [r["meta"] or {} for r in data]
    out.expect(name, "meta.content", [m.get("content") for m in meta], origin="repo", license="licenses",
               origins=[r["repo"] or name for r in data], licenses=[" AND ".join(r["licenses"] or []) for r in data])
    out.expect(name, "meta.inner.code", [(m.get("inner") or {}).get("code") for m in meta])
    out.expect(name, "lines", elements([r["lines"] for r in data]))
    out.expect(name, "lines.list.element", elements([r["lines"] for r in data]))
    messages = elements([r["messages"] for r in data], lambda e: e["text"])
    owners = [r["repo"] or name for r in data for _ in range(len(r["messages"] or []) or 1)]
    out.expect(name, "messages.text", messages, origin="repo", origins=owners)
    deep = []
    for r in data:
        for inner in r["deep"] or [None]:
            deep += elements([inner])
    out.expect(name, "deep", deep)
    out.expect(name, "tags.value", elements([r["tags"] for r in data], lambda e: e[1]))


def fixed(out):
    rng = random.Random(1)
    for codec in CODECS:
        values, table = strings(rng, 60, 0.2)
        out.write(f"{codec}.parquet", table, compression=codec, row_group_size=25, data_page_size=200, write_batch_size=4)
        out.expect(f"{codec}.parquet", "text", flat(values))
    for codec in ["none", "snappy", "zstd"]:
        values, table = strings(rng, 60, 0.2)
        out.write(f"v2-{codec}.parquet", table, compression=codec, data_page_version="2.0", row_group_size=25, data_page_size=200, write_batch_size=4)
        out.expect(f"v2-{codec}.parquet", "text", flat(values))
    for encoding in ["PLAIN", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"]:
        for version in ["1.0", "2.0"]:
            values, table = strings(rng, 60, 0.2)
            name = f"{encoding.lower()}-v{version[0]}.parquet"
            out.write(name, table, compression="zstd", use_dictionary=False, column_encoding={"text": encoding}, data_page_version=version,
                      row_group_size=25, data_page_size=200, write_batch_size=4)
            out.expect(name, "text", flat(values))
    for name, kind in [("large_string", pa.large_string()), ("string_view", pa.string_view()), ("binary", pa.binary())]:
        values, table = strings(rng, 30, 0.2, kind)
        out.write(f"{name}.parquet", table)
        out.expect(f"{name}.parquet", "text", flat(values))
    values, table = strings(rng, 30, 0, nullable=False)
    out.write("required.parquet", table, write_page_checksum=True, data_page_size=200, write_batch_size=4)
    out.expect("required.parquet", "", flat(values))
    values, table = strings(rng, 40, 0.2)
    table = table.set_column(1, "text", table.column("text").dictionary_encode())
    out.write("category.parquet", table, row_group_size=15)
    out.expect("category.parquet", "text", flat(values))
    values, table = strings(rng, 60, 0.1)  # begins with a dictionary and gives it up
    out.write("fallback.parquet", table, dictionary_pagesize_limit=300, data_page_size=200, write_batch_size=4)
    out.expect("fallback.parquet", "text", flat(values))
    values, table = strings(rng, 20, 1)
    out.write("nulls.parquet", table)
    out.expect("nulls.parquet", "text", flat(values))
    for version in ["1.0", "2.0"]:
        data, table = nested(rng, 40, 0.15)
        name = f"nested-v{version[0]}.parquet"
        out.write(name, table, data_page_version=version, row_group_size=15, data_page_size=100, write_batch_size=4)
        expect_nested(out, name, data)
    long = ["short", "wide \u00e9 " * 200_000, None, "end"]
    out.write("long.parquet", pa.table({"content": pa.array(long)}), compression="zstd", use_dictionary=False, write_statistics=False)
    out.expect("long.parquet", "", flat(long))
    out.write("empty.parquet", pa.table({"text": pa.array([], pa.string())}))
    out.write("numbers.parquet", pa.table({"id": [1, 2], "body": ["a", "b"], "raw": pa.array([b"abc", b"def"], pa.binary(3))}))
    out.expect("numbers.parquet", "body", ["a", "b"])


def drawn(out, seed):
    rng = random.Random(seed)
    encodings = ["dictionary", "PLAIN", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"]
    for k, (codec, version, encoding) in enumerate(itertools.product(CODECS, ["1.0", "2.0"], encodings)):
        values, table = strings(rng, rng.randrange(1, 400), rng.choice([0, 0.1, 0.9]), nullable=rng.random() < 0.8)
        options = dict(compression=codec, data_page_version=version, row_group_size=rng.choice([7, 50, 1000]), data_page_size=rng.choice([64, 500, 1 << 20]),
                       write_batch_size=rng.choice([1, 10, 1024]), write_page_checksum=rng.random() < 0.5)
        if encoding == "dictionary":
            options["dictionary_pagesize_limit"] = rng.choice([200, 1 << 20])
        else:
            options.update(use_dictionary=False, column_encoding={"text": encoding})
        name = f"flat-{k:02}.parquet"
        out.write(name, table, **options)
        out.expect(name, "text", flat(values))
    for k in range(12):
        data, table = nested(rng, rng.randrange(1, 200), rng.choice([0, 0.1, 0.5]))
        name = f"nested-{k:02}.parquet"
        out.write(name, table, compression=rng.choice(CODECS), data_page_version=rng.choice(["1.0", "2.0"]), row_group_size=rng.choice([7, 1000]),
                  data_page_size=rng.choice([64, 1 << 20]), write_batch_size=rng.choice([1, 1024]), use_dictionary=rng.random() < 0.5)
        expect_nested(out, name, data)


def main(args):
    out = Out(args[0])
    if args[1:2] == ["--random"]:
        drawn(out, int(args[2]))
    else:
        fixed(out)
    out.close()


main(sys.argv[1:])
