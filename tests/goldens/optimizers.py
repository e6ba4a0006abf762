"""Numbers of PyTorch's optimizers, schedules and weight average for src/train/optimizers: python optimizers.py > optimizers.json"""

import json

import torch
from torch.optim import swa_utils
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, ReduceLROnPlateau, StepLR

START = [0.5, -1.25, 3.0, -0.0625]
GRADIENTS = [[0.3, -2.0, 0.01, 5.0], [-0.1, 1.0, 0.0, -4.0], [0.7, 0.25, -0.02, 3.0], [0.7, -0.5, 0.3, -2.0]]
RATES = [0.1, 0.1, 0.05, 0.02]
CASES = {
    "adam": (torch.optim.Adam, {"betas": (0.9, 0.999), "eps": 1e-8}),
    "adam with weight decay": (torch.optim.Adam, {"betas": (0.8, 0.99), "eps": 1e-6, "weight_decay": 0.1}),
    "adamw": (torch.optim.AdamW, {"betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.1}),
    "sgd": (torch.optim.SGD, {}),
    "sgd with momentum": (torch.optim.SGD, {"momentum": 0.9}),
    "sgd with nesterov momentum and weight decay": (
        torch.optim.SGD,
        {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
    ),
}


def weights(kind, options):
    parameter = torch.nn.Parameter(torch.tensor(START))
    optimizer = kind([parameter], lr=1.0, **options)
    after = []
    for gradient, rate in zip(GRADIENTS, RATES):
        optimizer.param_groups[0]["lr"] = rate
        parameter.grad = torch.tensor(gradient)
        optimizer.step()
        after.append(parameter.tolist())
    return after


def averages(decay):
    model = torch.nn.Linear(2, 2, bias=False)
    average = swa_utils.AveragedModel(model, multi_avg_fn=swa_utils.get_ema_multi_avg_fn(decay))
    after = []
    for values in [START, *GRADIENTS]:
        with torch.no_grad():
            model.weight.copy_(torch.tensor(values).reshape(2, 2))
        average.update_parameters(model)
        after.append(average.module.weight.flatten().tolist())
    return after


def rates(make, steps, scores=None):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    schedule = make(optimizer)
    found = []
    for i in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step(*([scores[i]] if scores else []))
    return found


SCORES = [0.1, 0.2, 0.2, 0.15, 0.1, 0.3, 0.25, 0.3, 0.29, 0.28, 0.31, 0.1]
print(
    json.dumps(
        {
            "torch": torch.__version__,
            "start": START,
            "gradients": GRADIENTS,
            "rates": RATES,
            "optimizers": {name: weights(*case) for name, case in CASES.items()},
            "average": {"decay": 0.9, "after": averages(0.9)},
            "schedules": {
                "cosine, 12 steps": rates(lambda o: CosineAnnealingLR(o, 12), 12),
                "step, every 3 epochs by 0.5": rates(lambda o: StepLR(o, 3, 0.5), 12),
                "warm-up of 4 steps": rates(lambda o: LambdaLR(o, lambda i: min(1, (i + 1) / 4)), 12),
                "plateau, patience 1, factor 0.5": rates(
                    lambda o: ReduceLROnPlateau(o, "max", factor=0.5, patience=1, threshold=0), 12, SCORES
                ),
            },
            "scores": SCORES,
        },
        indent=1,
    )
)
