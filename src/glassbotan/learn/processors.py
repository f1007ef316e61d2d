"""The processor that a network is trained on, and how it multiplies there."""

import torch

from glassbotan.devices import DeviceError, free_gpu
from glassbotan.learn.edge_update import Arithmetic
from glassbotan.study.learning import Training
from glassbotan.study.simulation import Device


def processor(device: Device) -> torch.device:
    """The processor to train on; a GPU is this process's until it ends.

    Raises
    ------
    DeviceError
        if a GPU was asked for and PyTorch cannot use one
    """
    if device == "gpu" and not torch.cuda.is_available():
        built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
        raise DeviceError(f"PyTorch {torch.__version__} ({built}) finds no usable GPU, but device gpu was asked for")
    if device == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", free_gpu(torch.cuda.device_count()))


def processor_name(device: torch.device) -> str:
    """What a record calls a processor."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def arithmetic_of(training: Training, width: int, device: torch.device) -> Arithmetic:
    """How edges are computed; precision `auto` takes bfloat16 where the processor has an instruction for it.

    Raises
    ------
    TrainingError
        if kernels of our own were asked for (`training.fused`) and are wrong on this processor
    """
    fast = training.precision == "bfloat16"
    if training.precision == "auto":
        if device.type == "cuda":
            fast = torch.cuda.is_bf16_supported(including_emulation=False)
        else:  # older releases of torch do not say
            capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
            fast = capabilities.get("avx512_bf16", False)
    products = torch.bfloat16 if fast else torch.float32
    fused = training.fused and device.type == "cuda"
    if fused:
        from glassbotan.learn.kernel_check import require_correct_kernels

        require_correct_kernels(device, products, width)
    return Arithmetic(products, fused)
