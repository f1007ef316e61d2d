"""The few calls of the CUDA driver and of NVRTC that the engine needs, through NVIDIA's cuda-bindings.

NVRTC compiles the engine's CUDA source when it is first needed, so no compiler has to be installed. cuda-bindings and
NVRTC come with PyTorch for CUDA. The compiled kernels are kept in the user's cache.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import tempfile
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from glassbotan.compiler import cache_folder
from glassbotan.devices import DeviceError, reserve_gpu
from glassbotan.errors import EngineError

OLDEST = 70
"""Lowest compute capability, times ten, that the kernels are written for: Volta."""
HEADERS = ("physics.hpp", "lanes.hpp")
SOURCE = "gpu.cu"
INSTALL = "install them with PyTorch for CUDA, or with pip install cuda-bindings[all]"


def compile_for(capability: int, settings: Mapping[str, int]) -> tuple[bytes, str]:
    """The kernels for a compute capability, such as 90, and what the compiler said of their registers and memory.

    Parameters
    ----------
    capability : compute capability times ten
    settings : macros that the source needs

    Raises
    ------
    EngineError
        if NVRTC is not installed or fails
    """
    nvrtc = _nvrtc()
    folder = resources.files(__package__)
    headers = [(folder / name).read_bytes() for name in HEADERS]
    program = _checked(
        nvrtc,
        nvrtc.nvrtcCreateProgram(
            (folder / SOURCE).read_bytes(), SOURCE.encode(), len(headers), headers, [name.encode() for name in HEADERS]
        ),
    )
    known = _checked(nvrtc, nvrtc.nvrtcGetSupportedArchs())
    is_known = capability in known
    older = [architecture for architecture in known if architecture < capability]
    if not is_known and not older:
        raise EngineError(
            f"fused: NVRTC {'.'.join(map(str, _checked(nvrtc, nvrtc.nvrtcVersion())))} does not compile for compute "
            f"capability {capability / 10} any more, but for {min(known) / 10} and newer; install an older CUDA"
        )
    target = f"sm_{capability}" if is_known else f"compute_{max(older)}"
    words = [option.encode() for option in options(target, settings)]
    (failed,) = nvrtc.nvrtcCompileProgram(program, len(words), words)
    # Arrays, as NVRTC writes into them: the bytes of a single character are one object that all of Python shares.
    log = bytearray(_checked(nvrtc, nvrtc.nvrtcGetProgramLogSize(program)))
    nvrtc.nvrtcGetProgramLog(program, log)
    said = log.decode(errors="replace").strip("\0 \n")
    if failed:
        raise EngineError(
            f"fused: NVRTC could not compile the kernels for compute capability {capability / 10}: {said}"
        )
    size, get = (
        (nvrtc.nvrtcGetCUBINSize, nvrtc.nvrtcGetCUBIN) if is_known else (nvrtc.nvrtcGetPTXSize, nvrtc.nvrtcGetPTX)
    )
    code = bytearray(_checked(nvrtc, size(program)))
    _checked(nvrtc, get(program, code))
    return bytes(code), said


def options(target: str, settings: Mapping[str, int]) -> list[str]:
    """Options of NVRTC for a target, such as sm_90; it is asked to say how many registers each kernel uses."""
    return [
        *(f"--gpu-architecture={target}", "--std=c++17", "--ftz=true", "--ptxas-options=-v"),
        *(f"-D{name}={value}" for name, value in settings.items()),
    ]


def _nvrtc() -> Any:
    try:
        from cuda.bindings import nvrtc

        nvrtc.nvrtcVersion()
    except (ImportError, RuntimeError) as error:
        raise EngineError(f"the packages cuda-bindings and NVRTC do not work ({error}); {INSTALL}") from None
    return nvrtc


def _checked(module: Any, result: tuple) -> Any:
    """The values of a call, without its status; an error if it failed."""
    status, *values = result
    if status:
        raise EngineError(f"fused: {module.__name__.rpartition('.')[2]} says {status.name}")
    return values[0] if len(values) == 1 else tuple(values)


class Cuda:
    """The GPU that this process has reserved."""

    def __init__(self) -> None:
        try:
            from cuda.bindings import driver
        except (ImportError, RuntimeError) as error:
            raise DeviceError(f"the package cuda-bindings does not work ({error}); {INSTALL}") from None
        self._driver = driver
        self._context = None
        self._device = self._call("cuDeviceGet", 0)
        self._context = self._call("cuDevicePrimaryCtxRetain", self._device)
        self.name = self._call("cuDeviceGetName", 256, self._device).split(b"\0")[0].decode()
        self.capability = 10 * self._attribute("COMPUTE_CAPABILITY_MAJOR") + self._attribute("COMPUTE_CAPABILITY_MINOR")
        if self.capability < OLDEST:
            raise DeviceError(
                f"{self.name} has compute capability {self.capability / 10}, but the engine fused needs {OLDEST / 10}"
            )
        self.multiprocessors = self._attribute("MULTIPROCESSOR_COUNT")
        self.shared_memory = self._attribute("MAX_SHARED_MEMORY_PER_BLOCK_OPTIN")
        """bytes of shared memory that a block can have"""

    def load(self, settings: Mapping[str, int], shared_bytes: int) -> dict[str, Any]:
        """The kernels by name, for the given macros, each allowed to use so much shared memory."""
        module = self._call("cuModuleLoadData", self._code(settings))
        kernels = {}
        for name in KERNELS:
            kernels[name] = kernel = self._call("cuModuleGetFunction", module, name.encode())
            attribute = self._driver.CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
            self._call("cuFuncSetAttribute", kernel, attribute, shared_bytes)
        return kernels

    def launch(
        self, kernel: Any, grid: tuple[int, int], threads: int, shared_bytes: int, arguments: Sequence[Any]
    ) -> None:
        """Run a kernel to its end; arguments are ctypes objects."""
        addresses = (ctypes.c_void_p * len(arguments))(*(ctypes.addressof(argument) for argument in arguments))
        self._call("cuLaunchKernel", kernel, *grid, 1, threads, 1, 1, shared_bytes, 0, ctypes.addressof(addresses), 0)
        self._call("cuCtxSynchronize")

    def allocate(self, size: int) -> int:
        """Address of so many bytes of device memory.

        Raises
        ------
        EngineError
            if there are not enough
        """
        self._driver.cuCtxSetCurrent(self._context)
        status, address = self._driver.cuMemAlloc(size)
        if status == self._driver.CUresult.CUDA_ERROR_OUT_OF_MEMORY:
            raise EngineError(
                f"fused: {self.name} has no {size / 2**20:.0f} MiB of memory left; set integrator.systems_per_launch "
                "to a smaller number, or stop other programs that use this GPU"
            )
        return int(_checked(self._driver, (status, address)))

    def free(self, address: int) -> None:
        """Give memory back."""
        self._call("cuMemFree", address)

    def upload(self, address: int, array: NDArray) -> None:
        """Copy an array to the device."""
        contiguous = np.ascontiguousarray(array)
        self._call("cuMemcpyHtoD", address, contiguous.ctypes.data, contiguous.nbytes)

    def download(self, array: NDArray, address: int) -> None:
        """Fill a contiguous array from the device."""
        self._call("cuMemcpyDtoH", array.ctypes.data, address, array.nbytes)

    def _call(self, name: str, *arguments: Any) -> Any:
        if self._context is not None:  # other libraries may have chosen another one since
            self._driver.cuCtxSetCurrent(self._context)
        return _checked(self._driver, getattr(self._driver, name)(*arguments))

    def _attribute(self, name: str) -> int:
        attribute = getattr(self._driver.CUdevice_attribute, f"CU_DEVICE_ATTRIBUTE_{name}")
        return int(self._call("cuDeviceGetAttribute", attribute, self._device))

    def _code(self, settings: Mapping[str, int]) -> bytes:
        """The compiled kernels, from the cache or new."""
        folder = resources.files(__package__)
        version = _checked(_nvrtc(), _nvrtc().nvrtcVersion())
        key = hashlib.sha256(repr((version, options(f"sm_{self.capability}", settings))).encode())
        for name in (*HEADERS, SOURCE):
            key.update((folder / name).read_bytes())
        path = cache_folder() / f"fused-sm{self.capability}-{key.hexdigest()[:16]}.cubin"
        if not path.exists():
            code, _ = compile_for(self.capability, settings)
            with tempfile.TemporaryDirectory(dir=path.parent) as beside:
                (Path(beside) / path.name).write_bytes(code)
                os.replace(Path(beside) / path.name, path)
        return path.read_bytes()


KERNELS = (
    "glassbotan_make_lists",
    "glassbotan_constant_energy",
    "glassbotan_thermostatted",
    "glassbotan_restrained",
    "glassbotan_minimise",
    "glassbotan_forces",
    "glassbotan_measure",
)


def finds_gpu() -> bool:
    """Whether CUDA finds a GPU, which is then reserved; it finds none without a driver or without cuda-bindings."""
    try:
        from cuda.bindings import driver
    except (ImportError, RuntimeError):
        return False
    reserve_gpu()
    try:
        (status,) = driver.cuInit(0)
        return not status and bool(_checked(driver, driver.cuDeviceGetCount()))
    except (RuntimeError, EngineError):
        return False
