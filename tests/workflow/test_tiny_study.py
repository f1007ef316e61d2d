"""A whole study with real simulations, small enough for a test: its products, and what happens with mistakes."""

import json
import re
import shutil
from pathlib import Path

import gsd.hoomd
import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from PIL import Image

import glassbotan
from glassbotan.errors import StudyError
from glassbotan.files.configurations import read_batch
from glassbotan.files.fitted import read_fitted, read_fitted_provenance
from glassbotan.files.gsd import read_gsd_provenance
from glassbotan.files.npz import read_npz_provenance
from glassbotan.files.predictions import read_predictions
from glassbotan.files.targets import read_targets
from glassbotan.study.simulation import ENGINES

ROOT = Path(__file__).parent.parent.parent
BROWSER = next((path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None)
PHONE, SCREEN = {"width": 390, "height": 844}, {"width": 1280, "height": 900}


def jobs(result):
    """Names and counts of the jobs in a dry run's table."""
    lines = iter(result.stdout.splitlines())
    found = {}
    for line in lines:
        if line.startswith("job ") and "count" in line:
            next(lines)
            for row in lines:
                if not row.strip():
                    return found
                name, count = row.split()
                if name != "total":
                    found[name] = int(count)
    return found


FIGURES = (
    "simulation_quality",
    "equilibration",
    "variants",
    "losses",
    "fig02_relaxation",
    "fig03_pretraining_loss",
    "fig04_pair_maps_T0.90",
    "fig05_pair_pearson",
    "fig06_joint_distribution_T0.90",
    "fig07_propensity_maps_T0.90",
    "fig08_propensity_pearson",
    "heterogeneity_T0.90",
    "four_point_correlation_T0.90",
    "predictors_in_slab_T0.90",
    "uncertainty_T0.90",
    "score_of_structures",
    "structure_maps_T0.90",
    "ridge_weights_T0.90",
    "cost_of_prediction_T0.90",
)


def test_every_product_is_there(finished):
    for name in (
        "T0.90/melt/b003.gsd",
        "T0.90/quench/b001.gsd",
        "T0.90/equilibrated/b002.gsd",
        "T0.90/ensemble/b003/c0005.gsd",
        "T0.90/targets/c0001.npz",
        "T0.90/structure/c0004.npz",
        "T0.90/relaxation.csv",
        "T0.90/relaxation.json",
        "T0.90/t01/pretraining/seed0/model.safetensors",
        "T0.90/t01/BOTAN/seed0/history.csv",
        "T0.90/t02/NT-GNN/seed0/predictions.npz",
        "T0.90/all/ridge/seed0/model.safetensors",
        "T0.90/all/ridge/seed0/history.csv",
        "T0.90/all/potential-energy/seed0/predictions.npz",
        "T0.90/all/equivariant/seed1/history.csv",
        "T0.90/all/equivariant-mean/seed0/predictions.npz",
        "study.yaml",
        "tables/simulation_quality.csv",
        "tables/pearson.csv",
        "tables/pearson.txt",
        "tables/pearson.md",
        "tables/heterogeneity.csv",
        "tables/cost.csv",
        "tables/checks.csv",
        "tables/pearson_summary.csv",
        "tables/pearson_differences.csv",
        "tables/half_samples_configurations.csv",
        "tables/variants.txt",
        "T0.90/all/ridge+half02/seed2/model.safetensors",
        "report.html",
        *(f"figures/{name}.{ending}" for name in FIGURES for ending in ("png", "svg", "csv")),
    ):
        assert (finished.results / name).stat().st_size > 0, name
    assert not list(finished.results.rglob(".partial*"))
    assert max(path.stat().st_size for path in (finished.results / "figures").glob("*.svg")) < 2e6


def test_tables_say_what_a_model_sees_and_what_that_costs(finished):
    table = pd.read_csv(finished.results / "tables" / "pearson.csv").drop_duplicates("model").set_index("model")
    assert table.sees["BOTAN"] == table.sees["softness"] == table.sees["initial-distance"] == "positions"
    assert table.sees["ridge-cage"] == table.sees["to-cage-0.2"] == table.sees["potential-energy"] == "potential"
    assert table.structures["ridge-cage"] == "inherent + cage-0.2"
    assert table.core_seconds["BOTAN"] == table.particle_steps["BOTAN"] == 0
    assert table.particle_steps["ensemble-to-0.1"] == 2 * 20 * 256  # replicas, steps of 0.005, particles
    assert table.particle_steps["to-cage-0.2"] == 2 * 120 * 256  # runs, steps of 0.01
    assert table.core_seconds["ridge-cage"] > table.core_seconds["to-cage-0.2"] > 0
    text = (finished.results / "tables" / "pearson.txt").read_text()
    assert "inherent + cage-0.2" in text
    assert "core-s" in text


def test_no_fit_reads_a_test_configuration(finished, checkout):
    """With broken files of the test configurations, every fit runs again all the same, and only predictions fail."""
    shutil.copytree(finished.path / "results", checkout.path / "results")
    for folder in ("targets", "structure"):
        for number in finished.study.configurations.test:
            (checkout.results / "T0.90" / folder / f"c{number:04d}.npz").write_bytes(b"broken")
    fits = [
        f"results/tiny/T0.90/{folder}/seed0/model.safetensors"
        for folder in ("all/ridge-cage", "all/GlassMLP", "all/softness", "all/pair-ridge", "t02/NT-GNN")
    ]
    for path in fits:
        (checkout.path / path).unlink()
    result = checkout.snakemake("--rerun-triggers", "mtime", "--", *fits)
    assert result.returncode == 0, result.stdout + result.stderr
    assert all((checkout.path / path).exists() for path in fits)
    ridge = checkout.path / fits[0]
    result = checkout.glassbotan(
        "predict-test", "--study", "tiny", "--temperature", "0.9", "--time-indices", "1,2", "--predictor", str(ridge),
        "--output", "p.npz", str(checkout.results / "T0.90" / "targets" / "c0004.npz"),
    )  # fmt: skip
    assert result.returncode != 0
    assert "it was cut short or is not npz" in result.stderr


def test_a_snapshot_is_predicted_from_structures_that_are_made_for_it(finished, tmp_path):
    model = finished.results / "T0.90" / "all" / "ridge-cage" / "seed0" / "model.safetensors"
    snapshot = finished.results / "T0.90" / "equilibrated" / "b003.gsd"
    output = tmp_path / "mine.csv"
    result = finished.glassbotan(
        "predict", "--model", str(model), "--configuration", str(snapshot), "--frame", "0", "--output", str(output)
    )
    assert result.returncode == 0, result.stderr
    table = pd.read_csv(output)
    assert table[["S_t1", "S_t2"]].notna().all(axis=None)
    predictions = read_predictions(model.with_name("predictions.npz")).at(2)
    same = next(one for one in predictions if one.configuration == 5)  # the only one of its batch
    # The inherent structure is the same, the short runs of the cage state have other random numbers.
    assert np.corrcoef(table.S_t2, same.targets["S"].predicted)[0, 1] > 0.7


def test_the_learning_curve_is_a_target_of_its_own(finished):
    figure = finished.results / "figures" / "learning_curve.png"
    assert not figure.exists()
    result = finished.snakemake("--", str(figure.relative_to(finished.path)))
    assert result.returncode == 0, result.stdout + result.stderr
    assert Image.open(figure).size[0] > 1000
    table = pd.read_csv(finished.results / "tables" / "learning_curve.csv")
    networks = table[(table.model == "BOTAN") & (table.target == "S")]
    assert sorted(zip(networks.train_configurations, networks.replicas, strict=True)) == [(1, 4), (2, 2), (2, 4)]
    # The number of optimiser steps does not depend on the amount of data: half the configurations, twice the epochs.
    folder = finished.results / "T0.90" / "t02" / "BOTAN"
    epochs = {
        variant: len(pd.read_csv(folder.with_name("BOTAN" + variant) / "seed0" / "history.csv"))
        for variant in ("", "+n001", "+r02")
    }
    assert epochs == {"": 3, "+n001": 6, "+r02": 3}
    start = read_fitted(finished.results / "T0.90/t01/pretraining+n001/seed0/model.safetensors").predictor
    assert start.domain.seen == (1, 3)  # no more than the network that starts from it
    assert finished.snakemake().returncode == 0
    assert "Learning curve" in (finished.results / "report.html").read_text()
    few = read_targets(finished.results / "T0.90" / "targets-r02" / "c0001.npz")
    assert few.overlap.shape == (2, 2)


def test_the_table_is_printed_and_tidy(finished):
    assert (finished.results / "tables" / "pearson.txt").read_text().strip() in finished.output
    table = pd.read_csv(finished.results / "tables" / "pearson.csv")
    assert list(table.columns[:8]) == [
        "temperature", "time", "time_index", "model", "kind", "fitted", "seed", "target",
    ]  # fmt: skip
    found = {model: sorted(zip(of.time, of.target, strict=True)) for model, of in table.groupby("model")}
    assert found == {
        "BOTAN": [(0.1, "E"), (0.1, "S"), (1.0, "E"), (1.0, "S")],
        "NT-GNN": [(1.0, "S")],
        "NT-GNN-R": [(1.0, "R")],
        "pairs": [(1.0, "E")],
        "ridge": [(0.1, "S"), (1.0, "S")],  # one fit for all times, with a row for each
        "potential-energy": [(0.1, "R"), (0.1, "S"), (1.0, "R"), (1.0, "S")],
        "initial-distance": [(0.1, "E"), (1.0, "E")],
        "equivariant": [(0.1, "E")] * 2 + [(0.1, "S")] * 2 + [(1.0, "E")] * 2 + [(1.0, "S")] * 2,  # two seeds
        "equivariant-mean": [(0.1, "E"), (0.1, "S"), (1.0, "E"), (1.0, "S")],
        **{
            model: [(0.1, "S"), (1.0, "S")]
            for model in ("ridge-cage", "GlassMLP", "softness", "normal-modes", "in-cage-0.2", "ensemble-to-0.1")
        },
        **{model: [(0.1, "E"), (1.0, "E")] for model in ("pair-ridge", "to-cage-0.2")},
    }
    assert set(table.kind[~table.fitted]) == {
        "potential-energy", "initial-distance", "normal-modes", "short-ensemble", "distance-change", "cage-displacement"
    }  # fmt: skip
    assert (table.n_configurations == 2).all()
    assert table.ceiling.between(0.3, 1).all()
    assert table.pearson.between(-1, 1).all()


def test_tables_can_be_computed_from_the_scores_of_configurations(finished):
    tables = finished.results / "tables"
    single, summary, paired = (
        pd.read_csv(tables / f"pearson_{name}.csv") for name in ("configurations", "summary", "differences")
    )
    fits = pd.read_csv(tables / "pearson.csv")
    keys = ["time", "target", "model"]
    of_fits = single.groupby([*keys, "seed"]).pearson.mean()
    assert fits.set_index([*keys, "seed"]).pearson.sort_index().to_numpy() == pytest.approx(
        of_fits.to_numpy(), rel=1e-6
    )
    means = single.groupby(keys).pearson.mean()
    assert summary.set_index(keys).pearson.sort_index().to_numpy() == pytest.approx(means.to_numpy(), rel=1e-6)
    for row in paired.itertuples():
        expected = means[row.time, row.target, row.model] - means[row.time, row.target, row.other]
        assert row.difference == pytest.approx(expected, abs=1e-6)
        assert row.difference >= 0
    halves = pd.read_csv(tables / "half_samples_configurations.csv")
    assert set(halves.model) == {"ridge", "pair-ridge"}
    assert (halves.train_configurations == 1).all()
    scattered = halves.groupby(["time", "target", "model", "value"]).pearson.mean().groupby(["time", "target", "model"])
    own = summary[summary.model == "ridge"].set_index(keys)
    for key, error in scattered.std().items():
        if key[2] == "ridge":
            assert own.error_training[key] == pytest.approx(error, rel=1e-4)
    assert own.leaves_out.isna().all()
    figure = pd.read_csv(finished.results / "figures" / "fig05_pair_pearson.csv")
    assert figure.pearson.to_numpy() == pytest.approx(summary[summary.target == "E"].pearson.to_numpy(), abs=1e-5)


def test_a_variant_is_a_study_of_its_own_that_a_table_compares(finished):
    other = finished.path / "results" / "tiny-NVT"
    assert yaml.safe_load((finished.results / "study.yaml").read_text())["variants"]
    ours, theirs = (folder / "T0.90" / "targets" / "c0001.npz" for folder in (finished.results, other))
    assert np.array_equal(*(read_targets(path).structure().positions for path in (ours, theirs)))
    assert not np.array_equal(*(read_targets(path).means["S"] for path in (ours, theirs)))
    assert read_targets(theirs).quality.energy_drift is None  # a thermostat exchanges energy
    table = pd.read_csv(finished.results / "tables" / "variants.csv")
    assert set(table.variant) == {"the study itself", "NVT"}
    relaxation = json.loads((other / "T0.90" / "relaxation.json").read_text())
    found = table[(table.variant == "NVT") & (table.quantity == "tau_alpha")].iloc[0]
    assert (found.value, found.error) == pytest.approx((relaxation["tau_alpha"], relaxation["tau_alpha_error"]))
    own = table[(table.variant == "the study itself") & (table.quantity == "tau_alpha")].iloc[0]
    assert found.difference == pytest.approx(found.value - own.value, rel=1e-6)
    assert np.isnan(own.difference)
    text = (finished.results / "tables" / "variants.txt").read_text()
    assert "ρ(S), ridge" in text
    result = finished.snakemake("-n", "results/tiny-NVT/report.html")
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_stage_says_how_it_was_made(finished):
    melt = read_gsd_provenance(finished.results / "T0.90" / "melt" / "b001.gsd")
    assert melt["engine"]["name"] in ENGINES
    assert melt["particle_steps"] == 2 * 256 * 200
    targets = read_npz_provenance(finished.results / "T0.90" / "targets" / "c0003.npz")
    model = read_fitted_provenance(finished.results / "T0.90" / "t02" / "BOTAN" / "seed0" / "model.safetensors")
    table = json.loads((finished.results / "tables" / "pearson.provenance.json").read_text())
    with Image.open(finished.results / "figures" / "losses.png") as figure:
        drawn = json.loads(figure.text["Description"])
    for record in (melt, targets, model, table, drawn):
        assert record["study"] == "tiny"
        assert record["versions"]["glassbotan"]
        assert record["wall_seconds"] > 0
        assert all(len(value) == 64 for value in record["inputs"].values())
    assert model["settings"]["model"]["training"]["epochs"] == 3
    assert yaml.safe_load((finished.results / "study.yaml").read_text())["ensemble"]["replicas"] == 4
    assert any("pretraining" in path for path in model["inputs"])


def test_simulated_ensembles_are_isoconfigurational(finished):
    with gsd.hoomd.open(finished.results / "T0.90" / "ensemble" / "b001" / "c0001.gsd") as trajectory:
        frames = list(trajectory)
        start = frames[0].particles.position
        length = frames[0].configuration.box[0]
        seen = {}
        for frame in frames[1:]:
            moved = frame.particles.position + length * frame.particles.image - start
            replica, step = int(frame.log["replica"][0]), frame.configuration.step
            seen[replica, step] = moved
            assert np.abs(frame.log["momentum"]).max() < 1e-5  # of 256 particles; 32-bit forces
            assert np.linalg.norm(moved, axis=1).max() < 6
        assert {(replica, step) for replica in range(1, 5) for step in (20, 200)} <= seen.keys()
        # The replicas start with the same positions and different momenta. Up to t = 0.1 the motion is ballistic, by
        # sqrt(3 T) t in each replica.
        spread = np.linalg.norm(seen[1, 20] - seen[2, 20], axis=1)
        assert 0.5 < np.sqrt((spread**2).mean()) / (np.sqrt(2 * 3 * 0.9) * 0.1) < 1.1
        energies = {}
        for frame in frames[1:]:
            total = frame.log["potential_energy"][0] + frame.log["kinetic_energy"][0]
            energies.setdefault(int(frame.log["replica"][0]), []).append(total / 256)
    assert len(energies) == 4
    for values in energies.values():
        assert np.ptp(values) < 3e-3  # velocity Verlet at T = 0.9 and dt = 0.005


def test_second_run_has_nothing_to_do(finished):
    result = finished.snakemake()
    assert result.returncode == 0
    assert "Nothing to be done" in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("T0.90/melt/b002.gsd", {"melt": 1}),
        ("T0.90/ensemble/b003", {"melt": 1, "quench": 1, "equilibrate": 1, "ensemble": 1}),
        (
            "T0.90/t01/pretraining/seed0/model.safetensors",
            {"melt": 2, "quench": 2, "equilibrate": 2, "ensemble": 2, "targets": 3, "accept": 1, "fit": 1},
        ),
        (
            "T0.90/t02/NT-GNN/seed0/history.csv",
            {"melt": 2, "quench": 2, "equilibrate": 2, "ensemble": 2, "targets": 3, "accept": 1, "fit": 1},
        ),
        (
            "tables/ablation_shells.csv",
            {
                "melt": 3,
                "quench": 3,
                "equilibrate": 3,
                "ensemble": 3,
                "targets": 5,
                "accept": 1,
                "fit": 2,
                "predict": 2,
                "score": 1,
            },
        ),
    ],
)
def test_a_file_plans_what_it_needs_and_nothing_else(finished, target, expected):
    result = finished.snakemake("-n", "--forceall", f"results/tiny/{target}")
    assert result.returncode == 0, result.stderr
    assert jobs(result) == expected


