"""Listing: a model as Replicate lists it, with what people want to know before they run it."""

from dataclasses import dataclass

from bot.replicate.models import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One model. ``model`` is "owner/name"; ``cover`` the address of its picture."""

    model: str
    description: str = ""
    run_count: int = 0
    cover: str | None = None
    official: bool = False

    @classmethod
    def of(cls, model: Model) -> "Listing":
        """Return what a model's page says."""
        return cls(
            model=f"{model.owner}/{model.name}",
            description=model.description or "",
            run_count=model.run_count,
            cover=model.cover_url,
            official=model.official,
        )
