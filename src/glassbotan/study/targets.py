"""What is measured in a simulation, and how far the simulation may be from what it was meant to be."""

from typing import Self

from pydantic import Field, PositiveFloat, model_validator

from glassbotan.study.section import Section


class Targets(Section):
    """What is computed from an ensemble."""

    pair_range: PositiveFloat = Field(2.0, description="r_e: pairs up to this distance have an E_ij [sigma_AA]")
    neighbor_range: PositiveFloat = Field(1.6, description="neighbours of R_i, D_i and the local strain [sigma_AA]")
    overlap_distance: PositiveFloat = Field(0.3, description="a in the overlap Q(t) [sigma_AA]")
    wave_number: PositiveFloat = Field(6.283185307179586, description="k of F_s(k, t), 2 pi / sigma_AA [1/sigma_AA]")
    most_replicas: int | None = Field(None, ge=2, description="take the first so many replicas, if not all")

    @model_validator(mode="after")
    def _neighbors_are_pairs(self) -> Self:
        if self.neighbor_range > self.pair_range:
            raise ValueError(f"neighbor_range {self.neighbor_range:g} exceeds pair_range {self.pair_range:g}")
        return self


class Limits(Section):
    """How far a simulation may be from what it was meant to be; nothing is learnt from one outside these limits."""

    enforce: bool = Field(True, description="whether a run outside the limits keeps its temperature from being learnt")
    energy_drift: PositiveFloat = Field(1e-4, description="of a replica, from a straight line [epsilon_AA/(N tau)]")
    momentum: PositiveFloat = Field(1e-6, description="total momentum per particle [sqrt(m epsilon_AA)]")
    temperature: PositiveFloat = Field(0.1, description="kinetic temperature, relative to the target's")
    configurational_temperature: PositiveFloat = Field(0.1, description="relative to the target temperature")
    potential_energy_trend: PositiveFloat = Field(
        4.0, description="change over the second half of the equilibration, in standard deviations about the trend"
    )
    crystal_fraction: PositiveFloat = Field(0.05, description="fraction of crystal-like particles")
