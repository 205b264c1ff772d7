import { EventChunk } from "../core/event_chunk.ts";
import type { FetchedRecords } from "../ports/source.ts";
import type { DecodedPiece, InputDecoder, PieceLimits } from "./input_decoder.ts";
import { UnansweredLetters } from "./unanswered_letters.ts";

/** A fetch, or a piece of one, decoded: its events, how far it reaches, and how far it may be taken by now. */
export interface QueuedFetch {
  readonly chunk: EventChunk;
  /** The next event to take. */
  next: number;
  /** The offset after its last record, and after what followed that holds nothing. */
  nextOffset: number;
  /** Its first dead letter that is not acknowledged; Infinity when there is none. */
  gateOffset: number;
  /** Events that are taken and not yet applied: the chunk is in use. */
  pending: number;
}

/**
 * What was fetched of one input partition and not yet taken, in offset order.
 *
 * It is offered only up to its first dead letter that is not acknowledged, so no position can
 * pass an event whose dead letter could still be lost.
 */
export class InputPartition {
  readonly index: number;
  readonly topic: string;
  readonly partition: number;
  /** The end of the partition as its last fetch reported; -1 before the first. */
  highWatermark = -1;
  reachable = true;
  paused = false;
  /** Monotonic instant since when it is behind with nothing queued; NaN while it is not. */
  starvedSinceMs = NaN;
  readonly unanswered = new UnansweredLetters();
  readonly #decoder: InputDecoder;
  readonly #queue: QueuedFetch[] = [];
  /** What was fetched; the decoder is at the first. */
  readonly #undecoded: FetchedRecords[] = [];
  readonly #spare: EventChunk[] = [];
  #position = 0;
  #fetchedTo = 0;
  #queuedEvents = 0;

  constructor(index: number, topic: string, partition: number, decoder: InputDecoder) {
    this.index = index;
    this.topic = topic;
    this.partition = partition;
    this.#decoder = decoder;
  }

  /** The next offset that has not been taken. */
  get position(): number {
    return this.#position;
  }

  get queuedEvents(): number {
    return this.#queuedEvents;
  }

  /**
   * Whether there is more than was taken, as far as is known: on the broker, or here behind a dead
   * letter or not decoded.
   */
  get isBehind(): boolean {
    return this.highWatermark < 0 || this.#queuedEvents > 0 || this.hasUndecoded ||
      this.#fetchedTo < this.highWatermark;
  }

  /**
   * Forgets what is queued: the partition is fetched from `offset` on. Letters that are not answered
   * are not forgotten.
   */
  restart(offset: number): void {
    this.#queue.length = 0;
    this.#undecoded.length = 0;
    this.#decoder.abandon();
    this.#queuedEvents = 0;
    this.#position = offset;
    this.#fetchedTo = offset;
    this.highWatermark = -1;
    this.starvedSinceMs = NaN;
  }

  /** Takes a fetch in, to be decoded when that has its turn. */
  add(fetched: FetchedRecords): void {
    this.highWatermark = fetched.highWatermark;
    this.#undecoded.push(fetched);
    if (this.#undecoded.length === 1) this.#decoder.begin(fetched);
  }

  /** Whether something is fetched and not decoded. */
  get hasUndecoded(): boolean {
    return this.#undecoded.length > 0;
  }

  /**
   * Decodes the next piece of what was fetched into the queue; there has to be something.
   *
   * @returns the piece, whose dead letters the caller sends; it calls `open` when they are
   * acknowledged.
   */
  decode(nowMs: number, limits: PieceLimits): DecodedPiece & { readonly open: () => void } {
    const chunk = this.#spare.pop() ?? new EventChunk(INITIAL_EVENTS);
    const piece = this.#decoder.decode(chunk, nowMs, limits);
    const { nextOffset, letters } = piece;
    if (piece.isLast) {
      this.#undecoded.shift();
      const next = this.#undecoded[0];
      if (next !== undefined) this.#decoder.begin(next);
    }
    this.#fetchedTo = Math.max(this.#fetchedTo, nextOffset);
    const tail = this.#queue.at(-1);
    if (tail !== undefined && chunk.count === 0 && letters.length === 0) {
      // However much of what is no event comes while a dead letter waits: it takes no room.
      tail.nextOffset = Math.max(tail.nextOffset, nextOffset);
      this.#recycle(chunk);
      return { ...piece, open: () => {} };
    }
    const gateOffset = letters.length === 0 ? Infinity : letters[0]!.offset;
    const queued = { chunk, next: 0, nextOffset, gateOffset, pending: 0 };
    this.#queue.push(queued);
    this.#queuedEvents += chunk.count;
    const open = () => {
      queued.gateOffset = Infinity;
      this.settle();
    };
    this.settle();
    return { ...piece, open };
  }

  /** Drops fetches that are taken whole, and moves the position past what held no event. */
  settle(): void {
    while (this.#queue.length > 0) {
      const head = this.#queue[0]!;
      if (head.next < head.chunk.count) {
        this.#position = Math.max(
          this.#position,
          Math.min(head.chunk.offset(head.next), head.gateOffset),
        );
        return;
      }
      if (head.gateOffset !== Infinity) {
        this.#position = Math.max(this.#position, head.gateOffset);
        return;
      }
      this.#position = Math.max(this.#position, head.nextOffset);
      this.#queue.shift();
      if (head.pending === 0) this.#recycle(head.chunk);
    }
  }

  /** The fetch whose next event may be taken, or null. */
  head(): QueuedFetch | null {
    const head = this.#queue[0];
    if (head === undefined || head.next >= head.chunk.count) return null;
    return head.chunk.offset(head.next) < head.gateOffset ? head : null;
  }

  /** The head's next event was taken. */
  taken(head: QueuedFetch): void {
    head.next++;
    this.#queuedEvents--;
    if (head.next === head.chunk.count) this.settle();
    else this.#position = Math.min(head.chunk.offset(head.next), head.gateOffset);
  }

  /** An event that had been taken was applied or dropped. */
  done(queued: QueuedFetch): void {
    queued.pending--;
    if (
      queued.pending === 0 && queued.next >= queued.chunk.count && !this.#queue.includes(queued)
    ) {
      this.#recycle(queued.chunk);
    }
  }

  #recycle(chunk: EventChunk): void {
    if (this.#spare.length >= SPARE_CHUNKS_MAX) return;
    chunk.clear();
    this.#spare.push(chunk);
  }
}

const INITIAL_EVENTS = 64;
const SPARE_CHUNKS_MAX = 4;
