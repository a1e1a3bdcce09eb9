"""Every limit that Discord, Replicate or Cog imposes, with its source, and the bot's own, with their reasons.

Discord's are from discord.com/developers/docs (API v10) unless a line says otherwise;
Replicate's from its OpenAPI document and replicate.com/docs. What keeps to them: ``bot.ui.discord_rate_limits`` paces
edits, ``bot.runs.create_queue`` paces creates, ``bot.store.quota`` limits people.

The bot's own bound what others send: people, models, strangers at the HTTP port. Nothing else bounds it.
"""

from datetime import timedelta
from typing import Final

KIB: Final = 1024
MIB: Final = 1024 * KIB

# Discord: interactions (interactions/receiving-and-responding)
INTERACTION_ACK: Final = timedelta(seconds=3)
INTERACTION_TOKEN_LIFE: Final = timedelta(minutes=15)
USER_INSTALL_FOLLOWUPS: Final = 5

# Our own: how long after its delivery a result's reactions from while the bot was away are looked for, how many results
# are looked at in one start (a request each), and how long a reaction is remembered so that it counts once.
REACTIONS_LOOKED_BACK: Final = timedelta(days=1)
RESULTS_LOOKED_AT: Final = 100
REACTIONS_KEPT: Final = timedelta(days=3)
PRIVATE_OFFER_AFTER: Final = timedelta(minutes=2)  # of a private run that may outlive its token of 15 minutes
QUESTION_SECONDS: Final = 120.0  # that a question in a channel waits for an answer
# Our own: after so long, Discord's refusal to delete a result is for good, and its message is up to the server.
UNFINISHED_CHANGES_KEPT: Final = timedelta(days=7)

PRESS_TOKENS: Final = 1000  # our own: of presses under finished results, kept for 15 minutes; 1 kB each

# Our own: runs that one press starts, one for each image. By token alone Discord accepts five further messages.
RUNS_PER_PRESS: Final = 5

EARLY_TOKENS: Final = 1000  # our own: of presses, kept until their runs are recovered after a restart; 300 bytes each

# Discord: the start. Cloudflare's bans tell a wait of up to an hour; longer ones are not believed.
DISCORD_START_WAIT_MAX: Final = timedelta(hours=1)

IDENTIFY_INTERVAL: Final = timedelta(seconds=5)  # between two of a bucket, shard_id % max_concurrency (topics/gateway)

# Our own: a longer round trip to the gateway is no measurement. discord.py notes when a heartbeat was sent only after
# that, and takes one that is answered sooner for the one before, 41 s ago. From so many seconds on, its warning of a
# delay is about that; of an event loop that stands still for so long it warns in other words, too.
LATENCY_MAX: Final = 10.0
HEARTBEAT_DELAY_MAX: Final = 30.0

RUN_ID_PATTERN: Final = r"[0-9A-Za-z_-]{1,64}"  # our own ids have twelve characters; those of others have to fit, too

# Discord: messages (resources/message, reference#uploading-files)
CONTENT_CHARS: Final = 2000
URL_CHARS: Final = 2000  # of a media item; Discord does not document it
ATTACHMENTS_PER_MESSAGE: Final = 10
DEFAULT_FILE_BYTES: Final = 10 * MIB
REQUEST_BYTES: Final = 25 * MIB
NONCE_CHARS: Final = 25
OLD_MESSAGE: Final = timedelta(hours=1)  # past it, edits are scarce: error 30046

# Our own: messages of a reply. A channel takes five messages in five seconds, and people have to scroll past each.
TEXT_MESSAGES: Final = 5
TEXT_MESSAGES_MAX: Final = 20

# Discord: components V2 (components/reference)
COMPONENTS_PER_MESSAGE: Final = 40
TEXT_CHARS: Final = 4000  # over all text displays of a message
GALLERY_ITEMS: Final = 10
# What Discord's clients draw in a gallery; any other type would be an empty tile there.
GALLERY_MIME_TYPES: Final = frozenset(
    {
        "image/png",
        "image/jpeg",
        "image/webp",
        "image/gif",
        "image/avif",
        "video/mp4",
        "video/webm",
        "video/quicktime",
    }
)
GALLERY_DESCRIPTION_CHARS: Final = 1024
BUTTON_LABEL_CHARS: Final = 80
CUSTOM_ID_CHARS: Final = 100
SELECT_OPTIONS: Final = 25
THREAD_NAME_CHARS: Final = 100
BUTTONS_PER_ROW: Final = 5
MODAL_COMPONENTS: Final = 5
MODAL_TITLE_CHARS: Final = 45
MODAL_FILES: Final = 10
LABEL_CHARS: Final = 45
LABEL_DESCRIPTION_CHARS: Final = 100
TEXT_INPUT_CHARS: Final = 4000

