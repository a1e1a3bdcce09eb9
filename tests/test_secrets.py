"""The one table of names that are secrets, and of names that only look so."""

import pytest

from bot.secrets import MASK, contains_secret, is_secret_name, is_secret_schema, mask_secrets

SECRETS = """
    token api_token hf_token hf_token_1 huggingface_token hugging_face_token civitai_token civitai_api_token
    replicate_api_token discord_token github_pat access_token refresh_token auth_token id_token session_token
    access_tokens hfToken HF_TOKEN hf-token "hf token" hftoken authtoken ｔｏｋｅｎ token_2 hf_token_read
    key api_key apikey apiKey APIKey API_KEY X-API-Key openai_key openai_api_key openaiApiKey openaikey api_keys
    stability_key private_key privatekey ssh_key license_key encryption_key aws_access_key_id secret_key access_key
    password Password db_password dbpassword passwd user_pwd passphrase passcode zip_password
    secret client_secret clientsecret clientSecret webhook_secret aws_secret_access_key secrets secret_value
    credential credentials google_credentials credentials_json
    authorization Authorization http_authorization basic_auth auth bearer cookie cookies youtube_cookies jwt
"""
HARMLESS = """
    max_tokens maxTokens max_new_tokens min_tokens num_tokens n_tokens tokens token_count token_limit tokens_per_second
    input_token_count output_token_count time_to_first_token eos_token pad_token stop_token trigger_token max_token
    tokenizer tokenizer_name detokenize special_tokens text_token token_only tokenise
    keyframes key_frame keyframe_interval key_frames keywords keyword negative_keywords monkey donkey turkey
    keyboard keypoints keys musical_key song_key sort_key chroma_key public_key key_signature key_shift
    author authors authority author_name auth_scale secretary compass pass passes num_passes bypass passport
    prompt seed image number_of_outputs guidance_scale pattern spatial path compat patience
    "" _ 123 é
"""


def names(table: str) -> list[str]:
    """Return the names of a table; quotes keep a space or nothing in a name."""
    parts = table.split('"')
    return [*" ".join(parts[::2]).split(), *parts[1::2]]


@pytest.mark.parametrize("name", names(SECRETS))
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", names(HARMLESS))
def test_names_of_no_secrets(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize("schema", [{"format": "password"}, {"writeOnly": True}, {"x-cog-secret": True}])
def test_schemas_of_secrets(schema: dict[str, object]) -> None:
    assert is_secret_schema({"type": "string", **schema})


def test_schemas_of_no_secrets() -> None:
    assert not is_secret_schema({"type": "string", "format": "uri", "writeOnly": False})


def test_secrets_are_found_and_masked_at_any_depth() -> None:
    value = {"prompt": "a fox", "api_key": "k", "config": [{"hf_token": "t", "max_tokens": 5}], "password": None}
    assert contains_secret(value)
    assert contains_secret({"config": [{"hf_token": "t"}]})
    assert not contains_secret({"prompt": "api_key", "config": [{"max_tokens": 5}]})
    assert mask_secrets(value) == {
        "prompt": "a fox",
        "api_key": MASK,
        "config": [{"hf_token": MASK, "max_tokens": 5}],
        "password": None,
    }
