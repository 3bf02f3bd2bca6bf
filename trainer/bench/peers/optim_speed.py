#!/usr/bin/env python3
"""Times updates of optax's Muon and AdamW and numpy's SVD, for `trainer bench optim --peer`.

  optim_speed.py MATRICES UPDATES NAMES   NAMES of "optax muon", "optax adamw", "optax adamw clipped" and "numpy svd", joined by commas; MATRICES is COUNTxROWSxCOLUMNS joined by commas, as the trainer has it

It compiles, prints "ready", and then for each line on standard input times UPDATES updates of each, printing one JSON object
with the seconds of one update. An update is optimizer.update and optax.apply_updates in one jitted function that donates
weights and state. Muon is optax.contrib.muon with its defaults, AdamW optax.adamw with weight decay, and clipped after
optax.clip_by_global_norm, which the trainer's update does too. "numpy svd" is
numpy.linalg.svd, without the full bases, of the largest matrix.
"""
import json
import sys
import time

import jax
import numpy as np
import optax


def matrices(text):
    shapes = []
    for part in text.split(","):
        count, rows, columns = map(int, part.split("x"))
        shapes += [(rows, columns)] * count
    return shapes


class Optimizer:
    def __init__(self, transform, shapes, rng):
        self.weights = [jax.numpy.asarray(0.02 * rng.standard_normal(s, dtype=np.float32)) for s in shapes]
        self.gradients = [jax.numpy.asarray(0.02 * rng.standard_normal(s, dtype=np.float32)) for s in shapes]
        self.state = transform.init(self.weights)

        def step(weights, state, gradients):
            updates, state = transform.update(gradients, state, weights)
            return optax.apply_updates(weights, updates), state

        self.step = jax.jit(step, donate_argnums=(0, 1))
        self.update(2)

    def update(self, n):
        for _ in range(n):
            self.weights, self.state = self.step(self.weights, self.state, self.gradients)
        jax.block_until_ready((self.weights, self.state))


def main():
    shapes, n = matrices(sys.argv[1]), int(sys.argv[2])
    rng = np.random.default_rng(1)
    largest = rng.standard_normal(max(shapes, key=lambda s: s[0] * s[1]), dtype=np.float32)
    def adamw():
        return optax.adamw(1e-3, b2=0.95, weight_decay=0.1)

    known = {
        "optax muon": lambda: Optimizer(optax.contrib.muon(1e-3), shapes, rng).update,
        "optax adamw": lambda: Optimizer(adamw(), shapes, rng).update,
        "optax adamw clipped": lambda: Optimizer(optax.chain(optax.clip_by_global_norm(1.0), adamw()), shapes, rng).update,
        "numpy svd": lambda: lambda n: [np.linalg.svd(largest, full_matrices=False) for _ in range(n)],
    }
    contestants = {name: known[name]() for name in sys.argv[3].split(",")}
    print("ready", flush=True)
    for _ in sys.stdin:
        seconds = {}
        for name in contestants:
            start = time.perf_counter()
            contestants[name](n)
            seconds[name] = (time.perf_counter() - start) / n
        print(json.dumps(seconds), flush=True)


if __name__ == "__main__":
    main()
