#!/usr/bin/env python3
"""Measures conversions of float32 to small formats and back: ml_dtypes and numpy, and package precision in turn with them.

  codecs.py [--minifloat BINARY] [--mx BINARY] [--absmax BINARY] [--values 65536] [--rounds 5] [--commit ID] [--results FILE]

BINARY is what `go test -c` makes of the package in precision. A round measures the peer and then the package; everything is on
one thread and in GB/s of the float32 side, the best of a round, on values that fit the cache. The peers write into arrays that
exist, as the package does, wherever numpy can. Their casts of E4M3 and E5M2 do not saturate, which ours do.

One JSON object goes to standard output and to FILE.
"""
import argparse
import datetime
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time

import ml_dtypes
import numpy as np

# the Go benchmark of each conversion; those of package precision convert 65536 values
GO = {
    "minifloat": {
        **{f"{f}/{d.lower()}": f"Benchmark{d}/{f}" for f in ("e4m3", "e5m2", "e2m1") for d in ("Encode", "Decode")},
        **{f"{f}/{d}": f"BenchmarkWide/{f}/{d}" for f in ("bf16", "f16") for d in ("encode", "decode")},
    },
    "mx": {
        **{f"{f}/{d.lower()}": f"Benchmark{d}/{f}/floor" for f in ("mxfp4", "mxfp8_e4m3") for d in ("Encode", "Decode")},
        **{f"nvfp4/{d.lower()}": f"Benchmark{d}/nvfp4" for d in ("Encode", "Decode")},
    },
    "absmax": {f"int8/{d}": f"BenchmarkAbsmax/{d}" for d in ("encode", "decode")},
}


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
        out[name + "/encode"] = lambda codes=codes: np.copyto(codes, x, casting="unsafe")
        out[name + "/decode"] = lambda codes=codes: np.copyto(back, codes, casting="unsafe")
    return out


def pack(codes):
    c = codes.view(np.uint8)
    return c[..., 0::2] | c[..., 1::2] << 4


def unpack(packed, shape):
    codes = np.empty(shape, np.uint8)
    codes[..., 0::2], codes[..., 1::2] = packed & 15, packed >> 4
    return codes.view(ml_dtypes.float4_e2m1fn)


def mx(x, dtype, emax, largest, packed):
    """OCP MX with the floor rule, blocks of 32."""
    blocks = x.reshape(-1, 32)

    def encode():
        exponent = (np.abs(blocks).max(-1).view(np.int32) >> 23) - emax
        scale = np.clip(exponent, 0, 254)
        factor = np.maximum((254 - scale) << 23, 1 << 22).astype(np.int32).view(np.float32)
        codes = np.clip(blocks * factor[:, None], -largest, largest).astype(dtype)
        return (pack(codes) if packed else codes), scale.astype(np.uint8)

    codes, scale = encode()

    def decode():
        factor = np.maximum(scale.astype(np.int32) << 23, 1 << 22).view(np.float32)
        values = unpack(codes, blocks.shape) if packed else codes
        return values.astype(np.float32) * factor[:, None]

    return {"encode": encode, "decode": decode}


def nvfp4(x):
    """NVFP4 in the training form, blocks of 16; the tensor's scale is given, as in the package's benchmark."""
    f32, tensor = np.float32, np.float32(2688)
    blocks = x.reshape(-1, 16)

    def encode():
        t = np.abs(blocks).max(-1) * (tensor * (f32(1) / f32(6)))
        scale = np.minimum(t, f32(448)).astype(ml_dtypes.float8_e4m3fn)
        with np.errstate(divide="ignore"):
            factor = np.minimum(f32(1) / (scale.astype(f32) * (f32(1) / tensor)), np.finfo(f32).max)
        return pack(np.clip(blocks * factor[:, None], -6, 6).astype(ml_dtypes.float4_e2m1fn)), scale

    codes, scale = encode()
    return {
        "encode": encode,
        "decode": lambda: unpack(codes, blocks.shape).astype(f32) * scale.astype(f32)[:, None] * (f32(1) / tensor),
    }


