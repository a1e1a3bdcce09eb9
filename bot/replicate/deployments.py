"""Deployments: models that an account keeps running for itself."""

from dataclasses import dataclass

from pydantic import ValidationError

from bot.replicate.api import Api, Ask
from bot.replicate.errors import BadAnswer
from bot.replicate.wire import Name, Wire


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A deployment and what its current release runs: ``model`` is "owner/name"."""

    owner: str
    name: str
    model: str
    version: str


class _Release(Wire):
    model: str
    version: str


class _Deployment(Wire):
    owner: Name
    name: Name
    current_release: _Release


class Deployments:
    """The account's deployments."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def get(self, deployment: str) -> Deployment:
        """Return the deployment "owner/name"; BadAnswer while it has no release."""
        owner, _, name = deployment.partition("/")
        ask = Ask(operation="deployments.get", method="GET", url=self._api.url("deployments", owner, name))
        try:
            wire = _Deployment.model_validate(await self._api.read(ask))
        except ValidationError as error:
            raise BadAnswer(f"The deployment {deployment} has no release that can be run.") from error
        release = wire.current_release
        return Deployment(owner=wire.owner, name=wire.name, model=release.model, version=release.version)
