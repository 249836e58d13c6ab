"""Where locks are kept: in the registry for all, on this machine until `up` puts them there."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mlifecycle import registry
from mlifecycle.dependencies.lock import Lock, lock_key, resolve, unlocked
from mlifecycle.exclusive import exclusively, write_whole
from mlifecycle.process import ToolError

LOCK = "application/vnd.mlifecycle.lock.v1"


@dataclass(frozen=True)
class LockStore:
    """The locks of a registry.

    Attributes:
        registry: a host, or a host with a path.
        cache: this machine's folder for those that no `up` has kept yet.
    """

    registry: str
    cache: Path

    def lock_of(self, dependencies: Sequence[str]) -> Lock:
        """The lock that every run takes; where there is none yet, one that is made now.

        Raises:
            ToolError: the registry does not answer.
        """
        return self.kept(dependencies) or self._made(dependencies)

    def kept(self, dependencies: Sequence[str]) -> Lock | None:
        """The lock that the registry keeps; None where it keeps none.

        Raises:
            ToolError: the registry does not answer, or keeps something else there.
        """
        lock = self.found(dependencies)
        if lock is not None and (missing := unlocked(dependencies, lock)):
            # Else whoever writes to the registry decides what is scanned.
            name = self._name(dependencies)
            raise ToolError(
                f"{name} is no lock of {', '.join(missing)}: renew it with mlifecycle lock"
            )
        return lock

    def found(self, dependencies: Sequence[str]) -> Lock | None:
        """The same, whatever it says, to be renewed.

        Raises:
            ToolError: the registry does not answer.
        """
        if not dependencies:
            return Lock("", is_kept=True)
        text = registry.find_document(self._name(dependencies))
        return None if text is None else Lock(text, is_kept=True)

    def keep(self, dependencies: Sequence[str], lock: Lock) -> None:
        """Put a lock there for every later run, in the place of another.

        Raises:
            ToolError: the registry refuses.
        """
        if dependencies and not lock.problem:
            registry.put_document(self._name(dependencies), LOCK, lock.text)

    def _made(self, dependencies: Sequence[str]) -> Lock:
        file = self.cache / "locks" / f"{lock_key(dependencies)[:32]}.txt"
        # Two models of one set of dependencies, and the preview and its `up`, must agree.
        with exclusively(file):
            if file.exists() and not unlocked(dependencies, Lock(file.read_text())):
                return Lock(file.read_text())
            try:
                lock = resolve(dependencies)
                if not lock.problem:
                    write_whole(file, lock.text)
            except (ToolError, OSError) as error:
                # One model's finding, not the end of the run; and it is tried again.
                return Lock("", f"there was no answer, so run it again: {error}")
            return lock

    def _name(self, dependencies: Sequence[str]) -> str:
        return f"{self.registry}/mlifecycle/locks:{lock_key(dependencies)}"
