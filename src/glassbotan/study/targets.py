"""Settings of the targets, and limits on the quality of a simulation."""

from typing import Self

from pydantic import Field, PositiveFloat, model_validator

from glassbotan.study.section import Section


class Targets(Section):
    """Ranges and constants of the targets that are computed from an ensemble."""

    pair_range: PositiveFloat = Field(2.0, description="distance r_e up to which pairs have an E_ij [sigma_AA]")
    neighbor_range: PositiveFloat = Field(1.6, description="range of the neighbours in R_i, C_i and D_i [sigma_AA]")
    overlap_distance: PositiveFloat = Field(0.3, description="distance a in the overlap Q(t) [sigma_AA]")
    wave_number: PositiveFloat = Field(6.283185307179586, description="wave number k of F_s(k, t) [1/sigma_AA]")
    most_replicas: int | None = Field(None, ge=2, description="average over only this many replicas, the first ones")

    @model_validator(mode="after")
    def _neighbors_are_pairs(self) -> Self:
        if self.neighbor_range > self.pair_range:
            raise ValueError(f"neighbor_range {self.neighbor_range:g} exceeds pair_range {self.pair_range:g}")
        return self


class Limits(Section):
    """Limits on the quality of a simulation; predictors are fitted only to simulations within them."""

    enforce: bool = Field(True, description="whether a training or validation run outside the limits is an error")
    energy_drift: PositiveFloat = Field(
        0.005,
        description="change of a replica's total energy over its run, from a straight line fitted to it [epsilon_AA "
        "per particle]",
    )
    momentum: PositiveFloat = Field(1e-6, description="total momentum per particle [sqrt(m epsilon_AA)]")
    temperature: PositiveFloat = Field(
        0.02,
        description="relative deviation from the target of the mean temperature of all runs, kinetic and "
        "configurational",
    )
    standard_errors: PositiveFloat = Field(
        3.0,
        description="deviation of the temperatures of one run from the target, in standard errors; a change between "
        "the halves of the equilibration that is smaller than this is not significant",
    )
    energy_change: PositiveFloat = Field(
        0.02,
        description="change of the potential energy from the first to the second half of the equilibration, mean over "
        "the runs [epsilon_AA per particle]",
    )
    relaxation_change: PositiveFloat = Field(
        0.2,
        description="change of ln tau_alpha from the first to the second half of the equilibration, from F_s averaged "
        "over the runs",
    )
    crystal_fraction: PositiveFloat = Field(0.05, description="fraction of crystal-like particles")
    largest_cluster: PositiveFloat = Field(0.03, description="fraction of particles in the largest such cluster")
