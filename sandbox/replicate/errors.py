"""Error responses in Replicate's wording: problem+json, and the HTML pages of the proxy in front of it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from aiohttp import web

from sandbox.replicate.raw_json import encode_json

CREDIT_URL = "https://replicate.com/account/billing#billing"


@dataclass(frozen=True, slots=True)
class InvalidField:
    """One invalid field of a request, worded as Replicate's validator words it."""

    type: str
    field: str
    description: str


class Problem(Exception):
    """An error that the API returns as problem+json (RFC 7807)."""

    def __init__(self, status: int, detail: str, *, title: str | None = None, **extra: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.headers: dict[str, str] = {}
        self.body = {"detail": detail, "status": status, **({"title": title} if title else {}), **extra}

    def response(self) -> web.Response:
        text = json.dumps(self.body, ensure_ascii=False) + "\n"
        return web.Response(
            status=self.status,
            headers={"Content-Type": "application/problem+json", **self.headers},
            body=text.encode(),
        )


def json_response(body: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(
        status=status,
        headers={"Content-Type": "application/json; charset=UTF-8", **(headers or {})},
        body=encode_json(body).encode(),
    )


def unauthenticated() -> Problem:
    """Return the 401 for a missing or wrong token."""
    return Problem(401, "You did not pass a valid authentication token", title="Unauthenticated")


def insufficient_credit() -> Problem:
    """Return the 402 for an account without credit."""
    detail = (
        "You have insufficient credit to run this model. "
        f"Go to {CREDIT_URL} to purchase credit. "
        "Once you purchase credit, please wait a few minutes before trying again."
    )
    return Problem(402, detail, title="Insufficient credit")


def not_found() -> Problem:
    """Return the 404 for anything that does not exist or that the token may not access."""
    return Problem(404, "The requested resource could not be found.")


def file_not_found() -> Problem:
    """Return the 404 of the files API."""
    return Problem(404, "File not found")


def file_too_large() -> Problem:
    """Return the 413 of the files API."""
    return Problem(413, "Files must be less than 100MB in size")


def invalid_input(fields: Sequence[InvalidField]) -> Problem:
    """Return the 422 that lists the invalid fields of an input."""
    detail = "".join(f"- {field.field}: {field.description}\n" for field in fields)
    return Problem(422, detail, title="Input validation failed", invalid_fields=[asdict(field) for field in fields])


def invalid_version() -> Problem:
    """Return the 422 for a version that does not exist."""
    detail = "The specified version does not exist (or perhaps you don't have permission to use it?)"
    return Problem(422, detail, title="Invalid version or not permitted")


def throttled(seconds: int, *, reason: str = "", form: str = "body") -> Problem:
    """Return a 429; ``form`` says where the wait is given: in the “body”, only in a “header”, or only in the “text”."""
    wait = f" Your rate limit resets in ~{seconds}s." if form != "header" else ""
    problem = Problem(429, f"Request was throttled.{reason}{wait}")
    if form == "body":
        problem.body["retry_after"] = seconds
    if form == "header":
        problem.headers["Retry-After"] = str(seconds)
    return problem


def proxy_error_page(status: int) -> web.Response:
    """Return the HTML page that the proxy in front of Replicate sends when Replicate does not respond."""
    reasons = {500: "Internal Server Error", 502: "Bad gateway", 503: "Service Temporarily Unavailable", 504: "Timeout"}
    title = f"{status}: {reasons.get(status, 'Unknown Error')}"
    page = (
        f"<!DOCTYPE html>\n<html><head><title>replicate.com | {title}</title></head>\n"
        f"<body><h1>{title}</h1><p>Cloudflare</p></body></html>\n"
    )
    return web.Response(status=status, headers={"Content-Type": "text/html; charset=UTF-8"}, body=page.encode())
