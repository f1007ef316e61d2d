"""A GPU that is emulated on the CPU: it runs the engine's CUDA source with a fiber for each thread."""

import ctypes
import subprocess
from functools import cached_property
from importlib import resources
from pathlib import Path

import numpy as np

from glassbotan.compiler import find_compiler
from glassbotan.simulate.engines.fused.batch import aligned
from glassbotan.simulate.engines.fused.cuda import KERNELS
from glassbotan.simulate.engines.fused.gpu import Scratch
from glassbotan.simulate.engines.fused.records import Arrays, Liquid, Motion

HERE = Path(__file__).parent


class Arguments(ctypes.Structure):
    _fields_ = (
        ("liquid", Liquid),
        ("motion", Motion),
        ("arrays", Arrays),
        ("scratch", Scratch),
        ("steps", ctypes.c_void_p),
        ("out", ctypes.c_void_p * 3),
    )


class EmulatedCuda:
    """It has the methods of `Cuda`."""

    name = "a GPU emulated on the CPU"
    multiprocessors = 2
    shared_memory = 227 * 1024

    def __init__(self, folder: Path, *flags: str):
        self.folder = folder
        self.flags = flags
        self.memory = {}

    @cached_property
    def compiler(self):
        return find_compiler()

    def load(self, settings, shared_bytes):
        assert shared_bytes <= self.shared_memory
        macros = [f"-D{name}={value}" for name, value in settings.items()]
        path = self.folder / f"emulated{''.join(macros)}.so"
        if not path.exists():
            sources = resources.files("glassbotan.simulate.engines.fused")
            command = [*self.compiler.command, "-x", "c++", "-std=c++17", "-O2", "-fPIC", "-shared", "-fno-exceptions"]
            command += ["-fno-rtti", "-ffp-contract=off", *self.flags, *macros, f"-I{sources}", f"-I{HERE}"]
            subprocess.run([*command, str(HERE / "cuda_on_cpu.cpp"), "-o", str(path), "-lm"], check=True)
        library = ctypes.CDLL(str(path))
        return {name: getattr(library, f"emulated_{name}") for name in KERNELS}

    def launch(self, kernel, grid, threads, shared_bytes, arguments):
        given = Arguments()
        pointers = []
        for argument in arguments:
            name = {Liquid: "liquid", Motion: "motion", Arrays: "arrays", Scratch: "scratch"}.get(type(argument))
            if name:
                setattr(given, name, argument)
            else:
                pointers.append(argument.value)
        given.steps = pointers[0] if pointers else None
        given.out[: len(pointers)] = pointers
        assert kernel(ctypes.byref(given), *grid) == 0, "some threads of a block missed a barrier"

    def allocate(self, size):
        memory = aligned((size,), np.uint8)
        memory[:] = 0xFF
        self.memory[memory.ctypes.data] = memory
        return memory.ctypes.data

    def free(self, address):
        del self.memory[address]

    def upload(self, address, array):
        self.memory[address][: array.nbytes] = np.ascontiguousarray(array).view(np.uint8).ravel()

    def download(self, array, address):
        array.view(np.uint8).ravel()[:] = self.memory[address][: array.nbytes]
