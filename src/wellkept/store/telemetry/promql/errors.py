"""What may be wrong with a query in PromQL.

InputError
├── ExpressionError    the expression cannot be read, or asks for what is not supported
└── EvaluationError    it can be read, but not answered: too much, or labels that do not match up
"""

from __future__ import annotations

from wellkept.kernel.errors import InputError


class ExpressionError(InputError):
    """The expression is at fault as it stands."""


class EvaluationError(InputError):
    """The expression is at fault on what is stored."""


def unsupported(what: str) -> EvaluationError:
    """The error that names what of the language is not there."""
    return EvaluationError(what, "is not supported here")
