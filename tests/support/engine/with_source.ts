import type { EnginePorts } from "../../../lib/engine/engine_options.ts";
import type { Source } from "../../../lib/ports/source.ts";

/** The ports with a source that is the same but for what is changed. */
export function withSource(ports: EnginePorts, changed: Partial<Source>): EnginePorts {
  const { source } = ports;
  return {
    ...ports,
    source: {
      open: () => source.open(),
      ranges: () => source.ranges(),
      committedOffsets: () => source.committedOffsets(),
      commitOffsets: (offsets) => source.commitOffsets(offsets),
      start: (offsets, listener) => source.start(offsets, listener),
      setPaused: (partition, paused) => source.setPaused(partition, paused),
      stop: () => source.stop(),
      ...changed,
    },
  };
}
