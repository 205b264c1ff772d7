export interface KcatFilesOptions {
  readonly partition: number;
  readonly key?: string;
  readonly headers?: readonly (readonly [name: string, value: string])[];
  readonly codec?: "none" | "gzip" | "zstd";
}

/**
 * Produces any bytes, each a record, in order: kcat takes a file as one value. None may be empty,
 * since kcat passes over an empty file.
 */
export async function kcatProduceBytes(
  bootstrap: string,
  topic: string,
  values: readonly Uint8Array[],
  options: KcatFilesOptions,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "sessionwheel-kcat-" });
  try {
    const files = await Promise.all(values.map(async (value, index) => {
      const path = `${folder}/${String(index).padStart(6, "0")}`;
      if (value.length === 0) throw new Error("kcat cannot produce an empty value");
      await Deno.writeFile(path, value);
      return path;
    }));
    const { success, stderr } = await new Deno.Command("kcat", {
      args: [
        ...["-P", "-b", bootstrap, "-t", topic, "-p", String(options.partition)],
        ...["-z", options.codec ?? "none", "-X", "message.max.bytes=100000000"],
        ...(options.key === undefined ? [] : ["-k", options.key]),
        ...(options.headers ?? []).flatMap(([name, value]) => ["-H", `${name}=${value}`]),
        ...files,
      ],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).output();
    const words = new TextDecoder().decode(stderr);
    // It goes on after a record that could not be delivered, and ends with 0.
    if (!success || /fail/i.test(words)) throw new Error(`kcat cannot produce: ${words}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
