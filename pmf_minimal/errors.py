"""What can be wrong with input: a class for each kind. A message is one sentence that names the file, the place and the fix."""


class DataError(ValueError):
    """The input is not what it should be. What the message quotes of it is shown without control characters, and cut if it is long."""

    def __str__(self) -> str:
        said = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in super().__str__())
        return said if len(said) <= 2000 else f"{said[:1000]} … {said[-1000:]}"


class DataWarning(UserWarning):
    """Something in the files was repaired or left out; the message says what and how often."""


class MissingFile(DataError):
    """A file or folder that is needed is not there."""


class EmptyFile(DataError):
    """There is nothing in it."""


class NotUTF8(DataError):
    """The text is in another encoding."""


class MalformedLine(DataError):
    """A line, or an entry of a list, is not of the form that its file has."""


class UnknownId(DataError):
    """An id or row that belongs to no entity of this graph."""


class DuplicateId(DataError):
    """One id, or one URI of one graph, for two entities."""


class SharedIds(DataError):
    """Both graphs use the same id."""


class DamagedFile(DataError):
    """A file of features, names or an archive that is not what its ending says, is cut off, or claims more than it holds."""


class BadFeatures(DataError):
    """Features that no model can use: NaN, infinity, unequal widths, none at all."""


class UnsafePickle(DataError):
    """A pickle asks for more than arrays, dicts and numbers; nothing of it was run."""


class UnsafeArchive(DataError):
    """An archive would write outside its folder or fill the disk; nothing was unpacked."""


class Diverged(DataError):
    """A loss is not finite: the run has no result."""


class OtherRun(DataError):
    """A folder holds the state or the result of another run: other data, other settings or another version."""


class NotWritable(DataError):
    """A file or folder cannot be written; what was written before the fault is kept where the message says."""
