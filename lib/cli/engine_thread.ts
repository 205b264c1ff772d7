import type { EngineFailureKind } from "../workers/engine_failure.ts";
import type { EngineReport, EngineSetup } from "../workers/engine_messages.ts";
import { RemoteEngine } from "../workers/remote_engine.ts";
import { EXIT_BUG, EXIT_CONFIG, EXIT_UNAVAILABLE } from "./exit_codes.ts";

/** The thread of the engine, which loads its code and has nothing else to do yet. */
export interface EngineThread {
  readonly engine: RemoteEngine;
  /** Ends the thread wherever it is. */
  terminate(): void;
}

/** Starts the thread; whatever ends it, the engine's `ended` tells. */
export function startEngineThread({ writeLog, kind }: {
  readonly writeLog: (line: string) => void;
  readonly kind: EngineSetup["kind"];
}): EngineThread {
  const worker = new Worker(new URL("../workers/engine_worker.ts", import.meta.url), {
    type: "module",
    name: "engine",
  });
  const engine = new RemoteEngine({
    writeLog,
    takesEvents: kind === "demo",
    post: (request, transfer) => worker.postMessage(request, transfer),
  });
  worker.onmessage = ({ data }: MessageEvent<EngineReport>) => engine.receive(data);
  worker.onmessageerror = () => {
    engine.lost({ kind: "bug", message: "a message of the engine is unreadable", stack: null });
  };
  worker.onerror = (event) => {
    // Otherwise it would end the process without a word of ours.
    event.preventDefault();
    const where = `${event.filename}:${event.lineno}:${event.colno}`;
    engine.lost({ kind: "bug", message: `${event.message} (${where})`, stack: null });
  };
  engine.prepare(kind);
  return { engine, terminate: () => worker.terminate() };
}

/** How the process ends after its engine has given up. */
export function failureExitCode(kind: EngineFailureKind): number {
  switch (kind) {
    case "config":
    case "state":
    // To start again would fence the newer one in turn, and so on.
    case "fenced":
      return EXIT_CONFIG;
    case "world":
      return EXIT_UNAVAILABLE;
    case "bug":
      return EXIT_BUG;
  }
}
