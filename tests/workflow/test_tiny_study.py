"""A whole study on real physics, small enough for a test: what comes out, and what happens when things go wrong."""

import json
import re
import shutil
from pathlib import Path

import gsd.hoomd
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import glassbotan
from glassbotan.evaluate.predictions import read_predictions
from glassbotan.files import read_npz
from glassbotan.learn.models import read_model
from glassbotan.simulate.configurations import read_configurations

ROOT = Path(__file__).parent.parent.parent


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
    "losses",
    "fig02_relaxation",
    "fig03_pretraining_loss",
    "fig04_pair_maps_T0.90",
    "fig05_pair_pearson",
    "fig06_joint_distribution_T0.90",
    "fig07_propensity_maps_T0.90",
    "fig08_propensity_pearson",
    "heterogeneity_T0.90",
)


def test_every_product_is_there(finished):
    for name in (
        "T0.90/melt/b003.gsd",
        "T0.90/quench/b001.gsd",
        "T0.90/equilibrated/b002.gsd",
        "T0.90/ensemble/c0005.gsd",
        "T0.90/targets/c0001.npz",
        "T0.90/relaxation.csv",
        "T0.90/relaxation.json",
        "T0.90/t01/pretraining/seed0/model.pt",
        "T0.90/t01/BOTAN/seed0/history.csv",
        "T0.90/t02/NT-GNN/seed0/predictions.npz",
        "tables/simulation_quality.csv",
        "tables/pearson.csv",
        "tables/pearson.txt",
        "tables/pearson.md",
        "tables/heterogeneity.csv",
        "tables/cost.csv",
        "report.html",
        *(f"figures/{name}.{ending}" for name in FIGURES for ending in ("png", "svg", "csv")),
    ):
        assert (finished.results / name).stat().st_size > 0, name
    assert not list(finished.results.rglob(".partial*"))
    assert max(path.stat().st_size for path in (finished.results / "figures").glob("*.svg")) < 2e6


def test_the_learning_curve_is_a_target_of_its_own(finished):
    figure = finished.results / "figures" / "learning_curve.png"
    assert not figure.exists()
    result = finished.snakemake("--", str(figure.relative_to(finished.path)))
    assert result.returncode == 0, result.stdout + result.stderr
    assert Image.open(figure).size[0] > 1000
    table = pd.read_csv(finished.results / "tables" / "learning_curve.csv")
    networks = table[(table.model == "BOTAN") & (table.target == "S")]
    assert sorted(zip(networks.train_configurations, networks.replicas, strict=True)) == [(1, 4), (2, 2), (2, 4)]
    # As many steps of the optimiser, whatever there is to learn from: twice the epochs on half the configurations.
    folder = finished.results / "T0.90" / "t02" / "BOTAN"
    epochs = {name: len(pd.read_csv(folder / name / "history.csv")) for name in ("seed0", "seed0-n001", "seed0-r02")}
    assert epochs == {"seed0": 3, "seed0-n001": 6, "seed0-r02": 3}
    start = read_model(finished.results / "T0.90/t01/pretraining/seed0-n001/model.pt")
    assert start.provenance["learnt_from"] == [1, 3]  # no more than the network that starts from it
    assert finished.snakemake().returncode == 0
    assert "What more data would buy" in (finished.results / "report.html").read_text()
    few, _ = read_npz(finished.results / "T0.90" / "targets-r02" / "c0001.npz")
    assert few["overlap"].shape == (2, 2)


def test_the_table_is_printed_and_tidy(finished):
    assert (finished.results / "tables" / "pearson.txt").read_text().strip() in finished.output
    table = pd.read_csv(finished.results / "tables" / "pearson.csv")
    assert list(table.columns[:7]) == ["temperature", "time", "time_index", "model", "seed", "target", "species"]
    # BOTAN at two times (S and E), NT-GNN (S), NT-GNN-R (R) and pairs (E) at one, and predictors without a network of
    # S and E at each time, of R at one.
    assert len(table) == 4 + 3 + 5
    assert table[table.model == "pairs"].target.tolist() == ["E"]
    assert table[table.model == "NT-GNN-R"].target.tolist() == ["R"]
    assert (table.n_configurations == 2).all()
    assert table.ceiling.between(0.3, 1).all()
    assert table.pearson.between(-1, 1).all()


