/** The far side in a process of its own; see child.ts. */
import type { DropHow } from "#lib/local/gateway/session.ts";
import type { SessionFacts } from "#lib/local/gateway/session.ts";
import type { AwsAccess } from "#lib/stage/aws-access.ts";
import { startBulkServer } from "./bulk-server.ts";
import { serveParent } from "./child.ts";
import { type FarSideOptions, startFarSide } from "./far-side.ts";
import type { NetworkState } from "./network.ts";

export type FarSideOrder =
  /** Without a database: a bulk server. */
  | ({ readonly do: "start" } & Omit<FarSideOptions, "database"> & Partial<Pick<FarSideOptions, "database">>)
  | { readonly do: "network"; readonly state: NetworkState }
  | { readonly do: "drop"; readonly how?: DropHow }
  | { readonly do: "close-every"; readonly ms: number | undefined }
  | { readonly do: "sessions" };

export type FarSideAnswer = {
  readonly access: AwsAccess;
  readonly database: { readonly host: string; readonly port: number };
  readonly sessions: readonly SessionFacts[];
};

const stack = new AsyncDisposableStack();
let side: Awaited<ReturnType<typeof startFarSide>> | undefined;
let database: FarSideAnswer["database"] | undefined;

serveParent(
  async (order: FarSideOrder): Promise<FarSideAnswer> => {
    if (order.do === "start") {
      const { do: _, ...options } = order;
      database = options.database ?? stack.use(await startBulkServer());
      side = stack.use(await startFarSide({ ...options, database: { host: database.host, port: database.port } }));
    }
    if (side === undefined || database === undefined) throw new Error("The far side was not started.");
    if (order.do === "network" && side.network !== undefined) side.network.state = order.state;
    if (order.do === "drop") side.gateway.dropSockets(order.how);
    if (order.do === "close-every") side.gateway.faults = order.ms === undefined ? {} : { closeEveryMs: order.ms };
    const sessions = order.do === "sessions" ? side.gateway.sessions() : [];
    return { access: side.access, database: { host: database.host, port: database.port }, sessions };
  },
  async () => stack.disposeAsync(),
);