# Discord: application commands (interactions/application-commands)
OPTIONS_PER_COMMAND: Final = 25
CHOICES_PER_OPTION: Final = 25
COMMAND_NAME_CHARS: Final = 32
CHOICE_CHARS: Final = 100
DESCRIPTION_CHARS: Final = 100
COMMAND_CHARS: Final = 8000  # names + descriptions + choice values of one command
STRING_OPTION_CHARS: Final = 6000
INTEGER_BOUND: Final = 2**53 - 1
GLOBAL_COMMANDS: Final = 100
CONTEXT_MENUS: Final = 15  # of each type, for messages and for people; 5 until 2026-03-03

# Replicate: predictions (OpenAPI document, docs "create a prediction", "data retention")
CANCEL_AFTER_MIN: Final = timedelta(seconds=5)
WAIT_MAX: Final = timedelta(seconds=60)
DATA_KEPT: Final = timedelta(hours=1)  # outputs, inputs and logs of API predictions
STREAM_IDLE: Final = timedelta(seconds=30)  # docs "streaming"; an idle stream is closed, not broken
CREATES_PER_MINUTE: Final = 600
REQUESTS_PER_MINUTE: Final = 3000
PREDICTION_GETS_PER_MINUTE: Final = 60_000  # not documented; the header of captured answers counts down from it

# Replicate: files (OpenAPI document)
FILE_BYTES: Final = 100 * 1000 * 1000
DATA_URI_BYTES: Final = 256 * 1000  # the document's advice for inputs sent inline
FILENAME_BYTES: Final = 255

# Replicate: webhooks (docs "verify webhooks")
WEBHOOK_TOLERANCE: Final = timedelta(minutes=5)

# Our own: chains. A card has 40 components and 10 attachments, of which a step takes three and one.
CHAIN_STEPS: Final = 5
CHAINS_PER_PERSON: Final = 25  # as many as one list of choices shows
CHAINS_FOR_EVERYBODY: Final = 25
CHAIN_STEP_CHARS: Final = 8_000  # of what a saved step is given, as JSON: a long prompt, and no file inside

# Our own: languages that people chose with /me, which every process has in memory; of more, the last keep Discord's
LANGUAGES_CHOSEN: Final = 50_000

# Our own: work in processes (bot.worker_pool)
WORKERS: Final = 2  # one person's heavy work never holds up another's, and a small machine has two cores
WORK_MEMORY_BYTES: Final = 512 * MIB  # the largest image, decoded and once more turned
WORK_RESULT_BYTES: Final = 128 * MIB  # the largest file that Replicate accepts, and what surrounds it
WORK_WAITING: Final = 1000  # calls, over all people; each holds its arguments in memory
WORK_WAITING_PER_OWNER: Final = 100

# Our own: the HTTP port. Strangers can reach it; they take no more time and memory than this.
HTTP_CONNECTIONS: Final = 256  # of the usual 1024 file descriptors; beyond, the longest waiting one is closed
HTTP_HEAD_WAIT: Final = timedelta(seconds=15)  # for the next request's complete head, also between two requests
HTTP_REQUEST_WAIT: Final = timedelta(seconds=15)  # from a complete head until the response is written
WEBHOOK_BODY_BYTES: Final = 16 * MIB  # a whole prediction, with files of up to 256 kB each in its input
WEBHOOK_PARSED_BYTES: Final = 256 * KIB  # a body beyond it only wakes its run: parsing it would hold up everything else
WEBHOOK_BODIES: Final = 32  # read at the same time: 8 MiB of bodies at most
WEBHOOK_BODY_WAIT: Final = timedelta(seconds=5)  # Replicate gives up after a few seconds
WEBHOOK_ID_CHARS: Final = 128
WEBHOOK_IDS_REMEMBERED: Final = 10_000  # of deliveries, to drop repeated ones
REFUSALS_LOGGED_EVERY: Final = timedelta(minutes=1)  # for each reason, with their count: a flood does not fill the disk

