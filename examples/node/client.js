// A client of symae.v1.SymaeService: promises for calls, async generators for streams, SymaeError for failures.

import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

import { SymaeError } from "./errors.js";

const PROTOS = fileURLToPath(new URL("../../protos", import.meta.url));
const { symae } = grpc.loadPackageDefinition(
  loader.loadSync("symae/v1/symae.proto", {
    includeDirs: [PROTOS],
    keepCase: true,
    longs: Number,
    enums: String,
    defaults: true,
    oneofs: true,
  }),
);
const Service = symae.v1.SymaeService;

const MAX_MESSAGE = 512 << 20;
// Calls go round over all servers that dns:///NAME:PORT resolves to. UNAVAILABLE alone is tried again, by gRPC itself:
// the server refused before it began, or went away.
const SERVICE_CONFIG = readFileSync(new URL("service-config.json", import.meta.url), "utf8");

export class Client {
  /**
   * @param {string} address HOST:PORT, or dns:///NAME:PORT
   * @param {object} [options]
   * @param {number} [options.timeout] milliseconds for one attempt of a call, and for a whole stream
   * @param {number} [options.patience] milliseconds within which a call that finds the queue full is made again
   * @param {string} [options.token] bearer token
   * @param {boolean} [options.tls] encrypt; follows from ca and certificate
   * @param {string} [options.ca] PEM file of who signed the server's certificate
   * @param {string} [options.certificate] PEM file by which to show who calls, with its
   * @param {string} [options.key] PEM file of the key
   * @param {string} [options.serverName] the name in the server's certificate, where it is not the address's
   */
  constructor(address, options = {}) {
    const { timeout = 60_000, patience = 0, token = "" } = options;
    this.timeout = timeout;
    this.patience = patience;
    this.token = token;
    this.stub = new Service(address, credentials(options), {
      "grpc.max_receive_message_length": MAX_MESSAGE,
      "grpc.max_send_message_length": MAX_MESSAGE,
      "grpc.per_rpc_retry_buffer_size": MAX_MESSAGE, // by default nothing above 1 MB is tried again
      "grpc.service_config": SERVICE_CONFIG,
      "grpc.keepalive_time_ms": 60_000,
      ...(options.serverName && { "grpc.ssl_target_name_override": options.serverName }),
    });
  }

  /** Each request and response is the message of the .proto as a plain object. */
  reconstruct = (request) => this.#call("Reconstruct", request);
  embed = (request) => this.#call("Embed", request);
  classify = (request) => this.#call("Classify", request);
  segment = (request) => this.#call("Segment", request);
  models = () => this.#call("ListModels", {});

  /** From an iterable of requests to an async generator of responses in the same order. */
  streamReconstruct = (requests) => this.#stream("StreamReconstruct", requests);
  streamEmbed = (requests) => this.#stream("StreamEmbed", requests);
  streamClassify = (requests) => this.#stream("StreamClassify", requests);
  streamSegment = (requests) => this.#stream("StreamSegment", requests);

  close() {
    this.stub.close();
  }

  /** Call, and call again when a full queue says when, each a little later than it says so that not all come at once. */
  async #call(method, request) {
    const until = Date.now() + this.patience;
    for (;;) {
      try {
        return await this.#once(method, request);
      } catch (error) {
        const wait = error.retryAfter * (1 + Math.random() / 2);
        if (!(Date.now() + wait < until)) throw error; // also where there is nothing to wait for
        await sleep(wait);
      }
    }
  }

  #once(method, request) {
    return new Promise((resolve, reject) => {
      this.stub[method](request, this.#metadata(), this.#options(), (error, response) =>
        error ? reject(new SymaeError(error)) : resolve(response),
      );
    });
  }

  async *#stream(method, requests) {
    const call = this.stub[method](this.#metadata(), this.#options());
    send(call, requests);
    try {
      for await (const { response } of call) yield response;
    } catch (error) {
      throw error.code === undefined ? error : new SymaeError(error);
    } finally {
      call.cancel(); // does nothing to a stream that has ended
    }
  }

  #metadata() {
    const metadata = new grpc.Metadata();
    if (this.token) metadata.set("authorization", `Bearer ${this.token}`);
    return metadata;
  }

  #options() {
    return { deadline: Date.now() + this.timeout };
  }
}

/** Write requests no faster than the server reads them. */
async function send(call, requests) {
  try {
    for await (const request of requests) {
      if (call.destroyed || call.writableEnded) return;
      if (!call.write({ request })) await drained(call);
    }
    call.end();
  } catch (error) {
    call.destroy(error); // of who makes the requests
  }
}

function drained(call) {
  return new Promise((resolve) => {
    for (const event of ["drain", "error", "end", "close"]) call.once(event, resolve);
  });
}

function credentials({ tls, ca, certificate, key }) {
  if (!(tls || ca || certificate)) return grpc.credentials.createInsecure();
  const read = (path) => (path ? readFileSync(path) : null);
  return grpc.credentials.createSsl(read(ca), read(key), read(certificate));
}
