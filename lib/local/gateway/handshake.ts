import { actionStatus, decodeHandshakeResponse } from "#lib/ssm-protocol/payloads.ts";
import type { Address } from "./port-forward.ts";

/** What the agent wants of the client: that it forwards a port. */
export function handshakeRequest(version: string, destination: Address): object {
  return {
    AgentVersion: version,
    RequestedClientActions: [
      {
        ActionType: "SessionType",
        ActionParameters: {
          SessionType: "Port",
          Properties: {
            host: destination.host,
            portNumber: String(destination.port),
            localPortNumber: "0",
            type: "LocalPortForwarding",
          },
        },
      },
    ],
  };
}

/** The client's version, or why the agent cancels the session. */
export function readHandshakeResponse(
  payload: Uint8Array,
): { readonly clientVersion: string } | { readonly problem: string } {
  try {
    const { ClientVersion, ProcessedClientActions } = decodeHandshakeResponse(payload);
    const failed = ProcessedClientActions.find(({ ActionStatus }) => ActionStatus !== actionStatus.done);
    if (failed === undefined) return { clientVersion: ClientVersion };
    return { problem: `The client did not do ${failed.ActionType}: ${failed.Error}` };
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) };
  }
}
