#!/usr/bin/env python3
"""Measures training steps of the trainer and of PyTorch in turn, and reports the ratios of each round.

  train_speed.py --trainer BINARY --scalar BINARY [--rounds 5] [--steps 20] [--commit ID] [--results FILE] [--front COMMAND]

A round runs, one after the other: PyTorch compiled, the trainer on XLA, PyTorch eager, the trainer on the Go backend with
SIMD, and the trainer on the Go backend without it (--scalar is the same program; it is started with --no-reexec). Everything
is the best of the run's steps, because other work on a machine slows single steps down and never speeds one up; medians are
in the samples too. COMMAND is put before every program, to give it a place of its own on a busy machine.

One JSON object goes to standard output and to FILE. Needs torch, and PJRT_PLUGIN_LIBRARY_PATH for XLA.
"""
import argparse
import datetime
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys

SHAPE = "--layers 4 --dim 256 --heads 4 --vocab 4096 --seq 256 --batch 8".split()
RATIOS = {
    "xla_to_compiled": ("xla", "compiled"),
    "go_to_eager": ("go", "eager"),
    "go_to_scalar": ("go", "scalar"),
}


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--trainer", required=True)
    p.add_argument("--scalar", help="trainer whose Go backend has no SIMD; default: no such measurement")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--steps", type=int, default=20)
    p.add_argument("--commit", default="")
    p.add_argument("--note", default="", help="about the machine")
    p.add_argument("--front", default="")
    p.add_argument("--results")
    return p.parse_args()


def programs(o):
    peer = [sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "torch_gpt.py")] + SHAPE

    def ours(binary, backend, steps, *more):
        return [binary, "bench", "train", *SHAPE, "--steps", str(steps), "--backend", backend, "--json", *more]

    few = max(3, o.steps // 3)
    all_programs = {
        "compiled": peer + ["--steps", str(o.steps)],
        "xla": ours(o.trainer, "xla", o.steps),
        "eager": peer + ["--steps", str(o.steps), "--eager"],
        "go": ours(o.trainer, "go", few),
    }
    if o.scalar:
        all_programs["scalar"] = ours(o.scalar, "go", 2, "--no-reexec")
    return all_programs


def measure(front, command):
    done = subprocess.run(front + command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.stderr.strip().splitlines()[-1:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def main():
    o = arguments()
    front, all_programs = shlex.split(o.front), programs(o)
    samples = {name: [] for name in all_programs}
    medians = {name: [] for name in all_programs}
    machine = ""
    for _ in range(o.rounds):
        for name, command in all_programs.items():
            result = measure(front, command)
            machine = result.get("machine", machine)
            samples[name].append(round(result["best_tokens_per_second"], 1))
            medians[name].append(round(result["tokens_per_second"], 1))
            print(name, samples[name][-1], file=sys.stderr)
    ratios = {}
    for name, (ours, theirs) in RATIOS.items():
        if ours in samples and theirs in samples:
            by_round = [round(a / b, 3) for a, b in zip(samples[ours], samples[theirs])]
            ratios[name] = {"median": statistics.median(by_round), "min": min(by_round), "max": max(by_round), "rounds": by_round}
    report = {
        "benchmark": "training step, 4 layers x 256, 4 heads, vocabulary 4096, 8 rows of 256 tokens, SiLU MLP, untied, AdamW, float32",
        "command": "trainer/bench/peers/train_speed.py --rounds %d --steps %d; trainer bench train %s" % (o.rounds, o.steps, " ".join(SHAPE)),
        "commit": o.commit,
        "date": datetime.date.today().isoformat(),
        "machine": {"trainer": machine, "processor": processor(), "cores": os.cpu_count(), "note": o.note},
        "n": "%d rounds; each figure is the best step of a run" % o.rounds,
        "ratios": ratios,
        "best_tokens_per_second": samples,
        "median_tokens_per_second": medians,
    }
    text = json.dumps(report, indent=1)
    print(text)
    if o.results:
        with open(o.results, "w", encoding="utf-8") as f:
            f.write(text + "\n")


def processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as f:
            return next(line.split(":", 1)[1].strip() for line in f if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


if __name__ == "__main__":
    main()
