import {
  CHECKPOINT_CHUNK_BYTES_MAX,
  type CheckpointReader,
  type CheckpointStore,
  CheckpointStoreError,
  type CheckpointWriter,
} from "../../ports/checkpoint_store.ts";
import type { Clock } from "../../ports/clock.ts";
import {
  type CheckpointAnswer,
  type CheckpointRequest,
  fromCheckpointFailure,
} from "./checkpoint_messages.ts";
import { transferableBuffers } from "./transferable_buffers.ts";

/** Chunks a message: a message costs some 50 µs of both threads, whatever is in it. */
const CHUNKS_A_MESSAGE = 12;

/** Messages of a writer that are not answered yet; who hands in more waits. */
const MESSAGES_IN_FLIGHT_MAX = 3;

const PING_INTERVAL_MS = 1_000;

/**
 * A thread that answers nothing at all, pings included, for this long is taken for dead. A port
 * gives no sign when the other end's thread ends, and a slow disk does not stop its event loop.
 */
const SILENCE_MS_MAX = 60_000;

type Request = CheckpointRequest extends infer R ? R extends unknown ? Omit<R, "id"> : never
  : never;
type Answer<Kind extends CheckpointAnswer["kind"]> = Extract<
  CheckpointAnswer,
  { readonly kind: Kind }
>;

interface Pending {
  resolve(answer: CheckpointAnswer): void;
  reject(error: CheckpointStoreError): void;
}

/**
 * A checkpoint store whose disk work is done by another thread, which runs
 * `serveCheckpointStore` at the other end of the port.
 *
 * Chunks are transferred, several a message, with a few messages under way. When the other thread
 * dies every promise is rejected, at once where `fail` is called, else after a minute of silence.
 */
export class RemoteCheckpointStore implements CheckpointStore {
  readonly #port: MessagePort;
  readonly #clock: Clock;
  readonly #pending = new Map<number, Pending>();
  #lastId = 0;
  #lastAnswerMs: number;
  #cancelPing: (() => void) | null = null;
  #dead: CheckpointStoreError | null = null;

  constructor(port: MessagePort, clock: Clock) {
    this.#port = port;
    this.#clock = clock;
    this.#lastAnswerMs = clock.monotonicMs();
    port.onmessage = (event: MessageEvent<CheckpointAnswer>) => this.#settle(event.data);
    port.onmessageerror = () => this.fail("an answer could not be read");
  }

  async begin(shard: number): Promise<CheckpointWriter> {
    const { writer } = await this.#ask({ kind: "begin", shard }, ["writer"]);
    return new RemoteCheckpointWriter(shard, writer, {
      ask: async (request, transfer) => {
        await this.#ask(request, ["done"], transfer);
      },
    });
  }

  async read(shard: number): Promise<CheckpointReader | null> {
    const answer = await this.#ask({ kind: "read", shard }, ["reader", "nothing"]);
    if (answer.kind === "nothing") return null;
    const { reader, manifest, chunkCount } = answer;
    return { manifest, chunkCount, chunks: () => this.#chunks(shard, reader) };
  }

  async warnings(): Promise<readonly string[]> {
    return (await this.#ask({ kind: "warnings" }, ["warnings"])).warnings;
  }

  async close(): Promise<void> {
    try {
      if (this.#dead === null) await this.#ask({ kind: "close" }, ["done"]);
    } finally {
      this.fail("it is closed");
    }
  }

  /** Says that the other thread is gone: everything under way and everything later is rejected. */
  fail(reason: string): void {
    this.#dead ??= new CheckpointStoreError(`Cannot use the checkpoint store: ${reason}`, {
      code: "other",
      retryable: false,
    });
    this.#cancelPing?.();
    this.#cancelPing = null;
    this.#port.close();
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of pending) reject(this.#dead);
  }

  async *#chunks(shard: number, reader: number): AsyncIterableIterator<Uint8Array> {
    let isLast = false;
    // One answer is asked for ahead: the disk reads while the caller applies.
    let ahead = this.#askForChunks(shard, reader);
    try {
      while (!isLast) {
        const answer = await ahead;
        isLast = answer.isLast;
        if (!isLast) ahead = this.#askForChunks(shard, reader);
        yield* answer.chunks;
      }
    } finally {
      if (this.#dead === null) await this.#ask({ kind: "release", shard, reader }, ["done"]);
    }
  }

  #askForChunks(shard: number, reader: number): Promise<Answer<"chunks">> {
    const answer = this.#ask({ kind: "next", shard, reader }, ["chunks"]);
    // Whoever stops iterating early does not wait for it.
    answer.catch(() => {});
    return answer;
  }

