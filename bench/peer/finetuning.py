"""Fine-tuning steps in PyTorch: ResNet-18 with fixed BatchNorm statistics under the soft-attention decoder.

    python finetuning.py '{"sizes": {...}, "lengths": [...], "images": 16, "side": 224, ...}'

The encoder sees each image once, however many captions it has. The last line of output is {"values": [images/s, ...]}.
"""

import json
import sys
import time

import torch
from torch import nn

from device import facts, prepare
from model import SoftAttention
from words import draw_words

options = json.loads(sys.argv[1])
sizes, lengths, images = options["sizes"], options["lengths"], options["images"]
prepare(options)


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs)
        self.conv2, self.bn2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs)
        changes = stride != 1 or inputs != outputs
        shortcut = [nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)] if changes else []
        self.shortcut = nn.Sequential(*shortcut)

    def forward(self, x):
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + self.shortcut(x))


stem = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
blocks, channels = [], 64
for i, outputs in enumerate((64, 128, 256, 512)):
    blocks += [Block(channels, outputs, 1 if i == 0 else 2), Block(outputs, outputs, 1)]
    channels = outputs
# Evaluation mode: running statistics, with gradients of weights, gamma and beta.
encoder = nn.Sequential(*stem, *blocks).eval().to(memory_format=torch.channels_last)
decoder = SoftAttention(
    sizes["vocabulary"], sizes["channels"], sizes["embedding"], sizes["hidden"], sizes["attention"], sizes["dropout"]
)
parameters = [*encoder.parameters(), *decoder.parameters()]
optimizer = torch.optim.Adam(parameters, lr=1e-3, fused=True)

batch, steps = len(lengths), max(lengths)
pixels = torch.rand(images, 3, options["side"], options["side"]).to(memory_format=torch.channels_last)
image_of_row = torch.arange(batch) % images
rows = [sum(1 for length in lengths if length > t) for t in range(steps)]
inputs = draw_words(sizes["vocabulary"], batch, steps)
targets = torch.cat([draw_words(sizes["vocabulary"], n) for n in rows])


def step():
    maps = encoder(pixels).flatten(2).transpose(1, 2)  # (images, P, C)
    loss = nn.functional.cross_entropy(decoder.careful(maps[image_of_row], inputs, rows), targets)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(parameters, 5.0)
    optimizer.step()
    return loss


for _ in range(options["warmup"]):
    step().item()
values = []
for _ in range(options["repeats"]):
    began = time.perf_counter()
    step().item()
    values.append(images / (time.perf_counter() - began))
print(json.dumps({"values": values, "facts": facts()}))
