// A discord.js bot: registers /go, responds with the attached file, and prints its events to stdout.
const { Client, GatewayIntentBits, AttachmentBuilder } = require("discord.js");

const report = (event, data = {}) => console.log(JSON.stringify({ event, ...data }));
const client = new Client({
  intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildMessageReactions],
  partials: [0, 1, 2, 3, 4, 5],
  rest: { api: process.env.STANDIN_API },
});

client.once("clientReady", async () => {
  await client.application.commands.set([
    {
      name: "go",
      description: "Go",
      options: [
        { type: 3, name: "prompt", description: "What", required: true },
        { type: 11, name: "subject", description: "Subject", required: true },
      ],
    },
  ]);
  report("ready", { user: client.user.username });
});

client.on("interactionCreate", async (interaction) => {
  await interaction.deferReply();
  const subject = interaction.options.getAttachment("subject");
  const data = Buffer.from(await (await fetch(subject.url)).arrayBuffer());
  const files = [new AttachmentBuilder(data, { name: "back.png" })];
  const message = await interaction.editReply({ content: interaction.options.getString("prompt"), files });
  report("responded", { id: message.id });
});

client.on("messageReactionAdd", (reaction, user) => report("reacted", { emoji: reaction.emoji.name, user: user.id }));
client.on("shardResume", () => report("resumed"));
client.on("error", (error) => report("error", { message: String(error) }));
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
client.login(process.env.STANDIN_TOKEN);