def ensemble_of(study, number):
    """The file of an ensemble of the tiny study, two of which run together."""
    return study.results / "T0.90" / "ensemble" / f"b{(number + 1) // 2:03d}" / f"c{number:04d}.gsd"


def test_ensembles_start_from_given_configurations(finished, checkout, tiny_settings):
    """Two frames of a batch and one snapshot, in the place of melt, quench and equilibration."""
    made = finished.results / "T0.90"
    snapshot = checkout.path / "snapshot of mine.gsd"
    shutil.copy(made / "equilibrated" / "b002.gsd", snapshot)
    point = tiny_settings["temperatures"][0]
    starts = [f"{made}/equilibrated/b00{{1-2}}.gsd#1-2", str(snapshot)]
    checkout.configure({**tiny_settings, "temperatures": [{**point, "starts": starts}]})
    planned = jobs(checkout.snakemake("-n", "results/tiny/T0.90/ensemble/b001"))
    assert planned == {"starts": 1, "ensemble": 1}
    result = checkout.snakemake("results/tiny/T0.90/ensemble/b003", "results/tiny/T0.90/targets/c0003.npz")
    assert result.returncode == 0, result.stdout + result.stderr
    # Configuration 5 is the last of the snapshot, which is configuration 4.
    for number, original in ((3, 3), (5, 4)):
        with (
            gsd.hoomd.open(ensemble_of(checkout, number)) as ours,
            gsd.hoomd.open(ensemble_of(finished, original)) as theirs,
        ):
            assert np.allclose(ours[0].particles.position, theirs[0].particles.position, atol=1e-5)
    with pytest.raises(StudyError, match="starts has 4 configurations, but the study has number 5"):
        checkout.configure({**tiny_settings, "temperatures": [{**point, "starts": starts[:1]}]})
    checkout.configure({**tiny_settings, "temperatures": [{**point, "starts": ["none.gsd#1-5"]}]})
    result = checkout.snakemake("-n")
    assert "none.gsd, of which the ensembles are to start, does not exist" in result.stderr + result.stdout


