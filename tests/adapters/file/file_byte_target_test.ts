import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { FileByteTarget } from "../../../lib/adapters/file/file_byte_target.ts";
import { isSameFile } from "../../../lib/adapters/file/same_file.ts";
import { ByteStreamError } from "../../../lib/ports/byte_stream.ts";

const encoder = new TextEncoder();

Deno.test("FileByteTarget writes all of the bytes to a file that takes a few at a time", async () => {
  const taken: number[] = [];
  let calls = 0;
  const file = {
    write: (bytes: Uint8Array) => {
      if (++calls % 3 === 2) return Promise.reject(new Deno.errors.WouldBlock("later"));
      const length = Math.min(7, bytes.length);
      taken.push(...bytes.subarray(0, length));
      return Promise.resolve(length);
    },
    close: () => {},
  };
  const target = new FileByteTarget(file, "-");
  const bytes = Uint8Array.from({ length: 100 }, (_, i) => i);
  await target.write(bytes);
  await target.write(new Uint8Array(0));
  assertEquals(new Uint8Array(taken), bytes);
});

Deno.test("FileByteTarget.open() empties a file, and says what is wrong with a path", async () => {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/out`;
  await Deno.writeTextFile(path, "something that is much longer");
  const target = await FileByteTarget.open(path);
  await target.write(encoder.encode("short"));
  await target.write(encoder.encode(" and more"));
  target.close();
  assertEquals(await Deno.readTextFile(path), "short and more");
  for (const bad of [`${directory}/no/out`, directory]) {
    const error = await assertRejects(() => FileByteTarget.open(bad), ByteStreamError);
    assertEquals([error.file, error.code], [bad, "other"]);
  }
  await Deno.remove(directory, { recursive: true });
});

Deno.test({
  name: "FileByteTarget reports a device that is full",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const target = await FileByteTarget.open("/dev/full");
    const error = await assertRejects(() => target.write(new Uint8Array(10)), ByteStreamError);
    assertEquals(error.code, "other");
    assertStringIncludes(error.message, "Cannot write to /dev/full: No space left on device");
    target.close();
  },
});

Deno.test("FileByteTarget reports a reader that has gone as closed", async () => {
  const module = new URL("../../../lib/adapters/file/file_byte_target.ts", import.meta.url).href;
  const program = `
    const { FileByteTarget } = await import(${JSON.stringify(module)});
    const target = await FileByteTarget.open("-");
    try {
      for (;;) await target.write(new Uint8Array(100_000));
    } catch (error) {
      console.error(error.name, error.code, error.file);
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
  assertEquals((await child.stderr.text()).trim(), "ByteStreamError closed -");
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
