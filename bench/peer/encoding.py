"""Encoded images/s with Pillow and PyTorch: JPEG files to float16 feature maps of MobileNetV3-small.

    python encoding.py '{"images": "DIR", "count": 512, "resize": 256, "crop": 224, ...}'

Two threads decode and resize while the main thread encodes batches of 64. The network is Howard et al. 2019 with
random weights, BatchNorm folded away. The last line of output is {"values": [images/s, ...]}.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy
import torch
from PIL import Image
from torch import nn

options = json.loads(sys.argv[1])
if options.get("threads"):
    torch.set_num_threads(options["threads"])
torch.manual_seed(1)
files = sorted(path for path in Path(options["images"]).iterdir() if path.suffix.lower() in (".jpg", ".jpeg"))
files = files[: options["count"]]
MEAN = numpy.array([0.485, 0.456, 0.406], dtype=numpy.float32)
STD = numpy.array([0.229, 0.224, 0.225], dtype=numpy.float32)


def conv(inputs, outputs, kernel, stride=1, groups=1, activation=None):
    layers = [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups)]
    return nn.Sequential(*layers, *([activation()] if activation else []))


class SqueezeExcitation(nn.Module):
    def __init__(self, channels, squeezed):
        super().__init__()
        self.fc1, self.fc2 = nn.Conv2d(channels, squeezed, 1), nn.Conv2d(squeezed, channels, 1)

    def forward(self, x):
        scale = x.mean((2, 3), keepdim=True)
        return x * nn.functional.hardsigmoid(self.fc2(torch.relu(self.fc1(scale))))


class Block(nn.Module):
    def __init__(self, inputs, kernel, expanded, outputs, squeezed, activation, stride):
        super().__init__()
        self.residual = stride == 1 and inputs == outputs
        layers = [conv(inputs, expanded, 1, activation=activation)] if expanded != inputs else []
        layers.append(conv(expanded, expanded, kernel, stride, expanded, activation))
        if squeezed:
            layers.append(SqueezeExcitation(expanded, squeezed))
        self.layers = nn.Sequential(*layers, conv(expanded, outputs, 1))

    def forward(self, x):
        return x + self.layers(x) if self.residual else self.layers(x)


RE, HS = nn.ReLU, nn.Hardswish
model = nn.Sequential(
    conv(3, 16, 3, 2, activation=HS),
    # inputs, kernel, expanded, outputs, squeezed, activation, stride
    Block(16, 3, 16, 16, 8, RE, 2),
    Block(16, 3, 72, 24, 0, RE, 2),
    Block(24, 3, 88, 24, 0, RE, 1),
    Block(24, 5, 96, 40, 24, HS, 2),
    Block(40, 5, 240, 40, 64, HS, 1),
    Block(40, 5, 240, 40, 64, HS, 1),
    Block(40, 5, 120, 48, 32, HS, 1),
    Block(48, 5, 144, 48, 40, HS, 1),
    Block(48, 5, 288, 96, 72, HS, 2),
    Block(96, 5, 576, 96, 144, HS, 1),
    Block(96, 5, 576, 96, 144, HS, 1),
    conv(96, 576, 1, activation=HS),
).eval()
model = model.to(memory_format=torch.channels_last)


def load(path):
    image = Image.open(path).convert("RGB")
    resize, crop = options["resize"], options["crop"]
    if isinstance(resize, list):
        if image.size != (resize[1], resize[0]):
            image = image.resize((resize[1], resize[0]), Image.Resampling.BILINEAR)
    else:
        width, height = image.size
        scale = resize / min(width, height)
        image = image.resize((int(width * scale), int(height * scale)), Image.Resampling.BILINEAR)
    if crop:
        left, top = (image.width - crop) // 2, (image.height - crop) // 2
        image = image.crop((left, top, left + crop, top + crop))
    return torch.from_numpy((numpy.asarray(image, dtype=numpy.float32) / 255 - MEAN) / STD)  # (H, W, 3)


@torch.inference_mode()
def encode_all():
    with ThreadPoolExecutor(2) as pool:
        loaded = pool.map(load, files)
        batch, maps = [], []
        for i, image in enumerate(loaded, 1):
            batch.append(image)
            if len(batch) == 64 or i == len(files):
                images = torch.stack(batch).permute(0, 3, 1, 2)  # (B, 3, H, W), channels last in memory
                maps.append(model(images).to(torch.float16))  # (B, 576, 7, 7)
                batch = []
        return maps


for _ in range(options["warmup"]):
    encode_all()
values = []
for _ in range(options["repeats"]):
    began = time.perf_counter()
    encode_all()
    values.append(len(files) / (time.perf_counter() - began))
print(json.dumps({"values": values, "facts": {"torch": torch.__version__, "threads": torch.get_num_threads()}}))
