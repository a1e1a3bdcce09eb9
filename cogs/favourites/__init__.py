"""⭐: a person's favourites, by button and by reaction; and what Discord tells of deleted messages."""