# Our own: schemas of models. A schema comes from a stranger, and everybody may ask for any model's. These bounds keep
# reading one below 100 ms; the largest of the real ones that the tests know has 18 kB, 22 inputs and some 60 nodes.
MODEL_BYTES: Final = MIB  # of Replicate's response about one model, its schema included; the largest has 36 kB
SCHEMA_INPUTS: Final = 300  # a command shows 25 at most, the others are key=value text
SCHEMA_NODES: Final = 2_000  # subschemas; one that is referred to counts every time
SCHEMA_VALUES: Final = 20_000  # choices, defaults and other values, again counted every time; 50 characters are one
OUTPUT_SCHEMA_NODES: Final = 300  # a copy of the output's schema is stored with every run
OUTPUT_SCHEMA_VALUES: Final = 1_000
SCHEMA_DEPTH: Final = 24  # of schemas in each other
SCHEMA_VALUE_DEPTH: Final = 16  # of lists and objects in each other in a default or a choice
SCHEMA_TEXT_CHARS: Final = 1_000  # of a description or any other text about an input; the rest is cut
SCHEMA_NAME_CHARS: Final = 200  # an input with a longer name is left out
VALUE_DEPTH: Final = 50  # of lists and objects in each other in a value that a person enters
PATTERN_CHARS: Final = 200  # of a regular expression; a longer one is not checked
PATTERN_BYTES: Final = 256 * KIB  # of a compiled one
VALIDATION_STEPS: Final = 10_000  # keywords that the values of one run are checked against, some 4 µs each

# Our own: images (bot.media.images). What passes them could be decoded, but not in the time that a person waits.
IMAGE_PIXELS: Final = 2**26  # 8192 × 8192: photos of phones have 50 million, upscaled ones 64; a pixel takes 4 bytes
ANIMATION_PIXELS: Final = 8 * IMAGE_PIXELS  # of all frames together: about five seconds on a small machine
ANIMATION_FRAMES: Final = 1000  # a frame costs time however small it is
ANIMATION_BYTES: Final = 128 * MIB  # decoded frames held at once while an animation is made smaller
JPEG_SCANS: Final = 100  # passes over the pixels; cameras and encoders make ten, and each costs as much as the image
READ_SECONDS: Final = 10.0  # of CPU, to check and convert one input file
THUMBNAIL_SECONDS: Final = 5.0
SHRINK_SECONDS: Final = 30.0  # of CPU, to fit one output file into an upload; the encoder is tried several times

# Our own: the library (bot.store.library, bot.library). A row of it stays as long as its run does.
LIBRARY_PAGE: Final = 9  # Discord's clients draw nine pictures as a square
THUMBNAIL_SIDE: Final = 256  # in pixels; a gallery of nine shows them smaller on every screen
THUMBNAIL_BYTES: Final = 64 * KIB  # stored of one result; a picture of noise has 40 kB as WebP
FAVOURITES: Final = 1000  # of one person: more than anybody finds again, and they are counted with every new one
SEARCH_WORDS_STORED: Final = 400  # of one prompt: two pages of text
SEARCH_WORD_CHARS: Final = 40
SEARCH_CHARS: Final = 24  # of what is searched for; it has to fit into the id of a button
GALLERY_STARS: Final = 3  # by others, until a result is copied, where the server says nothing else
GALLERY_STARS_MAX: Final = 100
GALLERY_PICTURES: Final = 4  # copied of one result; each is downloaded and uploaded again
GALLERY_EDIT_SECONDS: Final = 15.0  # between two looks at which counts have changed; nobody waits for a count
EXPORTED_RUNS: Final = 100
EXPORTS_AT_ONCE: Final = 2  # each has one archive on disk and one picture in memory
EXPORT_SECONDS: Final = 30.0  # of CPU, to write one archive; pictures are packed as they are

# Our own: files of inputs (bot.runs.input_files), over all people
RUN_INPUT_BYTES: Final = 300 * 1000 * 1000  # of one run: three of the largest files that Replicate accepts
INPUT_SPOOL_BYTES: Final = 1024 * MIB  # on disk, between the download and the row
INPUT_UPLOAD_BYTES: Final = 128 * MIB  # in memory, while they are sent: one of the largest, or many small ones
DOWNLOAD_SECONDS: Final = 60.0  # for one attachment: Discord's own connection is not what makes it slow

