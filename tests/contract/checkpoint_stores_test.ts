import { KvCheckpointStore } from "../../lib/adapters/kv/kv_checkpoint_store.ts";
import { RemoteCheckpointStore } from "../../lib/adapters/kv/remote_checkpoint_store.ts";
import {
  MemoryCheckpointDisk,
  MemoryCheckpointStore,
} from "../../lib/adapters/memory/memory_checkpoint_store.ts";
import { SystemClock } from "../../lib/adapters/system/clock.ts";
import type { CheckpointStore } from "../../lib/ports/checkpoint_store.ts";
import { checkpointStoreSuite } from "./checkpoint_store_suite.ts";

checkpointStoreSuite("MemoryCheckpointStore", () => {
  const disk = new MemoryCheckpointDisk();
  return Promise.resolve({
    open: () => Promise.resolve(new MemoryCheckpointStore(disk)),
    crash: () => Promise.resolve(),
    dispose: () => Promise.resolve(),
  });
});

checkpointStoreSuite("KvCheckpointStore", async () => {
  const root = await Deno.makeTempDir({ prefix: "checkpoint_store_" });
  let generation = 0;
  const open = new Set<CheckpointStore>();
  const directory = () => `${root}/${generation}`;
  return {
    open: async () => {
      const store = await KvCheckpointStore.open(directory());
      open.add(store);
      return store;
    },
    // A process that was killed leaves the files as they are at this moment.
    crash: async () => {
      const before = directory();
      generation++;
      await Deno.mkdir(directory());
      for await (const { name } of Deno.readDir(before)) {
        if (!name.includes(".kv")) continue;
        await Deno.copyFile(`${before}/${name}`, `${directory()}/${name}`);
      }
    },
    dispose: async () => {
      for (const store of open) await store.close();
      await Deno.remove(root, { recursive: true });
    },
  };
});

checkpointStoreSuite("RemoteCheckpointStore over a worker with Deno KV", async () => {
  const directory = await Deno.makeTempDir({ prefix: "checkpoint_store_" });
  const open = new Map<CheckpointStore, Worker>();
  const end = async (store: RemoteCheckpointStore | CheckpointStore) => {
    open.get(store)?.terminate();
    open.delete(store);
    if (store instanceof RemoteCheckpointStore) store.fail("its thread was ended");
    await Promise.resolve();
  };
  return {
    open: async () => {
      const store = await openInWorker(directory);
      open.set(store.store, store.worker);
      return store.store;
    },
    crash: end,
    dispose: async () => {
      for (const store of [...open.keys()]) await end(store);
      await Deno.remove(directory, { recursive: true });
    },
  };
});

async function openInWorker(
  directory: string,
): Promise<{ store: RemoteCheckpointStore; worker: Worker }> {
  const url = new URL("../../lib/workers/checkpoint_worker.ts", import.meta.url);
  for (;;) {
    const worker = new Worker(url, { type: "module" });
    const { port1, port2 } = new MessageChannel();
    const opened = new Promise<{ kind: string; failure?: { code: string } }>((resolve) => {
      worker.onmessage = ({ data }) => resolve(data);
    });
    worker.postMessage({ kind: "open", directory, port: port2 }, [port2]);
    const report = await opened;
    if (report.kind === "opened") {
      return { store: new RemoteCheckpointStore(port1, new SystemClock()), worker };
    }
    port1.close();
    worker.terminate();
    // A thread that was ended frees its lock a moment later.
    if (report.failure?.code !== "locked") throw new Error(JSON.stringify(report));
  }
}
