"""The command-line program `glassbotan`."""

import sys
from collections.abc import Sequence

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, CliApp, CliSubCommand, SettingsConfigDict, SettingsError

from glassbotan.commands.draw import Draw
from glassbotan.commands.evaluate import CostTable, Heterogeneity, Report, Score, Variants
from glassbotan.commands.fit import Fit
from glassbotan.commands.predict import Predict, PredictTest, View
from glassbotan.commands.published import Export, Import
from glassbotan.commands.simulate import Ensemble, Equilibrate, Melt, Quench, Starts
from glassbotan.commands.structure import Structure
from glassbotan.commands.studies import Check, Cost, Doctor, Schema
from glassbotan.commands.targets import Accept, Relaxation, SimulationQuality, Targets
from glassbotan.errors import GlassbotanError
from glassbotan.study.reading import explain


class Program(BaseSettings):
    """Simulate a glass-forming liquid, predict its dynamics from its structure, and score the predictions.

    There is one subcommand for each stage, in the order in which a study needs them.

    Lengths are in sigma_AA, energies in epsilon_AA, times in tau = sigma_AA sqrt(m/epsilon_AA).
    `glassbotan STAGE --help` shows the options of a stage.
    """

    model_config = SettingsConfigDict(
        cli_prog_name="glassbotan", cli_kebab_case=True, cli_implicit_flags=True, cli_use_class_docs_for_groups=True
    )

    melt: CliSubCommand[Melt]
    quench: CliSubCommand[Quench]
    equilibrate: CliSubCommand[Equilibrate]
    starts: CliSubCommand[Starts]
    ensemble: CliSubCommand[Ensemble]
    targets: CliSubCommand[Targets]
    import_: CliSubCommand[Import] = Field(alias="import")
    structure: CliSubCommand[Structure]
    simulation_quality: CliSubCommand[SimulationQuality]
    accept: CliSubCommand[Accept]
    relaxation: CliSubCommand[Relaxation]
    fit: CliSubCommand[Fit]
    predict_test: CliSubCommand[PredictTest]
    predict: CliSubCommand[Predict]
    view: CliSubCommand[View]
    score: CliSubCommand[Score]
    heterogeneity: CliSubCommand[Heterogeneity]
    variants: CliSubCommand[Variants]
    cost_table: CliSubCommand[CostTable]
    draw: CliSubCommand[Draw]
    report: CliSubCommand[Report]
    export: CliSubCommand[Export]
    check: CliSubCommand[Check]
    cost: CliSubCommand[Cost]
    doctor: CliSubCommand[Doctor]
    schema_: CliSubCommand[Schema] = Field(alias="schema")

    def cli_cmd(self) -> None:
        """Run the subcommand that was named."""
        CliApp.run_subcommand(self)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program; an error that the user can correct ends it with one message and an exit status other than 0."""
    try:
        CliApp.run(Program, cli_args=None if arguments is None else list(arguments))
    except ValidationError as error:
        _fail(explain(error, Program))
    except SettingsError as error:
        _fail(f"an option cannot be read: {error}")
    except GlassbotanError as error:
        _fail(str(error), error.exit_status)
    except OSError as error:
        _fail(f"{error.filename or 'a file'} cannot be read or written: {error.strerror or error}")
    except KeyboardInterrupt:
        _fail("interrupted; files that were already complete are unchanged")


def _fail(message: str, exit_status: int = 1) -> None:
    print(f"glassbotan: error: {message}", file=sys.stderr)
    sys.exit(exit_status)
