"""The processor that a network is trained on, and the number types that are used there."""

import torch

from glassbotan.devices import DeviceError, reserve_gpu
from glassbotan.errors import TrainingError
from glassbotan.learn.edge_cpu import computes
from glassbotan.learn.edge_update import Arithmetic
from glassbotan.study.learning import EdgeTraining
from glassbotan.study.simulation import Device


def processor(device: Device) -> torch.device:
    """The processor to train on. A GPU is reserved for this process until it ends.

    Raises
    ------
    DeviceError
        if a GPU was asked for and PyTorch cannot use one
    """
    if device != "cpu" and torch.version.cuda:
        reserve_gpu()
    if device == "gpu" and not torch.cuda.is_available():
        built = f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
        raise DeviceError(
            f"PyTorch {torch.__version__} ({built}) finds no usable GPU, but device gpu was asked for; set device to "
            "auto or cpu"
        )
    if device == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", 0)


def processor_name(device: torch.device) -> str:
    """Name of a processor for records of how files were made."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


def arithmetic_of(training: EdgeTraining, width: int, device: torch.device) -> Arithmetic:
    """How edges are computed.

    `training.precision: auto` takes what is fastest: on a CPU float32 if our own library computes it; otherwise
    bfloat16 if the processor has instructions for it.

    Raises
    ------
    TrainingError
        if our own GPU kernels were asked for (`training.fused`), and cannot compute layers of this width or give wrong
        results on this processor
    """
    fast = training.precision == "bfloat16"
    if training.precision == "auto":
        if device.type == "cuda":
            fast = torch.cuda.is_bf16_supported(including_emulation=False)
        elif not computes(width):  # older releases of torch have no get_capabilities
            capabilities: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()
            fast = capabilities.get("avx512_bf16", False)
    products = torch.bfloat16 if fast else torch.float32
    fused = training.fused and device.type == "cuda"
    if fused:
        from glassbotan.learn.edge_kernels import WIDTHS
        from glassbotan.learn.kernel_check import require_correct_kernels

        if width not in WIDTHS[products]:
            name = str(products).removeprefix("torch.")
            raise TrainingError(
                f"training.fused: the kernels compute widths {', '.join(map(str, WIDTHS[products]))} in {name}, but "
                f"network.width is {width}; choose one of these widths or set fused: false"
            )
        require_correct_kernels(device, products, width)
    return Arithmetic(products, fused)