  async #ask<Kind extends CheckpointAnswer["kind"]>(
    request: Request,
    expected: readonly Kind[],
    transfer: Transferable[] = [],
  ): Promise<Answer<Kind>> {
    if (this.#dead !== null) throw this.#dead;
    const id = ++this.#lastId;
    const answer = await new Promise<CheckpointAnswer>((resolve, reject) => {
      if (this.#pending.size === 0) this.#lastAnswerMs = this.#clock.monotonicMs();
      this.#pending.set(id, { resolve, reject });
      this.#port.postMessage({ id, ...request }, transfer);
      this.#watch();
    });
    if (answer.kind === "failed") throw fromCheckpointFailure(answer.failure);
    if ((expected as readonly string[]).includes(answer.kind)) return answer as Answer<Kind>;
    throw new CheckpointStoreError(
      `Cannot use the checkpoint store: it answered ${answer.kind} to ${request.kind}`,
      { code: "other", retryable: false },
    );
  }

  #settle(answer: CheckpointAnswer): void {
    this.#lastAnswerMs = this.#clock.monotonicMs();
    const pending = this.#pending.get(answer.id);
    this.#pending.delete(answer.id);
    pending?.resolve(answer);
    if (this.#pending.size === 0) {
      this.#cancelPing?.();
      this.#cancelPing = null;
    }
  }

  /** While something is under way, asks for a sign of life now and then. */
  #watch(): void {
    this.#cancelPing ??= this.#clock.wakeAfter(PING_INTERVAL_MS, () => {
      this.#cancelPing = null;
      if (this.#pending.size === 0) return;
      const silenceMs = this.#clock.monotonicMs() - this.#lastAnswerMs;
      if (silenceMs >= SILENCE_MS_MAX) {
        this.fail(`its thread has been silent for ${Math.floor(silenceMs / 1000)} s`);
        return;
      }
      // The answer belongs to no request: it only counts as a sign of life.
      this.#port.postMessage({ id: 0, kind: "ping" });
      this.#watch();
    });
  }
}

interface RemoteAsker {
  ask(request: Request, transfer: Transferable[]): Promise<void>;
}

class RemoteCheckpointWriter implements CheckpointWriter {
  readonly #shard: number;
  readonly #writer: number;
  readonly #store: RemoteAsker;
  #gathered: Uint8Array[] = [];
  #failure: unknown = null;
  #isEnded = false;
  /** Answers still to come. None of them rejects; what went wrong is in `#failure`. */
  readonly #inFlight: Promise<void>[] = [];

  constructor(shard: number, writer: number, store: RemoteAsker) {
    this.#shard = shard;
    this.#writer = writer;
    this.#store = store;
  }

  async writeChunk(bytes: Uint8Array): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    if (bytes.length > CHECKPOINT_CHUNK_BYTES_MAX) {
      throw new CheckpointStoreError(
        `Cannot write a chunk of shard ${this.#shard}: it is ${bytes.length} bytes, ` +
          `at most ${CHECKPOINT_CHUNK_BYTES_MAX}`,
        { code: "other", retryable: false },
      );
    }
    this.#gathered.push(bytes);
    if (this.#gathered.length < CHUNKS_A_MESSAGE) return;
    this.#send();
    while (this.#inFlight.length >= MESSAGES_IN_FLIGHT_MAX) await this.#inFlight[0];
    if (this.#failure !== null) throw this.#failure;
  }

  async publish(manifest: Uint8Array): Promise<void> {
    this.#send();
    await Promise.all(this.#inFlight);
    if (this.#failure !== null) throw this.#failure;
    await this.#store.ask(
      { kind: "publish", shard: this.#shard, writer: this.#writer, manifest },
      [],
    );
    this.#isEnded = true;
  }

  async abandon(): Promise<void> {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#gathered = [];
    await Promise.all(this.#inFlight);
    await this.#store.ask({ kind: "abandon", shard: this.#shard, writer: this.#writer }, []);
  }

  #send(): void {
    const chunks = this.#gathered;
    if (chunks.length === 0) return;
    this.#gathered = [];
    const answered = this.#store.ask(
      { kind: "write", shard: this.#shard, writer: this.#writer, chunks },
      transferableBuffers(chunks),
    ).catch((error) => {
      this.#failure ??= error;
    }).then(() => {
      this.#inFlight.splice(this.#inFlight.indexOf(answered), 1);
    });
    this.#inFlight.push(answered);
  }
}
