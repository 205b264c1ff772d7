import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { FileByteSource } from "../../../lib/adapters/file/file_byte_source.ts";
import { ByteStreamError } from "../../../lib/ports/byte_stream.ts";

async function readAll(source: FileByteSource, blockBytes: number): Promise<Uint8Array> {
  const block = new Uint8Array(blockBytes);
  const all: number[] = [];
  for (;;) {
    const length = await source.read(block);
    if (length === null) return new Uint8Array(all);
    all.push(...block.subarray(0, length));
  }
}

Deno.test("FileByteSource reads every byte of a file, and knows how many", async () => {
  const path = await Deno.makeTempFile();
  const bytes = Uint8Array.from({ length: 10_000 }, (_, i) => i * 7 + (i >> 8));
  await Deno.writeFile(path, bytes);
  const source = await FileByteSource.open(path);
  assertEquals(source.bytesTotal, 10_000);
  assertEquals(await readAll(source, 999), bytes);
  assertEquals(await source.read(new Uint8Array(10)), null);
  source.close();
  await Deno.remove(path);
});

Deno.test("FileByteSource says which file cannot be opened or read", async () => {
  const directory = await Deno.makeTempDir();
  const missing = await assertRejects(
    () => FileByteSource.open(`${directory}/no`),
    ByteStreamError,
    `Cannot open ${directory}/no: `,
  );
  assertEquals([missing.code, missing.file], ["other", `${directory}/no`]);
  const source = await FileByteSource.open(directory);
  assertEquals(source.bytesTotal, null);
  const unreadable = await assertRejects(() => source.read(new Uint8Array(10)), ByteStreamError);
  assertEquals(unreadable.file, directory);
  assertInstanceOf(unreadable.cause, Error);
  source.close();
  await Deno.remove(directory);
});

Deno.test("FileByteSource waits for a stream that says not now", async () => {
  const answers = [
    new Deno.errors.WouldBlock("later"),
    3,
    new Deno.errors.Interrupted("again"),
    new Deno.errors.WouldBlock("later"),
    2,
    null,
  ];
  const file = {
    read: () => {
      const answer = answers.shift()!;
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
    close: () => {},
  };
  const source = new FileByteSource(file, "-", null);
  const seen = [];
  for (let i = 0; i < 3; i++) seen.push(await source.read(new Uint8Array(10)));
  assertEquals(seen, [3, 2, null]);
});
