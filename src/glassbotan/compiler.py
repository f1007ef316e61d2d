"""Compiling parts of this package in C++ for the processor at hand, the first time that they are needed.

A compiler takes two seconds for each of them. The library is kept in the user's cache, under a name made from the
source, the compiler and the processor, so machines of a cluster that share a home each find their own. It has a plain C
interface: it needs neither the headers of Python nor a library of C++, and one library serves every version of Python.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from glassbotan.errors import EngineError

CACHE = "GLASSBOTAN_CACHE"
"""Environment variable with the folder in which compiled libraries are kept, instead of the user's cache."""
FLAGS = (
    *("-std=c++17", "-O3", "-fPIC", "-shared", "-fno-exceptions", "-fno-rtti"),
    *("-fno-math-errno", "-ffp-contract=fast"),
)
NEEDED = {  # features of a processor of each level of x86-64, as Linux names them
    "x86-64-v4": ("avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"),
    "x86-64-v3": ("avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe"),
}
SECONDS = 600
"""Time after which a compiler is stopped."""


class Source(NamedTuple):
    """A part of this package in C++."""

    package: str
    """the package that the files are in"""
    files: tuple[str, ...]
    """names of the files; the last is compiled, and includes the others"""
    name: str
    """beginning of the name of the library"""
    what: str
    """what it is, for messages"""
    instead: str
    """what the user can do without it, for messages"""


class Compiler(NamedTuple):
    """A compiler of C++."""

    command: tuple[str, ...]
    version: str
    """first line of what it says of itself"""
    takes_levels_with: str
    """option with which it is told the level of x86-64"""


def find_compiler() -> Compiler:
    """The compiler in the environment variable CXX; else that of the package ziglang; else one of the system.

    Raises
    ------
    EngineError
        if there is none
    """
    tried = []
    for command in _candidates():
        is_zig = "ziglang" in command
        try:
            asked = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=SECONDS, check=True)
        except (OSError, subprocess.SubprocessError) as error:
            tried.append(f"{' '.join(command)} ({' '.join(str(error).split())})")
            continue
        return Compiler(command, asked.stdout.splitlines()[0].strip(), "-mcpu=" if is_zig else "-march=")
    raise EngineError(
        "there is no compiler of C++"
        + (f": {'; '.join(tried)}" if tried else "")
        + "; install one (pip install ziglang, or g++ or clang++ of the system), or name one in the variable CXX"
    )


def _candidates() -> list[tuple[str, ...]]:
    if os.environ.get("CXX"):
        return [tuple(os.environ["CXX"].split())]
    zig = [(sys.executable, "-m", "ziglang", "c++")] if find_spec("ziglang") else []
    return [*zig, *((name,) for name in ("c++", "g++", "clang++") if shutil.which(name))]


def features_of_processor() -> set[str]:
    """Instructions that this processor has besides the basic ones, as Linux names them; empty if they are not known."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return set(next(line for line in lines if line.startswith("flags")).split())
    except (OSError, StopIteration):
        return set()


def level_of_processor() -> str:
    """The highest level of x86-64 that this processor has, or an empty string for other processors."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return ""
    found = features_of_processor()
    has_v3 = found.issuperset(NEEDED["x86-64-v3"])
    if has_v3 and found.issuperset(NEEDED["x86-64-v4"]):
        return "x86-64-v4"
    return "x86-64-v3" if has_v3 else "x86-64"


def compiled(source: Source, level: str | None = None, more_flags: tuple[str, ...] = ()) -> tuple[Path, Compiler]:
    """Path of a library, which is compiled if it isn't in the cache, and the compiler.

    Parameters
    ----------
    source : what is compiled
    level : level of x86-64; by default that of this processor
    more_flags : further options of the compiler

    Raises
    ------
    EngineError
        if there is no compiler, or it fails
    """
    compiler = find_compiler()
    level = level_of_processor() if level is None else level
    folder = resources.files(source.package)
    content = [(folder / name).read_bytes() for name in source.files]
    options = [*FLAGS, *more_flags]
    if level:
        is_zig = compiler.takes_levels_with == "-mcpu="
        options.append(compiler.takes_levels_with + (level.replace("-", "_") if is_zig else level))
    key = hashlib.sha256("\0".join([*compiler.command, compiler.version, *platform.libc_ver(), *options]).encode())
    for text in content:
        key.update(text)
    path = cache_folder() / f"{source.name}-{level or platform.machine()}-{key.hexdigest()[:16]}.so"
    if not path.exists():
        _compile(compiler, options, source, content, path)
    return path, compiler


def _compile(compiler: Compiler, options: list[str], source: Source, content: list[bytes], path: Path) -> None:
    """Compile in a folder of its own, and move the library to its place when it is whole."""
    print(f"glassbotan: compiling {source.what} with {compiler.version}, once", file=sys.stderr)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        for name, text in zip(source.files, content, strict=True):
            (Path(folder) / name).write_bytes(text)
        command = [*compiler.command, *options, source.files[-1], "-o", "library.so", "-lm"]
        if "ziglang" in compiler.command:  # as `zig c++` it would first build a library of C++, which isn't needed
            command = [word if word != "c++" else "cc" for word in command] + ["-nostdlib++"]
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                env={**os.environ, "ZIG_GLOBAL_CACHE_DIR": folder, "ZIG_LOCAL_CACHE_DIR": folder},
                capture_output=True,
                text=True,
                timeout=SECONDS,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise EngineError(f"the compiler could not be run: {' '.join(str(error).split())}") from None
        if done.returncode:
            print(done.stderr, file=sys.stderr)
            raise EngineError(
                f"the compiler failed with status {done.returncode}: {' '.join(command)} ({compiler.version}); its "
                f"message is above; name another compiler in the environment variable CXX, or {source.instead}"
            )
        os.replace(Path(folder) / "library.so", path)


def cache_folder() -> Path:
    """The folder of compiled libraries, made if it isn't there; one for this process if none can be written."""
    named = os.environ.get(CACHE)
    try:
        base = Path(named) if named else Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "glassbotan"
        base = base.expanduser().absolute()
        base.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=base):
            return base
    except (OSError, RuntimeError):
        folder = Path(tempfile.gettempdir()) / f"glassbotan-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.stat().st_uid != os.getuid():
            raise EngineError(f"{folder} belongs to another user; set {CACHE} to a folder of your own") from None
        return folder
