/**
 * The keys of the checkpoint store in Deno KV.
 *
 * ```
 * ["format"]                                  version of this layout, a number
 * ["manifest", shard, generation]             a whole generation: its manifest
 * ["unpublished", shard, generation]          chunks may lie about that no manifest speaks of
 * ["chunk", shard, generation, index]         index 0, 1, …, chunkCount - 1
 * ```
 *
 * Every generation that has chunks has a manifest or an `unpublished` mark: the mark is set before
 * the first chunk, one atomic commit swaps it for the manifest, and another one swaps the manifest
 * of a generation that is no longer needed for a mark. So what a crash leaves behind is found by
 * listing the marks, without reading a chunk.
 */
export const FORMAT_KEY: Deno.KvKey = ["format"];
export const MANIFEST_PREFIX: Deno.KvKey = ["manifest"];
export const UNPUBLISHED_PREFIX: Deno.KvKey = ["unpublished"];

/** Version of the key layout and of the envelope in `stored_value.ts`. */
export const FORMAT_VERSION = 1;

export function manifestKey(shard: number, generation: number): Deno.KvKey {
  return ["manifest", shard, generation];
}

export function unpublishedKey(shard: number, generation: number): Deno.KvKey {
  return ["unpublished", shard, generation];
}

export function chunkKey(shard: number, generation: number, index: number): Deno.KvKey {
  return ["chunk", shard, generation, index];
}

export function chunkPrefix(shard: number, generation: number): Deno.KvKey {
  return ["chunk", shard, generation];
}
