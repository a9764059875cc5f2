"""The contract's part about one input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from wellkept.kernel.errors import InputError
from wellkept.ml.part import Part
from wellkept.spine.reduced import EMBEDDING_NUMBERS, TEXT_KIND, TEXT_NUMBERS

Column = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
NUMBERS = ("float", "int", "bool")


class Input(Part):
    """One input feature. ``source`` is ``request``, or the service that produces it (``service:shop/features``)."""

    name: Column
    type: Literal["float", "int", "bool", "category", "text", "embedding"] = "float"
    source: Annotated[str, Field(pattern=r"^(request|service:.+)$")] = "request"
    nullable: bool = False
    at_least: float | None = None
    at_most: float | None = None
    """The range of values that a request may have."""
    default: float | None = None
    """What is taken where the service that produces it does not answer in time."""
    values: Annotated[tuple[str, ...], Field(max_length=1000)] = ()
    """The categories that are known; empty where any may come. Of a model that is served here no others are taken."""
    size: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """How many numbers an embedding has."""

    @model_validator(mode="after")
    def _parts_fit_the_type(self) -> Input:
        if self.values and self.type != "category":
            raise ValueError(f"values must be left out of an input that is no category, got type {self.type}")
        if (self.size is not None) != (self.type == "embedding"):
            raise ValueError(f"size must be there when, and only when, the type is embedding, got type {self.type}")
        limits = (self.at_least, self.at_most, self.default)
        if not self.is_number and any(limit is not None for limit in limits):
            raise ValueError(f"at_least, at_most and default must be left out of a {self.type}")
        return self

    @property
    def is_number(self) -> bool:
        return self.type in NUMBERS

    @property
    def is_category(self) -> bool:
        return self.type == "category"

    @property
    def is_open(self) -> bool:
        """Whether categories may come that nobody has seen."""
        return self.is_category and not self.values

    @property
    def number_columns(self) -> tuple[str, ...]:
        """The columns of numbers that are logged of it."""
        if self.type == "text":
            return tuple(f"{self.name}.{part}" for part in TEXT_NUMBERS)
        if self.type == "embedding":
            return tuple(f"{self.name}.{part}" for part in EMBEDDING_NUMBERS)
        return (self.name,) if self.is_number else ()

    @property
    def category_columns(self) -> tuple[str, ...]:
        """The columns of categories that are logged of it."""
        if self.type == "text":
            return (f"{self.name}.{TEXT_KIND}",)
        return (self.name,) if self.type == "category" else ()


def check_trainable(model: str, inputs: Sequence[Input]) -> None:
    """What is trained and served here takes numbers and categories.

    Raises:
        InputError: an input is a text or an embedding.
    """
    odd = next((entry for entry in inputs if not (entry.is_number or entry.is_category)), None)
    if odd is not None:
        rule = (
            "must be float, int, bool or category in a model that is trained or served here, since its runtime cannot "
            "encode others: make numbers of it in the source of the data, or serve the model elsewhere and "
            "`wellkept watch attach` it"
        )
        raise InputError(f"model {model}: type of input {odd.name}", rule, odd.type)