# Our own: what is read of a model's output, logs and errors. Their sizes are bounded by nobody else.
ERROR_CHARS_READ: Final = 8 * KIB  # of an error: the message of any real one stands in its first or last lines
LOG_CHARS_READ: Final = 64 * KIB  # of what is new in the logs since the last poll: the newest bar is at their end
LOG_LINE_CHARS: Final = 1000  # of a line that may be a progress bar; tqdm fills a terminal of some hundred columns
LOG_CHARS_WRITTEN: Final = 32 * KIB  # of a line of the bot's own log: a long traceback has a tenth
STEP_DIGITS: Final = 9  # of a step in a progress bar

# Our own: what is held in memory, as values, of the JSON in an output. What is more stays text (bot.large_json), and is
# shown as a file.
JSON_CHARS_HELD: Final = 64 * KIB  # an array or object of up to here is held whole: a millisecond to walk
JSON_DEPTH_HELD: Final = 30  # far from Python's recursion limit, and deeper than any output that has a layout
JSON_ITEMS_HELD: Final = 100  # of an array or object without files: more are data, and not texts to be shown
JSON_NODES_HELD: Final = 5000  # in all; walked with every poll, some milliseconds
JSON_STRINGS_HELD: Final = 100_000  # pieces of a text: more than the longest context of a language model has tokens
JSON_FILES_HELD: Final = 1000
LAYOUT_SECONDS: Final = 30.0  # of CPU, to lay out or pack a JSON file: 60 MB of numbers take about 10
OUTPUT_DOWNLOADS: Final = 16  # at the same time, over all runs; each holds a chunk in memory
OUTPUTS_SHOWN: Final = 100  # files and texts of a run: ten messages of ten. The rest is one JSON file
RESPONSE_BYTES: Final = 64 * MIB  # of Replicate's API; larger outputs are URLs, because Discord takes no larger file
INLINE_JSON_BYTES: Final = 128 * KIB  # parsed on the event loop: a millisecond or two. More goes to a worker process
STREAM_BYTES: Final = 256 * MIB  # of one connection to a stream, with all its repeats
ROW_OUTPUT_CHARS: Final = 128 * KIB  # of an output in its row; the rest is in the spool until the run is delivered
ROW_ITEMS: Final = 100  # of one array or object in it

# Cog (recorded on coglet 0.23.1): a model's own server
COG_AT_ONCE_MAX: Final = 64  # predictions on one server; a GPU has few, and each may come with a body as large as this:
COG_BODY_BYTES: Final = 144 * MIB  # a prediction with files of 100 MB in all, as data URIs
PREDICTION_LOG_CHARS: Final = 512 * KIB  # the newest of its logs: a long string is quick to parse
PREDICTION_MEMBER_BYTES: Final = 16 * KIB  # of its id, its times, its metrics: what is larger is left out
COG_BODY_WAIT: Final = timedelta(minutes=2)  # for one body or one file: 144 MiB over a network of 10 Mbit/s
COG_BODIES: Final = 8  # read at the same time, each to disk
EXTRACT_SECONDS: Final = 30.0  # of CPU, to take the files out of a body: 140 MB take about two
EXTRACT_MEMORY: Final = 1024 * MIB  # the body as bytes, as text and as values, and one decoded file
COG_INPUT_BYTES: Final = 70 * 1000 * 1000  # of the files of one run; as data URIs they fit the 100 MiB that Cog reads
COG_SETUP: Final = timedelta(minutes=15)  # to load the weights of a model; a worker that cannot start tries for ever
# The end of a prediction is told up to 12 times, after 0.2 s and then twice as long each time: seven minutes. Whoever
# comes back after some time away waits as long again at most, until the next try.
COG_END_TOLD_WITHIN: Final = timedelta(minutes=4)
COG_RESTART_TOLERANCE: Final = timedelta(seconds=3)  # times in headers have whole seconds, and requests take some