def with_setting(settings, section, key, value):
    """The study with one setting of its first model changed, which also changes the models that are `like` it."""
    first, *others = settings["models"]
    return {**settings, "models": [{**first, section: {**first[section], key: value}}, *others]}


def test_settings_rerun_their_stage_and_what_follows(finished, tiny_settings):
    original = (finished.path / "config.yaml").read_text()
    try:
        finished.configure(with_setting(tiny_settings, "training", "epochs", 4))
        planned = jobs(finished.snakemake("-n"))
        assert planned["fit"] == 5  # every network of the study, but not what they start from, nor the ridge
        assert not {"melt", "quench", "equilibrate", "ensemble", "targets"} & planned.keys()
        finished.configure(with_setting(tiny_settings, "prediction", "average_over_symmetries", True))
        planned = jobs(finished.snakemake("-n"))
        assert planned["predict"] == 5
        assert "fit" not in planned
        (finished.path / "config.yaml").write_text("# a comment\n" + original)
        assert "Nothing to be done" in "".join(finished.snakemake("-n").stdout)
    finally:
        (finished.path / "config.yaml").write_text(original)


def test_code_plans_nothing_and_a_stage_version_what_follows(finished, tmp_path):
    source = finished.path / "src"
    edited = tmp_path / "src"
    shutil.copytree(source.resolve(), edited, ignore=shutil.ignore_patterns("__pycache__"))
    source.unlink()
    source.symlink_to(edited)
    try:
        for path in edited.rglob("*.py"):
            path.write_text(path.read_text() + "\n# a comment\n")
        assert "Nothing to be done" in finished.snakemake("-n").stdout

        def planned_with(stage):
            provenance = edited / "glassbotan" / "provenance.py"
            text = provenance.read_text()
            provenance.write_text(re.sub(rf'"{stage}": \d+,', f'"{stage}": 99,', text))
            planned = jobs(finished.snakemake("-n"))
            provenance.write_text(text)
            return planned

        last = dict.fromkeys(("cost_table", "report", "all"), 1)
        # Four figures are drawn from the scores and one from those of variants, six more from predictions, two from
        # losses and one from a ridge, one from structures, four from targets. The variant has its own table of scores.
        scores = {"score": 3, "variants": 1, **last}
        assert planned_with("score") == {**scores, "draw": 5}
        predict = {"predict": 25, "heterogeneity": 2, **scores}
        assert planned_with("predict") == {**predict, "draw": 11}
        assert planned_with("fit") == {"fit": 26, **predict, "draw": 14}
        # Of what uses structures, six fits are of models, two of half samples, and three are baselines. The variant has
        # no structures.
        structure = {
            "structure": 5, "fit": 8, **predict, "predict": 12, "heterogeneity": 1, "score": 2, "draw": 12
        }  # fmt: skip
        assert planned_with("structure") == structure
        targets = {
            "targets": 10, "structure": 5, "relaxation": 2, "simulation_quality": 2, "accept": 2, "fit": 26, **predict,
            "draw": 19,
        }  # fmt: skip
        assert planned_with("targets") == targets
        assert planned_with("equilibrate") == {"equilibrate": 6, "ensemble": 6, **targets}
    finally:
        source.unlink()
        source.symlink_to(ROOT / "src")


