#!/usr/bin/env node
// Restore, embed and list from the command line; see README.md.

import { readFile, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";

import { Client } from "./client.js";
import { SymaeError } from "./errors.js";

const USAGE = `usage: node symae.js models
       node symae.js restore PHOTO OUT.png [--mask HOLES.png]
       node symae.js embed PHOTO...          one line of JSON for each, in one request
       node symae.js stream PHOTO...         the same as a stream, as the answers come
options: --address HOST:PORT  --timeout MS  --patience MS  --token TOKEN (or SYMAE_TOKEN)
         --tls  --ca FILE  --certificate FILE  --key FILE  --server-name NAME`;

const text = { type: "string" };
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    address: { ...text, default: "127.0.0.1:50051" },
    timeout: { ...text, default: "60000" },
    patience: { ...text, default: "0" },
    token: { ...text, default: process.env.SYMAE_TOKEN ?? "" },
    tls: { type: "boolean" },
    ca: text,
    certificate: text,
    key: text,
    "server-name": text,
    mask: text,
  },
});

const commands = {
  async models(client) {
    for (const model of (await client.models()).models) {
      console.log(`${model.name} version ${model.version}: ${model.kind} on ${model.provider}`);
    }
  },

  async restore(client, photo, out) {
    const masks = values.mask ? [{ encoded: await readFile(values.mask) }] : [];
    const images = [{ encoded: await readFile(photo) }];
    const keep_known = masks.length > 0;
    const answer = await client.reconstruct({ images, masks, keep_known, encoding: "ENCODING_PNG" });
    await writeFile(out, answer.images[0].encoded);
    const { model, version, run_micros } = answer.answered;
    console.log(`${out} by ${model} version ${version} in ${run_micros / 1000} ms`);
  },

  async embed(client, ...photos) {
    const images = await Promise.all(photos.map(async (photo) => ({ encoded: await readFile(photo) })));
    const { embeddings } = await client.embed({ images });
    rows(embeddings).forEach((row, index) => print(photos[index], row));
  },

  async stream(client, ...photos) {
    async function* requests() {
      for (const photo of photos) yield { images: [{ encoded: await readFile(photo) }] };
    }
    let index = 0;
    for await (const { embeddings } of client.streamEmbed(requests())) print(photos[index++], rows(embeddings)[0]);
  },
};

/** A FloatTensor of shape (N, D) as N arrays. */
function rows({ shape: [count, size], data }) {
  const floats = Array.from({ length: count * size }, (_, index) => data.readFloatLE(4 * index));
  return Array.from({ length: count }, (_, index) => floats.slice(index * size, (index + 1) * size));
}

function print(photo, embedding) {
  console.log(JSON.stringify({ photo, embedding }));
}

function explain(error) {
  if (!(error instanceof SymaeError)) return error.message;
  const fields = error.violations.map(({ field, description }) => `  ${field}: ${description}`);
  const parts = fields.length ? [error.status, ...fields] : [error.message];
  if (error.retryAfter !== undefined) parts.push(`  try again in ${error.retryAfter} ms`);
  if (error.requestId) parts.push(`  request ${error.requestId} in the server's log`);
  return parts.join("\n");
}

const [name, ...files] = positionals;
const least = { models: 0, restore: 2, embed: 1, stream: 1 };
if (!(name in commands) || files.length < least[name]) {
  console.error(USAGE);
  process.exit(2);
}
const { timeout, patience, "server-name": serverName, ...rest } = values;
const client = new Client(values.address, {
  ...rest,
  serverName,
  timeout: Number(timeout),
  patience: Number(patience),
});
try {
  await commands[name](client, ...files);
} catch (error) {
  console.error(explain(error));
  process.exitCode = 1;
} finally {
  client.close();
}
