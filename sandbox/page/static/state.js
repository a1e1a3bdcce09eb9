// The state of the page: the stand-in Discord as its person sees it, and what the inspector shows.

export const MANAGE_MESSAGES = 13; // the number of the permission's bit
export const EPHEMERAL = 1 << 6;
export const LOADING = 1 << 7;

const MAX_ENTRIES = 400;
const START_CHANNEL = "pictures";

export class ChatState {
  me = null;
  people = [];
  users = new Map();
  roles = new Map();
  channels = new Map();
  guilds = [];
  commands = [];
  usable = {};
  fileBytes = 0;
  channelId = null;

  /** Replace everything with a snapshot. */
  load({ discord, people, usable, cdn, file_bytes: fileBytes }) {
    this.me = discord.user;
    this.people = people.map((name) => discord.users.find((user) => user.username === name)).filter(Boolean);
    this.users = new Map(discord.users.map((user) => [user.id, user]));
    this.bot = discord.users.find((user) => user.bot);
    this.guilds = discord.guilds;
    this.roles = new Map(discord.guilds.flatMap((guild) => guild.roles.map((role) => [role.id, role])));
    const unread = new Map([...this.channels].map(([id, channel]) => [id, channel.unread]));
    this.channels = new Map();
    for (const channel of discord.channels) {
      const messages = new Map(channel.messages.map((message) => [message.id, message]));
      this.channels.set(channel.id, { ...channel, messages, unread: unread.get(channel.id) ?? 0 });
    }
    this.commands = discord.commands;
    this.usable = usable;
    this.cdn = cdn;
    this.fileBytes = fileBytes;
    if (!this.channels.has(this.channelId)) this.channelId = this.#startChannel()?.id ?? null;
  }

  /** The channel that is open. */
  get channel() {
    return this.channels.get(this.channelId);
  }

  /** Return the commands of a type (1 slash, 2 user, 3 message) that the person can use in the open channel. */
  availableCommands(type) {
    const ids = new Set(this.usable[this.channelId] ?? []);
    return this.commands.filter((command) => command.type === type && ids.has(command.id));
  }

  /** Return the name of an entry of a menu, or of a choice, in the person's language. */
  localName({ name, name_localizations: names }) {
    return names?.[this.me.locale] ?? name;
  }

  channelName(channel) {
    return channel.name ?? (channel.recipients ?? []).map((user) => this.userName(user)).join(", ");
  }

  userName(user) {
    return user?.global_name || user?.username || "someone";
  }

  /** Names by id, for mentions in Markdown. */
  names = {
    user: (id) => this.userName(this.users.get(id)),
    channel: (id) => (this.channels.has(id) ? this.channelName(this.channels.get(id)) : "unknown"),
    role: (id) => this.roles.get(id)?.name ?? "unknown role",
  };

  /** Return where the page loads a file of the stand-in's CDN from ({src, path}), or null for an external file. */
  mediaSource(url) {
    if (!url?.startsWith(`${this.cdn}/`)) return null;
    const rest = url.slice(this.cdn.length + 1);
    return { src: `cdn/${rest}`, path: rest.split("?")[0] };
  }

  /** Return whether the person has a permission (the number of its bit) in a channel. */
  hasPermission(bit, channel = this.channel) {
    return Boolean(BigInt(channel?.permissions ?? 0) & (1n << BigInt(bit)));
  }

  #startChannel() {
    const channels = [...this.channels.values()];
    return channels.find((channel) => channel.name === START_CHANNEL) ?? channels[0];
  }
}

export class InspectorState {
  predictions = new Map();
  rows = new Map();
  calls = [];
  events = [];
  log = [];
  moments = [];
  toggles = [];
  armed = {};
  happened = {};
  undo = {};
  bot = { running: false, connected: false };

  /** Replace everything with a snapshot. */
  load(snapshot) {
    this.predictions.clear();
    this.rows.clear();
    this.calls = [];
    this.events = [];
    this.log = [];
    this.moments = [];
    this.update(snapshot);
  }

  /** Apply changes. */
  update(changes) {
    for (const [id, prediction] of Object.entries(changes.predictions ?? {})) this.predictions.set(id, prediction);
    for (const row of changes.rows ?? []) this.rows.set(row.id, row);
    for (const kind of ["calls", "events", "log", "moments"]) {
      if (changes[kind]) this[kind] = [...this[kind], ...changes[kind]].slice(-MAX_ENTRIES);
    }
    for (const kind of ["toggles", "armed", "happened", "undo", "bot"]) if (changes[kind]) this[kind] = changes[kind];
  }

  /** Return every run, newest first: {id, row, prediction}. A prediction without a row counts as a run. */
  listRuns() {
    const rows = [...this.rows.values()].sort((a, b) => (a.created_at < b.created_at ? 1 : -1));
    const withRow = new Set(rows.map((row) => row.prediction_id));
    const orphans = [...this.predictions.values()].filter((prediction) => !withRow.has(prediction.id)).reverse();
    return [
      ...rows.map((row) => ({ id: row.id, row, prediction: this.predictions.get(row.prediction_id) })),
      ...orphans.map((prediction) => ({ id: prediction.id, row: null, prediction })),
    ];
  }
}
