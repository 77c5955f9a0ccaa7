"""Files that are whole or not there, and pages with places for what is generated."""

import os
import re
import tempfile
from collections.abc import Iterator, Mapping
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


def filled(page: str, parts: Mapping[str, str]) -> str:
    """A page with texts put between the comments that hold their places, <!-- name --> and <!-- end of name -->.

    >>> print(filled("a <!-- n -->old<!-- end of n --> b", {"n": "new"}))
    a <!-- n -->
    new
    <!-- end of n --> b
    """
    for name, text in parts.items():
        begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        whole = f"{begin}\n{text}\n{end}"
        page, found = re.subn(f"{re.escape(begin)}.*?{re.escape(end)}", whole.replace("\\", r"\\"), page, flags=re.S)
        if found != 1:
            raise ValueError(f"the page has {found} places for {name}; it must have one")
    return page


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
