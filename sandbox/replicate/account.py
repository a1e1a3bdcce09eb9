"""The small routes: account, hardware, collections, deployments, the webhooks' secret."""

from collections.abc import Callable
from typing import Any

from aiohttp import web

from sandbox.replicate.answers import not_found, ok
from sandbox.replicate.catalogue import Catalogue, Model

USERNAME = "sandbox"
_ACCOUNT = {
    "type": "user",
    "username": USERNAME,
    "name": "The Sandbox",
    "github_url": f"https://github.com/{USERNAME}",
    "avatar_url": f"https://github.com/{USERNAME}.png",
}
_HARDWARE = [
    {"name": "CPU", "sku": "cpu"},
    {"name": "Nvidia T4 GPU", "sku": "gpu-t4"},
    {"name": "Nvidia L40S GPU", "sku": "gpu-l40s"},
    {"name": "Nvidia A100 (80GB) GPU", "sku": "gpu-a100-large"},
]
_COLLECTION = {
    "name": "Sandbox",
    "slug": USERNAME,
    "description": "Invented models, one for every shape of output.",
    "full_description": None,
}


class AccountRoutes:
    """Answers for what belongs to the account."""

    def __init__(self, *, catalogue: Catalogue, webhook_secret: Callable[[], str]) -> None:
        self._catalogue = catalogue
        self._webhook_secret = webhook_secret

    def routes(self) -> list[web.AbstractRouteDef]:
        """Return the routes of these nouns."""
        return [
            web.get("/v1/account", self._account),
            web.get("/v1/hardware", self._hardware),
            web.get("/v1/collections", self._collections),
            web.get("/v1/collections/{slug}", self._collection),
            web.get("/v1/deployments", self._deployments),
            web.get("/v1/deployments/{owner}/{name}", self._deployment),
            web.get("/v1/webhooks/default/secret", self._secret),
        ]

    async def _account(self, _: web.Request) -> web.Response:
        return ok(_ACCOUNT)

    async def _hardware(self, _: web.Request) -> web.Response:
        return ok(_HARDWARE)

    async def _collections(self, _: web.Request) -> web.Response:
        shown = {name: value for name, value in _COLLECTION.items() if name != "full_description"}
        return ok({"next": None, "previous": None, "results": [shown]})

    async def _collection(self, request: web.Request) -> web.Response:
        if request.match_info["slug"] != USERNAME:
            raise not_found()
        models = [model.as_json() for model in self._catalogue.models() if model.owner == USERNAME]
        return ok({**_COLLECTION, "models": models})

    async def _deployments(self, _: web.Request) -> web.Response:
        results = [_deployment(name, model) for name, model in self._catalogue.deployments()]
        return ok({"next": None, "previous": None, "results": results})

    async def _deployment(self, request: web.Request) -> web.Response:
        name = "{owner}/{name}".format(**request.match_info)
        model = self._catalogue.deployment(name)
        if model is None:
            raise not_found()
        return ok(_deployment(name, model))

    async def _secret(self, _: web.Request) -> web.Response:
        return ok({"key": self._webhook_secret()})


def _deployment(full_name: str, model: Model) -> dict[str, Any]:
    owner, name = full_name.split("/")
    return {
        "owner": owner,
        "name": name,
        "current_release": {
            "number": 1,
            "model": model.full_name,
            "version": model.versions[0].id,
            "created_at": model.versions[0].created_at,
            "created_by": _ACCOUNT,
            "configuration": {"hardware": "gpu-t4", "min_instances": 0, "max_instances": 5},
        },
    }