def int8(x):
    """Codes in [-127, 127] with a scale for each 128 values."""
    blocks = x.reshape(-1, 128)

    def encode():
        scale = np.abs(blocks).max(-1, keepdims=True) / np.float32(127)
        return np.rint(blocks / np.where(scale == 0, np.float32(1), scale)).astype(np.int8), scale

    codes, scale = encode()
    return {"encode": encode, "decode": lambda: codes.astype(np.float32) * scale}


def peers(values):
    x = np.sin(np.arange(values, dtype=np.float64)).astype(np.float32)
    out = casts(x)
    for name, pair in {
        "mxfp4": mx(x, ml_dtypes.float4_e2m1fn, 2, 6, True),
        "mxfp8_e4m3": mx(x, ml_dtypes.float8_e4m3fn, 8, 448, False),
        "nvfp4": nvfp4(x),
        "int8": int8(x),
    }.items():
        for direction, run in pair.items():
            out[f"{name}/{direction}"] = run
    return out


def speed(run, size, seconds):
    """GB/s of the fastest of the calls that fit in the time."""
    best, end = float("inf"), time.perf_counter() + seconds
    while True:
        start = time.perf_counter()
        run()
        now = time.perf_counter()
        best = min(best, now - start)
        if now > end:
            return size / best / 1e9


def go_speeds(package, binary, seconds):
    """GB/s by conversion from a test binary's benchmarks."""
    command = [binary, "-test.run", "xxx", "-test.bench", ".", "-test.benchtime", f"{seconds}s", "-test.cpu", "1"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "GOMAXPROCS": "1"})
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    rates = dict(re.findall(r"^(Benchmark\S+)\s.*?([0-9.]+) MB/s", done.stdout, re.M))
    return {name: float(rates[benchmark]) / 1e3 for name, benchmark in GO[package].items()}


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as f:
            return next(line.split(":", 1)[1].strip() for line in f if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for package in GO:
        p.add_argument("--" + package)
    p.add_argument("--values", type=int, default=1 << 16, help="a multiple of 128")
    p.add_argument("--seconds", type=float, default=0.3, help="for each conversion and round")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--commit", default="")
    p.add_argument("--note", default="", help="about the machine")
    p.add_argument("--results")
    o = p.parse_args()
    theirs, ours = {}, {}
    runs = peers(o.values)
    for _ in range(o.rounds):
        for name, run in runs.items():
            theirs.setdefault(name, []).append(speed(run, 4 * o.values, o.seconds))
        for package in GO:
            if getattr(o, package):
                for name, rate in go_speeds(package, getattr(o, package), o.seconds).items():
                    ours.setdefault(name, []).append(rate)
    ratios = {}
    for name, rates in ours.items():
        by_round = [round(a / b, 2) for a, b in zip(rates, theirs[name])]
        ratios[name] = {"median": statistics.median(by_round), "min": min(by_round), "max": max(by_round)}
    report = {
        "benchmark": f"float32 to small formats and back, {o.values} values, one thread, GB/s of the float32 side",
        "peers": {"ml_dtypes": ml_dtypes.__version__, "numpy": np.__version__},
        "command": f"trainer/bench/peers/codecs.py --values {o.values} --seconds {o.seconds} --rounds {o.rounds}",
        "commit": o.commit,
        "date": datetime.date.today().isoformat(),
        "machine": {"processor": processor(), "cores": os.cpu_count(), "note": o.note},
        "n": f"{o.rounds} rounds; peers: the fastest call of a round, precision: the mean of a round's calls",
        "ratios": ratios,
        "precision": {k: [round(v, 3) for v in rates] for k, rates in ours.items()},
        "peer": {k: [round(v, 3) for v in rates] for k, rates in theirs.items()},
    }
    text = json.dumps(report, indent=1)
    print(text)
    if o.results:
        with open(o.results, "w", encoding="utf-8") as f:
            f.write(text + "\n")


if __name__ == "__main__":
    main()
