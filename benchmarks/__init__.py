"""What the numbers in docs/numbers.md come from: ``python -m benchmarks``.

::

    this process                                    another process
    ┌───────────────────────────────────────┐      ┌─────────────────────────┐
    │ far_end   Discord and Replicate       │◀────▶│ subject   the bot, or   │
    │           (sandbox, as strict as  │ HTTP │           a baseline    │
    │           ever), people, the clock    │  WS  └─────────────────────────┘
    │ eyes      what is visible in Discord  │
    └───────────────────────────────────────┘

Everything that is told was seen from outside: what people see in the stand-in for Discord, and what the kernel counts
for the process under test. Each load begins with a fresh process and an empty database.

What is made easier for the stand-ins, so that one core carries them: the text model's tokens and the pictures are made
beforehand, one metronome writes the tokens of all streams, and what was asked is counted and not kept. What is made
easier for the subjects: ``RUNS_PER_USER`` and ``CREATES_PER_MINUTE`` are raised, and so is the stand-in's own limit on
creates; every other limit of both services is enforced, Discord's all of them.
"""