def test_every_stage_says_how_it_was_made(finished):
    _, melt = read_configurations(finished.results / "T0.90" / "melt" / "b001.gsd")
    assert melt["configurations"] == [1, 2]
    assert melt["engine"]["name"] in ("lammps", "hoomd")
    assert melt["particle_steps"] == 2 * 256 * 1000
    _, targets = read_npz(finished.results / "T0.90" / "targets" / "c0003.npz")
    model = read_model(finished.results / "T0.90" / "t02" / "BOTAN" / "seed0" / "model.pt").provenance
    table = json.loads((finished.results / "tables" / "pearson.provenance.json").read_text())
    with Image.open(finished.results / "figures" / "losses.png") as figure:
        drawn = json.loads(figure.text["Description"])
    for record in (melt, targets, model, table, drawn):
        assert record["study"] == "tiny"
        assert record["versions"]["glassbotan"]
        assert record["wall_seconds"] > 0
        assert all(len(value) == 64 for value in record["inputs"].values())
    assert model["settings"]["training"]["epochs"] == 3
    assert any("pretraining" in path for path in model["inputs"])


def test_simulated_ensembles_are_isoconfigurational(finished):
    with gsd.hoomd.open(finished.results / "T0.90" / "ensemble" / "c0001.gsd") as trajectory:
        frames = list(trajectory)
        start = frames[0].particles.position
        length = frames[0].configuration.box[0]
        seen = {}
        for frame in frames[1:]:
            moved = frame.particles.position + length * frame.particles.image - start
            replica, step = int(frame.log["replica"][0]), frame.configuration.step
            seen[replica, step] = moved
            assert np.abs(frame.log["momentum"]).max() < 1e-8
            assert np.linalg.norm(moved, axis=1).max() < 6
        assert {(replica, step) for replica in range(1, 5) for step in (100, 1000)} <= seen.keys()
        # Same positions, other momenta: after 0.1 the replicas have gone ballistically apart, by sqrt(3 T) t each.
        spread = np.linalg.norm(seen[1, 100] - seen[2, 100], axis=1)
        assert 0.5 < np.sqrt((spread**2).mean()) / (np.sqrt(2 * 3 * 0.9) * 0.1) < 1.1
        energies = {}
        for frame in frames[1:]:
            total = frame.log["potential_energy"][0] + frame.log["kinetic_energy"][0]
            energies.setdefault(int(frame.log["replica"][0]), []).append(total / 256)
    assert len(energies) == 4
    for values in energies.values():
        assert np.ptp(values) < 1e-3


def test_second_run_has_nothing_to_do(finished):
    result = finished.snakemake()
    assert result.returncode == 0
    assert "Nothing to be done" in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("T0.90/melt/b002.gsd", {"melt": 1}),
        ("T0.90/ensemble/c0003.gsd", {"melt": 1, "quench": 1, "equilibrate": 1, "ensemble": 1}),
        (
            "T0.90/t01/pretraining/seed0/model.pt",
            {"melt": 2, "quench": 2, "equilibrate": 2, "ensemble": 3, "targets": 3, "accept": 1, "train": 1},
        ),
        (
            "T0.90/t02/NT-GNN/seed0/history.csv",
            {"melt": 2, "quench": 2, "equilibrate": 2, "ensemble": 3, "targets": 3, "accept": 1, "train": 1},
        ),
    ],
)
def test_a_file_plans_what_it_needs_and_nothing_else(finished, target, expected):
    result = finished.snakemake("-n", "--forceall", f"results/tiny/{target}")
    assert result.returncode == 0, result.stderr
    assert jobs(result) == expected


def test_settings_rerun_their_stage_and_what_follows(finished, tiny_settings):
    original = (finished.path / "config.yaml").read_text()
    try:
        finished.configure({**tiny_settings, "training": {**tiny_settings["training"], "epochs": 4}})
        planned = jobs(finished.snakemake("-n"))
        assert planned["train"] == 5
        assert not {"melt", "quench", "equilibrate", "ensemble", "targets"} & planned.keys()
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

        score = dict.fromkeys(
            ("score", "draw_pair_pearson", "draw_propensity_pearson", "cost_table", "report", "all"), 1
        )
        drawn = ("heterogeneity", "draw_heterogeneity", "draw_pair_maps", "draw_propensity_maps")
        predict = {"predict": 5, **dict.fromkeys(drawn, 1), **score}
        learn = {"accept": 1, "train": 6, "draw_pretraining": 1, "draw_losses": 1, **predict}
        of_targets = ("relaxation", "draw_relaxation", "simulation_quality", "draw_quality", "draw_joint_distribution")
        liquid = dict.fromkeys(of_targets, 1)
        assert planned_with("score") == score
        assert planned_with("predict") == predict
        assert planned_with("targets") == {"targets": 5, **liquid, **learn}
        assert planned_with("equilibrate") == {"equilibrate": 3, "ensemble": 5, "targets": 5, **liquid, **learn}
    finally:
        source.unlink()
        source.symlink_to(ROOT / "src")


