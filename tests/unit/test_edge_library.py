"""The library that computes the perceptrons of edges on a CPU, against PyTorch's operations in float64."""

import os
import subprocess
import sys
from functools import partial

import pytest
import torch

from glassbotan.compiler import compiled, level_of_processor
from glassbotan.learn import edge_cpu, memory
from glassbotan.learn.edge_ends import EdgeEndpoints
from glassbotan.learn.edge_update import Arithmetic, EdgePerceptron
from glassbotan.learn.memory import empty

LEVELS = ("x86-64", "x86-64-v3", "x86-64-v4")
PARTICLES, EDGES = 70, 1500


@pytest.fixture(params=LEVELS)
def level(request, monkeypatch):
    """Each level of x86-64 that this machine has; the library is that of the level."""
    own = level_of_processor()
    if own not in LEVELS or LEVELS.index(request.param) > LEVELS.index(own):
        pytest.skip(f"this processor has no {request.param}")
    if edge_cpu.library() is None:
        pytest.skip("there is no compiler")
    monkeypatch.setattr(edge_cpu, "compiled", partial(compiled, level=request.param))
    edge_cpu.library.cache_clear()
    yield request.param
    edge_cpu.library.cache_clear()


def graph():
    """Random edges, with their reverse edges, sorted by receiver; the last particles have none."""
    random = torch.Generator().manual_seed(1)
    forth = torch.randint(PARTICLES - 5, (2, EDGES // 2), generator=random)
    both = torch.cat([forth, forth.flip(0)], dim=1)
    order = torch.argsort(both[1], stable=True)
    place = torch.empty(EDGES, dtype=torch.long)
    place[order] = torch.arange(EDGES)
    return EdgeEndpoints(both[:, order].int(), place[(order + EDGES // 2) % EDGES].int(), PARTICLES)


def results(products, width, inputs, with_ends, constant_per_edge=True):
    """Outputs and derivatives, by name."""
    random = torch.Generator().manual_seed(5)  # with which no value before a ReLU is so near zero that its sign changes

    def numbers(*shape, scale=1.0):
        return scale * torch.randn(shape, generator=random, dtype=torch.float64)

    ends = graph() if with_ends else None
    leaves = {
        "x": numbers(EDGES, inputs),
        "first": numbers(width, 3 * inputs, scale=inputs**-0.5)[:, inputs : 2 * inputs],  # a block of a wider layer
        "constant": numbers(*((EDGES, width) if constant_per_edge else (width,))),
        "second": numbers(width, width, scale=width**-0.5),
        "bias": numbers(width),
        **({name: numbers(PARTICLES, width) for name in ("from_sender", "from_receiver")} if with_ends else {}),
    }
    leaves = {name: value.to(products).requires_grad_() for name, value in leaves.items()}
    values = [*leaves.values()]
    y, incoming, _ = EdgePerceptron.apply(
        *values[:5], Arithmetic(products), *values[5:], *([ends] if with_ends else [])
    )
    loss = (y.double() * numbers(EDGES, width)).sum()
    if with_ends:
        loss = loss + (incoming.double() * numbers(PARTICLES, width)).sum()
    gradients = torch.autograd.grad(loss, values)
    found = {"y": y, **({"incoming": incoming} if with_ends else {}), **dict(zip(leaves, gradients, strict=True))}
    return {name: value.detach() for name, value in found.items()}


@pytest.mark.parametrize("width", [16, 48, 64, 128])
@pytest.mark.parametrize(
    ("inputs", "with_ends", "constant_per_edge"),
    [(None, True, True), (None, False, False), (3, False, False), (3, True, False)],
    ids=["round", "decoder", "encoder", "encoder with states"],
)
def test_outputs_and_derivatives_are_those_of_float64(level, width, inputs, with_ends, constant_per_edge, monkeypatch):
    shape = (width, inputs or width, with_ends, constant_per_edge)
    calls = []
    monkeypatch.setattr(edge_cpu, "backward", lambda *given: calls.append(1) or backward(*given))
    expected, found = results(torch.float64, *shape), results(torch.float32, *shape)
    assert calls == [1]  # of float32 alone
    for name, reference in expected.items():
        error = float((found[name].double() - reference).norm() / reference.norm())
        assert error < 2e-6, name


backward = edge_cpu.backward


@pytest.mark.parametrize("features", ["own", "none"])
@pytest.mark.parametrize(("inputs", "with_ends", "constant_per_edge"), [(64, True, True), (64, False, False)])
def test_bfloat16_numbers_are_as_good_as_pytorch_has_them(features, inputs, with_ends, constant_per_edge, monkeypatch):
    """Also where the processor multiplies pairs of them, and where it does not."""
    if edge_cpu.library() is None:
        pytest.skip("there is no compiler")
    shape = (64, inputs, with_ends, constant_per_edge)
    expected = results(torch.float64, *shape)

    def errors():
        found = results(torch.bfloat16, *shape)
        return {name: float((found[name].double() - one).norm() / one.norm()) for name, one in expected.items()}

    if features == "none":
        monkeypatch.setattr(edge_cpu, "features_of_processor", set)
        edge_cpu.library.cache_clear()
    ours = errors()
    monkeypatch.setenv(edge_cpu.SWITCH, "torch")
    edge_cpu.library.cache_clear()
    of_torch = errors()
    monkeypatch.undo()
    edge_cpu.library.cache_clear()
    for name, error in ours.items():
        assert error < 1.2 * of_torch[name], name


def test_memory_of_arrays_is_used_again_when_they_are_freed(monkeypatch):
    monkeypatch.setattr(memory, "_free", [])  # without the blocks that networks trained before have left
    first = empty(1000, 64, torch.float32)
    first.fill_(1)
    place = first.data_ptr()
    second = empty(1000, 64, torch.float32)
    assert second.data_ptr() != place
    view = first[10:]
    del first
    third = empty(1000, 64, torch.float32)
    assert third.data_ptr() not in (place, second.data_ptr())  # a view still needs the first
    assert bool((view == 1).all())
    del view
    again = empty(990, 64, torch.float32)
    assert again.data_ptr() == place
    assert again.shape == (990, 64)
    assert empty(0, 64, torch.float32).shape == (0, 64)


def test_derivatives_are_right_if_the_output_is_used_twice():
    if edge_cpu.library() is None:
        pytest.skip("there is no compiler")
    random = torch.Generator().manual_seed(5)
    found = []
    for dtype in (torch.float32, torch.float64):
        random.manual_seed(5)
        x, first, constant, second = (
            torch.randn(shape, generator=random, dtype=torch.float64).to(dtype).requires_grad_()
            for shape in ((EDGES, 64), (64, 64), (64,), (64, 64))
        )
        y, *_ = EdgePerceptron.apply(x, first / 8, constant, second / 8, constant, Arithmetic(dtype))
        given = torch.randn(EDGES, 64, generator=random, dtype=torch.float64).to(dtype)
        before = given.clone()
        found.append(torch.autograd.grad(y + x, x, given)[0].double())
        assert torch.equal(given, before)
    assert float((found[0] - found[1]).norm() / found[1].norm()) < 1e-5


@pytest.mark.parametrize("threads", [2, 3, 16])
def test_results_do_not_depend_on_the_number_of_threads(threads):
    if edge_cpu.library() is None:
        pytest.skip("there is no compiler")
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = results(torch.float32, 64, 64, True)
        torch.set_num_threads(threads)
        together = results(torch.float32, 64, 64, True)
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(together[name], value) for name, value in alone.items())


def test_other_shapes_and_number_types_are_left_to_pytorch():
    x = torch.zeros(5, 64)
    assert not edge_cpu.fits(x.double(), 64, torch.float64)
    assert not edge_cpu.fits(x, 64, torch.float16)
    assert not edge_cpu.fits(x, 24, torch.float32)
    assert not edge_cpu.fits(x, 256, torch.float32)


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"CXX": "no-such-compiler"}, "networks are trained with PyTorch's operations, which is slower"),
        ({"GLASSBOTAN_EDGES": "torch"}, ""),
    ],
)
def test_without_a_compiler_pytorch_does_the_work(variables, said, tmp_path):
    code = "from glassbotan.learn import edge_cpu; assert edge_cpu.library() is None"
    environment = {**os.environ, "GLASSBOTAN_CACHE": str(tmp_path), **variables}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert said in done.stderr
