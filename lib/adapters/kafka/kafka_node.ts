import type { KafkaLane } from "./kafka_lane.ts";
import type { BrokerAddress } from "./metadata_request.ts";

/** The lane for short requests. */
export const CONTROL_LANE = "control";

/** A broker of the cluster and the lanes to it, by name. */
export class KafkaNode {
  readonly address: BrokerAddress;
  readonly lanes = new Map<string, KafkaLane>();

  constructor(address: BrokerAddress) {
    this.address = address;
  }

  close(): void {
    for (const lane of this.lanes.values()) lane.close();
  }
}

/**
 * In the order in which they can be expected to answer a short request: those with an open
 * connection first, and last those that owe us an answer (`silent`), as their host may have vanished.
 */
export function likeliestFirst(
  nodes: Iterable<KafkaNode>,
  silent: ReadonlySet<KafkaLane>,
): readonly KafkaNode[] {
  const rank = ({ lanes }: KafkaNode): number => {
    const lane = lanes.get(CONTROL_LANE);
    if (lane !== undefined && silent.has(lane)) return 2;
    return lane?.isOpen ? 0 : 1;
  };
  return [...nodes].sort((a, b) => rank(a) - rank(b));
}
