"""The folder of a run: config.json, metrics.jsonl, last.pt and result.json, each whole at any moment."""

import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import torch
from filelock import FileLock, Timeout

from experiments.config import Config
from experiments.errors import Refused, sentences
from momentumlab.files import replacing

FILES = ("config.json", "metrics.jsonl", "last.pt", "result.json")
FREE = ("epochs", "device", "checkpoint")  # what may differ where a run goes on
ELSE = "delete the folder, or give another one by --out"


class Folder:
    """Where a run is written: nowhere without a path, and by one process alone.

    Attributes
    ----------
    records : list of dict
        The lines of metrics.jsonl so far.
    """

    def __init__(self, path: str | Path | None, config: Config, writes: bool = True) -> None:
        self.path, self.config, self.writes = Path(path or ""), config, writes and path is not None
        self.records: list[dict[str, Any]] = []
        self.known = path is not None
        if self._has("config.json"):
            self._agree(self._json("config.json"))
        elif there := [name for name in FILES if self._has(name)]:
            raise Refused(f"{str(self.path)!r} has a {there[0]} and no config.json, so it is of no run; {ELSE}")

    def ended(self) -> dict[str, Any] | None:
        """What was said at the end, where the run has ended and no more epochs are asked for."""
        if not self._has("result.json"):
            return None
        result, lines = self._json("result.json"), self._lines()
        try:
            asked, count = result["config"]["epochs"], result["lines"]
            if asked != self.config.epochs or count != len(lines):
                return None
            self.records = lines
            return {name: result[name] for name in ("status", "reason", "note")}
        except (KeyError, TypeError) as error:
            raise Refused(
                f"{str(self.path / 'result.json')!r} does not say how a run ended ({error}); {ELSE}"
            ) from None

    # -------------------------------------------------------------- while it runs

    @contextmanager
    def held(self) -> Iterator[None]:
        """Make the folder, and keep other processes from writing to it."""
        if not self.writes:
            yield
            return
        with sentences("the run"):
            self.path.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / ".lock", timeout=0)
            try:
                lock.acquire()
            except Timeout:
                raise Refused(f"another process writes to {str(self.path)!r}; wait for it, or give --out") from None
        try:
            yield
        finally:
            lock.release()

    def load(self) -> dict[str, Any] | None:
        """What was kept last; later lines are forgotten."""
        if not self._has("last.pt"):
            return None
        file = self.path / "last.pt"
        try:
            with ZipFile(file) as parts:
                if part := parts.testzip():
                    raise BadZipFile(f"{part} is not what was written")
            state = torch.load(file, map_location=self.config.device, weights_only=True)
            before, records = dict(json.loads(state.pop("config"))), [*map(dict, json.loads(state.pop("records")))]
        except Exception as error:  # of zipfile, zlib, torch, pickle, ...
            why = str(error).partition("\n")[0].partition(". ")[0]
            raise Refused(f"{str(file)!r} is no state of a run, or is damaged ({why}); {ELSE}") from None
        self._agree(before)
        self.records = records
        return state

    def begin(self) -> None:
        """Stand as the run does now: with its lines so far, and nothing of an end."""
        if self.writes:
            with sentences("the run"):
                (self.path / "result.json").unlink(missing_ok=True)
                for stem, ending in (name.split(".") for name in FILES):
                    for left in self.path.glob(f".{stem}-*.{ending}"):  # by a process that was killed
                        left.unlink()
        self._put("config.json", json.dumps(self.config.record(), indent=1))
        self._put("metrics.jsonl", "".join(map(line, self.records)))

    def write(self, record: dict[str, Any]) -> None:
        """Append a line."""
        self.records.append(record)
        if self.writes:
            with sentences("metrics.jsonl"), (self.path / "metrics.jsonl").open("a", encoding="utf-8") as file:
                file.write(line(record))

    def save(self, state: Mapping[str, Any]) -> None:
        """Keep the state to go on from, with the lines so far."""
        if self.writes:
            file = io.BytesIO()
            torch.save({"config": json.dumps(self.config.record()), "records": json.dumps(self.records), **state}, file)
            self._put("last.pt", file.getvalue())

    def finish(self, result: Mapping[str, Any]) -> None:
        """Say how the run ended."""
        said = {"config": self.config.record(), "lines": len(self.records), **result}
        self._put("result.json", json.dumps(said, indent=1))

    # -------------------------------------------------------------- files

    def _agree(self, before: Mapping[str, Any]) -> None:
        for name, now in json.loads(json.dumps(self.config.record())).items():
            if name not in FREE and before.get(name) != now:
                there = f"{name} is {before.get(name)!r} there and {now!r} here"
                raise Refused(f"{str(self.path)!r} holds another run: {there}; {ELSE}")

    def _has(self, name: str) -> bool:
        with sentences("the run"):
            return self.known and (self.path / name).exists()

    def _json(self, name: str) -> dict[str, Any]:
        try:
            return dict(json.loads((self.path / name).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise Refused(f"{str(self.path / name)!r} cannot be read ({error}); {ELSE}") from None

    def _put(self, name: str, content: str | bytes) -> None:
        if self.writes:
            with sentences(name), replacing(self.path / name) as temporary:
                temporary.write_bytes(content.encode() if isinstance(content, str) else content)

    def _lines(self) -> list[dict[str, Any]]:
        """The lines up to one that is not whole."""
        lines: list[dict[str, Any]] = []
        try:
            for text in (self.path / "metrics.jsonl").read_text(encoding="utf-8").splitlines():
                lines.append(dict(json.loads(text)))
        except (OSError, ValueError, TypeError):
            pass
        return lines


def line(record: Mapping[str, Any]) -> str:
    """Of metrics.jsonl."""
    return json.dumps(record, allow_nan=False) + "\n"
