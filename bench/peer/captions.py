"""Greedy and beam captions of the soft-attention decoder in PyTorch, batched over images and beams.

    python captions.py '{"sizes": {...}, "batch": 64, "beam": 3, "words": 11, ...}'

The end of the sentence is never chosen, so that every caption has `words` words and takes one step more, in which it
would end, as on the other side.
The one argument is what bench/run.ts hands over; the last line of output is {"values": [captions/s, ...]}.
"""

import json
import sys
import time

import torch

from device import facts, prepare
from model import SoftAttention

EOS, BOS = 2, 3
options = json.loads(sys.argv[1])
sizes, beam, batch = options["sizes"], options["beam"], options["batch"]
prepare(options)
model = SoftAttention(
    sizes["vocabulary"], sizes["channels"], sizes["embedding"], sizes["hidden"], sizes["attention"], sizes["dropout"]
).eval()


@torch.inference_mode()
def decode(features):
    count, positions, channels = features.shape
    keys = model.attention.keys(features)
    h, c = model.start(features)
    words = torch.full((count,), BOS)
    scores = torch.zeros(count, 1)
    captions = torch.empty(count, 1, 0, dtype=torch.long)
    for t in range(options["words"] + 1):
        h, c = model.cell(keys, features, model.embed(words), h, c)
        logits = model.fc(h)
        logits[:, EOS] = -torch.inf
        if beam == 1:
            words = logits.argmax(dim=1)
            captions = torch.cat([captions, words.view(count, 1, 1)], dim=2)
            continue
        running = scores.shape[1]
        total = scores.unsqueeze(2) + torch.log_softmax(logits, dim=1).view(count, running, -1)  # (B, K, V)
        scores, best = total.flatten(1).topk(beam, dim=1)  # (B, K)
        parent, word = best // logits.shape[1], best % logits.shape[1]
        rows = (parent + torch.arange(count).unsqueeze(1) * running).flatten()  # (B * K)
        h, c, words = h[rows], c[rows], word.flatten()
        if t == 0:  # from one row an image to K rows an image
            keys, features = keys.repeat_interleave(beam, 0), features.repeat_interleave(beam, 0)
        captions = torch.cat([captions.gather(1, parent.unsqueeze(2).expand(-1, -1, t)), word.unsqueeze(2)], dim=2)
    return captions.tolist()


photos = [torch.rand(batch, sizes["positions"], sizes["channels"]) for _ in range(4)]
for i in range(options["warmup"]):
    decode(photos[i % 4])
values = []
for _ in range(options["repeats"]):
    began = time.perf_counter()
    for i in range(options["batches"]):
        decode(photos[i % 4])
    values.append(options["batches"] * batch / (time.perf_counter() - began))
print(json.dumps({"values": values, "facts": facts()}))
