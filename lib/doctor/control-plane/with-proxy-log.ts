import type { Fact } from "#lib/control-plane/fact.ts";
import type { ProxyLog } from "#lib/control-plane/proxy-log.ts";
import type { ProxyWalk } from "./explain-proxy.ts";
import type { AwsProbe } from "./finding.ts";
import type { AwsReport } from "./judge.ts";
import { readProxySayings, type ProxySaying } from "./proxy-sayings.ts";

/** Of so many things that it says, the newest. */
const told = 3;

const nothing = "says nothing of a failure; with `proxy.debugLogging` it says more";

/** What AWS says of a stage, with its proxy's log. Pure. That a log says something of a failure is a warning: of whose, it may not say. */
export function withProxyLog(aws: AwsReport, fact: Fact<ProxyLog | undefined>, walk: ProxyWalk): AwsReport {
  const common = { name: "proxy-log", vantage: "aws", ok: true, ms: fact.ms } as const;
  if (fact.kind === "unknown") {
    const text = `not looked at: ${fact.because}`;
    return withProbe({ ...aws, unknown: [...aws.unknown, fact] }, { ...common, warning: text, detail: text });
  }
  if (fact.value === undefined) return withProbe(aws, { ...common, detail: "there is none" });
  const { lines, isWhole } = fact.value;
  const sayings = readProxySayings(lines);
  const read = { ...aws, proxyLog: { sayings, walk } };
  if (sayings.length === 0 && isWhole) return withProbe(read, { ...common, detail: nothing });
  const said = sayings.length === 0 ? "what was read says nothing of a failure" : describe(sayings);
  const text = isWhole ? said : `not read to its end: ${said}`;
  return withProbe(read, { ...common, warning: text, detail: text });
}

function withProbe(aws: AwsReport, probe: AwsProbe): AwsReport {
  return { ...aws, probes: [...aws.probes, probe] };
}

/** Each text once, with when it was last said. */
function describe(sayings: readonly ProxySaying[]): string {
  const newest = [...Map.groupBy(sayings, ({ text }) => text)].slice(0, told);
  return newest
    .map(([text, [last, ...others]]) => {
      const often = others.length === 0 ? "" : ` (${others.length + 1} times)`;
      return `${last?.at.toISOString() ?? ""}: ${text}${often}`;
    })
    .join("; ");
}
