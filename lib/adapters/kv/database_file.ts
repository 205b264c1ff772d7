import { basename, dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { checkpointStoreFailure } from "./checkpoint_store_failure.ts";
import { rehearseDenoKv } from "./kv_rehearsal.ts";

/**
 * Larger pages than SQLite's 4,096 bytes: a chunk is a few pages instead of fifteen. Measured with
 * 246 MB of 60,000-byte chunks: 256 MB/s written instead of 163, and a check twice as fast, for a
 * file 14 % larger.
 */
const PAGE_BYTES = 32_768;

/**
 * A byte of the header (SQLite's file format, section 1.3.3). With another value than 1 or 2 SQLite
 * reads the file and never writes it, so that no checkpoint could be written any more.
 */
const WRITE_VERSION_AT = 18;
const WRITE_VERSION_MAX = 2;

/** SQLite keeps the newest pages in files of their own; they are moved and judged together. */
const FILE_SUFFIXES = ["", "-wal", "-shm"] as const;

/** How many damaged files are kept for whoever wants to look: a bad disk makes them again and again. */
const DAMAGED_FILES_MAX = 3;

export interface PreparedDatabase {
  /** What was wrong with the file that was found, in one sentence. */
  readonly warning: string | null;
  /** Room inside the file that SQLite will use before the file grows. */
  readonly freeBytes: number;
}

/**
 * Makes sure that opening the file with Deno KV cannot end the process: a damaged page makes it
 * panic, which nobody can catch, while `node:sqlite` throws.
 *
 * A missing file is created; one that is damaged or that is no Deno KV file is put aside under
 * another name.
 *
 * Cost: SQLite looks at each page, 75 ms for 280 MB when cached (the quick check: 40 ms); the pages
 * that the disk has to give it are then there for the restore that follows.
 *
 * @throws CheckpointStoreError when the file can be neither checked nor moved.
 */
export function prepareDatabaseFile(path: string): PreparedDatabase {
  if (!exists(path)) {
    createDatabase(path);
    return { warning: null, freeBytes: 0 };
  }
  const finding = examine(path);
  if (finding.kind === "sound") return { warning: null, freeBytes: finding.freeBytes };
  const aside = putDatabaseAside(path, finding.kind);
  createDatabase(path);
  const warning =
    `${path} ${finding.sentence}; it was put aside as ${aside} and a new one was begun`;
  return { warning, freeBytes: 0 };
}

/** Renames the file, with what belongs to it, and returns its new path. */
export function putDatabaseAside(path: string, kind: "damaged" | "foreign"): string {
  try {
    const number = lastNumber(path, kind) + 1;
    const aside = `${path}.${kind}-${number}`;
    for (const suffix of FILE_SUFFIXES) {
      if (exists(path + suffix)) Deno.renameSync(path + suffix, aside + suffix);
    }
    // A foreign file is somebody's; only our own are ours to delete.
    if (kind === "damaged") {
      for (const suffix of FILE_SUFFIXES) {
        const oldest = `${path}.${kind}-${number - DAMAGED_FILES_MAX}${suffix}`;
        if (exists(oldest)) Deno.removeSync(oldest);
      }
    }
    return aside;
  } catch (cause) {
    throw checkpointStoreFailure(`put ${path} aside`, cause);
  }
}

/** The number of the newest file that was put aside, or 0. */
function lastNumber(path: string, kind: string): number {
  const start = `${basename(path)}.${kind}-`;
  let last = 0;
  for (const { name } of Deno.readDirSync(dirname(path))) {
    if (name.startsWith(start)) last = Math.max(last, parseInt(name.slice(start.length)) || 0);
  }
  return last;
}

type Finding =
  | { readonly kind: "sound"; readonly freeBytes: number }
  | { readonly kind: "damaged" | "foreign"; readonly sentence: string };

function examine(path: string): Finding {
  let database: DatabaseSync;
  try {
    database = new DatabaseSync(path);
  } catch (cause) {
    throw checkpointStoreFailure(`open ${path}`, cause);
  }
  const ask = (statement: string, column: string): unknown[] =>
    database.prepare(statement).all().map((row) => row[column]);
  try {
    const tables = new Set(ask("SELECT name FROM sqlite_master WHERE type = 'table'", "name"));
    if (tables.size > 0 && !(tables.has("kv") && tables.has("data_version"))) {
      return { kind: "foreign", sentence: "is a database of another program" };
    }
    // The quick check leaves the index out; an entry that is missing there shows only when its row
    // is to be deleted, and from then on no checkpoint could be published.
    const [answer] = ask("PRAGMA integrity_check(1)", "integrity_check");
    if (answer !== "ok") return { kind: "damaged", sentence: `is damaged (${firstLine(answer)})` };
    const writeVersion = readByte(path, WRITE_VERSION_AT);
    if (writeVersion > WRITE_VERSION_MAX) {
      return { kind: "damaged", sentence: `is damaged (write version ${writeVersion})` };
    }
    const fault = tables.size === 0 ? null : rehearseDenoKv(database);
    if (fault !== null) return fault;
    const [freePages] = ask("PRAGMA freelist_count", "freelist_count");
    const [pageBytes] = ask("PRAGMA page_size", "page_size");
    return { kind: "sound", freeBytes: Number(freePages) * Number(pageBytes) };
  } catch (cause) {
    const failure = checkpointStoreFailure(`check ${path}`, cause);
    if (failure.code !== "damaged") throw failure;
    return { kind: "damaged", sentence: `is damaged (${firstLine((cause as Error).message)})` };
  } finally {
    database.close();
  }
}

function createDatabase(path: string): void {
  try {
    const database = new DatabaseSync(path);
    try {
      database.exec(`PRAGMA page_size = ${PAGE_BYTES}`);
      database.exec("PRAGMA journal_mode = WAL");
    } finally {
      database.close();
    }
  } catch (cause) {
    throw checkpointStoreFailure(`create ${path}`, cause);
  }
}

function firstLine(text: unknown): string {
  return String(text).split("\n", 1)[0]!;
}

/** The byte at `offset`, or 0 behind the end. */
function readByte(path: string, offset: number): number {
  using file = Deno.openSync(path);
  file.seekSync(offset, Deno.SeekMode.Start);
  const byte = new Uint8Array(1);
  file.readSync(byte);
  return byte[0]!;
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
