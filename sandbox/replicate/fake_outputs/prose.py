"""The prose of the texts: paragraphs with places for what the prompt is about, written so that any noun fits."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who comes by in a chapter of the story: what it looks like, what it wants, and what it leaves behind."""

    name: str
    looks: str
    wish: str
    gift: str


def _paragraphs(text: str) -> tuple[str, ...]:
    """Return the paragraphs of a text, each in one line."""
    return tuple(" ".join(paragraph.split()) for paragraph in text.strip().split("\n\n"))


# With {hero}, as it can follow “there was”, and {noun}, the hero without its article.
STORY: Final = _paragraphs(
    """
    Once, at the end of a road that nobody used in winter, there was {hero}. The people in the village below knew
    about it and were too polite to mention it. They said good evening when they passed, and they walked on.

    Most nights went well enough. The {noun} had a way of counting: first the boats, then the windows across the
    bay, then the stars, if there were any. By the time the counting was done it was usually morning, and nothing
    bad had happened.

    Then came a night without boats, without windows and without stars. The {noun} counted to zero three times and
    found nothing left to do. It was very quiet. Somewhere below, the sea turned over in its sleep.

    “Are you awake?” asked a small voice. It was a moth, a grey one with a torn wing, sitting on the sill as if it
    had paid for the seat. “I have been flying toward you all evening,” it said. “You were the only thing I could
    see.”

    The {noun} thought about that for a long time. It had never occurred to it that it might be what somebody else
    was counting on. “I was frightened,” it admitted. “So was I,” said the moth. “That is why I kept looking at
    you.”

    They did not talk much after that. The moth rested, the night went on being dark, and the {noun} went on with
    its work. Toward four, a ship passed that neither of them had expected. It sounded its horn once, the way one
    says thank you in passing.

    In the morning the moth was gone. On the sill lay a little grey dust, and the {noun} left it there. When evening
    came, it looked out at the water, took a breath, and began to count. It started with one.
    """
)

# With {noun}, and {visitor}, {looks}, {wish} and {gift} of a visitor.
CHAPTER: Final = _paragraphs(
    """
    The next to come by was {visitor}, {looks}. The {noun} saw it from far away and wondered what could be so
    important at that hour. It turned out to be a question, and it had been carried a long way.

    “I am told you don't sleep,” said {visitor}. “Then you must have had time to think about it. All I want is
    {wish}. Is that too much to ask?” The {noun} did not know, and said so. It is a good thing to say when one does
    not know.

    So they looked at the question together, first from the front and then from behind. It had seemed large on the
    road. Here, with two of them around it, it was about the size of a loaf of bread, and they could talk over it
    quite comfortably.

    Before it left, {visitor} put down {gift}. “For the next one,” it said, and went off toward the hills. The
    {noun} watched until there was nothing to see. Then it made a place on the sill, beside the grey dust, and
    waited for whoever the next one might be.
    """
)

VISITORS: Final = (
    Visitor("the postman", "wet to the knees and in no hurry", "one letter that is meant for me", "an empty envelope"),
    Visitor("the heron", "thin as a walking stick", "to stand on both legs for once", "a smooth white stone"),
    Visitor("the cartographer", "with ink on both sleeves", "a place that is on no map", "the stub of a pencil"),
    Visitor("the cat", "pretending to be on the way to somewhere else", "to be asked in", "a single whisker"),
    Visitor("the clockmaker", "holding a watch to his ear", "an hour that belongs to nobody", "a very small wheel"),
    Visitor("the fox", "red even in that light", "somebody who believes me", "half a biscuit, nicely wrapped"),
    Visitor("the tide", "which came twice to be sure", "to stay for breakfast", "a bottle without a message"),
    Visitor("the piano tuner", "humming something in A", "to hear one false note on purpose", "a tuning fork"),
)

# With {topic}, as it can follow “about”.
OPENINGS: Final = _paragraphs(
    """
    There is more to say about {topic} than fits into one answer, so here is the part I would begin with.

    Let me start with what I would tell a friend about {topic}, over a cup of something warm.

    Much has been written about {topic}. This is the short version, with the interesting mistakes left in.

    If you have only a few minutes for {topic}, spend them on this.
    """
)

ESSAY: Final = _paragraphs(
    """
    Most of us run into {topic} long before we give it any thought. The subject seems to have always been there, the
    way a staircase is there, and only later does one notice that somebody must have decided how high the steps
    should be.

    A good way to begin is to look closely at one small part. Choose something about {topic} that you can see, touch
    or count, and describe it in plain words. The plain words usually turn out to be the difficult ones.

    People who know a great deal about {topic} tend to disagree about the details and agree about the manners: be
    patient, write down what you did, and do not blame the tools before breakfast.

    There is a history to it, as there always is. Someone tried it first with whatever lay around, someone else
    improved it by accident, and a third person sold it as an idea of their own. What we have today is the sum of
    all three.

    To try your own hand at {topic}, start with very little. One quiet hour is worth more than a shelf of equipment,
    and a first attempt that fails teaches more than a second one that merely works.

    It also helps to ask where the limits of {topic} are. Walk toward them and see where the line runs. Often it is
    thinner than expected, and the interesting things live right on top of it.

    None of this has to happen quickly. With {topic}, as with bread, the waiting does half of the work, provided
    that somebody remembers to look into the oven now and then.
    """
)
