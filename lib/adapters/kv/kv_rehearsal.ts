import type { DatabaseSync } from "node:sqlite";
import { checkpointStoreFailure } from "./checkpoint_store_failure.ts";

/** What Deno KV's tables have been brought to; with less it would try to change them. */
const MIGRATIONS_MIN = 3;

/**
 * What Deno KV does to a file when it opens it, writes to it, and once a minute after that. Where
 * one of the first three fails, it ends the process. SQLite's own check lets such a file pass: it
 * knows nothing of what names tables and columns should have, and an empty index whose page claims
 * to be an inner one is well-formed to it. Nobody here queues messages or lets values expire, so
 * none of these finds anything.
 */
const FINDS_NOTHING: readonly string[] = [
  "SELECT id FROM queue_running WHERE deadline <= 9e15 ORDER BY deadline LIMIT 100",
  "SELECT ts FROM queue ORDER BY ts LIMIT 1",
  "SELECT expiration_ms FROM kv WHERE expiration_ms >= 0 ORDER BY expiration_ms LIMIT 1",
  "SELECT deadline, id, data, backoff_schedule, keys_if_undelivered FROM queue_running LIMIT 1",
  "SELECT ts, id, data, backoff_schedule, keys_if_undelivered FROM queue LIMIT 1",
];

const WRITES: readonly string[] = [
  "DELETE FROM kv WHERE expiration_ms >= 0 AND expiration_ms <= 9e15 RETURNING k",
  "INSERT INTO kv (k, v, v_encoding, version, expiration_ms) VALUES (x'', x'', 2, 1, -1) " +
  "ON CONFLICT (k) DO UPDATE SET v = x'', v_encoding = 2, version = 1, expiration_ms = -1",
  "DELETE FROM kv WHERE k = x''",
];

/**
 * Does to the database what Deno KV will do, and takes it back.
 *
 * @returns what is wrong with it, as in `<file> <sentence>`, or null.
 * @throws CheckpointStoreError when the fault is the disk's or the directory's, not the file's.
 */
export function rehearseDenoKv(
  database: DatabaseSync,
): { readonly kind: "damaged" | "foreign"; readonly sentence: string } | null {
  const all = (statement: string) => database.prepare(statement).all();
  try {
    database.exec("BEGIN IMMEDIATE");
    try {
      for (const statement of FINDS_NOTHING) {
        if (all(statement).length === 0) continue;
        return { kind: "foreign", sentence: "is a Deno KV file with queues or expiring values" };
      }
      const [state] = all("SELECT version FROM migration_state WHERE k = 0");
      if (!(Number(state?.["version"]) >= MIGRATIONS_MIN)) {
        return damaged("the version of its tables is gone");
      }
      const [data] = all(
        "UPDATE data_version SET version = version + 10 WHERE k = 0 RETURNING version",
      );
      if (!Number.isSafeInteger(data?.["version"])) {
        return damaged("the version of its data is gone");
      }
      for (const statement of WRITES) all(statement);
      return null;
    } finally {
      takeBack(database);
    }
  } catch (cause) {
    const failure = checkpointStoreFailure("use the checkpoint file", cause);
    if (failure.code !== "damaged" && failure.code !== "other") throw failure;
    return damaged(cause instanceof Error ? cause.message : String(cause));
  }
}

function damaged(why: string): { readonly kind: "damaged"; readonly sentence: string } {
  return { kind: "damaged", sentence: `is damaged (${why.split("\n", 1)[0]})` };
}

function takeBack(database: DatabaseSync): void {
  try {
    database.exec("ROLLBACK");
  } catch {
    // After some errors SQLite has done so itself; what is to be told is the error before.
  }
}
