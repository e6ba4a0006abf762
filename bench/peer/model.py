"""The soft-attention decoder of showtell in PyTorch, with the same parameter names, for side-by-side timing.

After Xu et al. 2015: additive attention (ReLU) over P positions of C channels, a sigmoid gate on the context, one
LSTM cell, dropout before the vocabulary projection.
"""

import torch
from torch import nn


class Attention(nn.Module):
    def __init__(self, channels, hidden, attention):
        super().__init__()
        self.encoder_attn = nn.Linear(channels, attention)
        self.decoder_attn = nn.Linear(hidden, attention)
        self.full_attn = nn.Linear(attention, 1)

    def keys(self, features):
        return self.encoder_attn(features)  # (B, P, A)

    def forward(self, keys, features, h):
        query = self.decoder_attn(h).unsqueeze(1)  # (B, 1, A)
        scores = self.full_attn(torch.relu(keys + query)).squeeze(2)  # (B, P)
        alpha = torch.softmax(scores, dim=1)
        return torch.bmm(alpha.unsqueeze(1).to(features.dtype), features).squeeze(1)  # (B, C)


class SoftAttention(nn.Module):
    def __init__(self, vocabulary, channels, embedding, hidden, attention, dropout):
        super().__init__()
        self.embed = nn.Embedding(vocabulary, embedding)
        self.attention = Attention(channels, hidden, attention)
        self.init_h = nn.Linear(channels, hidden)
        self.init_c = nn.Linear(channels, hidden)
        self.f_beta = nn.Linear(hidden, channels)
        self.lstm_cell = nn.LSTMCell(embedding + channels, hidden)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(hidden, vocabulary)

    def start(self, features):
        mean = features.mean(dim=1)  # (B, C)
        return self.init_h(mean), self.init_c(mean)  # (B, H) each

    def cell(self, keys, features, words, h, c):
        context = self.attention(keys, features, h)
        context = torch.sigmoid(self.f_beta(h)) * context  # (B, C)
        return self.lstm_cell(torch.cat([words, context.to(words.dtype)], dim=1), (h, c))

    def careful(self, features, inputs, rows):
        """Logits of all scored words, (sum(rows), V): keys once per image, one projection over all words.

        `rows[t]` captions (of falling length) are still running at step t.
        """
        keys = self.attention.keys(features)  # (B, P, A)
        words = self.embed(inputs)  # (B, T, E)
        h, c = self.start(features)
        outputs = []
        for t, n in enumerate(rows):
            h, c = self.cell(keys[:n], features[:n], words[:n, t], h[:n], c[:n])
            outputs.append(h)
        return self.fc(self.dropout(torch.cat(outputs)))

    def every_step(self, features, inputs, rows):
        """The same logits the original's way: keys and vocabulary projection anew in each step."""
        words = self.embed(inputs)  # (B, T, E)
        h, c = self.start(features)
        outputs = []
        for t, n in enumerate(rows):
            keys = self.attention.keys(features[:n])  # (n, P, A)
            h, c = self.cell(keys, features[:n], words[:n, t], h[:n], c[:n])
            outputs.append(self.fc(self.dropout(h)))  # (n, V)
        return torch.cat(outputs)
