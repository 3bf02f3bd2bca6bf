#!/usr/bin/env python3
"""The transformer of arch/lm in PyTorch, to compare speed and quality with.

  torch_gpt.py --steps 20 [--eager]                    speed on random tokens
  torch_gpt.py --data DIR --seconds 1200 [--report FILE]   quality in a time, or with --steps in as many steps, on a folder of `trainer data prepare` or of a run

The model is the one of `trainer bench train`: RMSNorm with gain, rotary embedding (half-split), causal attention, SiLU MLP
of four times the width, no biases, untied head, float32. It is compiled unless --eager is given, uses the fused attention
and the fused AdamW, and as many threads as --threads. AdamW has betas 0.9 and 0.95 and decays matrices only; --optimizer muon
gives the matrices inside the layers to torch.optim.Muon, with updates scaled to the size of AdamW's. The rate warms up over
50 steps and, with --data, falls linearly over the last 40 % of the time or the steps. The first two steps, which compile, are
neither timed nor counted against --seconds.

One JSON object goes to standard output. Speed: tokens_per_second (median step), best_tokens_per_second. Quality: val_nats
per token and val_bpb over the whole validation set in rows that do not overlap, and the curve of val_bpb over its beginning
as [seconds, bits per byte]; evaluating is not counted against --seconds. FILE is for RUN/peers/NAME.json, which `trainer
report` draws beside the run's own curve.
"""
import argparse
import json
import math
import statistics
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from prepared import read_set


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--layers", type=int, default=4)
    p.add_argument("--dim", type=int, default=256)
    p.add_argument("--heads", type=int, default=4)
    p.add_argument("--vocab", type=int, default=4096)
    p.add_argument("--seq", type=int, default=256)
    p.add_argument("--batch", type=int, default=8)
    p.add_argument("--steps", type=int, default=20, help="timed steps, after two that are not")
    p.add_argument("--eager", action="store_true")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--optimizer", choices=["adamw", "muon"], default="adamw")
    p.add_argument("--orth-float32", action="store_true", help="Muon's products in float32: PyTorch has bfloat16, which processors without AVX-512 are slow at")
    p.add_argument("--lr", type=float, default=1e-3)
    p.add_argument("--other-lr", type=float, help="rate of AdamW beside Muon, by default --lr")
    p.add_argument("--decay", type=float, default=0.1)
    p.add_argument("--data", help="folder with train-*.tok and val-*.tok")
    p.add_argument("--seconds", type=float, help="train for this long instead of --steps")
    p.add_argument("--eval-every", type=float, default=60, help="seconds between points of the curve")
    p.add_argument("--eval-tokens", type=int, default=32768, help="validation tokens for a point of the curve")
    p.add_argument("--report", help="file for RUN/peers")
    o = p.parse_args()
    if o.seconds and not o.data:
        p.error("--seconds wants --data")
    return o


class RMSNorm(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x):
        return F.rms_norm(x, self.weight.shape, self.weight, eps=1e-5)


