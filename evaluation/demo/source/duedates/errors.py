"""What can be wrong with the input: DueDatesError, and under it RuleError and BookError."""


class DueDatesError(ValueError):
    """Something that the user wrote can't be used."""


class RuleError(DueDatesError):
    """A rule, or a schedule made from one, makes no sense."""


class BookError(DueDatesError):
    """A line of a file of bills can't be read."""
