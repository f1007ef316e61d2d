"""How the states behind the thermal structure of a configuration are made."""

from typing import Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from glassbotan.study.section import Section


class Inherent(Section):
    """The inherent structure, a minimum of the potential energy."""

    force_tolerance: PositiveFloat = Field(
        1e-6, description="length of the largest force on a particle at the minimum [epsilon_AA/sigma_AA]"
    )
    keep_unconverged: bool = Field(
        False, description="whether a structure with larger forces is kept, and marked as such, instead of an error"
    )


class Cage(Section):
    """Cage states: mean positions in dynamics in which each particle stays within a sphere about its first position."""

    copies: int = Field(
        4, ge=2, description="number of independent runs that are averaged over; a GPU advances them together"
    )
    duration: PositiveFloat = Field(50.0, description="time over which each run is averaged [tau]")
    settling: PositiveFloat = Field(5.0, description="time before it [tau]")
    temperature: PositiveFloat | None = Field(
        None, description="temperature of the runs, by default that of the state point [epsilon_AA/k_B]"
    )
    thermostat_rate: PositiveFloat = Field(
        0.5, description="rate at which the velocity of a particle is drawn anew (Andersen's thermostat) [1/tau]"
    )
    timestep: PositiveFloat = Field(0.01, description="time step [tau]")
    average_every: PositiveFloat = Field(0.05, description="time between two positions that are averaged over [tau]")
    tolerance: PositiveFloat | None = Field(
        None,
        description="if given, more runs follow until the averages over one and the other half of them differ by less "
        "(root mean square over the particles) [sigma_AA]",
    )
    most_rounds: PositiveInt = Field(
        20, description="largest number of times that `copies` runs are made to reach the tolerance"
    )

    @model_validator(mode="after")
    def _averages(self) -> Self:
        if self.duration < 2 * self.average_every:
            raise ValueError(f"duration {self.duration:g} is shorter than twice average_every {self.average_every:g}")
        return self


class ShortEnsemble(Section):
    """Short isoconfigurational ensembles, whose momenta are other ones than those of the ensemble that is predicted."""

    replicas: int = Field(8, ge=2, description="number of replicas")
    frames: PositiveInt = Field(
        20, description="number of evenly spaced times, up to that of the state, over which positions are averaged"
    )


class Modes(Section):
    """Local quantities of the normal modes of the inherent structure."""

    lowest: PositiveInt = Field(50, description="number of modes that are computed one by one")
    probes: int = Field(64, ge=2, description="number of random vectors that estimate what the other modes add")


class Structure(Section):
    """The states behind the thermal structure; the stage `structure` makes those that a model of the study needs."""

    inherent: Inherent = Field(Inherent(), description="inherent structures")
    cage: Cage = Field(Cage(), description="cage states")
    short: ShortEnsemble = Field(ShortEnsemble(), description="short isoconfigurational ensembles")
    modes: Modes = Field(Modes(), description="normal modes")
