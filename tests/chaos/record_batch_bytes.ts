/**
 * Record batches (magic 2) as bytes, written from Kafka's protocol guide alone: what the engine
 * encodes and decodes with code of its own is produced and read here with another.
 */

export interface PlainRecord {
  /** Epoch milliseconds. */
  readonly timestampMs: number;
  readonly value: Uint8Array;
}

export interface ReadRecord {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly headerNames: readonly string[];
}

export interface ReadBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly producerId: number;
  readonly epoch: number;
  /** A marker of a transaction, which no consumer is ever given: it has no records here. */
  readonly isControl: boolean;
  readonly records: readonly ReadRecord[];
}

const RECORDS_AT = 61;
const CRC_AT = 17;
const CRC_FROM = 21;
const CONTROL = 0x20;
const CODEC = 0x07;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc >>> 0;
});

function crc32c(bytes: Uint8Array, from: number, to: number): number {
  let crc = ~0;
  for (let at = from; at < to; at++) crc = CRC_TABLE[(crc ^ bytes[at]!) & 255]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** One batch of records without keys, as an idempotent producer sends it. */
export function encodeBatch(
  records: readonly PlainRecord[],
  producer: { readonly id: number; readonly epoch: number; readonly sequence: number },
): Uint8Array<ArrayBuffer> {
  const bodyBytes = records.reduce((sum, { value }) => sum + value.length + 32, 0);
  const bytes = new Uint8Array(RECORDS_AT + bodyBytes);
  const view = new DataView(bytes.buffer);
  const baseMs = records[0]!.timestampMs;
  let maxMs = baseMs;
  let at = RECORDS_AT;
  records.forEach(({ timestampMs, value }, index) => {
    maxMs = Math.max(maxMs, timestampMs);
    const body = [0, ...varint(timestampMs - baseMs), ...varint(index), ...varint(-1)];
    body.push(...varint(value.length));
    // No headers: one byte after the value.
    const length = varint(body.length + value.length + 1);
    bytes.set(length, at);
    bytes.set(body, at + length.length);
    at += length.length + body.length;
    bytes.set(value, at);
    at += value.length + 1;
  });
  view.setInt32(8, at - 12);
  view.setInt32(12, -1);
  bytes[16] = 2;
  view.setInt32(23, records.length - 1);
  view.setBigInt64(27, BigInt(baseMs));
  view.setBigInt64(35, BigInt(maxMs));
  view.setBigInt64(43, BigInt(producer.id));
  view.setInt16(51, producer.epoch);
  view.setInt32(53, producer.sequence);
  view.setInt32(57, records.length);
  view.setUint32(CRC_AT, crc32c(bytes, CRC_FROM, at));
  return bytes.slice(0, at);
}

/**
 * The whole batches of a record set; one that is cut off at its end is left out.
 * @throws Error for a broken checksum, another magic, compression: nothing that we write has those.
 */
export function decodeBatches(bytes: Uint8Array): ReadBatch[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const batches: ReadBatch[] = [];
  for (let at = 0; at + RECORDS_AT <= bytes.length;) {
    const end = at + 12 + view.getInt32(at + 8);
    if (end > bytes.length) break;
    batches.push(decodeBatch(bytes, view, at, end));
    at = end;
  }
  return batches;
}

function decodeBatch(bytes: Uint8Array, view: DataView, at: number, end: number): ReadBatch {
  const baseOffset = Number(view.getBigInt64(at));
  if (bytes[at + 16] !== 2) throw new Error(`Magic ${bytes[at + 16]} at offset ${baseOffset}`);
  if (crc32c(bytes, at + CRC_FROM, end) !== view.getUint32(at + CRC_AT)) {
    throw new Error(`Broken checksum at offset ${baseOffset}`);
  }
  const attributes = view.getInt16(at + 21);
  if ((attributes & CODEC) !== 0) throw new Error(`Compressed batch at offset ${baseOffset}`);
  const isControl = (attributes & CONTROL) !== 0;
  const baseMs = Number(view.getBigInt64(at + 27));
  return {
    baseOffset,
    lastOffset: baseOffset + view.getInt32(at + 23),
    producerId: Number(view.getBigInt64(at + 43)),
    epoch: view.getInt16(at + 51),
    isControl,
    records: isControl
      ? []
      : readRecords(new VarintReader(bytes, at + RECORDS_AT), view.getInt32(at + 57), {
        baseOffset,
        baseMs,
      }),
  };
}

function readRecords(
  reader: VarintReader,
  count: number,
  { baseOffset, baseMs }: { readonly baseOffset: number; readonly baseMs: number },
): ReadRecord[] {
  return Array.from({ length: count }, () => {
    const length = reader.varint();
    const end = reader.at + length;
    reader.at++; // attributes
    const timestampMs = baseMs + reader.varint();
    const offset = baseOffset + reader.varint();
    const key = reader.text();
    const value = reader.text();
    const headerNames = Array.from({ length: reader.varint() }, () => {
      const name = reader.text() ?? "";
      reader.skip();
      return name;
    });
    if (reader.at !== end) throw new Error(`A record of ${length} bytes ends elsewhere`);
    return { offset, timestampMs, key, value, headerNames };
  });
}

class VarintReader {
  at: number;
  readonly #bytes: Uint8Array;
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.#bytes[this.at++]!;
      value += (byte & 127) * scale;
      if (byte < 128) break;
      scale *= 128;
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  text(): string | null {
    const length = this.varint();
    if (length < 0) return null;
    this.at += length;
    return this.#decoder.decode(this.#bytes.subarray(this.at - length, this.at));
  }

  skip(): void {
    const length = this.varint();
    if (length > 0) this.at += length;
  }
}

/** Zigzag, then seven bits a byte. */
function varint(value: number): number[] {
  let rest = value < 0 ? -2 * value - 1 : 2 * value;
  const bytes: number[] = [];
  while (rest > 127) {
    bytes.push((rest % 128) | 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return bytes;
}
