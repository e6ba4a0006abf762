"""Where a peer computes: beside showtell, on the same device, with as many threads, from the same seed."""

import torch


def prepare(options):
    """Makes `options["device"]`, "CPU" or "GPU", the one that holds every new tensor. Returns PyTorch's name of it."""
    if options.get("threads"):
        torch.set_num_threads(options["threads"])
    # showtell computes float32 as float32; PyTorch's convolutions would use TF32 on a GPU.
    torch.backends.cudnn.allow_tf32 = False
    device = "cuda" if options.get("device") == "GPU" else "cpu"
    torch.set_default_device(device)
    torch.manual_seed(1)
    return device


def facts():
    return {
        "torch": torch.__version__,
        "device": torch.get_default_device().type,
        "threads": torch.get_num_threads(),
    }
