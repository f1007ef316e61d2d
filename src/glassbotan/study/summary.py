"""Summary of a study in a few lines."""

from glassbotan.study.reading import variants_of
from glassbotan.study.runs import every_start, fits_of, half_sample_runs, runs_of
from glassbotan.study.study import Study


def summary(study: Study) -> str:
    """Lines about the liquid, the configurations, the sampling times, and the predictors that are fitted."""
    split, liquid = study.configurations, study.liquid
    source = f"{study.ensemble.replicas} replicas" if study.simulates else f"published ({study.source})"
    lines = [
        f"{study.name}: N = {liquid.particles}, rho = {liquid.density:g}, L = {liquid.box_length:.5f}",
        f"  {len(split.all)} configurations at each temperature ({len(split.train)} train, "
        f"{len(split.validation)} validation, {len(split.test)} test), {source}",
    ]
    for point in study.temperatures:
        times = ", ".join(f"{time:g}" for time in point.sampling_times)
        lines.append(f"  T = {point.temperature:g}: sampling times {times}")
    runs = fits_of(runs_of(study))
    for model in study.models:
        fits = sum(run.model == model for run in runs)
        what = ("each " if fits > 1 else "") + ("for all its times at once" if model.joint else "for one of its times")
        if model.together:
            what += f" and T = {', '.join(f'{one:g}' for one in model.together)} together"
        lines.append(
            f"  {model.name} ({model.kind}) predicts {', '.join(model.predicts)}; "
            + (f"{_counted(fits)}, {what}" if model.fits else "a baseline that is not fitted")
        )
    if starts := every_start(study):
        lines.append(
            f"  {_counted(len(starts))} that others start from ({', '.join({run.model.name for run in starts})})"
        )
    if halves := half_sample_runs(study):
        names = ", ".join(dict.fromkeys(run.model.name for _, run in halves))
        lines.append(f"  {_counted(len(halves))} to half samples of the training configurations ({names})")
    for name, variant in variants_of(study).items():
        numbers = f"N = {variant.liquid.particles}, {len(variant.configurations.all)} configurations"
        lines.append(f"  variant {name} in {variant.name}: {numbers}; sets {', '.join(study.variants[name])}")
    return "\n".join(lines)


def _counted(fits: int) -> str:
    return f"{fits} fit" if fits == 1 else f"{fits} fits"
