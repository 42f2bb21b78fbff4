"""What a person answered who was asked whether labels are published."""

from dfu_clustering.files.summary import Summary


class Answer(Summary):
    """The answer; kept with the run.

    Attributes:
        publish: Whether the labels are published.
        answered_by: Name of the person.
        reason: Why; empty: not said.
    """

    publish: bool
    answered_by: str
    reason: str

    @property
    def in_words(self) -> str:
        """Return who answered what, for people."""
        return f"{'approved' if self.publish else 'refused'} by {self.answered_by}" + self.because

    def said_of(self, *, published: bool) -> str:
        """Return the same of a run that is published, or is not: also a refused one can be promoted later."""
        return self.in_words + ("; promoted later" if published and not self.publish else "")

    @property
    def because(self) -> str:
        """Return the reason as the end of a sentence; empty where none was given."""
        return f": {self.reason}" if self.reason else ""