def test_the_report_is_one_page_that_needs_nothing_else(finished):
    text = (finished.results / "report.html").read_text()
    asked_for_before = (finished.results / "figures" / "learning_curve.png").exists()
    assert text.count('src="data:image/png;base64,') == len(FIGURES) + asked_for_before
    assert not re.search(r'(src|href)="(?!data:|#)', text)
    assert "How well does the static structure" in text
    models = "NT-GNN|BOTAN|ridge|ridge-cage|GlassMLP|softness|equivariant|equivariant-mean"
    answer = f"({models}), the best of 8 models by this same score, predicts the propensity"
    for words in ("jackknife error", "5 of 5", "No check failed", answer, "commit <code>"):
        assert re.search(words, text), words


def test_figures_come_with_their_numbers(finished):
    figures = finished.results / "figures"
    maps = pd.read_csv(figures / "fig04_pair_maps_T0.90.csv")
    assert set(maps.time) == {0.1, 1.0}
    assert {"x", "y", "z", "i", "j", "truth", "predicted"} <= set(maps.columns)
    scores = pd.read_csv(figures / "fig08_propensity_pearson.csv")
    assert set(scores.target) == {"S", "R"}
    assert set(pd.read_csv(figures / "fig05_pair_pearson.csv").target) == {"E"}