def test_the_report_is_one_page_that_needs_nothing_else(finished):
    text = (finished.results / "report.html").read_text()
    asked_for_before = (finished.results / "figures" / "learning_curve.png").exists()
    assert text.count('src="data:image/png;base64,') == len(FIGURES) + asked_for_before
    assert not re.search(r'(src|href)="(?!data:|#)', text)
    assert "How well does the static structure" in text
    answer = "the best of 2 networks by this very score, (NT-GNN|BOTAN), predicts the propensity"
    for words in ("jackknife error", "5 of 5 runs are within", answer, "commit <code>"):
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
    targets = [read_npz(finished.results / "T0.90" / "targets" / f"c{number:04d}.npz")[0] for number in (4, 5)]
    overlaps = np.stack([arrays["overlap"][1] for arrays in targets])
    assert row.chi_4_within == pytest.approx(256 * overlaps.var(axis=1, ddof=1).mean())
    of_a = targets[0]["species"] == 0
    first, second = np.array([arrays["propensity_halves"][1][:, of_a].mean(axis=1) for arrays in targets]).T
    assert row.chi == pytest.approx(of_a.sum() * np.cov(first, second)[0, 1], rel=1e-4)


def test_ablations_and_transfer_are_targets_of_their_own(finished):
    names = ("fig09_rounds", "fig10_loss_weight", "transfer", "map_T0.90_t01_BOTAN_seed0")
    paths = [f"results/tiny/figures/{name}.png" for name in names]
    result = finished.snakemake("--", *paths)
    assert result.returncode == 0, result.stdout + result.stderr
    tables = finished.results / "tables"
    rounds = pd.read_csv(tables / "rounds.csv").query("model == 'BOTAN' and target == 'S'")
    assert rounds["rounds"].tolist() == [1, 2]
    start = read_model(finished.results / "T0.90/t01/pretraining/seed0-rounds01/model.pt")
    assert start.network.rounds == 1
    assert "BOTAN, 1 rounds" in (tables / "rounds.md").read_text()
    weights = pd.read_csv(tables / "loss_weight.csv").query("model == 'BOTAN'")
    assert sorted(zip(weights.target, weights.p, strict=True)) == [("E", 0), ("E", 0.4), ("S", 0.4), ("S", 1)]
    transfer = pd.read_csv(tables / "transfer.csv").query("model == 'BOTAN' and target == 'S'")
    places = set(zip(transfer.trained_time, transfer.time, strict=True))
    assert places == {(0.1, 0.1), (0.1, 1.0), (1.0, 0.1), (1.0, 1.0)}


def test_figure_without_its_inputs_gets_a_sentence(finished, tiny_settings):
    try:
        finished.configure({**tiny_settings, "models": tiny_settings["models"][:1], "ablations": None})
        for target, sentence in (
            ("figures/fig07_propensity_maps_T0.90.png", "no time at T0.90 with both a network with p = 1 and one"),
            ("figures/fig09_rounds.png", "has no ablations.rounds, which would say what to draw"),
        ):
            result = finished.snakemake("-n", f"results/tiny/{target}")
            assert result.returncode != 0
            assert sentence in result.stdout + result.stderr
    finally:
        finished.configure(tiny_settings)


def test_a_snapshot_of_ones_own_is_predicted(finished, tmp_path):
    model = finished.results / "T0.90" / "t02" / "BOTAN" / "seed0" / "model.pt"
    snapshot = finished.results / "T0.90" / "equilibrated" / "b003.gsd"  # configuration 5, of the test set
    result = finished.glassbotan("predict", "--model", str(model), "--configuration", str(snapshot), "--output",
                                 str(tmp_path / "mine.csv"), "--no-average-over-symmetries")  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "256 particles, 205 of them A, at density 1.2; the network was trained at T = 0.9 for t = 1" in result.stdout
    (configuration,), _ = read_configurations(snapshot)
    predicted = glassbotan.predict(
        glassbotan.load_network(model),
        (configuration.positions, configuration.species, configuration.box_length),
        average_over_symmetries=False,
    )
    assert pd.read_csv(tmp_path / "mine.csv").S.to_numpy() == pytest.approx(predicted.motion, abs=1e-6)
    assert len(pd.read_csv(tmp_path / "mine-pairs.csv")) == len(predicted.pairs)
    whole = glassbotan.open_study(finished.path / "config.yaml", results=finished.path / "results")
    of_study = whole.predictions("BOTAN", 0.9, 1.0)[-1]
    assert of_study.configuration == 5
    assert of_study.predicted_motion == pytest.approx(predicted.motion, abs=1e-6)