def rotate(x, table):
    """Turns the pairs (x_t, x_{t+d/2}) of x [B, H, T, d] by the angles of table [2, T, d/2]."""
    cos, sin = table
    first, second = x.split(x.shape[-1] // 2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


class Layer(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.attention_norm, self.mlp_norm = RMSNorm(dim), RMSNorm(dim)
        self.query, self.key, self.value, self.output = (nn.Linear(dim, dim, bias=False) for _ in range(4))
        self.up, self.down = nn.Linear(dim, 4 * dim, bias=False), nn.Linear(4 * dim, dim, bias=False)

    def forward(self, x, table):
        batch, length, dim = x.shape

        def by_head(y):
            return y.view(batch, length, self.heads, -1).transpose(1, 2)

        h = self.attention_norm(x)
        q, k, v = rotate(by_head(self.query(h)), table), rotate(by_head(self.key(h)), table), by_head(self.value(h))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.output(mixed.transpose(1, 2).reshape(batch, length, dim))
        return x + self.down(F.silu(self.up(self.mlp_norm(x))))


class Transformer(nn.Module):
    def __init__(self, o):
        super().__init__()
        self.embed = nn.Embedding(o.vocab, o.dim)
        self.layers = nn.ModuleList(Layer(o.dim, o.heads) for _ in range(o.layers))
        self.norm, self.head = RMSNorm(o.dim), nn.Linear(o.dim, o.vocab, bias=False)
        half = o.dim // o.heads // 2
        angles = torch.outer(torch.arange(o.seq, dtype=torch.float64), 10000.0 ** (-torch.arange(half, dtype=torch.float64) / half))
        self.register_buffer("table", torch.stack((angles.cos(), angles.sin())).float())
        for name, weight in self.named_parameters():  # as lm.Config.Params initialises
            if weight.dim() == 2:
                std = 0.02 if "embed" in name else weight.shape[1] ** -0.5
                if "output" in name or "down" in name:
                    std /= math.sqrt(2 * o.layers)
                nn.init.normal_(weight, std=std)

    def forward(self, tokens, targets):
        x = self.embed(tokens)
        for layer in self.layers:
            x = layer(x, self.table)
        logits = self.head(self.norm(x))
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def polar_float32(gradient, coefficients, steps, eps):
    """Is torch.optim.Muon's Newton-Schulz iteration without its cast to bfloat16."""
    a, b, c = coefficients
    x = gradient.T if gradient.size(0) > gradient.size(1) else gradient
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.T if gradient.size(0) > gradient.size(1) else x


def optimizers(model, o):
    """Returns AdamW for everything, or torch.optim.Muon for the matrices inside the layers and AdamW for the rest."""
    matrices = [p for name, p in model.named_parameters() if p.dim() == 2 and "layers" in name]
    others = [p for name, p in model.named_parameters() if not (p.dim() == 2 and "layers" in name)]
    rest = {"params": others, "weight_decay": 0.0}
    if o.optimizer == "muon":
        if o.orth_float32:
            torch.optim._muon._zeropower_via_newtonschulz = polar_float32
        muon = torch.optim.Muon(matrices, lr=o.lr, weight_decay=o.decay, adjust_lr_fn="match_rms_adamw")
        return [muon, torch.optim.AdamW([rest], lr=o.other_lr or o.lr, betas=(0.9, 0.95), fused=True)]
    return [torch.optim.AdamW([{"params": matrices, "weight_decay": o.decay}, rest], lr=o.lr, betas=(0.9, 0.95), fused=True)]


def batches(o):
    """Yields tokens and targets [batch, seq], random or cut at random places of the training set."""
    rng = np.random.default_rng(o.seed)
    data = read_set(o.data, "train")[0] if o.data else None
    while True:
        if data is None:
            window = rng.integers(0, o.vocab, (o.batch, o.seq + 1))
        else:
            starts = rng.integers(0, len(data) - o.seq - 1, o.batch)
            window = np.stack([data[s : s + o.seq + 1] for s in starts]).astype(np.int64)
        window = torch.from_numpy(window)
        yield window[:, :-1].contiguous(), window[:, 1:].contiguous()


def train(model, o, evaluate):
    """Returns the seconds of the timed steps and the curve of evaluate(), whose time is not counted."""
    step_of = model if o.eager else torch.compile(model)
    chosen, source = optimizers(model, o), batches(o)
    begin, took, curve, n = time.perf_counter(), [], [], 0
    while True:
        spent = time.perf_counter() - begin
        done = spent / o.seconds if o.seconds else len(took) / o.steps if o.data else 0.0
        if n >= 2 and (done >= 1 if o.seconds else len(took) >= o.steps):
            return took, curve
        rate = min(1.0, (n + 1) / 50) * min(1.0, max(0.0, (1 - done) / 0.4))
        for group in (g for optimizer in chosen for g in optimizer.param_groups):
            group["lr"] = rate * group.setdefault("initial_lr", group["lr"])
        tokens, targets = next(source)
        start = time.perf_counter()
        loss = step_of(tokens, targets)
        loss.backward()
        for optimizer in chosen:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        value = loss.item()
        if n >= 2:
            took.append(time.perf_counter() - start)
        n += 1
        if n == 2:
            begin = time.perf_counter()
        spent = time.perf_counter() - begin
        if o.seconds and n >= 2 and spent >= o.eval_every * (len(curve) + 1):
            curve.append([round(spent, 1), round(evaluate(o.eval_tokens), 4)])
            print(f"{curve[-1][0]:.0f} s, step {n}: loss {value:.3f}, {curve[-1][1]} bits per byte", file=sys.stderr)
            begin += time.perf_counter() - begin - spent


@torch.no_grad()
def nats_per_token(model, data, seq):
    """Over rows of the tokens data that do not overlap."""
    rows = (len(data) - 1) // seq
    tokens, targets = data[: rows * seq].view(rows, seq), data[1 : rows * seq + 1].view(rows, seq)
    total = sum(model(tokens[i : i + 8], targets[i : i + 8]).item() * targets[i : i + 8].numel() for i in range(0, rows, 8))
    return total / targets.numel()


def main():
    o = arguments()
    torch.set_num_threads(o.threads)
    torch.manual_seed(o.seed)
    model = Transformer(o)
    if o.data:
        val, size = read_set(o.data, "val")
        val, bits = torch.from_numpy(val.astype(np.int64)), len(val) / size / math.log(2)

    def bits_per_byte(tokens):
        return nats_per_token(model, val[: tokens + 1], o.seq) * bits

    took, curve = train(model, o, bits_per_byte)
    tokens = o.batch * o.seq
    peer = "PyTorch " + torch.__version__ + (" eager" if o.eager else " compiled")
    report = {
        "peer": peer,
        "steps": len(took),
        "tokens_per_second": tokens / statistics.median(took),
        "best_tokens_per_second": tokens / min(took),
    }
    if o.data:
        bpb = bits_per_byte(len(val))
        report.update(val_nats=bpb / bits, val_bpb=bpb, curve=curve)
        curve = curve + [[o.seconds or sum(took), bpb]]
    print(json.dumps(report))
    if o.report:
        command = "trainer/bench/peers/torch_gpt.py " + " ".join(sys.argv[1:])
        with open(o.report, "w", encoding="utf-8") as f:
            json.dump({"name": peer + {"adamw": " AdamW", "muon": " Muon"}[o.optimizer], "command": command, "seconds": [c[0] for c in curve], "bpb": [c[1] for c in curve]}, f)


if __name__ == "__main__":
    main()
