import type {
  CheckpointReader,
  CheckpointStore,
  CheckpointWriter,
} from "../../ports/checkpoint_store.ts";
import { CheckpointStoreError } from "../../ports/checkpoint_store.ts";
import {
  type CheckpointAnswer,
  type CheckpointRequest,
  toCheckpointFailure,
} from "./checkpoint_messages.ts";
import { transferableBuffers } from "./transferable_buffers.ts";

/** Bytes of chunks an answer holds before it is sent: few messages, little memory. */
const ANSWER_BYTES_MAX = 2 * 1024 * 1024;

type Answer = CheckpointAnswer extends infer A ? A extends unknown ? Omit<A, "id"> : never : never;

/**
 * Answers a `RemoteCheckpointStore` at the other end of the port from this store.
 *
 * @returns resolves when the other side has closed the store; the port is the caller's to close
 */
export function serveCheckpointStore(port: MessagePort, store: CheckpointStore): Promise<void> {
  const session = new ServedSession(store);
  return new Promise((resolve) => {
    port.onmessage = async (event: MessageEvent<CheckpointRequest>) => {
      const request = event.data;
      const answer = await session.answer(request);
      const transfer = answer.kind === "chunks" ? transferableBuffers(answer.chunks) : [];
      port.postMessage({ id: request.id, ...answer }, transfer);
      if (request.kind === "close") resolve();
    };
  });
}

interface Named<Value> {
  readonly name: number;
  readonly value: Value;
}

class ServedSession {
  readonly #store: CheckpointStore;
  readonly #writers = new Map<number, Named<CheckpointWriter>>();
  readonly #readers = new Map<number, Named<ServedReader>>();
  #lastName = 0;

  constructor(store: CheckpointStore) {
    this.#store = store;
  }

  async answer(request: CheckpointRequest): Promise<Answer> {
    try {
      return await this.#answer(request);
    } catch (error) {
      return { kind: "failed", failure: toCheckpointFailure(error) };
    }
  }

  async #answer(request: CheckpointRequest): Promise<Answer> {
    switch (request.kind) {
      case "ping":
        return { kind: "done" };
      case "warnings":
        return { kind: "warnings", warnings: await this.#store.warnings() };
      case "begin": {
        const writer = await this.#store.begin(request.shard);
        const name = ++this.#lastName;
        this.#writers.set(request.shard, { name, value: writer });
        return { kind: "writer", writer: name };
      }
      case "write": {
        const writer = find(this.#writers, request.shard, request.writer);
        // All are handed over before the first wait, so that requests cannot mix their order.
        await Promise.all(request.chunks.map((chunk) => writer.writeChunk(chunk)));
        return { kind: "done" };
      }
      case "publish":
        await find(this.#writers, request.shard, request.writer).publish(request.manifest);
        return { kind: "done" };
      case "abandon":
        await find(this.#writers, request.shard, request.writer).abandon();
        return { kind: "done" };
      case "read": {
        const reader = await this.#store.read(request.shard);
        if (reader === null) return { kind: "nothing" };
        const name = ++this.#lastName;
        this.#readers.set(request.shard, { name, value: new ServedReader(reader) });
        const { manifest, chunkCount } = reader;
        return { kind: "reader", reader: name, manifest, chunkCount };
      }
      case "next":
        return await find(this.#readers, request.shard, request.reader).next();
      case "release":
        await find(this.#readers, request.shard, request.reader).rewind();
        return { kind: "done" };
      case "close":
        await this.#store.close();
        return { kind: "done" };
    }
  }
}

class ServedReader {
  readonly #reader: CheckpointReader;
  #chunks: AsyncIterator<Uint8Array> | null = null;

  constructor(reader: CheckpointReader) {
    this.#reader = reader;
  }

  async next(): Promise<Answer> {
    const chunks: Uint8Array[] = [];
    const iterator = this.#chunks ??= this.#reader.chunks()[Symbol.asyncIterator]();
    for (let bytes = 0; bytes < ANSWER_BYTES_MAX;) {
      const next = await iterator.next();
      if (next.done) return { kind: "chunks", chunks, isLast: true };
      chunks.push(next.value);
      bytes += next.value.length;
    }
    return { kind: "chunks", chunks, isLast: false };
  }

  /** Ends the pass under way; the next one begins at the first chunk. */
  async rewind(): Promise<void> {
    const iterator = this.#chunks;
    this.#chunks = null;
    await iterator?.return?.();
  }
}

function find<Value>(served: Map<number, Named<Value>>, shard: number, name: number): Value {
  const found = served.get(shard);
  if (found?.name === name) return found.value;
  throw new CheckpointStoreError(
    `Cannot go on with a checkpoint of shard ${shard}: another one was begun since`,
    { code: "other", retryable: false },
  );
}
