import {
  type DeviceView,
  type EngineQueries,
  EngineUnavailableError,
  type IngestAnswer,
  type IngestFormat,
} from "../ports/engine_queries.ts";
import type { EngineStatus } from "../telemetry/engine_status.ts";
import type { EngineFailure } from "./engine_failure.ts";
import type { EngineReport, EngineRequest, EngineSetup } from "./engine_messages.ts";

export interface RemoteEngineOptions {
  /** To the engine's thread, as of a `Worker`. */
  readonly post: (request: EngineRequest, transfer: Transferable[]) => void;
  /** Takes a log line of the thread, with its newline. */
  readonly writeLog: (line: string) => void;
  /** Whether it has `ingest`. */
  readonly takesEvents: boolean;
}

/** How an engine ended. */
export type EngineEnd =
  | { readonly kind: "stopped"; readonly isSettled: boolean }
  | { readonly kind: "failed"; readonly failure: EngineFailure };

/**
 * The engine of another thread. Whoever has the thread hands each of its messages to `receive` and
 * tells by `lost` when it is gone; then every open and every later question is refused.
 */
export class RemoteEngine implements EngineQueries {
  /** Resolves when every shard runs; never, when it ends before. */
  readonly started: Promise<void>;
  /** Never rejects. */
  readonly ended: Promise<EngineEnd>;
  readonly ingest?: (body: Uint8Array, format: IngestFormat) => Promise<IngestAnswer>;
  readonly #options: RemoteEngineOptions;
  readonly #open = new Map<number, Question>();
  readonly #onStarted: () => void;
  readonly #onEnded: (end: EngineEnd) => void;
  #lastId = 0;
  #hasEnded = false;

  constructor(options: RemoteEngineOptions) {
    this.#options = options;
    const started = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<EngineEnd>();
    this.started = started.promise;
    this.ended = ended.promise;
    this.#onStarted = started.resolve;
    this.#onEnded = ended.resolve;
    if (options.takesEvents) {
      this.ingest = (body, format) => this.#ingest(body, format);
    }
  }

  /** Has the thread load that engine ahead of `start`. */
  prepare(engine: EngineSetup["kind"]): void {
    this.#options.post({ kind: "prepare", engine }, []);
  }

  start(setup: EngineSetup): void {
    const port = setup.kind === "kafka" ? setup.checkpoints : null;
    this.#options.post({ kind: "start", setup }, port === null ? [] : [port]);
  }

  /** Asks it to end in good order; `ended` tells when it has. */
  stop(): void {
    if (!this.#hasEnded) this.#options.post({ kind: "stop" }, []);
  }

  checkpointsLost(reason: string): void {
    if (!this.#hasEnded) this.#options.post({ kind: "checkpoints_lost", reason }, []);
  }

  async status(): Promise<EngineStatus> {
    return (await this.#ask("status", (id) => ({ kind: "status", id }))).status;
  }

  async device(deviceId: string): Promise<DeviceView | null> {
    return (await this.#ask("device", (id) => ({ kind: "device", id, deviceId }))).view;
  }

  /** A message of the thread. */
  receive(report: EngineReport): void {
    switch (report.kind) {
      case "log":
        try {
          this.#options.writeLog(report.line);
        } catch {
          // A full disk, a pipe nobody reads: a log line is not worth the process.
        }
        return;
      case "started":
        this.#onStarted();
        return;
      case "stopped":
      case "failed":
        this.#end(report);
        return;
      case "status":
      case "device":
      case "ingested":
        this.#take(report.id)?.resolve(report);
        return;
      case "refused": {
        const { message, retryable } = report;
        this.#take(report.id)?.reject(new EngineUnavailableError(message, { retryable }));
      }
    }
  }

  /** The thread is gone without having said so: `failure` is what is known of why. */
  lost(failure: EngineFailure): void {
    this.#end({ kind: "failed", failure });
  }

  async #ingest(body: Uint8Array, format: IngestFormat): Promise<IngestAnswer> {
    // A part of a larger buffer is copied, so that the rest stays with its owner.
    const whole = body.byteLength === body.buffer.byteLength ? body : body.slice();
    return (await this.#ask("ingested", (id) => ({ kind: "ingest", id, body: whole, format }), [
      whole.buffer as ArrayBuffer,
    ])).answer;
  }

  async #ask<Kind extends Answer["kind"]>(
    expected: Kind,
    question: (id: number) => EngineRequest,
    transfer: Transferable[] = [],
  ): Promise<Extract<Answer, { readonly kind: Kind }>> {
    if (this.#hasEnded) throw goneError();
    const id = ++this.#lastId;
    const answer = await new Promise<Answer>((resolve, reject) => {
      this.#open.set(id, { resolve, reject });
      this.#options.post(question(id), transfer);
    });
    if (answer.kind === expected) return answer as Extract<Answer, { readonly kind: Kind }>;
    const message = `The engine answered ${answer.kind} where ${expected} was asked for`;
    throw new EngineUnavailableError(message, { retryable: false });
  }

  #take(id: number): Question | undefined {
    const question = this.#open.get(id);
    this.#open.delete(id);
    return question;
  }

  #end(end: EngineEnd): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    for (const { reject } of this.#open.values()) reject(goneError());
    this.#open.clear();
    this.#onEnded(end);
  }
}

type Answer = Extract<EngineReport, { readonly kind: "status" | "device" | "ingested" }>;

interface Question {
  resolve(answer: Answer): void;
  reject(error: EngineUnavailableError): void;
}

function goneError(): EngineUnavailableError {
  return new EngineUnavailableError("The engine has ended", { retryable: false });
}
