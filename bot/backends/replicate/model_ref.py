"""Target: what a prediction is made with: a version, an official model, or a deployment."""

import re
from dataclasses import dataclass

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_TARGET = re.compile(
    rf"(?P<deployment>deployments/)?(?P<owner>{_NAME})/(?P<name>{_NAME})(?::(?P<version>[0-9a-f]{{64}}))?"
)


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A model to run. ``version`` is 64 hex digits; None means the official model or the deployment itself."""

    owner: str
    name: str
    version: str | None = None
    deployment: bool = False

    @classmethod
    def parse(cls, text: str) -> "ModelRef":
        """Read ``owner/name``, ``owner/name:version`` or ``deployments/owner/name``; ValueError says what is wrong."""
        found = _TARGET.fullmatch(text.strip())
        if found is None:
            raise ValueError(
                f"“{text}” is not a model: write owner/name, owner/name:version (64 hex digits) "
                "or deployments/owner/name."
            )
        deployment = found["deployment"] is not None
        if deployment and found["version"]:
            raise ValueError(f"“{text}” names a deployment, and a deployment has its own version.")
        return cls(found["owner"], found["name"], found["version"], deployment)

    @property
    def model(self) -> str:
        """``owner/name``, as Replicate's pages call it."""
        return f"{self.owner}/{self.name}"

    def __str__(self) -> str:
        prefix = "deployments/" if self.deployment else ""
        suffix = f":{self.version}" if self.version else ""
        return f"{prefix}{self.model}{suffix}"
