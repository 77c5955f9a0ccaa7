"""What is refused ends a command with one sentence and exit code 2."""

import errno
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Refused(Exception):
    """Something that was given cannot be used; the message says what, and what to do."""


@contextmanager
def sentences(what: str) -> Iterator[None]:
    """What the operating system refuses, as one of ours; `what` is what was being written."""
    try:
        yield
    except OSError as error:
        advice = "free some, or give --out elsewhere" if error.errno == errno.ENOSPC else "give --out elsewhere"
        why = error.strerror.lower() if error.strerror else str(error)
        raise Refused(f"{what} could not be written to {error.filename or 'disk'}: {why}; {advice}") from error


def command(main: Callable[[], None]) -> None:
    """Run a command: 2 where something is refused, 130 where it is interrupted."""
    try:
        main()
    except Refused as refused:
        print(f"error: {refused}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("stopped; the same command, where it has --out, goes on from here", file=sys.stderr)
        raise SystemExit(130) from None
