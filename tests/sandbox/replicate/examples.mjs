// The examples of the model's page, with the official package, against the server at BASE_URL.
// Usage: node examples.mjs NAME; prints one JSON value.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import Replicate, { validateWebhook } from "replicate";

const MODEL = "fofr/consistent-character";
const VERSION = "9c77a3c2f884193fcee4d89645f02a0b9def9434f9e03cb98460456b831c8772";
const HOSTED = "https://replicate.delivery/pbxt/L0gy7uyLE5UP0uz12cndDdSOIgw5R3rV5N6G2pbt7kEK9dCr/0_3.webp";

const replicate = new Replicate({ baseUrl: `${process.env.BASE_URL}/v1` });
const photo = () => readFile(process.env.PHOTO);

function inputWith(subject) {
  return {
    prompt: "A closeup headshot photo of a young woman in a grey sweater",
    subject,
    number_of_outputs: 5,
  };
}

async function run(subject) {
  const output = await replicate.run(`${MODEL}:${VERSION}`, { input: inputWith(subject) });
  return output.map(String);
}

async function poll(prediction) {
  let latest = prediction;
  while (latest.status === "starting" || latest.status === "processing") {
    await new Promise((resolve) => setTimeout(resolve, 20));
    latest = await replicate.predictions.get(prediction.id);
  }
  return latest;
}

const examples = {
  runWithUrl: () => run(HOSTED),

  runWithBuffer: async () => run(await photo()),

  runWithDataUri: async () => {
    const data = (await photo()).toString("base64");
    return run(`data:application/octet-stream;base64,${data}`);
  },

  stream: async () => {
    const events = [];
    for await (const event of replicate.stream(`${MODEL}:${VERSION}`, { input: inputWith(HOSTED) })) {
      // 1.4.0 turns each file's URL into an object, which `${event}` cannot print.
      events.push([event.event, String(event.data), event.id]);
    }
    return events;
  },

  streamText: async () => {
    let text = "";
    const input = { prompt: "Write a python function about whales", max_tokens: 400 };
    for await (const event of replicate.stream("meta/meta-llama-3-8b-instruct", { input })) {
      text += `${event}`;
    }
    return text;
  },

  createAndPoll: async () => {
    const prediction = await replicate.predictions.create({ version: VERSION, input: inputWith(HOSTED) });
    const latest = await poll(prediction);
    return [prediction.status, latest.status, latest.output.length];
  },

  cancel: async () => {
    const prediction = await replicate.predictions.create({ version: VERSION, input: inputWith(HOSTED) });
    await replicate.predictions.cancel(prediction.id);
    return (await replicate.predictions.get(prediction.id)).status;
  },

  webhook: async () => {
    const secret = (await replicate.webhooks.default.secret.get()).key;
    const { promise, resolve } = withResolvers();
    const server = createServer(async (request, response) => {
      const chunks = [];
      for await (const chunk of request) chunks.push(chunk);
      const body = Buffer.concat(chunks).toString();
      const url = "http://127.0.0.1/webhooks/replicate";
      const signed = new Request(url, { method: "POST", headers: request.headers, body });
      resolve([await validateWebhook(signed, secret), JSON.parse(body).status]);
      response.end('{"ok": true}');
    });
    await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
    await replicate.predictions.create({
      version: VERSION,
      input: inputWith(HOSTED),
      webhook: `http://127.0.0.1:${server.address().port}/webhooks/replicate`,
      webhook_events_filter: ["completed"],
    });
    const received = await promise;
    server.closeAllConnections();
    server.close();
    return received;
  },

  invalidInput: async () => {
    try {
      await replicate.predictions.create({ version: VERSION, input: { number_of_outputs: 99 } });
    } catch (error) {
      return [error.response.status, error.message.includes("Must be less than or equal to 20")];
    }
  },
};

function withResolvers() {
  let resolve;
  const promise = new Promise((fulfil) => {
    resolve = fulfil;
  });
  return { promise, resolve };
}

const result = JSON.stringify(await examples[process.argv[2]]());
// The package leaves the connection of a finished stream open, and Node.js would wait for it.
process.stdout.write(result, () => process.exit());
