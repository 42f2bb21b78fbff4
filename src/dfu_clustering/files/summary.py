"""The small result of a step or a part of it: frozen, JSON-ready, kept in the files of a run."""

from pydantic import BaseModel, ConfigDict


class Summary(BaseModel):
    """A record that is handed on and stored; as JSON it reads back to the same values."""

    model_config = ConfigDict(frozen=True)
