import { CloudWatchLogsClient, FilterLogEventsCommand } from "@aws-sdk/client-cloudwatch-logs";
import { proxyLogGroup } from "#lib/contract.ts";
import { clientConfig, sendOptions } from "#lib/stage/aws-access.ts";
import { ask, type AskOptions, defaultLimitMs, type Fact } from "./fact.ts";

export type ProxyLogLine = { readonly at: Date; readonly message: string };

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
 * What a proxy has written of itself, the newest first: at most 300 lines. Undefined inside: it has no log. Only the
 * caller's own signal ends it by an exception.
 */
export async function readProxyLog(
  question: ProxyLogQuestion,
  options: AskOptions,
): Promise<Fact<readonly ProxyLogLine[] | undefined>> {
  const config = clientConfig(options.access, { requestTimeoutMs: options.limitMs ?? defaultLimitMs, maxAttempts: 2 });
  const client = new CloudWatchLogsClient(config);
  try {
    return await ask("logs:FilterLogEvents", options, async (signal) => readLines(client, question, signal));
  } finally {
    client.destroy();
  }
}

async function readLines(
  client: CloudWatchLogsClient,
  { proxy, since, phrases }: ProxyLogQuestion,
  signal: AbortSignal,
): Promise<readonly ProxyLogLine[] | undefined> {
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
  try {
    // A page may be empty, and others follow: AWS has searched so far, and no further.
    for (let page = 0; page < bounds.pages; page += 1) {
      const command = new FilterLogEventsCommand({ ...wanted, ...(token === undefined ? {} : { nextToken: token }) });
      const { events = [], nextToken } = await client.send(command, sendOptions(signal));
      found.push(...events.map(({ timestamp = 0, message = "" }) => ({ at: new Date(timestamp), message })));
      token = nextToken;
      if (token === undefined) break;
    }
  } catch (error) {
    if (error instanceof Error && error.name === "ResourceNotFoundException") return undefined;
    throw error;
  }
  return found.toSorted((one, other) => other.at.getTime() - one.at.getTime());
}
