"""Parts of pydantic models."""

from __future__ import annotations

from typing import Any

from beautyspot.keys import tags
from beautyspot.keys.dispatch import Handler
from beautyspot.keys.identity import class_token

__all__ = ["handler_for"]


def _model(value: Any) -> object:
    """Fields, extras and private attributes; which fields were set by the caller shows in ``model_dump``."""
    extra = value.__pydantic_extra__
    private = value.__pydantic_private__
    return [
        class_token(type(value)),
        {name: value.__dict__[name] for name in sorted(value.__dict__)},
        extra,
        None if private is None else {name: private[name] for name in sorted(private)},
        value.__pydantic_fields_set__,
    ]


def handler_for(owner: type, kind: type) -> Handler | None:  # noqa: ARG001  # subclasses are the rule here
    """The handler of pydantic models; None for all other classes."""
    if owner.__name__ == "BaseModel" and hasattr(owner, "__pydantic_complete__"):
        return Handler(tags.PYDANTIC, _model, heavy=True)
    return None
