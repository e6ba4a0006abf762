"""Scored images/s of pycocoevalcap on drawn captions.

    python metrics.py '{"metric": "CIDEr-D", "images": 1000, "references": 5, "vocabulary": 3000, ...}'

The interpreter has to have pycocoevalcap and NumPy, and for the tokenizer Java. Captions of 6 to 15 words are drawn by Zipf's
law, as on the other side. The last line of output is {"values": [images/s, ...]}.
"""

import contextlib
import json
import os
import random
import resource
import sys
import time

from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge
from pycocoevalcap.tokenizer.ptbtokenizer import PTBTokenizer

options = json.loads(sys.argv[1])
random.seed(1)


def caption():
    words = [int(options["vocabulary"] ** random.random()) for _ in range(random.randint(6, 15))]
    return " ".join(f"word{word}" for word in words)


hypotheses = {i: [caption()] for i in range(options["images"])}
references = {i: [caption() for _ in range(options["references"])] for i in range(options["images"])}


def tokenize():
    for captions in (hypotheses, references):
        PTBTokenizer().tokenize({i: [{"caption": text + " ."} for text in texts] for i, texts in captions.items()})


work = {
    "tokenizer": tokenize,
    "BLEU": lambda: Bleu(4).compute_score(references, hypotheses, verbose=0),
    "ROUGE-L": lambda: Rouge().compute_score(references, hypotheses),
    "CIDEr-D": lambda: Cider().compute_score(references, hypotheses),
}[options["metric"]]
values = []
with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
    for i in range(options["warmup"] + options["repeats"]):
        began = time.perf_counter()
        work()
        if i >= options["warmup"]:
            values.append(options["images"] / (time.perf_counter() - began))
peak = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
print(json.dumps({"values": values, "facts": {"peak RSS in MiB": peak}}))
