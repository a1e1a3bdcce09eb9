"""The catalog: the models of the stand-in, loaded from ``models/`` or added by a test."""

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
        schemas: Mapping[str, Any] = self.openapi_schema.get("components", {}).get("schemas", {})
        return schemas

    @property
    def inputs(self) -> Mapping[str, Any]:
        """The schema of each input by its name."""
        inputs: Mapping[str, Any] = self.schemas.get("Input", {}).get("properties", {})
        return inputs

    @property
    def output(self) -> Mapping[str, Any]:
        """The schema of the output."""
        output: Mapping[str, Any] = self.schemas.get("Output", {})
        return output

    @property
    def secrets(self) -> frozenset[str]:
        """The inputs that the API redacts."""
        return frozenset(name for name, schema in self.inputs.items() if schema.get("x-cog-secret"))

    def to_json(self) -> dict[str, Any]:
        """Return the version as the API returns it."""
        return {
            "id": self.id,
            "created_at": self.created_at,
            "cog_version": self.cog_version,
            "openapi_schema": self.openapi_schema,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model: ``payload`` is what the API returns for it, ``predictor`` the name of what runs it."""

    owner: str
    name: str
    official: bool
    predictor: str
    payload: Mapping[str, Any]
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
        return str(self.payload.get("description") or "")

    def to_json(self) -> dict[str, Any]:
        """Return the model as the API returns it."""
        latest = self.versions[0].to_json() if self.versions else None
        return {**self.payload, "is_official": self.official, "latest_version": latest}


class ModelCatalog:
    """The models and deployments by their names."""

    def __init__(self) -> None:
        self._models: dict[str, Model] = {}
        self._deployments: dict[str, Model] = {}

    def add(self, model: Model) -> None:
        """Add ``model``, replacing one of the same name."""
        self._models[model.full_name] = model

    def deploy(self, name: str, model: str) -> None:
        """Create the deployment ``owner/name`` of ``model``'s latest version."""
        self._deployments[name] = self._models[model]

    def find_model(self, full_name: str) -> Model | None:
        """Return the model ``owner/name``, or None."""
        return self._models.get(full_name)

    def find_deployment(self, full_name: str) -> Model | None:
        """Return the model behind the deployment ``owner/name``, or None."""
        return self._deployments.get(full_name)

    def deployments(self) -> Iterable[tuple[str, Model]]:
        """Return the name and the model of every deployment."""
        return self._deployments.items()

    def find_version(self, version_id: str) -> tuple[Model, Version] | None:
        """Return the model and version with this id of 64 hex digits, or None."""
        all_versions = ((model, version) for model in self._models.values() for version in model.versions)
        return next(((model, version) for model, version in all_versions if version.id == version_id), None)

    def models(self) -> tuple[Model, ...]:
        """Return every model, ordered by its latest version, newest first."""
        by_name = sorted(self._models.values(), key=lambda model: model.full_name)
        return tuple(sorted(by_name, key=_latest_version_time, reverse=True))

    def search(self, query: str) -> tuple[Model, ...]:
        """Return the models whose name or description contains a word of ``query``, best match first."""
        words = query.lower().split()

        def score(model: Model) -> int:
            text = f"{model.full_name} {model.description}".lower()
            return sum(2 * (word in model.full_name.lower()) + (word in text) for word in words)

        matches = [model for model in self.models() if score(model) > 0]
        return tuple(sorted(matches, key=score, reverse=True))


def model_from_payload(
    payload: Mapping[str, Any], *, predictor: str = "from_schema", official: bool | None = None
) -> Model:
    """Build a model from the response to ``GET /v1/models/{owner}/{name}``."""
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
        predictor=predictor,
        payload={key: value for key, value in payload.items() if key != "latest_version"},
        versions=(version,),
        examples=tuple(filter(None, [payload.get("default_example")])),
    )


def load_bundled_models() -> Iterable[Model]:
    """Yield the models in the folder ``models/``."""
    folder = resources.files(f"{__package__}.models")
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".json"):
            yield _model_from_file(json.loads(entry.read_text("utf-8")))


def _model_from_file(data: Mapping[str, Any]) -> Model:
    owner, name = data["model"].split("/")
    payload = {
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
        predictor=data.get("predictor", "from_schema"),
        payload=payload,
        versions=versions,
        readme=data.get("readme"),
    )


def _latest_version_time(model: Model) -> str:
    return model.versions[0].created_at if model.versions else ""