def test_heterogeneity_of_the_simulation_is_that_of_its_targets(finished):
    table = pd.read_csv(finished.results / "tables" / "heterogeneity.csv")
    row = table[(table.model == "BOTAN") & (table.time == 1.0)].iloc[0]
    targets = [read_targets(finished.results / "T0.90" / "targets" / f"c{number:04d}.npz") for number in (4, 5)]
    overlaps = np.stack([found.overlap[1] for found in targets])
    assert row.chi_4_within == pytest.approx(256 * overlaps.var(axis=1, ddof=1).mean())
    of_a = targets[0].structure().species == 0
    first, second = np.array([found.halves["S"][1][:, of_a].mean(axis=1) for found in targets]).T
    assert row.chi == pytest.approx(of_a.sum() * np.cov(first, second)[0, 1], rel=1e-4)


def test_ablations_and_transfer_are_targets_of_their_own(finished):
    names = ("fig09_rounds", "fig10_loss_weight", "ablation_shells", "ablations", "ceiling_T0.90", "transfer",
             "map_T0.90_t01_BOTAN_seed0", "map_T0.90_t02_ridge_seed0")  # fmt: skip
    paths = [f"results/tiny/figures/{name}.png" for name in names]
    result = finished.snakemake("--", *paths)
    assert result.returncode == 0, result.stdout + result.stderr
    tables = finished.results / "tables"
    rounds = pd.read_csv(tables / "ablation_rounds.csv").query("model == 'BOTAN' and target == 'S'")
    assert rounds["value"].tolist() == [1, 2]
    start = read_fitted(finished.results / "T0.90/t01/pretraining+rounds1/seed0/model.safetensors").predictor
    assert start.settings.network.rounds == 1
    assert "BOTAN, rounds = 1" in (tables / "ablation_rounds.md").read_text()
    weights = pd.read_csv(tables / "ablation_loss_weight.csv").query("model == 'BOTAN'")
    assert sorted(zip(weights.target, weights.value, strict=True)) == [("E", 0), ("E", 0.4), ("S", 0.4), ("S", 1)]
    shells = pd.read_csv(tables / "ablation_shells.csv")
    assert shells[["time", "value"]].to_numpy().tolist() == [[1.0, 0], [1.0, 1]]  # only the time that was named
    bought = pd.read_csv(finished.results / "figures" / "ablations.csv").query("ablation == 'loss_weight'")
    assert sorted(bought.setting + " " + bought.target) == ["BOTAN, p = 0.0 E", "BOTAN, p = 1.0 S"]
    own, other = (weights.query(f"target == 'S' and value == {value}").pearson.iloc[0] for value in (0.4, 1))
    assert bought.query("target == 'S'").difference.iloc[0] == pytest.approx(other - own, abs=1e-5)
    ceilings = pd.read_csv(finished.results / "figures" / "ceiling_T0.90.csv")
    assert set(ceilings.replicas) == {4}  # no fewer could be halved again
    assert ceilings.value.between(0, 1).all()
    assert ceilings.predicted.to_numpy() == pytest.approx(ceilings.value.to_numpy(), abs=0.05)
    transfer = pd.read_csv(tables / "transfer.csv").query("model == 'BOTAN' and target == 'S'")
    places = set(zip(transfer.trained_time, transfer.time, strict=True))
    assert places == {(0.1, 0.1), (0.1, 1.0), (1.0, 0.1), (1.0, 1.0)}


