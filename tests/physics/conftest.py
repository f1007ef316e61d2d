import subprocess

import pytest
from emulated_cuda import EmulatedCuda

from glassbotan.compiler import compiled, find_compiler, level_of_processor
from glassbotan.errors import EngineError
from glassbotan.simulate.engines.fused import Fused
from glassbotan.simulate.engines.fused.cpu import SOURCE, Cpu
from glassbotan.simulate.engines.fused.cuda import Cuda, finds_gpu
from glassbotan.simulate.engines.fused.gpu import Gpu

LEVELS = ("x86-64", "x86-64-v3", "x86-64-v4")


@pytest.fixture(scope="session")
def compiler():
    try:
        return find_compiler()
    except EngineError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def fused(compiler):
    """The engine `fused` as it runs on this machine's CPU, with two threads."""
    return Fused("cpu", None, 2)


@pytest.fixture(scope="session")
def emulated_gpu(compiler, tmp_path_factory):
    """The engine's CUDA source, run by an emulation of a GPU with blocks of 64 threads."""
    try:
        return Gpu(EmulatedCuda(tmp_path_factory.mktemp("emulated")), most_threads=64)
    except subprocess.CalledProcessError as error:
        pytest.fail(f"the CUDA source does not compile: {error}")


@pytest.fixture(scope="session", params=[*LEVELS, "emulated GPU", "GPU"])
def processor(request, compiler):
    """Each processor of this machine: every level of x86-64 that it has, an emulated GPU, and a GPU if there is one."""
    if request.param == "emulated GPU":
        return request.getfixturevalue("emulated_gpu")
    if request.param == "GPU":
        if not finds_gpu():
            pytest.skip("there is no GPU here")
        return Gpu(Cuda())
    own = level_of_processor()
    if own not in LEVELS:
        if request.param == LEVELS[0]:
            return Cpu(1)
        pytest.skip("this processor is not an x86-64")
    if LEVELS.index(request.param) > LEVELS.index(own):
        pytest.skip(f"this processor has no {request.param}")
    library, _ = compiled(SOURCE, request.param)
    return Cpu(1, library)
