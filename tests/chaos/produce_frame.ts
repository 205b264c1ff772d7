import { WireReader } from "../support/kafka/wire_bytes.ts";

/**
 * Sends a Produce request (v7), whole as it was once recorded, over a connection of its own.
 * @returns the broker's error code of each partition in it.
 */
export async function sendRecordedProduce(
  bootstrap: string,
  frame: Uint8Array,
): Promise<number[]> {
  const [hostname, port] = bootstrap.split(":");
  using connection = await Deno.connect({ hostname: hostname!, port: Number(port) });
  for (let sent = 0; sent < frame.length;) sent += await connection.write(frame.subarray(sent));
  const size = new WireReader(await read(connection, 4)).int32();
  const answer = new WireReader(await read(connection, size));
  answer.int32(); // correlation id
  return answer.array((r) => {
    r.string();
    return r.array((r) => {
      r.int32(); // partition
      const error = r.int16();
      r.raw(24); // base offset, append time, log start
      return error;
    });
  }).flat();
}

async function read(connection: Deno.Conn, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let received = 0; received < length;) {
    const count = await connection.read(bytes.subarray(received));
    if (count === null) throw new Error("The broker closed the connection");
    received += count;
  }
  return bytes;
}
