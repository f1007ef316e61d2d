"""Display of the progress of long work: one bar on a terminal, plain lines in a log file."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

SECONDS_BETWEEN_LINES = 30.0


@contextmanager
def progress(label: str, total: float, unit: str) -> Iterator[Callable[[float], None]]:
    """Context manager that shows progress; it yields a function to call with the work done since the last call.

    Parameters
    ----------
    label : name of the work, shown before the progress
    total, unit : amount of all work, and its unit
    """
    started = time.perf_counter()
    show = _bar if sys.stderr.isatty() else _lines
    with show(label, total, unit) as advance:
        yield advance
    seconds = time.perf_counter() - started
    print(f"{label}: {_quantity(total)} {unit} in {seconds:.1f} s", file=sys.stderr, flush=True)


@contextmanager
def _bar(label: str, total: float, unit: str) -> Iterator[Callable[[float], None]]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f}%"),
        TextColumn("{task.fields[rate]} " + unit + "/s"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=total, rate="-")

        def advance(amount: float) -> None:
            speed = bar.tasks[0].speed
            bar.update(task, advance=amount, rate=_quantity(speed) if speed else "-")

        yield advance


@contextmanager
def _lines(label: str, total: float, unit: str) -> Iterator[Callable[[float], None]]:
    last = time.perf_counter()
    done = done_at_last = 0.0

    def advance(amount: float) -> None:
        nonlocal done, last, done_at_last
        done += amount
        now = time.perf_counter()
        if now - last >= SECONDS_BETWEEN_LINES and done < total:
            rate = (done - done_at_last) / (now - last)
            last, done_at_last = now, done
            left = (total - done) / rate
            print(
                f"{label}: {100 * done / total:.0f} %, {_quantity(rate)} {unit}/s, {left:.0f} s left",
                file=sys.stderr,
                flush=True,
            )

    yield advance


def _quantity(value: float) -> str:
    for size, suffix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.2f} {suffix}"
    return f"{value:.3g}"
