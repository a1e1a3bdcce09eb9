"""Measures what docs/numbers.md reports: ``python -m benchmarks``.

::

    this process                                     another process
    ┌─────────────────────────────────────────┐      ┌─────────────────────────┐
    │ environment  Discord and Replicate      │◀────▶│ candidate  the bot, or  │
    │              (the sandbox), people,     │ HTTP │            a baseline   │
    │              the token clock            │  WS  └─────────────────────────┘
    │ observer     what is visible in Discord │
    └─────────────────────────────────────────┘

Everything is measured from outside: what people see in the stand-in for Discord, and what the kernel counts for the
process under test. Each load starts with a fresh process and an empty database.

Simplified for the stand-ins, so that one core can run them: the text model's tokens and the images are made in advance,
one token clock writes the tokens of all streams, and requests are counted but not kept. Simplified for the candidates:
``RUNS_PER_USER``, ``CREATES_PER_MINUTE`` and the stand-in's own limit on creates are raised. All other limits of
Replicate, and all limits of Discord, are enforced.
"""
