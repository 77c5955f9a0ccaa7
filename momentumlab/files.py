"""Files that are whole or not there."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """A temporary file beside `path`, renamed to it once all is written; the old file stands until then."""
    path = Path(os.path.realpath(path))  # through a link, to the file it names
    if path.exists() and not path.is_file():
        raise OSError(f"{str(path)!r} is not a file")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {str(path.parent)!r} to write {path.name} into")
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    try:
        yield Path(name)
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    finally:
        Path(name).unlink(missing_ok=True)


def save(figure: "Figure", path: str | os.PathLike) -> None:
    """Write a figure, whole or not at all; the ending of its name says in which format.

    Raises
    ------
    ValueError
        Where there is no ending, or no such format.
    """
    format = Path(path).suffix[1:]
    if not format:
        raise ValueError("the ending names the format, as in race.png")
    with replacing(path) as temporary:
        figure.savefig(temporary, format=format)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