def test_figure_without_its_inputs_gets_a_message(finished, tiny_settings):
    try:
        less = {"ablations": {}, "half_samples": None, "variants": {}}
        finished.configure({**tiny_settings, "models": tiny_settings["models"][:1], **less})
        for target, message in (
            (
                "figures/fig07_propensity_maps_T0.90.png",
                "study tiny has no time at T0.90 for which two models are fitted",
            ),
            ("figures/fig09_rounds.png", "study tiny has no section ablations.rounds, which defines the comparison"),
            ("figures/fig11_dreams.png", "study tiny has no figure fig11_dreams; its figures are"),
            (
                "tables/ablation_rounds.csv",
                "study tiny has no section ablations.rounds, which sets what this table compares",
            ),
        ):
            result = finished.snakemake("-n", f"results/tiny/{target}")
            assert result.returncode != 0
            assert message in result.stdout + result.stderr
    finally:
        finished.configure(tiny_settings)


def test_a_snapshot_of_ones_own_is_predicted(finished, tmp_path):
    model = finished.results / "T0.90" / "t02" / "BOTAN" / "seed0" / "model.safetensors"
    snapshot = finished.results / "T0.90" / "equilibrated" / "b003.gsd"  # configuration 5, of the test set
    result = finished.glassbotan("predict", "--model", str(model), "--configuration", str(snapshot), "--output",
                                 str(tmp_path / "mine.csv"), "--prediction", '{"average_over_symmetries": false}'
                                 )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "256 particles, 205 of them A, at density 1.2; BOTAN predicts at T = 0.9 for t = 1" in result.stdout
    (configuration,) = read_batch(snapshot).configurations
    predictor = glassbotan.load_predictor(model).with_prediction({"average_over_symmetries": False})
    predicted = glassbotan.predict(
        predictor, (configuration.positions, configuration.species, configuration.box_length)
    )
    assert pd.read_csv(tmp_path / "mine.csv").S.to_numpy() == pytest.approx(predicted.target("S"), abs=1e-6)
    assert len(pd.read_csv(tmp_path / "mine-pairs.csv")) == len(predicted.pairs)
    whole = glassbotan.open_study(finished.path / "config.yaml", results=finished.path / "results")
    of_study = whole.predictions("BOTAN", 0.9, 1.0)[-1]
    assert of_study.configuration == 5
    assert of_study.targets["S"].predicted == pytest.approx(predicted.target("S"), abs=1e-6)
    result = finished.glassbotan("predict", "--model", str(model), "--configuration", str(snapshot), "--output",
                                 str(tmp_path / "mine.csv"), "--targets", "R")  # fmt: skip
    assert result.returncode == 1
    assert "predicts S and E, but R was asked for; name another predictor or other targets" in result.stderr


def test_a_view_holds_truth_prediction_and_error(finished, tmp_path):
    predictions = finished.results / "T0.90" / "t02" / "BOTAN" / "seed0" / "predictions.npz"
    for name in ("view.gsd", "view.xyz"):
        result = finished.glassbotan("view", str(predictions), "--output", str(tmp_path / name))
        assert result.returncode == 0, result.stderr
    with gsd.hoomd.open(tmp_path / "view.gsd") as trajectory:
        log = trajectory[0].log
    first = read_predictions(predictions).at(2)[0]
    compared = first.targets["S"]
    assert log["particles/S_error"] == pytest.approx(compared.predicted - compared.truth, abs=1e-6)
    assert log["particles/E_sum"].sum() == pytest.approx(2 * first.targets["E"].truth.sum(), rel=1e-4)
    again = glassbotan.read_configuration(tmp_path / "view.xyz")
    assert again.positions == pytest.approx(first.structure.positions, abs=1e-5)
    assert (again.species == first.structure.species).all()


def test_documented_commands_run(finished):
    """Every command of the documentation, on this study's files instead of the default one's."""
    here = {
        "quickstart": "tiny",
        "all/BOTAN": "t02/BOTAN",
        "--time-index 3": "--time-index 2",
        "T0.64": "T0.90",
        "0.64": "0.9",
        "t03": "t02",
        "t04": "t02",
        "1.65": "1.0",
        "b006": "b003",
    }
    commands = [
        line
        for page in sorted((ROOT / "docs").glob("*.md"))
        if page.name != "extending.md"  # whose commands are for a copy of the package
        for block in re.findall(r"```bash\n(.*?)```", page.read_text(), re.DOTALL)
        for line in block.strip().splitlines()
    ]
    assert len(commands) > 5
    (finished.path / "docs").mkdir(exist_ok=True)
    shutil.copy(ROOT / "docs" / "example.py", finished.path / "docs")
    for command in commands:
        mine = re.sub("|".join(map(re.escape, here)), lambda found: here[found[0]], command)
        result = finished.run("bash", "-c", mine)
        assert result.returncode == 0, f"{mine}\n{result.stdout}{result.stderr}"


def test_the_notebook_runs_from_top_to_bottom(finished):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    notebook = nbformat.read(ROOT / "docs" / "notebook.ipynb", as_version=4)
    (finished.path / "docs").mkdir(exist_ok=True)
    client = nbclient.NotebookClient(notebook, resources={"metadata": {"path": str(finished.path / "docs")}})
    client.execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    drawn = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(drawn) == 3
    assert "tiny: T = 0.9, sampling times (0.1, 1.0)" in outputs[0].text


def test_unknown_model_gets_a_message(finished):
    result = finished.snakemake("-n", "results/tiny/T0.90/t02/BOTAM/seed0/model.safetensors")
    assert result.returncode != 0
    assert (
        "study tiny has no fit T0.90/t02/BOTAM/seed0; did you mean T0.90/t02/BOTAN/seed0"
        in result.stdout + result.stderr
    )


