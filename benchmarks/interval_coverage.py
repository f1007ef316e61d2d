"""How often do the confidence intervals of this program contain the true value?

    python benchmarks/interval_coverage.py [--draws 4000]

Each line repeats an experiment with new random numbers many times, with a known true value and with the sizes that
studies have, and prints how many of the 95 per cent intervals contain it. Deviations are those of rho in the default
study: 0.03 between test configurations, 0.01 between seeds, 0.008 between seeds in a configuration.
"""

import argparse
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from glassbotan.dynamics.relaxation import double_stretched, relaxation
from glassbotan.evaluate.heterogeneity import chi_4
from glassbotan.evaluate.summary import Scored, difference, estimate
from glassbotan.statistics import Estimate

NOMINAL = 0.95
CONFIGURATIONS, SEEDS, REST = 0.03, 0.01, 0.008
TIMES = np.geomspace(0.1, 66.0, 24)
SHAPE = {"f": 0.78, "tau_s": 0.2, "beta_s": 1.4, "beta": 0.8}
Interval = tuple[float, float]


def scored(
    rng: np.random.Generator,
    seeds: int,
    configurations: int,
    halves: int = 0,
    train: float = 0.0,
    mean: float = 0.75,
    shared: NDArray | None = None,
    between_seeds: float = SEEDS,
    configurations_to_train: int = 8,
) -> Scored:
    """Scores of a model in an experiment with new test configurations, seeds and training configurations.

    The score of a fit depends on its training configurations through the mean of a number that each of them has. Half
    samples are halves of the same training configurations.

    Parameters
    ----------
    halves, train : number of half samples, and standard deviation between choices of the training configurations
    mean : the true value
    shared : (configurations,), deviations of the test configurations that all models have in common
    between_seeds : standard deviation between seeds
    """
    of_configurations = rng.normal(0, CONFIGURATIONS, configurations) if shared is None else shared
    learnt = rng.normal(0, train * np.sqrt(configurations_to_train), configurations_to_train)
    in_half = configurations_to_train // 2

    def fits(choices: NDArray) -> NDArray:
        own = choices + rng.normal(0, between_seeds, len(choices))
        rest = rng.normal(0, REST, (len(choices), configurations))
        return np.asarray(mean + of_configurations + own[:, None] + rest)

    chosen = [rng.choice(learnt, in_half, replace=False).mean() for _ in range(halves)]
    of_halves = fits(np.array(chosen)) if halves else np.empty((0, configurations))
    numbers = tuple(range(configurations))
    of_seeds = fits(np.full(seeds, learnt.mean()))
    return Scored(of_seeds, of_halves, numbers, configurations_to_train, in_half, fitted=True, random=True)


def curves(rng: np.random.Generator, count: int) -> NDArray:
    """F_s of configurations that relax at different speeds, like those of N = 1000 at T = 0.64, (count, n_t)."""
    speeds = 16.5 * np.exp(rng.normal(0, 0.3, count))
    return np.array([double_stretched(TIMES, tau_alpha=speed, **SHAPE) for speed in speeds])


def covered(intervals: Iterator[Interval] | list[Interval], truth: float) -> float:
    """How many of the intervals contain the true value."""
    low, high = np.array(list(intervals)).T
    return float(((low < truth) & (truth < high)).mean())


def of_score(rng: np.random.Generator, draws: int, seeds: int, configurations: int, **more: float) -> float:
    """Coverage of the interval of a score."""
    found = (scored(rng, seeds, configurations, **more) for _ in range(draws))  # type: ignore[arg-type]
    return covered((estimate(one).interval(NOMINAL) for one in found), 0.75)


def of_difference(rng: np.random.Generator, draws: int, seeds: int, configurations: int) -> float:
    """Coverage of the interval of a paired difference."""

    def intervals() -> Iterator[Interval]:
        for _ in range(draws):
            shared = rng.normal(0, CONFIGURATIONS, configurations)
            one, other = (scored(rng, seeds, configurations, mean=mean, shared=shared) for mean in (0.77, 0.75))
            yield difference(one, other).interval(NOMINAL)

    return covered(intervals(), 0.02)


def of_chi_4(rng: np.random.Generator, draws: int, configurations: int, between: float) -> float:
    """Coverage of the interval of chi_4, of which a part `between` is between configurations."""

    def intervals() -> Iterator[Interval]:
        for _ in range(draws):
            means = rng.normal(0.5, 0.1 * np.sqrt(between), configurations)
            overlaps = means[:, None] + rng.normal(0, 0.1 * np.sqrt(1 - between), (configurations, 12))
            found = chi_4(overlaps, 1000, NOMINAL)
            yield found.low, found.high

    return covered(intervals(), 10.0)


def of_relaxation(rng: np.random.Generator, draws: int, configurations: int, name: str) -> float:
    """Coverage of the interval of a relaxation time."""
    truth = getattr(relaxation(TIMES, curves(rng, 20_000).mean(axis=0)[None]), name)

    def intervals() -> Iterator[Interval]:
        for _ in range(draws):
            found = relaxation(TIMES, curves(rng, configurations))
            one = Estimate(getattr(found, name), getattr(found, f"{name}_error"), configurations - 1)
            yield one.interval(NOMINAL)

    return covered(intervals(), truth)


def lines(draws: int) -> Iterator[tuple[str, Callable[[np.random.Generator], float]]]:
    """What is measured: words, and a function that gives the coverage."""
    for seeds, configurations in ((1, 4), (2, 4), (4, 4), (2, 10), (4, 100)):
        words = f"score, {seeds} seeds, {configurations} test configurations"
        yield words, lambda rng, s=seeds, c=configurations: of_score(rng, draws, s, c)
    for between in (0.0, 0.02, 0.03, 0.06):
        words = f"score, 2 seeds that differ by {between:g}, 4 test configurations"
        yield words, lambda rng, b=between: of_score(rng, draws, 2, 4, between_seeds=b)
    for seeds, train, halves in ((2, 8, 0), (2, 8, 4), (2, 8, 6), (1, 8, 6), (1, 5, 6), (4, 8, 6), (1, 100, 6)):
        words = f"score, {seeds} seeds, 4 configurations, {train} to train (0.03), {halves} half samples"
        more = {"halves": halves, "train": 0.03, "configurations_to_train": train}
        yield words, lambda rng, s=seeds, m=more: of_score(rng, draws, s, 4, **m)
    for seeds, configurations in ((2, 4), (4, 4), (2, 10)):
        words = f"paired difference, {seeds} seeds each, {configurations} test configurations"
        yield words, lambda rng, s=seeds, c=configurations: of_difference(rng, draws, s, c)
    for configurations, between in ((4, 0.5), (4, 0.9), (14, 0.7), (100, 0.7)):
        words = f"chi_4, {configurations} configurations, {100 * between:g} per cent of it between them"
        yield words, lambda rng, c=configurations, b=between: of_chi_4(rng, draws, c, b)
    for name in ("tau_e", "tau_alpha"):
        for configurations in (4, 14):
            words = f"{name}, {configurations} configurations"
            yield words, lambda rng, n=name, c=configurations: of_relaxation(rng, draws // 4, c, n)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=4000)
    draws = parser.parse_args().draws
    print(f"coverage of intervals of {NOMINAL:.0%} in {draws} draws (a quarter of them for relaxation times)")
    for words, coverage in lines(draws):
        print(f"{coverage(np.random.default_rng(7)):7.3f}  {words.replace('1 seeds', '1 seed')}", flush=True)


if __name__ == "__main__":
    main()
