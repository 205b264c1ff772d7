import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { FileAccessError } from "../../../lib/adapters/file/file_access_error.ts";
import { type ByteSink, LineWriter } from "../../../lib/adapters/file/line_writer.ts";
import { isSameFile } from "../../../lib/adapters/file/same_file.ts";

const encoder = new TextEncoder();

/** Takes a few bytes at a time, and now and then none. */
class SlowSink implements ByteSink {
  readonly taken: number[] = [];
  calls = 0;
  isClosed = false;

  writeSync(bytes: Uint8Array): number {
    this.calls++;
    if (this.calls % 3 === 2) throw new Deno.errors.WouldBlock("later");
    const length = Math.min(bytes.length, 7);
    this.taken.push(...bytes.subarray(0, length));
    return length;
  }

  close(): void {
    this.isClosed = true;
  }

  get text(): string {
    return new TextDecoder().decode(new Uint8Array(this.taken));
  }
}

Deno.test("LineWriter writes lines through a sink that takes them piece by piece", () => {
  const sink = new SlowSink();
  const writer = new LineWriter(sink, "test", 32);
  const lines = ["", "a", "x".repeat(30), "y".repeat(31), "z".repeat(32), "w".repeat(100), "end"];
  for (const line of lines) writer.writeLine(encoder.encode(line));
  writer.write(encoder.encode("no end"));
  writer.close();
  const expected = lines.map((line) => `${line}\n`).join("") + "no end";
  assertEquals(sink.text, expected);
  assertEquals([writer.bytesWritten, sink.isClosed], [expected.length, true]);
});

Deno.test("LineWriter gathers lines until its buffer is full", () => {
  const sizes: number[] = [];
  const sink = {
    writeSync: (bytes: Uint8Array) => {
      sizes.push(bytes.length);
      return bytes.length;
    },
    close: () => {},
  };
  const writer = new LineWriter(sink, "test", 100);
  for (let i = 0; i < 25; i++) writer.writeLine(encoder.encode("123456789"));
  assertEquals(sizes, [100, 100]);
  writer.flush();
  writer.flush();
  assertEquals(sizes, [100, 100, 50]);
});

Deno.test("LineWriter writes a part of an array", () => {
  const sink = new SlowSink();
  const writer = new LineWriter(sink, "test");
  writer.writeLine(encoder.encode("abcdef"), 1, 4);
  writer.close();
  writer.close();
  assertEquals(sink.text, "bcd\n");
});

Deno.test("LineWriter reports a full disk and closes its file all the same", () => {
  let isClosed = false;
  const sink = {
    writeSync: () => {
      throw new Error("No space left on device (os error 28)");
    },
    close: () => {
      isClosed = true;
    },
  };
  const writer = new LineWriter(sink, "records.jsonl", 10);
  const error = assertThrows(() => writer.writeLine(new Uint8Array(20)), FileAccessError);
  assertEquals([error.code, error.retryable], ["disk_full", false]);
  assertStringIncludes(error.message, "records.jsonl");
  writer.close();
  assertEquals(isClosed, true);

  const unflushed = new LineWriter(sink, "records.jsonl", 10);
  unflushed.writeLine(new Uint8Array(2));
  isClosed = false;
  assertThrows(() => unflushed.close(), FileAccessError);
  assertEquals(isClosed, true);
});

Deno.test({
  name: "LineWriter.open() reports a device that is full",
  ignore: Deno.build.os !== "linux",
  fn: () => {
    const writer = LineWriter.open("/dev/full");
    writer.writeLine(new Uint8Array(10));
    const error = assertThrows(() => writer.flush(), FileAccessError);
    assertEquals(error.code, "disk_full");
    writer.close();
  },
});

Deno.test("LineWriter.open() replaces a file, and says what is wrong with a path", async () => {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/out`;
  await Deno.writeTextFile(path, "something that is much longer");
  const writer = LineWriter.open(path);
  writer.writeLine(encoder.encode("short"));
  writer.close();
  assertEquals(await Deno.readTextFile(path), "short\n");
  const open = (path: string) => assertThrows(() => LineWriter.open(path), FileAccessError).code;
  assertEquals(open(`${directory}/no/out`), "not_found");
  assertEquals(open(directory), "is_directory");
  await Deno.remove(directory, { recursive: true });
});

Deno.test("LineWriter reports a reader that has gone as a broken pipe", async () => {
  const module = new URL("../../../lib/adapters/file/line_writer.ts", import.meta.url).href;
  const program = `
    const { LineWriter } = await import(${JSON.stringify(module)});
    const writer = LineWriter.open("-");
    try {
      for (;;) writer.writeLine(new Uint8Array(1_000).fill(0x61));
    } catch (error) {
      console.error(error.name, error.code);
    }`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-check", program],
    cwd: new URL("../../..", import.meta.url),
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  await reader.cancel();
  assertEquals((await child.stderr.text()).trim(), "FileAccessError broken_pipe");
  assertEquals((await child.status).code, 0);
});

Deno.test("isSameFile() sees through names, and takes no pipe for a file", async () => {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/a`;
  await Deno.writeTextFile(path, "");
  await Deno.writeTextFile(`${directory}/b`, "");
  await Deno.symlink(path, `${directory}/link`);
  await Deno.link(path, `${directory}/hard`);
  assertEquals(isSameFile(path, `${directory}/../${directory.split("/").at(-1)}/a`), true);
  assertEquals(isSameFile(path, `${directory}/link`), true);
  assertEquals(isSameFile(`${directory}/hard`, path), true);
  assertEquals(isSameFile(path, `${directory}/b`), false);
  assertEquals(isSameFile(path, `${directory}/missing`), false);
  assertEquals(isSameFile("-", "-"), false);
  assertEquals(isSameFile("/dev/null", "/dev/null"), false);
  await Deno.remove(directory, { recursive: true });
});
