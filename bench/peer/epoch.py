"""Captions/s of whole epochs in PyTorch, the original's way: every photo is read, resized and encoded in every epoch, the
attention keys are computed anew in every step.

    python epoch.py '{"images": "DIR", "count": 600, "sizes": {...}, "lengths": [...], ...}'

Photos are read ahead by two threads. An epoch takes one caption of each photo, in batches of as many as there are `lengths`.
The last line of output is {"values": [captions/s, ...]}.
"""

import json
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from torch import nn

from device import facts, prepare
from mobilenet import encoder, load
from model import SoftAttention
from words import draw_words

options = json.loads(sys.argv[1])
sizes, lengths = options["sizes"], options["lengths"]
device = prepare(options)
files = sorted(path for path in Path(options["images"]).iterdir() if path.suffix.lower() in (".jpg", ".jpeg"))
files = files[: options["count"]]
frozen = encoder()
model = SoftAttention(
    sizes["vocabulary"], sizes["channels"], sizes["embedding"], sizes["hidden"], sizes["attention"], sizes["dropout"]
)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
batch, steps = len(lengths), max(lengths)
rows = [sum(1 for length in lengths if length > t) for t in range(steps)]
inputs = draw_words(sizes["vocabulary"], batch, steps)
targets = torch.cat([draw_words(sizes["vocabulary"], n) for n in rows])


def epoch():
    with ThreadPoolExecutor(2) as pool:
        loaded = pool.map(lambda path: load(path, options["resize"], options["crop"]), files)
        for _ in range(len(files) // batch):
            images = torch.stack([next(loaded) for _ in range(batch)]).to(device).permute(0, 3, 1, 2)
            with torch.no_grad():
                features = frozen(images).flatten(2).transpose(1, 2).contiguous()  # (B, P, C)
            loss = nn.functional.cross_entropy(model.every_step(features, inputs, rows), targets)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            loss.item()


values = []
for i in range(options["warmup"] + options["repeats"]):
    began = time.perf_counter()
    epoch()
    if i >= options["warmup"]:
        values.append(len(files) / (time.perf_counter() - began))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"values": values, "facts": {**facts(), "peak memory": f"{peak:.0f} MiB"}}))
