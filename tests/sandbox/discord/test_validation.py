"""Whatever a bot sends, validation reports errors and never raises anything else."""

from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sandbox.discord.errors import ApiError, FormErrors
from sandbox.discord.state.components import iter_components
from sandbox.discord.state.models import COMPONENTS_V2, Attachment, MessageBody, Upload
from sandbox.discord.validation.components import validate_modal
from sandbox.discord.validation.messages import MessagePayload, build_body, validate_allowed_mentions

Json = dict[str, Any]
KEYS = st.sampled_from(
    ["id", "name", "url", "value", "label", "type", "text", "parse", "users", "footer", "fields", "image"]
)
ANY_SCALAR = st.none() | st.booleans() | st.integers(-1, 30) | st.text(max_size=4)
ANY_VALUE = st.recursive(
    ANY_SCALAR, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=8
)
NESTING_KEYS = st.sampled_from(["components", "accessory", "component", "items", "media", "file"])
OWN_KEYS = st.sampled_from(["id", "content", "custom_id", "style", "label", "options", "min_values"])
COMPONENT_KEYS = NESTING_KEYS | OWN_KEYS
COMPONENTS = st.recursive(
    st.fixed_dictionaries(
        {"type": st.integers(0, 24)}, optional={"content": ANY_VALUE, "custom_id": ANY_VALUE, "options": ANY_VALUE}
    ),
    lambda inner: st.builds(
        lambda kind, more: {"type": kind, **more},
        st.sampled_from([1, 2, 3, 9, 12, 17, 18]),
        st.dictionaries(COMPONENT_KEYS, st.lists(inner, max_size=3) | inner | ANY_VALUE, max_size=4),
    ),
    max_leaves=10,
)
MESSAGES = st.fixed_dictionaries(
    {},
    optional={
        "content": ANY_VALUE,
        "embeds": ANY_VALUE,
        "flags": st.sampled_from([0, COMPONENTS_V2]) | ANY_VALUE,
        "attachments": ANY_VALUE,
        "components": st.lists(COMPONENTS, max_size=4) | ANY_VALUE,
        "allowed_mentions": ANY_VALUE,
    },
)


def store_file(upload: Upload) -> Attachment:
    return Attachment(1, "attachments", 2, upload.name, upload.data)


@given(MESSAGES, st.sampled_from([None, MessageBody("before"), MessageBody(flags=COMPONENTS_V2)]))
def test_any_message_is_built_or_refused(payload: Json, before: MessageBody | None) -> None:
    with suppress(ApiError):
        validate_allowed_mentions(payload.get("allowed_mentions"))
        body = build_body(MessagePayload(payload, {0: Upload("a.txt", b"x")}), before, limit=100, store=store_file)
        ids = [item["id"] for item in iter_components(body.components)]
        assert len(ids) == len(set(ids)) <= 40


MODALS = st.lists(COMPONENTS, max_size=6) | ANY_VALUE


@given(ANY_VALUE | st.builds(lambda components: {"title": "t", "custom_id": "c", "components": components}, MODALS))
def test_any_modal_is_accepted_or_refused(data: Any) -> None:
    errors = FormErrors()
    modal = validate_modal(data, errors)
    assert bool(modal) != bool(errors)
