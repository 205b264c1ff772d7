/**
 * Which part of the program may import what (docs/architecture.md, "layout").
 *
 * The direction is always inwards: core knows nobody, the engine knows ports and not what is
 * behind them, an adapter touches one outside thing, and only composition roots see everything.
 */

export interface Import {
  /** The importing file, relative to the repository, with `/`. */
  readonly file: string;
  readonly specifier: string;
  /** Erased when compiled (`import type`, or only `type` names). */
  readonly typeOnly: boolean;
}

interface Layer {
  /** Layers, or single adapters, that it may import besides itself. */
  readonly imports: readonly string[];
  /** Layers of which it may import types only. */
  readonly types?: readonly string[];
  /** Names from `deno.json`; `node:` stands for all of node's modules. */
  readonly outside: readonly string[];
}

const ADAPTER_IMPORTS = ["core", "ports", "telemetry", "version"];
const ALL_OF_LIB = [
  "core",
  "ports",
  "telemetry",
  "engine",
  "config",
  "demo",
  "adapters",
  "version",
];

/**
 * A folder that is missing here may import nothing: a new one has to be thought about.
 */
const LAYERS: Readonly<Record<string, Layer>> = {
  "core": { imports: [], outside: [] },
  "ports": { imports: [], types: ["core", "telemetry"], outside: [] },
  "telemetry": { imports: ["core", "ports", "version"], outside: [] },
  "engine": { imports: ["core", "ports", "telemetry", "version"], outside: [] },
  "config": { imports: ["core", "version"], outside: ["yaml"] },
  "demo": { imports: ["core", "ports", "telemetry"], outside: [] },
  "adapters/kafka": {
    imports: ADAPTER_IMPORTS,
    outside: ["kafkajs", "fzstd", "lz4js", "snappyjs", "node:"],
  },
  "adapters/http": { imports: ADAPTER_IMPORTS, outside: ["hono", "node:"] },
  "adapters/kv": { imports: ADAPTER_IMPORTS, outside: ["node:"] },
  "adapters/file": { imports: ADAPTER_IMPORTS, outside: ["node:"] },
  "adapters/memory": { imports: ADAPTER_IMPORTS, outside: [] },
  "adapters/system": { imports: ADAPTER_IMPORTS, outside: ["node:"] },
  "workers": { imports: ALL_OF_LIB, outside: [] },
  "cli": { imports: [...ALL_OF_LIB, "workers"], outside: ["node:"] },
  "version": { imports: [], outside: [] },
  "main": { imports: ["cli", "version"], outside: [] },
};

/** Why the import is against the rules, or null. Only `lib/` and `main.ts` have rules. */
export function importViolation(found: Import): string | null {
  const from = layerOf(found.file);
  if (from === null) return null;
  const layer = LAYERS[from];
  if (layer === undefined) {
    return `"${from}" is no layer of tools/lint/layers.ts: say there what it may import`;
  }
  const { specifier } = found;
  if (/^(npm|jsr|https?|data|file):/.test(specifier) || specifier.startsWith("/")) {
    return `"${specifier}" goes past deno.json: give it a name and a version there`;
  }
  if (!specifier.startsWith(".")) {
    const name = packageOf(specifier);
    return layer.outside.includes(name)
      ? null
      : `${from} may not use "${name}" (it may: ${list(layer.outside)})`;
  }
  const to = layerOf(resolve(found.file, specifier));
  if (to === null) return `"${specifier}" leaves the program: lib/ stands on its own`;
  if (to === from || covers(layer.imports, to)) return null;
  if (covers(layer.types ?? [], to)) {
    return found.typeOnly ? null : `${from} may import only types of ${to}: use "import type"`;
  }
  return `${from} may not import ${to} (it may: ${list([...layer.imports, ...layer.types ?? []])})`;
}

/** `adapters` covers each single adapter. */
function covers(layers: readonly string[], layer: string): boolean {
  return layers.includes(layer) || layers.includes(layer.split("/")[0]!);
}

/** `lib/adapters/kv/x.ts` → `adapters/kv`, `lib/core/x.ts` → `core`, `main.ts` → `main`. */
export function layerOf(file: string): string | null {
  if (file === "main.ts") return "main";
  if (!file.startsWith("lib/")) return null;
  const [first = "", second = "", third] = file.slice("lib/".length).split("/");
  if (second === "") return first.replace(/\.ts$/, "");
  return first === "adapters" && third !== undefined ? `adapters/${second}` : first;
}

function packageOf(specifier: string): string {
  if (specifier.startsWith("node:")) return "node:";
  return specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
}

function resolve(file: string, specifier: string): string {
  const url = new URL(specifier, `file:///repository/${file}`);
  return url.pathname.startsWith("/repository/") ? url.pathname.slice("/repository/".length) : "";
}

function list(names: readonly string[]): string {
  return names.length === 0 ? "nothing" : names.join(", ");
}