def test_mistake_in_the_configuration_gets_a_message(finished, tiny_settings):
    original = (finished.path / "config.yaml").read_text()
    try:
        (finished.path / "config.yaml").write_text(original.replace("particles:", "particels:"))
        result = finished.snakemake("-n")
        assert result.returncode != 0
        assert "unknown key liquid.particels; did you mean particles?" in result.stdout + result.stderr
    finally:
        (finished.path / "config.yaml").write_text(original)


@pytest.fixture
def stage(finished, tmp_path):
    """Run a stage on files of the finished study; the output is a finished file that must stay as it was."""
    output = tmp_path / "output"
    output.write_text("finished work")

    def run(*arguments, message):
        t = finished.results / "T0.90"
        result = finished.glassbotan(*(str(argument).format(t=t) for argument in arguments), "--output", str(output))
        assert result.returncode == 1, result.stdout + result.stderr
        assert result.stderr.startswith("glassbotan: error: ")
        assert len(result.stderr.strip().splitlines()) == 1, result.stderr
        assert message in result.stderr
        assert output.read_text() == "finished work"
        assert list(tmp_path.glob(".partial*")) == []

    return run


def test_wrong_inputs_get_a_message_and_leave_finished_work(finished, stage, tmp_path):
    targets = finished.results / "T0.90" / "targets"
    model = "{t}/t02/BOTAN/seed0/model.safetensors"
    predict = ("predict-test", "--temperature", "0.9", "--study", "tiny", "--time-indices", "2", "--predictor", model)
    fit = ("fit", "--study", "tiny", "--temperature", "0.9", "--model.kind", "botan")

    stage(*predict, "--study", "other", "{t}/targets/c0004.npz",
          message="was made with study = 'tiny', but 'other' was expected")  # fmt: skip
    stage(*predict, "--time-indices", "1", "{t}/targets/c0004.npz",
          message="was made with time_indices = [2], but [1] was expected")  # fmt: skip
    stage(*predict, "--temperature", "0.8", "{t}/targets/c0004.npz",
          message="was made with temperature = 0.9, but 0.8 was expected")  # fmt: skip
    stage(*predict, "--prediction", '{{"average": true}}', "{t}/targets/c0004.npz",
          message="a model of kind botan has no setting prediction.average")  # fmt: skip
    stage(*predict, "{t}/targets/c0001.npz", message="is configuration 1, which")
    stage(*fit, "--time-indices", "7", "--train", "1", "{t}/targets/c0001.npz",
          message="has 2 sampling times, but number 7 was asked for")  # fmt: skip
    stage(*fit, "--time-indices", "1", "--train", "1-2", "{t}/targets/c0001.npz",
          message="no targets file was given for configurations [2]")  # fmt: skip
    stage(*fit, "--time-indices", "1", "--train", "1", "--initial", model, "{t}/targets/c0001.npz",
          message="has 2 rounds of width 8, but 7 of width 64")  # fmt: skip
    stage(*fit, "--time-indices", "1", "--train", "1", "{t}/t02/BOTAN/seed0/predictions.npz",
          message="was made with stage = 'predict', but 'targets' was expected")  # fmt: skip
    stage(*fit, "--time-indices", "1", "--train", "1-2", "--validation", "2", "{t}/targets/c0001.npz",
          message="configurations [2] are in both train and validation")  # fmt: skip
    stage(*fit, "--model.kind", "rigde", "--time-indices", "1", "--train", "1", "{t}/targets/c0001.npz",
          message="there is no kind 'rigde' of predictor; did you mean ridge?")  # fmt: skip
    stage("fit", "--study", "tiny", "--temperature", "0.9", "--model.kind", "ridge", "--model.structures",
          '["thermal"]', "--time-indices", "1,2", "--train", "1", "{t}/targets/c0001.npz",
          message="chooses its ridge parameter on configurations")  # fmt: skip
    stage("ensemble", "--study", "tiny", "--temperature", "0.9", "{t}/melt/b001.gsd", "--times", "0.1",
          "--configurations", "1",
          message="was made with stage = 'melt', but 'equilibrate' or 'starts' was expected")  # fmt: skip
    stage("quench", "--study", "tiny", "--temperature", "0.9", "--input", "{t}/melt/b001.gsd", "--melt-temperature",
          "4.0", message="was made with final_temperature = 5.0, but 4.0 was expected")  # fmt: skip
    stage("equilibrate", "--study", "tiny", "--temperature", "0.9", "--time", "1",
          "--input", "{t}/ensemble/b001/c0001.gsd",
          message="was made with stage = 'ensemble', but 'quench' was expected")  # fmt: skip
    stage("targets", "--study", "tiny", "--temperature", "0.9", "--input", "{t}/melt/b001.gsd",
          message="was made with stage = 'melt', but 'ensemble' was expected")  # fmt: skip
    stage("targets", "--study", "tiny", "--temperature", "0.9", "--input", "{t}/none.gsd",
          message="none.gsd does not exist")  # fmt: skip
    stage("score", "--study", "tiny", "{t}/targets/c0001.npz",
          message="was made with stage = 'targets', but 'predict' was expected")  # fmt: skip
    stage("score", "--study", "tiny", "--setting", "network.depth", "{t}/t02/BOTAN/seed0/predictions.npz",
          message="an ablation needs a value for each file, but 0 values and 1 files were given")  # fmt: skip
    stage("draw", "--study", "tiny", "--figure", "fig11_dreams", "table={t}/../tables/pearson.csv",
          message="there is no figure fig11_dreams; the figures are")  # fmt: skip
    stage("draw", "--study", "tiny", "--figure", "losses", "{t}/../tables/pearson.csv",
          message="expected ROLE=PATH, such as table=tables/pearson.csv, found")  # fmt: skip
    stage("melt", "--study", "tiny", "--temperature", "inf", "--configurations", "1", message="finite")  # fmt: skip
    stage("melt", "--study", "tiny", "--temperature", "1", "--configurations", "1", "--liquid", '{{"particles": 10',
          message="an option cannot be read")  # fmt: skip
    stage("ensemble", "--study", "tiny", "--temperature", "0.9", "{t}/equilibrated/b001.gsd",
          "--configurations", "2,5", "--times", "0.1",
          message="the configurations in it are [1, 2], not [5]; name the batches that contain them")  # fmt: skip
    stage("ensemble", "--study", "tiny", "--temperature", "0.9", "{t}/equilibrated/b001.gsd",
          "--configurations", "1", "--times", "0.1,0.05", message="sampling times must increase")  # fmt: skip
    stage("ensemble", "--study", "tiny", "--temperature", "0.9", "{t}/equilibrated/b001.gsd",
          "--configurations", "1", "--times", "0.1005", message="not a multiple of the time step")  # fmt: skip
    stage("melt", "--study", "tiny", "--temperature", "0.9", "--configurations", "1", "--liquid.particles", "180",
          message="need more than 5.4")  # fmt: skip

    stage("accept", "--study", "tiny", "--temperature", "0.9", "--limits.momentum", "1e-15", "{t}/targets/c0002.npz",
          message="the simulations at T = 0.9 exceed the limits in 2 respects, momentum per particle: ")  # fmt: skip

    cut = tmp_path / "cut.npz"
    cut.write_bytes((targets / "c0004.npz").read_bytes()[:-100])
    stage(*predict, cut, message="cut.npz cannot be read")
    shutil.copy(finished.results / "T0.90" / "t02" / "BOTAN" / "seed0" / "model.safetensors", tmp_path / "cut.st")
    (tmp_path / "cut.st").write_bytes((tmp_path / "cut.st").read_bytes()[:-2000])
    stage(*predict, "--predictor", tmp_path / "cut.st", "{t}/targets/c0004.npz",
          message="cut.st cannot be read as a fitted predictor")  # fmt: skip
    torch.save({"weights": torch.zeros(3)}, tmp_path / "other.pt")
    stage(*predict, "--predictor", tmp_path / "other.pt", "{t}/targets/c0004.npz",
          message="other.pt cannot be read as a fitted predictor")  # fmt: skip


