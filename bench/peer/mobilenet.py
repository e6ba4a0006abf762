"""MobileNetV3-small (Howard et al. 2019) without its classifier, with random weights and BatchNorm folded away, and photos for it."""

import numpy
import torch
from PIL import Image
from torch import nn

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
LAYERS = (
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
)


def encoder():
    """Maps of 7x7x576 from (B, 3, 224, 224)."""
    return nn.Sequential(*LAYERS).to(memory_format=torch.channels_last).eval()


def load(path, resize, crop):
    image = Image.open(path).convert("RGB")
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
