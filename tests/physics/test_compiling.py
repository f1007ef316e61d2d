"""Compiling the engine: for CPUs with the compiler at hand, for GPUs with NVRTC, and where neither works."""

import ctypes
import os
import re
import shutil
import subprocess
import sys
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
from emulated_cuda import EmulatedCuda

from glassbotan import compiler as compiling
from glassbotan.devices import DeviceError
from glassbotan.errors import EngineError
from glassbotan.simulate.configurations import lattice, random_generator
from glassbotan.simulate.engines import Dynamics, load_engine
from glassbotan.simulate.engines.fused import BUFFER, Launch, cuda
from glassbotan.simulate.engines.fused.cpu import SOURCE
from glassbotan.simulate.engines.fused.gpu import Gpu, Shape, largest_system
from glassbotan.simulate.engines.fused.systems import liquid_record
from glassbotan.simulate.running import advance
from glassbotan.study.simulation import Liquid

SHARED_MEMORY = {70: 96, 75: 64, 80: 163, 90: 227, 100: 227, 120: 99}
"""KiB of shared memory that a block can have, by compute capability (CUDA C++ Programming Guide, Table 30)."""


def nvrtc_12():
    """NVRTC 12, which still compiles for compute capability 7.0, from its wheel."""
    found = find_spec("nvidia")
    for folder in found.submodule_search_locations if found else []:
        for path in Path(folder).glob("cuda_nvrtc/lib/libnvrtc.so.12"):
            return ctypes.CDLL(str(path))
    pytest.skip("the package nvidia-cuda-nvrtc-cu12 is not installed")


def compiled_by(library, architecture, settings):
    """What NVRTC says of the kernels, called directly."""
    folder = resources.files(cuda.__package__)
    sources = [ctypes.c_char_p((folder / name).read_bytes()) for name in cuda.HEADERS]
    names = [ctypes.c_char_p(name.encode()) for name in cuda.HEADERS]
    program = ctypes.c_void_p()
    main = (folder / cuda.SOURCE).read_bytes()
    headers = [(ctypes.c_char_p * len(given))(*given) for given in (sources, names)]
    status = library.nvrtcCreateProgram(ctypes.byref(program), main, b"gpu.cu", len(sources), *headers)
    assert status == 0
    options = [option.encode() for option in cuda.options(f"sm_{architecture}", settings)]
    failed = library.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
    size = ctypes.c_size_t()
    library.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    library.nvrtcGetProgramLog(program, log)
    assert failed == 0, log.value.decode()
    return log.value.decode()


def uses(log):
    """Registers, and bytes that are spilled to memory, of each kernel."""
    found = {}
    for kernel in cuda.KERNELS:
        part = log.split(f"Function properties for {kernel}", 1)[1]
        found[kernel] = (
            int(re.search(r"Used (\d+) registers", part)[1]),
            int(re.search(r"(\d+) bytes spill stores", part)[1]),
        )
    return found


@pytest.mark.parametrize("architecture", sorted(SHARED_MEMORY))
def test_kernels_compile_for_every_architecture_and_fit(architecture):
    used = uses(compiled_by(nvrtc_12(), architecture, {"THREADS": 1024, "SHARED_NUMBERS": 1}))
    for kernel, (registers, spilled) in used.items():
        assert registers <= 64, kernel  # 1024 threads share 65,536
        assert spilled <= 160, kernel  # a few numbers that the loop over neighbours does not need
    assert used["glassbotan_thermostatted"][1] <= 64
    assert used["glassbotan_constant_energy"][1] <= (0 if architecture >= 80 else 48)
    # The system of the paper fits, on every architecture.
    emulated = type("Card", (), {"shared_memory": 1024 * SHARED_MEMORY[architecture], "name": "a card"})
    shape = Shape.of(4096, liquid_record(15.05658, 0.4), emulated)
    assert shape.shared_bytes <= 1024 * SHARED_MEMORY[architecture]
    assert shape.threads == 1024


def test_kernels_compile_through_the_bindings_that_the_engine_uses():
    nvrtc = pytest.importorskip("cuda.bindings.nvrtc")
    try:
        code, log = cuda.compile_for(90, {"THREADS": 1024, "SHARED_NUMBERS": 0})
    except EngineError as error:
        if "do not work" in str(error):
            pytest.skip(str(error))
        raise
    assert code.startswith(b"\x7fELF")
    _, version, _ = nvrtc.nvrtcVersion()
    most = 0 if version == 12 else 12  # NVRTC 13 is used if no test before this one has loaded NVRTC 12
    assert uses(log)["glassbotan_constant_energy"][1] <= most
    future, log = cuda.compile_for(999, {"THREADS": 1024, "SHARED_NUMBERS": 1})
    assert b".target sm_" in future  # code that the driver of a card unknown to NVRTC translates
    assert log == ""
    assert ord(bytes([32])) == 32  # the empty log was not written into the space that all of Python shares
    with pytest.raises(EngineError, match=r"NVRTC could not compile the kernels .*error"):
        cuda.compile_for(90, {"SHARED_NUMBERS": 0})


