import { examineThrough } from "#lib/doctor/through-transport.ts";
import { AwsError } from "#lib/local/aws/aws-error.ts";
import { localInstanceId, type SessionGateway, type SessionGatewayOptions } from "#lib/local/gateway/gateway.ts";
import { findFreePort } from "#lib/local/net/free-port.ts";
import type { SsmTransportOptions } from "#lib/tunnel/ssm/transport.ts";
import { ssmTransport } from "#lib/tunnel/ssm/transport.ts";
import { startTestEndpoint } from "../../../support/aws-endpoint.ts";
import type { SeededRandom } from "../../../support/seeded-random.ts";
import { startTestGateway } from "../../../support/session-gateway.ts";
import { between, type Broken, type LabFault, type LabWorld } from "../fault.ts";

type Change = {
  readonly gateway?: Partial<SessionGatewayOptions>;
  readonly transport?: Partial<SsmTransportOptions>;
  /** Signs with another key. */
  readonly isStranger?: boolean;
  /** Done when the session is open, before anything is sent through it. */
  readonly onceOpen?: (gateway: SessionGateway) => void;
  readonly drawn?: string;
};

/** As the endpoint of the tests has them: one runs, the other is stopped. */
const instances = { running: "i-1", stopped: "i-2" } as const;
/** Those of before carry one connection at a time, and are `parallel.limit`. */
const agents = ["3.3.1142.0", "3.1.1511.0"] as const;

/** What Session Manager and the bastion's agent say of the way to a database that is well. */
export const ssmFaults: readonly LabFault[] = [
  ssm("all is well", "ok", (random) => ({ gateway: { agentVersion: random.pick(agents) } })),
  refusedStart("this identity may begin no session", "aws.permission", [
    "AccessDeniedException",
    "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: ssm:StartSession",
  ]),
  ssm("this identity may open no channel", "aws.permission", (random) => ({
    gateway: { faults: { refuseUpgrade: random.pick([401, 403]) } },
  })),
  ssm("the channel is refused", "ssm.lost", (random) => ({
    gateway: { faults: { refuseUpgrade: random.pick([404, 429, 500, 502, 503]) } },
  })),
  ssm("credentials that nobody knows", "aws.credentials", () => ({ isStranger: true })),
  refusedStart("credentials that have expired", "aws.credentials", [
    "ExpiredTokenException",
    "The security token included in the request is expired",
  ]),
  ssm("a clock that is off", "aws.clock-skew", (random) => {
    const now = Date.now();
    const seen = stamp(now - between(random, 6, 600) * 60_000);
    const message = `Signature expired: ${seen} is now earlier than ${stamp(now - 300_000)} (${stamp(now)} - 5 min.)`;
    return { gateway: { faults: { refuseStart: new AwsError("InvalidSignatureException", message) } } };
  }),
  refusedStart("no further session", "ssm.session-limit", ["ThrottlingException", "Rate exceeded"]),
  ssm("a bastion that is stopped", "ssm.bastion-stopped", () => target(instances.stopped, "stopped")),
  ssm("a bastion whose agent is away", "ssm.agent-offline", () => target(instances.running, "offline")),
  ssm("a bastion that does not exist", "ssm.target-missing", (random) => ({
    transport: { target: `i-${random.bytes(8).toString("hex")}` },
  })),
  ssm("a document that does not exist", "ssm.document-missing", (random) => ({
    transport: { documentName: `tunnel-${random.bytes(3).toString("hex")}` },
  })),
  ssm("the bastion cannot resolve the name", "ssm.host-unresolved", (random) => ({
    gateway: { faults: { resolve: () => undefined }, agentVersion: random.pick(agents) },
  })),
  ssm("the bastion gets no answer", "ssm.no-answer", (random) => ({
    gateway: { faults: { hangingDial: true }, agentVersion: random.pick(agents) },
  })),
  {
    ...ssm("the bastion is refused", "ssm.refused", () => ({})),
    open: async (world, random) => {
      const port = await findFreePort();
      const agentVersion = random.pick(agents);
      return await openSession(world, {
        gateway: { faults: { resolve: () => ({ host: "127.0.0.1", port }) }, agentVersion },
        drawn: agentVersion,
      });
    },
  },
  ssm("the session is ended by somebody", "ssm.session-ended", (random) => {
    const reason = random.pick(["Terminated by an administrator", "Session timed out", "Maximum session duration"]);
    return { onceOpen: (gateway) => gateway.closeChannels(reason), drawn: reason };
  }),
];

function ssm(name: string, code: string, draw: (random: SeededRandom) => Change): LabFault {
  return {
    name: `SSM: ${name}`,
    expected: [code],
    open: async (world, random) => await openSession(world, draw(random)),
  };
}

function refusedStart(name: string, code: string, [error, message]: readonly [string, string]): LabFault {
  return ssm(name, code, () => ({ gateway: { faults: { refuseStart: new AwsError(error, message) } } }));
}

function target(instanceId: string, state: "stopped" | "offline"): Change {
  return { gateway: { targets: [{ instanceId, state }] }, transport: { target: instanceId } };
}

async function openSession({ address }: LabWorld, change: Change): Promise<Broken> {
  await using stack = new AsyncDisposableStack();
  const gateway = stack.use(await startTestGateway(address, change.gateway));
  const endpoint = stack.use(await startTestEndpoint({ sessions: gateway }));
  const { endpoint: url, region, credentials } = endpoint.config();
  const known = change.isStranger === true ? { ...credentials, secretAccessKey: "another" } : credentials;
  const transport = ssmTransport({
    target: localInstanceId,
    documentName: "tunnel",
    host: "db.internal",
    port: 5432,
    access: { source: "local-stage", endpoint: url, region, credentials: known },
    ...change.transport,
  });
  const readAddress = async () => {
    change.onceOpen?.(gateway);
    return address;
  };
  const opened = stack.move();
  return {
    address,
    ...(change.drawn === undefined ? {} : { drawn: change.drawn }),
    examine: async (signal) => await examineThrough({ transport, readAddress, signal }),
    [Symbol.asyncDispose]: async () => opened.disposeAsync(),
  };
}

/** As AWS writes it: 20260131T101112Z. */
function stamp(ms: number): string {
  return new Date(ms).toISOString().replaceAll(/[-:]|\.\d+/gu, "");
}
