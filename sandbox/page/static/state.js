// What the page knows of the stand-in Discord, as the person it speaks as sees it.

export class World {
  me = null;
  people = [];
  users = new Map();
  roles = new Map();
  channels = new Map();
  guilds = [];
  commands = [];
  usable = {};
  fileBytes = 0;
  place = null;

  /** Begin anew with a snapshot. */
  load({ world, people, usable, cdn, file_bytes: fileBytes }) {
    this.me = world.user;
    this.people = people.map((name) => world.users.find((user) => user.username === name)).filter(Boolean);
    this.users = new Map(world.users.map((user) => [user.id, user]));
    this.bot = world.users.find((user) => user.bot);
    this.guilds = world.guilds;
    this.roles = new Map(world.guilds.flatMap((guild) => guild.roles.map((role) => [role.id, role])));
    const unread = new Map([...this.channels].map(([id, channel]) => [id, channel.unread]));
    this.channels = new Map();
    for (const channel of world.channels) {
      const messages = new Map(channel.messages.map((message) => [message.id, message]));
      this.channels.set(channel.id, { ...channel, messages, unread: unread.get(channel.id) ?? 0 });
    }
    this.commands = world.commands;
    this.usable = usable;
    this.cdn = cdn;
    this.fileBytes = fileBytes;
    if (!this.channels.has(this.place)) this.place = this.#start()?.id ?? null;
  }

  get channel() {
    return this.channels.get(this.place);
  }

  /** The commands of a kind (1 slash, 2 user, 3 message) that the person can use in the channel that is open. */
  offered(type) {
    const ids = new Set(this.usable[this.place] ?? []);
    return this.commands.filter((command) => command.type === type && ids.has(command.id));
  }

  /** What a channel is called. */
  title(channel) {
    return channel.name ?? (channel.recipients ?? []).map((user) => this.name(user)).join(", ");
  }

  /** What a user is called. */
  name(user) {
    return user?.global_name || user?.username || "someone";
  }

  /** Names for ids, as markdown needs them. */
  names = {
    user: (id) => this.name(this.users.get(id)),
    channel: (id) => (this.channels.has(id) ? this.title(this.channels.get(id)) : "unknown"),
    role: (id) => this.roles.get(id)?.name ?? "unknown role",
  };

  /** Where the page gets a file of the stand-in's CDN: {src, path}, or null for a file from elsewhere. */
  media(url) {
    if (!url?.startsWith(`${this.cdn}/`)) return null;
    const rest = url.slice(this.cdn.length + 1);
    return { src: `cdn/${rest}`, path: rest.split("?")[0] };
  }

  /** Whether the person holds a permission (a bit's number) in a channel. */
  may(bit, channel = this.channel) {
    return Boolean(BigInt(channel?.permissions ?? 0) & (1n << BigInt(bit)));
  }

  #start() {
    const all = [...this.channels.values()];
    return all.find((channel) => channel.name === "pictures") ?? all[0];
  }
}

export const MANAGE_MESSAGES = 13;
export const EPHEMERAL = 1 << 6;
export const LOADING = 1 << 7;
