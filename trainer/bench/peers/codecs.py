#!/usr/bin/env python3
"""Times conversions of ml_dtypes and numpy to small formats and back, for `trainer bench precision --peer`.

  codecs.py VALUES PASSES NAMES   NAMES such as "e4m3 encode", joined by commas

It prepares VALUES normally distributed float32, prints "ready", and then for each line on standard input times PASSES passes
of each conversion, printing one JSON object with the seconds of one pass. All is on one thread and, but for a number or two a
block, in arrays that exist, as in package precision; gguf's functions, for Q8_0, TQ1_0 and TQ2_0, make new ones. The casts of E4M3 and E5M2 do not saturate, which ours do. MXFP4, MXFP8
and NVFP4 are numpy around the casts, with the same scales and packing as package mx.
"""
import json
import sys
import time

import ml_dtypes
import numpy as np


def casts(x):
    """Element formats: one cast each way."""
    out = {}
    types = {
        "e4m3": ml_dtypes.float8_e4m3fn,
        "e5m2": ml_dtypes.float8_e5m2,
        "e2m1": ml_dtypes.float4_e2m1fn,
        "bf16": ml_dtypes.bfloat16,
        "f16": np.float16,
    }
    back = np.empty_like(x)
    for name, dtype in types.items():
        codes = x.astype(dtype)
        out[name + " encode"] = lambda codes=codes: np.copyto(codes, x, casting="unsafe")
        out[name + " decode"] = lambda codes=codes: np.copyto(back, codes, casting="unsafe")
    return out


def pack(packed, codes):
    c = codes.view(np.uint8)
    np.left_shift(c[..., 1::2], 4, out=packed)
    np.bitwise_or(packed, c[..., 0::2], out=packed)


def unpack(codes, packed):
    c = codes.view(np.uint8)
    np.bitwise_and(packed, 15, out=c[..., 0::2])
    np.right_shift(packed, 4, out=c[..., 1::2])


class Blocks:
    """What the block formats share: cast(x·factor) and back, with a factor for each block."""

    def __init__(self, x, size, dtype, largest, packed):
        self.x, self.largest = x.reshape(-1, size), np.float32(largest)
        self.values = np.empty_like(self.x)
        self.codes = np.empty(self.x.shape, dtype)
        self.packed = np.empty((len(self.x), size // 2), np.uint8) if packed else None

    def amax(self):
        return np.abs(self.x, out=self.values).max(-1)

    def encode(self, factor):
        v = np.multiply(self.x, factor[:, None], out=self.values)
        np.clip(v, -self.largest, self.largest, out=v)
        np.copyto(self.codes, v, casting="unsafe")
        if self.packed is not None:
            pack(self.packed, self.codes)

    def decode(self, *factors):
        if self.packed is not None:
            unpack(self.codes, self.packed)
        np.copyto(self.values, self.codes, casting="unsafe")
        for f in factors:
            np.multiply(self.values, f, out=self.values)


def mx(x, dtype, emax, largest, packed):
    """OCP MX with the floor rule, blocks of 32."""
    b, scale = Blocks(x, 32, dtype, largest, packed), np.empty(len(x) // 32, np.uint8)

    def encode():
        exponent = (b.amax().view(np.int32) >> 23) - emax
        np.clip(exponent, 0, 254, out=exponent)
        scale[:] = exponent
        b.encode(np.maximum((254 - exponent) << 23, 1 << 22).view(np.float32))

    def decode():
        b.decode(np.maximum(scale.astype(np.int32) << 23, 1 << 22).view(np.float32)[:, None])

    return {"encode": encode, "decode": decode}


def nvfp4(x):
    """NVFP4 in the training form, blocks of 16; the tensor's scale is given."""
    f32 = np.float32
    tensor = f32(2688) / np.abs(x).max()
    b, scale = Blocks(x, 16, ml_dtypes.float4_e2m1fn, 6, True), np.empty(len(x) // 16, ml_dtypes.float8_e4m3fn)

    def encode():
        scale[:] = np.minimum(b.amax() * (tensor * (f32(1) / f32(6))), f32(448))
        with np.errstate(divide="ignore"):
            b.encode(np.minimum(f32(1) / (scale.astype(f32) * (f32(1) / tensor)), np.finfo(f32).max))

    return {"encode": encode, "decode": lambda: b.decode(scale.astype(f32)[:, None], f32(1) / tensor)}


def int8(x):
    """Codes in [-127, 127] with a scale for each 128 values."""
    blocks = x.reshape(-1, 128)
    values, codes, scale = np.empty_like(blocks), np.empty(blocks.shape, np.int8), np.empty((len(blocks), 1), np.float32)

    def encode():
        np.divide(np.abs(blocks, out=values).max(-1, keepdims=True), np.float32(127), out=scale)
        np.divide(blocks, np.where(scale == 0, np.float32(1), scale), out=values)
        np.copyto(codes, np.rint(values, out=values), casting="unsafe")

    def decode():
        np.copyto(values, codes)
        np.multiply(values, scale, out=values)

    return {"encode": encode, "decode": decode}


def tensors(x):
    """Tensor types of GGUF files, where the gguf package is there."""
    try:
        import gguf
    except ImportError:
        return {}
    rows, out = x.reshape(-1, 1024 if len(x) % 1024 == 0 else len(x)), {}
    for name in ("Q8_0", "TQ1_0", "TQ2_0"):
        kind = gguf.GGMLQuantizationType[name]
        raw = gguf.quants.quantize(rows, kind)
        out[name.lower() + " encode"] = lambda kind=kind: gguf.quants.quantize(rows, kind)
        out[name.lower() + " decode"] = lambda kind=kind, raw=raw: gguf.quants.dequantize(raw, kind)
    return out


def conversions(values):
    x = np.random.default_rng(1).standard_normal(values, dtype=np.float32)
    out = casts(x)
    for name, pair in {
        "mxfp4": mx(x, ml_dtypes.float4_e2m1fn, 2, 6, True),
        "mxfp8_e4m3": mx(x, ml_dtypes.float8_e4m3fn, 8, 448, False),
        "nvfp4": nvfp4(x),
        "int8": int8(x),
    }.items():
        for direction, run in pair.items():
            out[f"{name} {direction}"] = run
    out.update(tensors(x))
    return out


def main():
    known, passes = conversions(int(sys.argv[1])), int(sys.argv[2])
    runs = {name: known[name] for name in sys.argv[3].split(",")}
    for run in runs.values():
        run()
    print("ready", flush=True)
    for _ in sys.stdin:
        seconds = {}
        for name, run in runs.items():
            start = time.perf_counter()
            for _ in range(passes):
                run()
            seconds[name] = (time.perf_counter() - start) / passes
        print(json.dumps(seconds), flush=True)


if __name__ == "__main__":
    main()
