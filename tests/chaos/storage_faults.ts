import { DatabaseSync } from "node:sqlite";
import type { Random } from "../support/random.ts";

export interface StateDisk {
  /** A small disk of its own, the state directory on it. */
  readonly disk: string;
  readonly stateDir: string;
  /** The state directory as it was before the last harm. */
  readonly wholeDir: string;
  /** State directories to put in its place: an older one, and that of another deployment. */
  readonly olderDir: string;
  readonly foreignDir: string;
  readonly random: Random;
}

export interface StorageFault {
  readonly name: string;
  /** Harms the directory while no engine runs. */
  readonly harm: (disk: StateDisk) => Promise<void>;
  /** Undoes what an engine cannot get over. */
  readonly mend?: (disk: StateDisk) => Promise<void>;
  /** What the engine has to say of it; null when it may be of no consequence. */
  readonly said: RegExp | null;
}

const KV = "sessionwheel.kv";

/** A damaged page may be one that nobody reads any more. */
const DAMAGE_IF_MET = null;

export const STORAGE_FAULTS: readonly StorageFault[] = [
  {
    name: "bytes flipped all over the file",
    said: DAMAGE_IF_MET,
    harm: (disk) => changeFile(disk, (bytes) => flip(bytes, 0, 40, disk.random)),
  },
  {
    name: "bytes flipped inside the values",
    said: /is damaged/,
    harm: damageValues,
  },
  {
    name: "first page flipped",
    said: /is damaged|another program/,
    harm: (disk) => changeFile(disk, (bytes) => flip(bytes.subarray(0, 100), 16, 60, disk.random)),
  },
  {
    name: "cut to half",
    said: /is damaged/,
    harm: (disk) => changeFile(disk, (bytes) => bytes.subarray(0, bytes.length >> 1)),
  },
  {
    name: "empty",
    said: null,
    harm: (disk) => changeFile(disk, () => new Uint8Array(0)),
  },
  {
    name: "not a database",
    said: /is damaged/,
    harm: (disk) => changeFile(disk, (bytes) => flip(bytes, 0, bytes.length, disk.random)),
  },
  {
    name: "a database of another program",
    said: /another program/,
    async harm({ stateDir }) {
      await removeFiles(stateDir);
      using database = new DatabaseSync(`${stateDir}/${KV}`);
      database.exec("CREATE TABLE accounts (id INTEGER)");
    },
  },
  {
    name: "its log of changes is garbage",
    said: null,
    async harm({ stateDir, random }) {
      const bytes = flip(new Uint8Array(100_000), 0, 100_000, random);
      await Deno.writeFile(`${stateDir}/${KV}-wal`, bytes);
    },
  },
  { name: "older than the output", said: null, harm: (disk) => replaceDir(disk, disk.olderDir) },
  {
    // It may look like an older one of ours, of which there is nothing to say.
    name: "of another deployment",
    said: null,
    harm: (disk) => replaceDir(disk, disk.foreignDir),
  },
  {
    name: "gone",
    said: null,
    async harm({ stateDir }) {
      await Deno.remove(stateDir, { recursive: true });
    },
  },
  {
    name: "a file in its place",
    said: /no checkpoints/,
    async harm({ stateDir }) {
      await Deno.remove(stateDir, { recursive: true });
      await Deno.writeTextFile(stateDir, "not a directory");
    },
    mend: ({ stateDir }) => Deno.remove(stateDir),
  },
  {
    name: "on a disk that is full",
    said: /checkpoint cannot be written|no checkpoints/,
    harm: ({ disk }) => fill(disk),
    mend: ({ disk }) => Deno.remove(`${disk}/ballast`),
  },
  {
    name: "on a disk that may only be read",
    said: /no checkpoints/,
    harm: ({ disk }) => runTool("mount", ["-o", "remount,ro", disk]),
    mend: ({ disk }) => runTool("mount", ["-o", "remount,rw", disk]),
  },
];

/** @throws Error with what the program said. */
export async function runTool(command: string, args: readonly string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args: [...args] }).output();
  if (!success) {
    throw new Error(`${command} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  }
}

export async function copyDir(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const { name } of Deno.readDir(from)) {
    await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}

/**
 * Keeps a copy of what is about to be harmed.
 * @throws Error when it is not whole: then nobody could say what the harm did.
 */
export async function keepWhole({ stateDir, wholeDir }: StateDisk): Promise<void> {
  await removeIfThere(wholeDir);
  await copyDir(stateDir, wholeDir);
  // The copy is looked at: whoever opens the file of a killed engine takes its log of changes in.
  using database = new DatabaseSync(`${wholeDir}/${KV}`);
  const [row] = database.prepare("PRAGMA integrity_check(1)").all();
  const found = row?.["integrity_check"];
  if (found !== "ok") throw new Error(`Cannot harm what is not whole: ${stateDir} has ${found}`);
}

/**
 * Puts back what was there before the harm: damage that SQLite's check does not see may outlive a
 * start, and the next harm would be done to what is harmed already.
 */
export async function putBackWhole(disk: StateDisk): Promise<void> {
  await replaceDir(disk, disk.wholeDir);
}

async function changeFile(
  { stateDir }: StateDisk,
  change: (bytes: Uint8Array) => Uint8Array,
): Promise<void> {
  const path = `${stateDir}/${KV}`;
  await Deno.writeFile(path, change(await Deno.readFile(path)));
}

function flip(bytes: Uint8Array, from: number, count: number, random: Random): Uint8Array {
  for (let i = 0; i < count; i++) {
    bytes[random.int(from, bytes.length - 1)]! ^= 1 << random.int(0, 7);
  }
  return bytes;
}

/** What SQLite cannot see: it knows no checksums of what it keeps. */
async function damageValues({ stateDir, random }: StateDisk): Promise<void> {
  const kv = await Deno.openKv(`${stateDir}/${KV}`);
  try {
    const found = await Array.fromAsync(kv.list<unknown>({ prefix: [] }));
    for (const { key, value } of found) {
      if (!(value instanceof Uint8Array) || value.length < 40) continue;
      await kv.set(key, flip(value, 30, 3, random));
    }
  } finally {
    kv.close();
  }
}

async function replaceDir({ stateDir }: StateDisk, by: string): Promise<void> {
  await removeIfThere(stateDir);
  await copyDir(by, stateDir);
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function removeFiles(stateDir: string): Promise<void> {
  for (const suffix of ["", "-wal", "-shm"]) {
    await Deno.remove(`${stateDir}/${KV}${suffix}`).catch(() => {});
  }
}

async function fill(disk: string): Promise<void> {
  const file = await Deno.open(`${disk}/ballast`, { write: true, create: true });
  const block = new Uint8Array(1 << 20);
  try {
    for (let size = block.length; size >= 4096;) {
      try {
        await file.write(block.subarray(0, size));
      } catch {
        size >>= 1;
      }
    }
  } finally {
    file.close();
  }
}
