"""The stage that makes the states behind a configuration."""

from pathlib import Path

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt
from pydantic_settings import CliPositionalArg

from glassbotan.commands import OnProcessor
from glassbotan.structure.states import AnyState
from glassbotan.study import simulation
from glassbotan.study import structure as settings


class Structure(OnProcessor):
    """Make the states behind the thermal structure: inherent structure, cage states, short ensembles, normal modes."""

    input: CliPositionalArg[Path] = Field(description="targets file of the configuration, whose positions are used")
    states: tuple[AnyState, ...] = Field(
        min_length=1, description="inherent, modes, cage-<radius> and short-<time>, such as inherent,cage-0.4"
    )
    temperature: PositiveFloat = Field(description="temperature of the state point [epsilon_AA/k_B]")
    structure: settings.Structure = settings.Structure()
    integrator: simulation.Integrator = simulation.Integrator()
    seed: NonNegativeInt = Field(0, description="seed from which all random numbers of the simulations are derived")
    threads: PositiveInt = Field(1, description="CPU cores to use; the engine fused runs one system on each")

    def cli_cmd(self) -> None:
        from glassbotan.files.header import require
        from glassbotan.files.structures import write_structures
        from glassbotan.files.targets import read_targets
        from glassbotan.simulate.engines import engine_record
        from glassbotan.simulate.structures import engine_for, make_states

        provenance = self.provenance(self.input)
        found = read_targets(self.input)
        require(self.input, found, study=self.study, temperature=self.temperature)
        thermal = found.structure()
        engine = engine_for(self.states, self.integrator, self.device, self.threads, len(thermal))
        states = make_states(
            thermal,
            self.states,
            self.structure,
            engine,
            temperature=self.temperature,
            timestep=self.integrator.timestep,
            seed=(self.seed, round(100 * self.temperature), found.configuration),
        )
        write_structures(
            self.output,
            thermal,
            states,
            provenance.finish(engine=engine_record(engine)),
            study=self.study,
            temperature=self.temperature,
            configuration=found.configuration,
            settings=self.structure,
            timestep=self.integrator.timestep,
        )
