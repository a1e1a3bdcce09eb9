"""The tables of what people save for their runs, or entered for refused ones."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text

from bot.store.tables.columns import Json, Time, ValidText, metadata

# The characters that people saved; ``key`` is the name as it is compared.
characters = Table(
    "characters",
    metadata,
    Column("id", Text, primary_key=True),
    Column("owner_id", BigInteger, nullable=False),
    Column("owner_name", ValidText, nullable=False),
    Column("name", ValidText, nullable=False),
    Column("key", ValidText, nullable=False),
    Column("description", ValidText, nullable=False),
    Column("created_at", Time, nullable=False),
)
Index("characters_by_owner", characters.c.owner_id, characters.c.key, unique=True)

# Their pictures, numbered from 0, each with a small copy for lists.
character_pictures = Table(
    "character_pictures",
    metadata,
    Column("character_id", Text, ForeignKey("characters.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("name", ValidText, nullable=False),
    Column("mime", Text, nullable=False),
    Column("suffix", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
    Column("thumbnail", LargeBinary, nullable=False),
)

# The servers that a character is shared with. ``left_at`` is when the bot was last found to be removed from the server.
character_shares = Table(
    "character_shares",
    metadata,
    Column("character_id", Text, ForeignKey("characters.id", ondelete="CASCADE"), primary_key=True),
    Column("guild_id", BigInteger, primary_key=True),
    Column("key", ValidText, nullable=False),
    Column("shared_at", Time, nullable=False),
    Column("left_at", Time),
)
Index("character_shares_by_guild", character_shares.c.guild_id, character_shares.c.key, unique=True)

# Whose characters a run was given, so that what is erased with a person is erased there, too.
run_characters = Table(
    "run_characters",
    metadata,
    Column("run_id", Text, ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    Column("character_id", Text, primary_key=True),
    Column("owner_id", BigInteger, nullable=False),
)
Index("run_characters_by_owner", run_characters.c.owner_id)

# The presets that people saved: a command, the inputs that are fixed, and the names of those that are asked for.
presets = Table(
    "presets",
    metadata,
    Column("id", Text, primary_key=True),
    Column("owner_id", BigInteger, nullable=False),
    Column("owner_name", ValidText, nullable=False),
    Column("name", ValidText, nullable=False),
    Column("key", ValidText, nullable=False),
    Column("command", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("template", ValidText),
    Column("fixed", Json, nullable=False),
    Column("asked", Json, nullable=False),
    Column("created_at", Time, nullable=False),
)
Index("presets_by_owner", presets.c.owner_id, presets.c.key, unique=True)

# The servers that a preset is shared with; 0 is everybody. A published one is a command of the server.
preset_shares = Table(
    "preset_shares",
    metadata,
    Column("preset_id", Text, ForeignKey("presets.id", ondelete="CASCADE"), primary_key=True),
    Column("guild_id", BigInteger, primary_key=True),
    Column("key", ValidText, nullable=False),
    Column("published", Boolean, nullable=False),
    Column("shared_at", Time, nullable=False),
    Column("left_at", Time),
)
Index("preset_shares_by_guild", preset_shares.c.guild_id, preset_shares.c.key, unique=True)

# What a person chose with /me; a column without a value is as it is for everybody.
preferences = Table(
    "preferences",
    metadata,
    Column("person_id", BigInteger, primary_key=True, autoincrement=False),
    Column("command", Text),
    Column("visibility", Text),
    Column("aspect_ratio", Text),
    Column("language", Text),
)

# What was entered for runs that were refused, for some minutes. See ``bot.store.refused_runs``.
refused_runs = Table(
    "refused_runs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("person_id", BigInteger, nullable=False),
    Column("command", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("chain", ValidText),
    Column("entered", Json, nullable=False),
    Column("text", ValidText, nullable=False),
    Column("files", Json, nullable=False),
    Column("remarks", Json, nullable=False),
    Column("again_run_id", Text),
    Column("parent_run_id", Text),
    Column("parent_output", Integer),
    Column("visibility", Text),
    Column("created_at", Time, nullable=False),
)
Index("refused_runs_by_person", refused_runs.c.person_id, refused_runs.c.created_at)
Index("refused_runs_by_time", refused_runs.c.created_at)

# The chains that people saved. A name is theirs alone, but for those that editors offer to everybody.
saved_chains = Table(
    "saved_chains",
    metadata,
    Column("author_id", BigInteger, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("steps", Json, nullable=False),
    Column("for_everybody", Boolean, nullable=False),
    Column("created_at", Time, nullable=False),
)
_FOR_EVERYBODY = saved_chains.c.for_everybody
Index(
    "saved_chains_for_everybody",
    saved_chains.c.name,
    unique=True,
    sqlite_where=_FOR_EVERYBODY,
    postgresql_where=_FOR_EVERYBODY,
)
