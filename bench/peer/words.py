"""Words as bench/synthetic.ts draws them: the word of rank r with a probability that falls as (r + 1)^-1.2."""

import torch

SPECIAL = 4


def draw_words(vocabulary, *shape):
    weights = torch.arange(2, vocabulary - SPECIAL + 2, dtype=torch.float32) ** -1.2
    count = torch.Size(shape).numel()
    return SPECIAL + torch.multinomial(weights, count, replacement=True).reshape(shape)
