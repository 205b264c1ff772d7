/** HTTP over a connection of its own, written by hand: nothing is pooled, repeated or mended. */

export interface Address {
  readonly hostname: string;
  readonly port: number;
}

export function addressOf(text: string): Address {
  const colon = text.lastIndexOf(":");
  return { hostname: text.slice(0, colon), port: Number(text.slice(colon + 1)) };
}

/** Each byte is sent, and what comes back is read until the other side closes, or `limitMs` later. */
export async function exchange(
  address: Address,
  bytes: Uint8Array,
  limitMs: number,
): Promise<ExchangeOutcome> {
  let connection: Deno.TcpConn;
  try {
    connection = await Deno.connect(address);
  } catch {
    return { status: null, end: "refused" };
  }
  let end: ExchangeOutcome["end"] = "closed";
  const timer = setTimeout(() => {
    end = "held";
    close(connection);
  }, limitMs);
  let head = "";
  try {
    const sending = send(connection, bytes);
    const buffer = new Uint8Array(4_096);
    while (true) {
      const length = await connection.read(buffer);
      if (length === null) break;
      if (head.length < 16) head += new TextDecoder().decode(buffer.subarray(0, length));
    }
    await sending;
  } catch {
    // Reset, or closed by ourselves.
  } finally {
    clearTimeout(timer);
    close(connection);
  }
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1];
  return { status: status === undefined ? null : Number(status), end };
}

export interface ExchangeOutcome {
  /** Of the first answer; null without one. */
  readonly status: number | null;
  /** By the other side, by us when the time was over, or it was never connected. */
  readonly end: "closed" | "held" | "refused";
}

/** What is no longer taken is no error: the answer says why. */
export async function send(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  try {
    for (let sent = 0; sent < bytes.length;) {
      sent += await connection.write(bytes.subarray(sent));
    }
  } catch {
    // Closed meanwhile.
  }
}

export function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // It is closed.
  }
}
