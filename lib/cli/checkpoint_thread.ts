import {
  type CheckpointWorkerReport,
  type CheckpointWorkerStart,
  fromCheckpointFailure,
} from "../adapters/kv/checkpoint_messages.ts";
import { CheckpointStoreError } from "../ports/checkpoint_store.ts";

/** The thread that writes checkpoints, with its store open. */
export interface CheckpointThread {
  /** For the engine; transferred with it. */
  readonly port: MessagePort;
  /** What was found damaged and put aside, one sentence each. */
  readonly warnings: readonly string[];
  /** Resolves to null once the engine has closed the store, or to why the thread died before. */
  readonly closed: Promise<string | null>;
  /** Ends the thread wherever it is; a checkpoint under way is dropped. */
  terminate(): void;
}

/**
 * Locks the state directory and opens the store in it, in a thread of its own.
 *
 * @throws CheckpointStoreError
 */
export function openCheckpointThread(directory: string): Promise<CheckpointThread> {
  const worker = new Worker(new URL("../workers/checkpoint_worker.ts", import.meta.url), {
    type: "module",
    name: "checkpoints",
  });
  const { port1: port, port2 } = new MessageChannel();
  const opened = Promise.withResolvers<CheckpointThread>();
  const closed = Promise.withResolvers<string | null>();
  const terminate = () => worker.terminate();
  const fail = (error: CheckpointStoreError) => {
    opened.reject(error);
    closed.resolve(error.message);
    terminate();
  };
  worker.onmessage = ({ data }: MessageEvent<CheckpointWorkerReport>) => {
    switch (data.kind) {
      case "opened":
        opened.resolve({ port, warnings: data.warnings, closed: closed.promise, terminate });
        return;
      case "closed":
        closed.resolve(null);
        return;
      case "failed":
        fail(fromCheckpointFailure(data.failure));
    }
  };
  worker.onerror = (event) => {
    event.preventDefault();
    fail(threadError(event.message));
  };
  worker.onmessageerror = () => fail(threadError("a message of its thread is unreadable"));
  const start: CheckpointWorkerStart = { kind: "open", directory, port: port2 };
  worker.postMessage(start, [port2]);
  return opened.promise;
}

function threadError(reason: string): CheckpointStoreError {
  return new CheckpointStoreError(`Cannot use the checkpoint store: ${reason}`, {
    code: "other",
    retryable: false,
  });
}
