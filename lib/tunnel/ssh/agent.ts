import ssh2, { type BaseAgent, type ParsedKey, type SignCallback, type SigningRequestOptions } from "ssh2";

/**
 * An agent that has the chosen keys and no others to show: a server counts each key that is offered, and closes after six.
 */
export class ChosenKeysAgent extends ssh2.BaseAgent<ParsedKey> {
  readonly #agent: BaseAgent;
  readonly #keys: readonly ParsedKey[];

  constructor(agent: BaseAgent, keys: readonly ParsedKey[]) {
    super();
    this.#agent = agent;
    this.#keys = keys;
  }

  override getIdentities(done: (error: Error | undefined, keys?: ParsedKey[]) => void): void {
    done(undefined, [...this.#keys]);
  }

  override sign(key: ParsedKey, data: Buffer, options: SigningRequestOptions, done?: SignCallback): void;
  override sign(key: ParsedKey, data: Buffer, done: SignCallback): void;
  override sign(
    key: ParsedKey,
    data: Buffer,
    options: SigningRequestOptions | SignCallback,
    done?: SignCallback,
  ): void {
    if (typeof options === "function") this.#agent.sign(key, data, options);
    else this.#agent.sign(key, data, options, done);
  }
}

/** The agent at this socket, and what it holds. Rejects where it does not answer, and with the signal's reason. */
export async function askAgent(
  socket: string,
  signal: AbortSignal,
): Promise<{ readonly agent: BaseAgent; readonly keys: readonly ParsedKey[] }> {
  const agent = ssh2.createAgent(socket);
  const { promise, resolve, reject } = Promise.withResolvers<readonly ParsedKey[]>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    signal.throwIfAborted();
    agent.getIdentities((error, keys) => {
      if (error) reject(error);
      else resolve((keys ?? []).flatMap((key) => readKey(key)));
    });
    return { agent, keys: await promise };
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** Those of kinds that ssh2 does not know (of security keys) are left out. */
function readKey(key: string | Buffer | ParsedKey | object): readonly ParsedKey[] {
  const read = ssh2.utils.parseKey(key as Buffer);
  return read instanceof Error ? [] : [read];
}
