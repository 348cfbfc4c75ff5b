/**
 * What the two ends of a session do differently by each other's version. Versions are dotted whole numbers, compared
 * part by part; one that cannot be read counts as too old.
 *
 * @see https://github.com/aws/session-manager-plugin `src/version`
 */
export type SessionFeatures = {
  /** Several connections at a time (smux); else one after the other, as plain bytes. */
  readonly multiplexes: boolean;
  /** The agent sends NOP frames and closes a session without them: the client has to send some, too. */
  readonly needsKeepAlive: boolean;
};

/** Seen from the client. */
export function featuresOfAgent(agentVersion: string): SessionFeatures {
  return {
    multiplexes: isNewerThan(agentVersion, "3.0.196.0"),
    needsKeepAlive: !isNewerThan(agentVersion, "3.1.1511.0"),
  };
}

/** Seen from the agent. */
export function featuresOfClient(clientVersion: string): SessionFeatures {
  return {
    multiplexes: (compare(clientVersion, "1.1.70") ?? -1) >= 0,
    needsKeepAlive: !isNewerThan(clientVersion, "1.2.331.0"),
  };
}

export function isNewerThan(version: string, than: string): boolean {
  return (compare(version, than) ?? -1) > 0;
}

/** Missing parts are zeros: "3.1" is "3.1.0.0". Undefined where one cannot be read. */
function compare(version: string, other: string): number | undefined {
  const left = partsOf(version);
  const right = partsOf(other);
  if (left === undefined || right === undefined) return undefined;
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function partsOf(version: string): number[] | undefined {
  return /^\d{1,9}(?:\.\d{1,9}){0,7}$/.test(version) ? version.split(".").map(Number) : undefined;
}
