"""Settings of how predictions are scored."""

from pydantic import Field, PositiveFloat

from glassbotan.study.section import Section


class Scores(Section):
    """How predictions are scored."""

    pair_range: PositiveFloat = Field(1.35, description="A-A pairs up to this distance are scored [sigma_AA]")
    confidence: float = Field(
        0.95, gt=0, lt=1, description="confidence level of the interval of a mean over the test configurations"
    )
