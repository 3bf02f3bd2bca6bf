"""Writes the vectors of GGML's four-bit types with the gguf package: ggmlfp4.py DIR"""
import json, struct, sys

import numpy as np
import gguf
from gguf.quants import quantize, dequantize, MXFP4, NVFP4
from gguf import GGMLQuantizationType as T
out = sys.argv[1]
r = np.random.default_rng(2011)
cases, arrays = [], {}
def add(name, source, hyper, tensors):
    refs = {}
    for role, a in tensors.items():
        arrays[f"{name}/{role}"] = np.ascontiguousarray(a); refs[role] = f"{name}/{role}"
    cases.append(dict(name=name, source=source, hyper=hyper, tensors=refs, tolerance=dict(kind="exact", value=0)))
def inputs(kind, n):
    x = r.standard_normal(n).astype(np.float32)
    if kind == "zero": x[:] = 0
    if kind == "mixed": x *= np.exp2(r.integers(-20, 20, n)).astype(np.float32)
    if kind == "outlier": x[::37] *= 1e4
    if kind == "grid":  # grid values and midpoints of one scale
        x = (r.integers(-24, 25, n) / 4).astype(np.float32) * np.float32(2.0 ** -3); x[::32] = 0.75
    return x.reshape(2, -1)
for kind in ("normal", "zero", "mixed", "outlier", "grid"):
    x = inputs(kind, 512)
    raw = quantize(x, T.MXFP4)
    add(f"MXFP4_{kind}", "gguf.quants.quantize / dequantize", dict(type="MXFP4"), dict(x=x, raw=raw, dequant=dequantize(raw, T.MXFP4)))
raw = r.integers(0, 256, (4, 36 * 4), dtype=np.uint8); raw[0, :36] = np.r_[0x7F, 0, 0x80, 0xFF, np.arange(32)]
add("NVFP4_decode", "gguf.quants.dequantize", dict(type="NVFP4"), dict(raw=raw, dequant=dequantize(raw, T.NVFP4)))
s = np.r_[np.exp2(r.uniform(-14, 10, 500)), [0, 17, 18, 19, 247.9, 248, 255, 256, 448, 1e4, 2.0**-6, 0.0156, 2.0**-10, 2.0**-9]].astype(np.float32)
s = np.r_[s, np.nextafter(s, np.float32(np.inf)), np.nextafter(s, np.float32(0))].astype(np.float32)
code = NVFP4.fp32_to_ue4m3(s)
add("UE4M3_scale", "gguf.quants.NVFP4.fp32_to_ue4m3, ue4m3_to_fp32 times 2", dict(type="UE4M3"), dict(x=s, raw=code, dequant=NVFP4.ue4m3_to_fp32(code) * np.float32(2)))
head, blob = {}, b""
for k in sorted(arrays, key=lambda k: (-arrays[k].itemsize, k)):
    a = arrays[k]; d = a.tobytes()
    head[k] = dict(dtype={"float32": "F32", "uint8": "U8"}[a.dtype.name], shape=list(a.shape), data_offsets=[len(blob), len(blob) + len(d)]); blob += d
h = json.dumps(head, separators=(",", ":")).encode(); h += b" " * (-len(h) % 8)
open(out + "/ggmlfp4.safetensors", "wb").write(struct.pack("<Q", len(h)) + h + blob)
json.dump(dict(family="ggmlfp4", description="raw = blocks as bytes (u8), dequant = f32.", references=["gguf 0.19.0", "numpy " + np.__version__], seed=2011, tensors_file="ggmlfp4.safetensors", cases=cases), open(out + "/ggmlfp4.json", "w"), indent=1)