def test_the_largest_system_is_named_and_fits():
    card = type("Card", (), {"shared_memory": 227 * 1024, "name": "a card"})
    most = largest_system(card.shared_memory)
    assert most > 16_384
    Shape.of(most, liquid_record((most / 1.2) ** (1 / 3), 0.2), card)
    with pytest.raises(EngineError, match=rf"{most + 3000} particles do not fit .* at most {most} do; use hoomd"):
        Shape.of(most + 3000, liquid_record((most / 1.2) ** (1 / 3), 0.2), card)


@pytest.fixture
def card():
    """A GPU whose driver answers what a test sets: the real enumerations, but no device behind them."""
    driver = pytest.importorskip("cuda.bindings.driver")
    found = cuda.Cuda.__new__(cuda.Cuda)
    found.name, found._context = "a card", None
    found._driver = SimpleNamespace(CUresult=driver.CUresult, cuCtxSetCurrent=lambda context: (0,))
    return found


def test_a_gpu_without_memory_gets_a_message(card):
    card._driver.cuMemAlloc = lambda size: (card._driver.CUresult.CUDA_ERROR_OUT_OF_MEMORY, 0)
    with pytest.raises(EngineError, match=r"a card has no 12 MiB of memory left; set integrator.systems_per_launch"):
        card.allocate(12 * 2**20)


def test_an_error_of_the_driver_is_named(card):
    card._driver.__name__ = "cuda.bindings.driver"
    card._driver.cuMemFree = lambda address: (card._driver.CUresult.CUDA_ERROR_ILLEGAL_ADDRESS,)
    with pytest.raises(EngineError, match=r"driver says CUDA_ERROR_ILLEGAL_ADDRESS"):
        card.free(1)


def test_a_gpu_that_is_too_old_gets_a_message(monkeypatch):
    driver = pytest.importorskip("cuda.bindings.driver")
    answers = {
        "cuDeviceGet": lambda index: (0, 0),
        "cuDevicePrimaryCtxRetain": lambda device: (0, 1),
        "cuCtxSetCurrent": lambda context: (0,),
        "cuDeviceGetName": lambda length, device: (0, b"an old card\0"),
        "cuDeviceGetAttribute": lambda attribute, device: (0, 6 if "MAJOR" in attribute.name else 1),
    }
    for name, answer in answers.items():
        monkeypatch.setattr(driver, name, answer)
    with pytest.raises(DeviceError, match=r"an old card has compute capability 6.1, but the engine fused needs 7.0"):
        cuda.Cuda()


def test_numbers_outside_shared_memory_give_the_same(compiler, tmp_path, liquid_at_one):
    found = []
    exactly = Shape.of(256, liquid_record(liquid_at_one.box_length, BUFFER), EmulatedCuda, 64).shared_bytes
    for memory in (exactly, exactly - 1):
        card = EmulatedCuda(tmp_path)
        card.shared_memory = memory
        with Launch(Gpu(card, 64), [liquid_at_one], Dynamics(0.004), None) as run:
            run.run_until(60, lambda done: None)
            found.append(next(iter(run.samples([0]))).configuration.unwrapped)
    assert len(list(tmp_path.glob("*.so"))) == 2
    assert abs(found[0] - found[1]).max() < 1e-6


@pytest.fixture
def empty_cache(monkeypatch, tmp_path):
    monkeypatch.setenv(compiling.CACHE, str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_library_is_compiled_once(compiler, empty_cache, capsys):
    first, _ = compiling.compiled(SOURCE)
    second, _ = compiling.compiled(SOURCE)
    assert first == second
    assert [path.name for path in empty_cache.iterdir()] == [first.name]
    assert capsys.readouterr().err.count("compiling the engine") == 1


def test_a_compiler_that_fails_gets_a_message_and_its_own_is_kept(empty_cache, monkeypatch, tmp_path, capsys):
    broken = tmp_path / "broken"
    broken.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo broken 1.0 && exit 0\necho no space for that >&2\nexit 3\n'
    )
    broken.chmod(0o755)
    monkeypatch.setenv("CXX", str(broken))
    with pytest.raises(EngineError, match=r"the compiler failed with status 3: .*broken 1.0.*engine lammps"):
        compiling.compiled(SOURCE)
    assert "no space for that" in capsys.readouterr().err
    assert list(empty_cache.iterdir()) == []


