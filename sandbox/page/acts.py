"""What a person in front of the page can do, one method an act; each returns what the page is told."""

import secrets
from typing import Any

from sandbox.discord.people.exchange import Exchange
from sandbox.discord.people.person import Person
from sandbox.discord.people.refused import ClientRefused
from sandbox.page.values import Values

Json = dict[str, Any]
KEPT_FORMS = 40


class Acts:
    """Acts as ``person``; raises ``ClientRefused`` with the sentence to show."""

    def __init__(self, person: Person, values: Values) -> None:
        self.person = person
        self._values = values
        self._forms: dict[str, Exchange] = {}

    async def do(self, name: str, ask: Json) -> Json:
        """Do the act of that name."""
        act = {
            "slash": self._slash, "autocomplete": self._autocomplete, "menu": self._menu, "press": self._press,
            "choose": self._choose, "submit": self._submit, "say": self._say,
            "delete": self._delete, "react": self._react,
        }.get(name)  # fmt: skip
        if act is None:
            raise ClientRefused(f"The page knows no act “{name}”.")
        return await act(ask)

    async def _slash(self, ask: Json) -> Json:
        channel, values = self._values.channel(ask.get("channel")), self._values.all(ask.get("values"))
        return self._told(await self.person.slash(channel, str(ask.get("command")), values))

    async def _autocomplete(self, ask: Json) -> Json:
        channel, values = self._values.channel(ask.get("channel")), self._values.all(ask.get("values"))
        exchange = await self.person.autocomplete(channel, str(ask.get("command")), values, str(ask.get("focused")))
        return {"choices": exchange.choices or []}

    async def _menu(self, ask: Json) -> Json:
        return self._told(await self.person.context_menu(self._message(ask), str(ask.get("name"))))

    async def _press(self, ask: Json) -> Json:
        return self._told(await self.person.press(self._message(ask), str(ask.get("control"))))

    async def _choose(self, ask: Json) -> Json:
        values = self._values.read(list(ask.get("values") or ()))
        return self._told(await self.person.choose(self._message(ask), str(ask.get("control")), values))

    async def _submit(self, ask: Json) -> Json:
        form = str(ask.get("form"))
        if form not in self._forms:
            raise ClientRefused("This form is no longer open.")
        told = self._told(await self.person.submit(self._forms[form], self._values.all(ask.get("values"))))
        if not told["failed"]:
            self._forms.pop(form, None)
        return told

    async def _say(self, ask: Json) -> Json:
        channel = self._values.channel(ask.get("channel"))
        reply = self._values.message(ask["channel"], ask["reply"]) if ask.get("reply") else None
        text, files = str(ask.get("text") or ""), self._values.read(list(ask.get("files") or ()))
        message = await self.person.say(channel, text, files, reply)
        return {"message": str(message.id)}

    async def _delete(self, ask: Json) -> Json:
        await self.person.delete(self._message(ask))
        return {}

    async def _react(self, ask: Json) -> Json:
        message, emoji = self._message(ask), str(ask.get("emoji"))
        if self.person.user in message.reacted(emoji):
            await self.person.unreact(message, emoji)
        else:
            await self.person.react(message, emoji)
        return {}

    def _message(self, ask: Json) -> Any:
        return self._values.message(ask.get("channel"), ask.get("message"))

    def _told(self, exchange: Exchange) -> Json:
        told: Json = {"failed": not exchange.acknowledged, "latency": exchange.latency}
        if exchange.modal is not None:
            form = secrets.token_urlsafe(8)
            self._forms[form] = exchange
            while len(self._forms) > KEPT_FORMS:
                del self._forms[next(iter(self._forms))]
            told |= {"modal": exchange.modal, "form": form}
        return told
