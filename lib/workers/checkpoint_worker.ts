/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/// <reference lib="deno.unstable" />

/**
 * The thread of the checkpoint store: Deno KV's commits may stall an event loop for 10 ms, and this
 * one has nothing else to do. Main sends a `CheckpointWorkerStart` and gets `CheckpointWorkerReport`s;
 * the engine has the other end of the port.
 */
import {
  type CheckpointWorkerReport,
  type CheckpointWorkerStart,
  toCheckpointFailure,
} from "../adapters/kv/checkpoint_messages.ts";
import { KvCheckpointStore } from "../adapters/kv/kv_checkpoint_store.ts";
import { serveCheckpointStore } from "../adapters/kv/serve_checkpoint_store.ts";

self.onmessage = async ({ data }: MessageEvent<CheckpointWorkerStart>) => {
  try {
    const store = await KvCheckpointStore.open(data.directory);
    report({ kind: "opened", warnings: await store.warnings() });
    await serveCheckpointStore(data.port, store);
    data.port.close();
    report({ kind: "closed" });
  } catch (error) {
    report({ kind: "failed", failure: toCheckpointFailure(error) });
  }
};

function report(message: CheckpointWorkerReport): void {
  self.postMessage(message);
}