def test_without_a_compiler_lammps_runs_and_says_so(empty_cache, monkeypatch, capsys):
    monkeypatch.setattr(compiling, "_candidates", lambda: [])
    with pytest.raises(EngineError, match=r"there is no compiler of C\+\+; install one \(pip install ziglang"):
        load_engine("fused", "cpu")
    try:
        load_engine("lammps")
    except EngineError:
        pytest.skip("LAMMPS is not installed")
    assert load_engine("auto", "cpu").name == "lammps"
    said = capsys.readouterr().err
    assert "the engine fused does not work on the CPU (there is no compiler" in said
    assert "lammps, which is slower, is used instead" in said


def test_the_cache_may_be_a_relative_folder_or_lack_a_home(compiler, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(compiling.CACHE, ".")
    path, _ = compiling.compiled(SOURCE)
    assert path.parent == tmp_path
    monkeypatch.delenv(compiling.CACHE)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)

    def no_home(path):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", no_home)
    assert compiling.cache_folder().exists()


def test_a_folder_that_cannot_be_written_is_no_obstacle(compiler, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(compiling.CACHE, str(tmp_path / "file" / "cache"))
    path, _ = compiling.compiled(SOURCE)
    assert path.exists()


SANITIZED = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from glassbotan.simulate.configurations import lattice, random_generator
from glassbotan.simulate.engines import Dynamics, Thermostat
from glassbotan.simulate.engines.fused import Launch
from glassbotan.simulate.engines.fused.cpu import Cpu
from glassbotan.simulate.engines.fused.structures import Restraint, cage_states, inherent_states
from glassbotan.study.simulation import Liquid

processor = Cpu(2, Path(sys.argv[1]))
systems = [lattice(Liquid(particles=250), 2.0, random_generator(1, 1.0, number, 0)) for number in (1, 2)]
for thermostat in (Thermostat(2.0, 1.0, 0.1), None):
    with Launch(processor, systems, Dynamics(0.004, thermostat, end=300), None) as run:
        run.run_until(300, lambda done: None)
        systems = [sample.configuration for sample in run.samples([0, 1])]
list(cage_states(processor, systems, Restraint(0.3, 1.0, 0.5, settling=0.1), [1, 2]))
list(inherent_states(processor, systems))
print("all done")
"""


@pytest.mark.parametrize("level", ["x86-64", "x86-64-v3", "x86-64-v4"])
def test_sanitizers_find_nothing(level, tmp_path, monkeypatch):
    """Address and undefined-behaviour sanitizers of GCC watch a run; clang from PyPI comes without them."""
    levels = ["x86-64", "x86-64-v3", "x86-64-v4"]
    own = compiling.level_of_processor()
    if own not in levels or levels.index(level) > levels.index(own) or not shutil.which("g++"):
        pytest.skip("needs g++ and an x86-64 of this level")
    library = subprocess.run(["g++", "-print-file-name=libasan.so"], capture_output=True, text=True).stdout.strip()
    if not Path(library).is_absolute():
        pytest.skip("g++ has no address sanitizer")
    monkeypatch.setenv("CXX", "g++")
    monkeypatch.setenv(compiling.CACHE, str(tmp_path))
    flags = ("-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    path, _ = compiling.compiled(SOURCE, level, flags)
    environment = {**os.environ, "LD_PRELOAD": library, "ASAN_OPTIONS": "detect_leaks=0"}
    done = subprocess.run(
        [sys.executable, "-c", SANITIZED, str(path), str(Path(cuda.__file__).parents[4])],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "all done" in done.stdout


def test_an_engine_must_hold_the_systems(compiler):
    with pytest.raises(
        EngineError, match=r"fused on .* holds systems of at most 65535 particles, but these have 70000"
    ):
        load_engine("fused", "cpu", particles=70_000)


def test_progress_counts_every_particle_step(fused):
    systems = [lattice(Liquid(particles=216), 1.0, random_generator(0, 1.0, number, 0)) for number in range(1, 4)]
    done = []
    list(advance(fused, systems, [7, 40], Dynamics(1e-3), progress=done.append))
    assert sum(done) == 3 * 216 * 40
