"""Catalogue: the models that the stand-in has, read from ``models/`` or registered by hand."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from sandbox.replicate.schema import openapi_document


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version of a model, with the schema of its input and output."""

    id: str
    created_at: str
    cog_version: str
    openapi_schema: Mapping[str, Any]

    @property
    def schemas(self) -> Mapping[str, Any]:
        """The named schemas: Input, Output, and the enums they refer to."""
        found: Mapping[str, Any] = self.openapi_schema.get("components", {}).get("schemas", {})
        return found

    @property
    def inputs(self) -> Mapping[str, Any]:
        """The schema of each input by its name."""
        found: Mapping[str, Any] = self.schemas.get("Input", {}).get("properties", {})
        return found

    @property
    def output(self) -> Mapping[str, Any]:
        """The schema of the output."""
        found: Mapping[str, Any] = self.schemas.get("Output", {})
        return found

    @property
    def secrets(self) -> frozenset[str]:
        """The inputs that no answer repeats."""
        return frozenset(name for name, schema in self.inputs.items() if schema.get("x-cog-secret"))

    def as_json(self) -> dict[str, Any]:
        """Return the version as the API shows it."""
        return {
            "id": self.id,
            "created_at": self.created_at,
            "cog_version": self.cog_version,
            "openapi_schema": self.openapi_schema,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model: ``shown`` is what the API says about it, ``behaviour`` the name of what it does when it runs."""

    owner: str
    name: str
    official: bool
    behaviour: str
    shown: Mapping[str, Any]
    versions: tuple[Version, ...]  # newest first
    readme: str | None = None
    examples: tuple[Mapping[str, Any], ...] = field(default=())

    @property
    def full_name(self) -> str:
        """``owner/name``."""
        return f"{self.owner}/{self.name}"

    @property
    def description(self) -> str:
        """What the model is for, in a sentence; may be empty."""
        return str(self.shown.get("description") or "")

    def as_json(self) -> dict[str, Any]:
        """Return the model as the API shows it."""
        latest = self.versions[0].as_json() if self.versions else None
        return {**self.shown, "is_official": self.official, "latest_version": latest}


class ModelCatalog:
    """Every model and deployment by its name."""

    def __init__(self) -> None:
        self._models: dict[str, Model] = {}
        self._deployments: dict[str, Model] = {}

    def add(self, model: Model) -> None:
        """Put ``model`` in, in the place of one of the same name."""
        self._models[model.full_name] = model

    def deploy(self, name: str, model: str) -> None:
        """Let the deployment ``owner/name`` run ``model``'s newest version."""
        self._deployments[name] = self._models[model]

    def model(self, full_name: str) -> Model | None:
        """Return the model called ``owner/name``."""
        return self._models.get(full_name)

    def deployment(self, full_name: str) -> Model | None:
        """Return the model behind the deployment ``owner/name``."""
        return self._deployments.get(full_name)

    def deployments(self) -> Iterable[tuple[str, Model]]:
        """Return every deployment's name and model."""
        return self._deployments.items()

    def version(self, id: str) -> tuple[Model, Version] | None:  # noqa: A002 -- Replicate's own word for it
        """Return the model and version with this id of 64 hex digits."""
        found = ((model, version) for model in self._models.values() for version in model.versions)
        return next(((model, version) for model, version in found if version.id == id), None)

    def models(self) -> tuple[Model, ...]:
        """Return every model, the newest version first."""
        newest = sorted(self._models.values(), key=lambda model: model.full_name)
        return tuple(sorted(newest, key=_latest_version_time, reverse=True))

    def search(self, query: str) -> tuple[Model, ...]:
        """Return the models whose name or description has a word of ``query``, the best first."""
        words = query.lower().split()

        def score(model: Model) -> int:
            text = f"{model.full_name} {model.description}".lower()
            return sum(2 * (word in model.full_name.lower()) + (word in text) for word in words)

        found = [model for model in self.models() if score(model) > 0]
        return tuple(sorted(found, key=score, reverse=True))


def model_from_payload(payload: Mapping[str, Any], *, behaviour: str = "shape", official: bool | None = None) -> Model:
    """Read a model as the API shows it (``GET /v1/models/{owner}/{name}``)."""
    latest = payload.get("latest_version") or {}
    owner, name = payload["owner"], payload["name"]
    version = Version(
        id=latest.get("id") or hashlib.sha256(f"{owner}/{name}".encode()).hexdigest(),
        created_at=latest.get("created_at") or "2024-01-01T00:00:00.000000Z",
        cog_version=latest.get("cog_version") or "0.9.9",
        openapi_schema=latest.get("openapi_schema") or openapi_document({}),
    )
    return Model(
        owner=owner,
        name=name,
        official=bool(payload.get("is_official")) if official is None else official,
        behaviour=behaviour,
        shown={key: value for key, value in payload.items() if key != "latest_version"},
        versions=(version,),
        examples=tuple(filter(None, [payload.get("default_example")])),
    )


def load_bundled_models() -> Iterable[Model]:
    """Yield the models whose files lie in ``models/``."""
    folder = resources.files(f"{__package__}.models")
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".json"):
            yield _model_from_file(json.loads(entry.read_text("utf-8")))


def _model_from_file(data: Mapping[str, Any]) -> Model:
    owner, name = data["model"].split("/")
    shown = {
        "url": f"https://replicate.com/{owner}/{name}",
        "owner": owner,
        "name": name,
        "description": data["description"],
        "visibility": "public",
        "github_url": data.get("github_url"),
        "paper_url": None,
        "license_url": data.get("license_url"),
        "run_count": data.get("run_count", 0),
        "cover_image_url": None,
        "default_example": None,
        "created_at": data["created_at"],
    }
    versions = tuple(
        Version(
            id=version.get("id") or hashlib.sha256(f"{data['model']}@{version['created_at']}".encode()).hexdigest(),
            created_at=version["created_at"],
            cog_version=version.get("cog_version", "0.9.9"),
            openapi_schema=openapi_document(version.get("schemas") or data["schemas"]),
        )
        for version in data.get("versions") or [{"created_at": data["created_at"]}]
    )
    return Model(
        owner=owner,
        name=name,
        official=data.get("official", False),
        behaviour=data.get("behaviour", "shape"),
        shown=shown,
        versions=versions,
        readme=data.get("readme"),
    )


def _latest_version_time(model: Model) -> str:
    return model.versions[0].created_at if model.versions else ""
