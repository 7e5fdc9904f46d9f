// What a failed call says of itself: the status, and the details that stand in a trailer.

import { fileURLToPath } from "node:url";

import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const OPTIONS = { keepCase: true, longs: Number, defaults: true };
const PROTO = fileURLToPath(new URL("errors.proto", import.meta.url));
const rpc = grpc.loadPackageDefinition(loader.loadSync(PROTO, OPTIONS)).google.rpc;
const DETAILS = "grpc-status-details-bin";

/** A call that failed. */
export class SymaeError extends Error {
  /**
   * @param {grpc.ServiceError} error as grpc-js gives it
   */
  constructor(error) {
    super(`${grpc.status[error.code]}: ${error.details}`);
    const details = read(error.metadata);
    /** Name of the status, e.g. "INVALID_ARGUMENT". */
    this.status = grpc.status[error.code];
    /** Why, for programs, e.g. "QUEUE_FULL"; "" where gRPC itself failed. */
    this.reason = details.ErrorInfo?.reason ?? "";
    /** Fields of the request that are not as they must be: [{field, description}]. */
    this.violations = details.BadRequest?.field_violations ?? [];
    /** Milliseconds after which a full queue may have room; undefined: trying again does not help. */
    this.retryAfter = milliseconds(details.RetryInfo?.retry_delay);
    /** Under which the server's log speaks of this call. */
    this.requestId = details.RequestInfo?.request_id ?? "";
  }
}

/** Decode the details, by the name of their message. */
function read(metadata) {
  const [bytes] = metadata?.get(DETAILS) ?? [];
  if (!bytes) return {};
  const status = rpc.Status.deserialize(bytes);
  const found = {};
  for (const { type_url: type, value } of status.details) {
    const name = type.slice(type.lastIndexOf(".") + 1);
    if (rpc[name]) found[name] = rpc[name].deserialize(value);
  }
  return found;
}

function milliseconds(duration) {
  return duration ? duration.seconds * 1000 + duration.nanos / 1e6 : undefined;
}
