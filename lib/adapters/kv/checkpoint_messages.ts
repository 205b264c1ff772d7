import { CheckpointStoreError } from "../../ports/checkpoint_store.ts";

/**
 * What `RemoteCheckpointStore` and `serveCheckpointStore` say to each other over a `MessagePort`.
 *
 * Every request has a number and gets one answer with the same number. A shard has one writer and
 * one reader at a time, each with a number that the serving side gives out; a request to an earlier
 * one is refused. Chunks are transferred, not copied.
 */
export type CheckpointRequest =
  & { readonly id: number }
  & (
    | { readonly kind: "ping" }
    | { readonly kind: "warnings" }
    | { readonly kind: "begin"; readonly shard: number }
    | {
      readonly kind: "write";
      readonly shard: number;
      readonly writer: number;
      readonly chunks: readonly Uint8Array[];
    }
    | {
      readonly kind: "publish";
      readonly shard: number;
      readonly writer: number;
      readonly manifest: Uint8Array;
    }
    | { readonly kind: "abandon"; readonly shard: number; readonly writer: number }
    | { readonly kind: "read"; readonly shard: number }
    | { readonly kind: "next"; readonly shard: number; readonly reader: number }
    | { readonly kind: "release"; readonly shard: number; readonly reader: number }
    | { readonly kind: "close" }
  );

export type CheckpointAnswer =
  & { readonly id: number }
  & (
    | { readonly kind: "done" }
    | { readonly kind: "warnings"; readonly warnings: readonly string[] }
    | { readonly kind: "writer"; readonly writer: number }
    | { readonly kind: "nothing" }
    | {
      readonly kind: "reader";
      readonly reader: number;
      readonly manifest: Uint8Array;
      readonly chunkCount: number;
    }
    | { readonly kind: "chunks"; readonly chunks: readonly Uint8Array[]; readonly isLast: boolean }
    | { readonly kind: "failed"; readonly failure: CheckpointFailure }
  );

/** A `CheckpointStoreError` as it crosses threads: cloning would lose its class and fields. */
export interface CheckpointFailure {
  readonly message: string;
  readonly code: CheckpointStoreError["code"];
  readonly retryable: boolean;
}

/** What main says to the thread of the checkpoint store, once. */
export interface CheckpointWorkerStart {
  readonly kind: "open";
  /** `state.dir`. */
  readonly directory: string;
  /** Where the engine's `RemoteCheckpointStore` has the other end. */
  readonly port: MessagePort;
}

/** What the thread of the checkpoint store says to main. */
export type CheckpointWorkerReport =
  | { readonly kind: "opened"; readonly warnings: readonly string[] }
  | { readonly kind: "failed"; readonly failure: CheckpointFailure }
  | { readonly kind: "closed" };

export function toCheckpointFailure(error: unknown): CheckpointFailure {
  if (error instanceof CheckpointStoreError) {
    return { message: error.message, code: error.code, retryable: error.retryable };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { message, code: "other", retryable: false };
}

export function fromCheckpointFailure(failure: CheckpointFailure): CheckpointStoreError {
  return new CheckpointStoreError(failure.message, failure);
}
