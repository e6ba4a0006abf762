"""Training steps of the soft-attention decoder in PyTorch: forward, backward, gradient clipping, Adam.

    python training.py '{"sizes": {...}, "lengths": [...], "precision": "float32", "keys": "once", ...}'

The one argument is what bench/run.ts hands over; the last line of output is {"values": [words/s, ...]}.
"""

import json
import resource
import sys
import time

import torch
from torch import nn

from device import facts, prepare
from model import SoftAttention
from words import draw_words

options = json.loads(sys.argv[1])
sizes, lengths = options["sizes"], options["lengths"]
device = prepare(options)

batch, steps = len(lengths), max(lengths)
model = SoftAttention(
    sizes["vocabulary"], sizes["channels"], sizes["embedding"], sizes["hidden"], sizes["attention"], sizes["dropout"]
)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
features = torch.rand(batch, sizes["positions"], sizes["channels"])
rows = [sum(1 for length in lengths if length > t) for t in range(steps)]
inputs = draw_words(sizes["vocabulary"], batch, steps)
# Targets in the order of the logits: step by step, the captions that still run.
targets = torch.cat([draw_words(sizes["vocabulary"], n) for n in rows])
forward = model.careful if options["keys"] == "once" else model.every_step


def step():
    with torch.autocast(device, dtype=torch.bfloat16, enabled=options["precision"] == "bfloat16"):
        logits = forward(features, inputs, rows)
        loss = nn.functional.cross_entropy(logits, targets)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    return loss


for _ in range(options["warmup"]):
    step().item()
values = []
for _ in range(options["repeats"]):
    began = time.perf_counter()
    step().item()
    values.append(sum(lengths) / (time.perf_counter() - began))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"values": values, "facts": {**facts(), "peak memory": f"{peak:.0f} MiB"}}))