def test_a_view_holds_truth_prediction_and_error(finished, tmp_path):
    predictions = finished.results / "T0.90" / "t02" / "BOTAN" / "seed0" / "predictions.npz"
    for name in ("view.gsd", "view.xyz"):
        result = finished.glassbotan("view", str(predictions), "--output", str(tmp_path / name))
        assert result.returncode == 0, result.stderr
    with gsd.hoomd.open(tmp_path / "view.gsd") as trajectory:
        log = trajectory[0].log
    first = read_predictions(predictions)[0][0]
    assert log["particles/S_error"] == pytest.approx(first.predicted_motion - first.motion, abs=1e-6)
    assert log["particles/E_sum"].sum() == pytest.approx(2 * first.pair_distance_change.sum(), rel=1e-4)
    again = glassbotan.read_configuration(tmp_path / "view.xyz")
    assert again.positions == pytest.approx(first.positions, abs=1e-5)
    assert (again.species == first.species).all()


def test_documented_commands_run(finished):
    """Every command of the documentation, on this study's files instead of the default one's."""
    here = {
        "quickstart": "tiny",
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


def test_unknown_network_gets_a_sentence(finished):
    result = finished.snakemake("-n", "results/tiny/T0.90/t02/BOTAM/seed0/model.pt")
    assert result.returncode != 0
    assert "study tiny has no network T0.90/t02/BOTAM/seed0" in result.stdout + result.stderr


def test_mistake_in_the_configuration_gets_a_sentence(finished, tiny_settings):
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

    def run(*arguments, sentence):
        t = finished.results / "T0.90"
        result = finished.glassbotan(*(str(argument).format(t=t) for argument in arguments), "--output", str(output))
        assert result.returncode == 1, result.stdout + result.stderr
        assert result.stderr.startswith("glassbotan: error: ")
        assert len(result.stderr.strip().splitlines()) == 1, result.stderr
        assert sentence in result.stderr
        assert output.read_text() == "finished work"
        assert list(tmp_path.glob(".partial*")) == []

    return run


def test_wrong_inputs_get_a_sentence_and_leave_finished_work(finished, stage, tmp_path):
    targets = finished.results / "T0.90" / "targets"
    predict = ("predict-test", "--temperature", "0.9", "--network", '{{"rounds": 2, "width": 8}}')
    model = "{t}/t02/BOTAN/seed0/model.pt"

    stage(*predict, "--study", "other", "--time-index", "2", "--network-file", model, "{t}/targets/c0004.npz",
          sentence="was made with study = 'tiny', but 'other' was expected")  # fmt: skip
    stage(*predict, "--study", "tiny", "--time-index", "1", "--network-file", model, "{t}/targets/c0004.npz",
          sentence="was made with time_index = 2, but 1 was expected")  # fmt: skip
    stage("predict-test", "--temperature", "0.9", "--study", "tiny", "--time-index", "2", "--network-file", model,
          "{t}/targets/c0004.npz", sentence="has 2 rounds of width 8, but 7 of width 64 were asked for")  # fmt: skip
    stage(*predict, "--study", "tiny", "--time-index", "2", "--network-file", model, "{t}/targets/c0001.npz",
          sentence="is configuration 1, which")  # fmt: skip
    stage("train", "--study", "tiny", "--model", "BOTAN", "--temperature", "0.9", "--time-index", "7", "--train", "1",
          "{t}/targets/c0001.npz", sentence="has 2 sampling times, but number 7 was asked for")  # fmt: skip
    stage("train", "--study", "tiny", "--model", "BOTAN", "--temperature", "0.9", "--time-index", "1", "--train", "1-2",
          "{t}/targets/c0001.npz", sentence="no targets file was given for configurations [2]")  # fmt: skip
    stage("train", "--study", "tiny", "--model", "BOTAN", "--temperature", "0.9", "--time-index", "1", "--train", "1",
          "--initial", model, "{t}/targets/c0001.npz",
          sentence="has 2 rounds of width 8, but 7 of width 64")  # fmt: skip
    stage("train", "--study", "tiny", "--model", "BOTAN", "--temperature", "0.9", "--time-index", "1", "--train", "1",
          "{t}/t02/BOTAN/seed0/predictions.npz",
          sentence="was made with stage = 'predict', but 'targets' was expected")  # fmt: skip
    stage("ensemble", "--study", "tiny", "--temperature", "0.9", "--input", "{t}/melt/b001.gsd", "--configuration", "1",
          "--times", "0.1", sentence="was made with stage = 'melt', but 'equilibrate' was expected")  # fmt: skip
    stage("quench", "--study", "tiny", "--temperature", "0.9", "--input", "{t}/melt/b001.gsd", "--melt-temperature",
          "4.0", sentence="was made with final_temperature = 5.0, but 4.0 was expected")  # fmt: skip
    stage("equilibrate", "--study", "tiny", "--temperature", "0.9", "--input", "{t}/ensemble/c0001.gsd", "--time", "1",
          sentence="was made with stage = 'ensemble', but 'quench' was expected")  # fmt: skip
    stage("targets", "--study", "tiny", "--temperature", "0.9", "--input", "{t}/melt/b001.gsd",
          sentence="was made with stage = 'melt', but 'ensemble' was expected")  # fmt: skip
    stage("targets", "--study", "tiny", "--temperature", "0.9", "--input", "{t}/none.gsd",
          sentence="none.gsd does not exist")  # fmt: skip
    stage("score", "--study", "tiny", "{t}/targets/c0001.npz",
          sentence="was made with stage = 'targets', but 'predict' was expected")  # fmt: skip
    stage("train", "--study", "tiny", "--model", "BOTAN", "--temperature", "0.9", "--time-index", "1", "--train", "1-2",
          "--validation", "2", "{t}/targets/c0001.npz",
          sentence="configurations [2] are in both train and validation")  # fmt: skip
    stage("melt", "--study", "tiny", "--temperature", "inf", "--configurations", "1", sentence="finite")  # fmt: skip
    stage("melt", "--study", "tiny", "--temperature", "1", "--configurations", "1", "--liquid", '{{"particles": 10',
          sentence="an option cannot be read")  # fmt: skip
    stage("ensemble", "--study", "tiny", "--temperature", "0.9", "--input", "{t}/equilibrated/b001.gsd",
          "--configuration", "5", "--times", "0.1", sentence="holds configurations [1, 2], not 5")  # fmt: skip
    stage("ensemble", "--study", "tiny", "--temperature", "0.9", "--input", "{t}/equilibrated/b001.gsd",
          "--configuration", "1", "--times", "0.1,0.05", sentence="sampling times must increase")  # fmt: skip
    stage("ensemble", "--study", "tiny", "--temperature", "0.9", "--input", "{t}/equilibrated/b001.gsd",
          "--configuration", "1", "--times", "0.1005", sentence="no multiple of the time step")  # fmt: skip
    stage("melt", "--study", "tiny", "--temperature", "0.9", "--configurations", "1", "--liquid.particles", "180",
          sentence="need more than 5.4")  # fmt: skip

    stage("accept", "--study", "tiny", "--temperature", "0.9", "--limits.temperature", "1e-9", "{t}/targets/c0002.npz",
          sentence="1 of 1 simulations at T = 0.9 are beyond the limits, configuration 2: temperature = ")  # fmt: skip

    cut = tmp_path / "cut.npz"
    cut.write_bytes((targets / "c0004.npz").read_bytes()[:-100])
    stage(*predict, "--study", "tiny", "--time-index", "2", "--network-file", model, cut,
          sentence="cut.npz cannot be read")  # fmt: skip
    shutil.copy(finished.results / "T0.90" / "t02" / "BOTAN" / "seed0" / "model.pt", tmp_path / "cut.pt")
    (tmp_path / "cut.pt").write_bytes((tmp_path / "cut.pt").read_bytes()[:-2000])
    stage(*predict, "--study", "tiny", "--time-index", "2", "--network-file", tmp_path / "cut.pt",
          "{t}/targets/c0004.npz", sentence="cut.pt cannot be read as a trained network")  # fmt: skip
    torch.save({"weights": torch.zeros(3)}, tmp_path / "other.pt")
    stage(*predict, "--study", "tiny", "--time-index", "2", "--network-file", tmp_path / "other.pt",
          "{t}/targets/c0004.npz", sentence="other.pt is no network of glassbotan")  # fmt: skip


def test_failed_job_shows_its_reason(finished, checkout):
    melt = checkout.results / "T0.90" / "melt" / "b001.gsd"
    melt.parent.mkdir(parents=True)
    melt.write_bytes((finished.results / "T0.90" / "melt" / "b001.gsd").read_bytes()[:1000])
    quench = checkout.results / "T0.90" / "quench" / "b001.gsd"
    result = checkout.snakemake("--", str(quench.relative_to(checkout.path)))
    assert result.returncode != 0
    assert "b001.gsd cannot be read as GSD" in result.stdout + result.stderr
    assert not quench.exists()