# Our own: a server's rules (bot.rules). They are read at every start of a run.
SERVER_COMMAND_RULES: Final = GLOBAL_COMMANDS + 1  # one for each command that Discord allows, and one for the others
ROLES_WITH_LIMITS: Final = 50  # of the 250 that a server may have
RULE_PLACES: Final = SELECT_OPTIONS  # channels or roles of one command: as many as a select takes
REFUSED_WORDS: Final = 200
REFUSED_WORD_CHARS: Final = 50
ROLE_LIMIT_MAX: Final = 1_000_000  # of a number or a sum in dollars in a form
BLOCKS_PER_SERVER: Final = 1000  # the oldest goes first
BLOCK_REASON_CHARS: Final = 200
REPORT_REASON_CHARS: Final = 500
REPORTS_PER_PERSON: Final = 10  # open ones in a server: each is a message in its log channel
RULE_CHANGES_KEPT: Final = 500  # of a server, the newest; each has the section before and after
REPORTS_KEPT: Final = timedelta(days=90)
PICTURE_CHECK_SECONDS: Final = 60.0  # a person waits for the picture; classifiers take seconds
PICTURE_CHECKS: Final = 4  # of one run at the same time
SERVER_LOG_WAITING: Final = 200  # lines that wait to be sent, over all servers; a channel takes one a second
SERVER_LOG_CHARS: Final = 300  # of a prompt in a line

# Our own: what people save. Each has its share of the database: 50 characters with five pictures take 250 MB at most.
CHARACTERS_PER_PERSON: Final = 50
CHARACTER_PICTURES: Final = 5  # of one; more angles tell a model nothing new
CHARACTER_SIDE: Final = 1536  # in pixels; models scale larger pictures down
CHARACTER_PICTURE_BYTES: Final = MIB  # of one, re-encoded
CHARACTER_DESCRIPTION_CHARS: Final = 500  # it goes into prompts, of which models read a few hundred words
PRESETS_PER_PERSON: Final = 100
PRESET_INPUTS: Final = 64 * KIB  # of JSON: texts of a few thousand characters in each of a dozen inputs
PRESET_ASKED: Final = 10  # inputs that a use is asked for: with two options for a file each, they fit one command
SAVED_NAME_CHARS: Final = 32  # as Discord's names of commands
SHARED_PER_SERVER: Final = 200  # characters, and presets; a list that people can still look through
PUBLISHED_PER_SERVER: Final = 25  # presets as commands, of Discord's 100 commands of a server
LEFT_SERVER_KEPT: Final = timedelta(days=30)  # what was shared with a server that removed the bot
LAST_PROMPTS: Final = 200  # of a person, that are searched while they type
# Our own: money (bot.money, bot.store.budgets)
BUDGETS_PER_SERVER: Final = 50  # that a server sets itself; each reservation reads those that hold for it
BUDGETS_OF_OPERATOR: Final = 1000
RUN_SAMPLES: Final = 64  # of a command and model: enough for a 90th percentile, and read at once
RUN_SAMPLES_KEPT: Final = timedelta(days=90)  # models and machines change
BUDGET_SUMS_KEPT: Final = timedelta(days=70)  # a budget lasts a month, and a run that ends late must find its day
USAGE_DAYS_MAX: Final = 90
USAGE_COMMANDS_DRAWN: Final = 7  # the others are one colour: more than eight cannot be told apart
USAGE_ROWS_EXPORTED: Final = 50_000  # some 2 MB of CSV
CHART_SECONDS: Final = 20.0  # of CPU, to draw a chart: the library alone takes one or two to load
RUNS_WAITING_PER_USER: Final = 10  # for the person's own runs; more is refused

# Our own: what was entered for a run that was refused (bot.store.refused_runs), until it is fixed.
REFUSED_RUN_KEPT: Final = timedelta(minutes=30)  # twice as long as Discord keeps a form open
REFUSED_RUNS_PER_PERSON: Final = 5  # more private answers than that are out of sight
REFUSED_RUN_CHARS: Final = 64 * KIB  # of JSON, as of a preset; what is longer is in memory alone
REFUSED_RUNS_HELD: Final = 200  # in memory, with the keys and passwords that are on no disk: 30 MB at most
REFUSED_FILE_BYTES_PER_PERSON: Final = FILE_BYTES  # on disk: one of the largest files, or many small ones
REFUSED_FILE_BYTES: Final = 512 * MIB  # on disk, over all people