def test_failed_job_shows_its_reason(finished, checkout):
    melt = checkout.results / "T0.90" / "melt" / "b001.gsd"
    melt.parent.mkdir(parents=True)
    melt.write_bytes((finished.results / "T0.90" / "melt" / "b001.gsd").read_bytes()[:1000])
    quench = checkout.results / "T0.90" / "quench" / "b001.gsd"
    result = checkout.snakemake("--", str(quench.relative_to(checkout.path)))
    assert result.returncode != 0
    assert "b001.gsd cannot be read as GSD" in result.stdout + result.stderr
    assert not quench.exists()


@pytest.fixture(scope="module")
def browser():
    if BROWSER is None:
        pytest.skip("no browser is installed here (Debian's package chromium)")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def shown(browser, finished):
    """Open the report with a size of the window; gives the page and what the browser complained about or fetched."""
    pages = []

    def show(viewport):
        page = browser.new_page(viewport=viewport)
        pages.append(page)
        messages, requests = [], []
        page.on("console", lambda message: messages.append(message.text))
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto((finished.results / "report.html").as_uri())
        return page, messages, [url for url in requests if not url.startswith("data:")][1:]

    yield show
    for page in pages:
        page.close()


@pytest.mark.parametrize("viewport", [PHONE, SCREEN], ids=["phone", "screen"])
def test_the_report_fits_a_window_and_nothing_is_missing(shown, viewport):
    page, messages, fetched = shown(viewport)
    assert messages == []
    assert fetched == []
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= viewport["width"]
    images = page.evaluate("[...document.images].map(image => [image.alt, image.naturalWidth, image.width])")
    assert len(images) > 10
    assert all(alt and natural > 0 and shown_width <= viewport["width"] for alt, natural, shown_width in images)


def test_the_report_answers_first_and_then_says_why_to_believe_it(shown):
    page, _, _ = shown(SCREEN)
    places = [
        page.locator(selector).first.bounding_box()["y"]
        for selector in ("h1", ".answer", "#why-believe-it", "#scores", "#tables", "#provenance")
    ]
    assert places == sorted(places)
    assert page.locator(".answer").text_content().count("ρ = ") >= 2
    states = page.locator("td span.passed, td span.failed, td span.warned").all_text_contents()
    assert len(states) >= 9
    colors = {
        name: page.evaluate(
            "name => { const found = document.querySelector('td span.' + name);"
            " return found && getComputedStyle(found).color }",
            name,
        )
        for name in ("passed", "failed")
    }
    assert colors["passed"] == "rgb(0, 112, 79)"
    for link in page.locator("table a").all():
        assert page.locator(f"[id='{link.get_attribute('href')[1:]}']").count() == 1


def test_the_report_prints_without_cutting_tables_off(shown):
    page, _, _ = shown({"width": 700, "height": 990})  # about a sheet of A4 without its margins
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= 720
    assert page.locator("nav").is_hidden()
    assert page.pdf(format="A4").startswith(b"%PDF")
