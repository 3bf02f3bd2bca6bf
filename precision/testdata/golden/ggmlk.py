"""Writes what the gguf package decodes from blocks of Q4_K and Q6_K: ggmlk.py DIR"""
import json, struct, sys

import numpy as np
from gguf.quants import dequantize
from gguf import GGMLQuantizationType as T
out = sys.argv[1]
r = np.random.default_rng(612)
cases, arrays = [], {}
for name, size, scales in (("Q4_K", 144, (0, 2)), ("Q6_K", 210, (208,))):
    raw = r.integers(0, 256, (6, size), dtype=np.uint8)
    for at in scales:  # finite, of both signs
        raw[:, at:at + 2] = r.standard_normal(6).astype(np.float16).view(np.uint8).reshape(6, 2)
    values = dequantize(raw, T[name])
    refs = {}
    for role, a in (("raw", raw), ("dequant", values.astype(np.float32))):
        arrays[f"{name}/{role}"] = np.ascontiguousarray(a)
        refs[role] = f"{name}/{role}"
    cases.append(dict(name=name + "_decode", source="gguf.quants.dequantize", hyper=dict(type=name), tensors=refs, tolerance=dict(kind="exact", value=0)))
head, blob = {}, b""
for k in sorted(arrays, key=lambda k: (-arrays[k].itemsize, k)):
    a = arrays[k]
    d = a.tobytes()
    head[k] = dict(dtype={"float32": "F32", "uint8": "U8"}[a.dtype.name], shape=list(a.shape), data_offsets=[len(blob), len(blob) + len(d)])
    blob += d
h = json.dumps(head, separators=(",", ":")).encode()
h += b" " * (-len(h) % 8)
open(out + "/ggmlk.safetensors", "wb").write(struct.pack("<Q", len(h)) + h + blob)
json.dump(dict(family="ggmlk", description="raw = blocks as bytes (u8), dequant = f32.", references=["gguf 0.19.0", "numpy " + np.__version__], seed=612, tensors_file="ggmlk.safetensors", cases=cases), open(out + "/ggmlk.json", "w"), indent=1)
