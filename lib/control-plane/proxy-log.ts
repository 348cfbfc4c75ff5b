import { CloudWatchLogsClient, FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { proxyLogGroup } from "#lib/contract.ts";
import { clientConfig, sendOptions } from "#lib/stage/aws-access.ts";
import { ask, type AskOptions, defaultLimitMs, type Fact } from "./fact.ts";

export type ProxyLogLine = { readonly at: Date; readonly message: string };

export type ProxyLog = {
  /** The newest first; at most 300. */
  readonly lines: readonly ProxyLogLine[];
  /** Whether AWS has searched all of it: it had no page left. */
  readonly isWhole: boolean;
};

export type ProxyLogQuestion = {
  /** Name of the proxy. */
  readonly proxy: string;
  readonly since: Date;
  /** At least one of them is in each line that is wanted, in the same case. What clients do or ask stays where it is. */
  readonly phrases: readonly string[];
};

/** Nobody reads more; and AWS gives at most 1 MB a page. */
const bounds = { linesPerPage: 100, pages: 3 } as const;

/**
 * What a proxy has written of itself. Undefined inside: it has no log. What was read before a page failed, or the limit struck,
 * is kept; only the caller's own signal ends it by an exception.
 */
export async function readProxyLog(
  question: ProxyLogQuestion,
  options: AskOptions,
): Promise<Fact<ProxyLog | undefined>> {
  const config = clientConfig(options.access, { requestTimeoutMs: options.limitMs ?? defaultLimitMs, maxAttempts: 2 });
  const client = new CloudWatchLogsClient(config);
  try {
    return await ask("logs:FilterLogEvents", options, async (signal) => {
      const read = await readPages(client, question, signal);
      // The limit alone leaves something to tell.
      options.signal.throwIfAborted();
      return read;
    });
  } finally {
    client.destroy();
  }
}

async function readPages(
  client: CloudWatchLogsClient,
  { proxy, since, phrases }: ProxyLogQuestion,
  signal: AbortSignal,
): Promise<ProxyLog | undefined> {
  const wanted = {
    logGroupName: proxyLogGroup(proxy),
    startTime: since.getTime(),
    startFromHead: false,
    // Any of these: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
    filterPattern: phrases.map((phrase) => `?"${phrase}"`).join(" "),
    limit: bounds.linesPerPage,
  };
  const found: ProxyLogLine[] = [];
  let token: string | undefined;
  let page = 0;
  try {
    // A page may be empty, and others follow: AWS has searched so far, and no further.
    do {
      const command = new FilterLogEventsCommand({ ...wanted, ...(token === undefined ? {} : { nextToken: token }) });
      const { events = [], nextToken } = await client.send(command, sendOptions(signal));
      found.push(...events.map(({ timestamp = 0, message = "" }) => ({ at: new Date(timestamp), message })));
      token = nextToken;
      page += 1;
    } while (token !== undefined && page < bounds.pages);
  } catch (error) {
    if (page === 0 && error instanceof Error && error.name === "ResourceNotFoundException") return undefined;
    if (page === 0) throw error;
  }
  const lines = found.toSorted((one, other) => other.at.getTime() - one.at.getTime());
  return { lines, isWhole: token === undefined };
}
