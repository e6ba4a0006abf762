"""Encoded images/s with Pillow and PyTorch: JPEG files to float16 feature maps of MobileNetV3-small.

    python encoding.py '{"images": "DIR", "count": 512, "resize": 256, "crop": 224, ...}'

Two threads decode and resize while the main thread encodes batches of 64. The last line of output is {"values": [images/s, ...]}.
"""

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch

from device import facts, prepare
from mobilenet import encoder, load

options = json.loads(sys.argv[1])
device = prepare(options)
files = sorted(path for path in Path(options["images"]).iterdir() if path.suffix.lower() in (".jpg", ".jpeg"))
files = files[: options["count"]]
model = encoder()


@torch.inference_mode()
def encode_all():
    with ThreadPoolExecutor(2) as pool:
        loaded = pool.map(lambda path: load(path, options["resize"], options["crop"]), files)
        batch, maps = [], []
        for i, image in enumerate(loaded, 1):
            batch.append(image)
            if len(batch) == 64 or i == len(files):
                images = torch.stack(batch).to(device).permute(0, 3, 1, 2)  # (B, 3, H, W), channels last in memory
                maps.append(model(images).to(torch.float16).cpu())  # (B, 576, 7, 7)
                batch = []
        return maps


for _ in range(options["warmup"]):
    encode_all()
values = []
for _ in range(options["repeats"]):
    began = time.perf_counter()
    encode_all()
    values.append(len(files) / (time.perf_counter() - began))
print(json.dumps({"values": values, "facts": facts()}))
