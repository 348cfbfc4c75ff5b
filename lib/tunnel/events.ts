import type { ErrorDocument } from "#lib/base/errors.ts";

/** What a tunnel tells while it lives; also the lines of `ssm-tunnel --json`. */
export type TunnelOccurrence =
  | { readonly event: "listening"; readonly host: string; readonly port: number }
  /** `ms`: since the start, or since the link before was lost. */
  | { readonly event: "up"; readonly reconnects: number; readonly ms: number }
  | { readonly event: "degraded"; readonly reason: ErrorDocument }
  /** `attempt` begins after `delayMs`, sooner when a client comes; counted since the tunnel was last up, or since the start. */
  | {
      readonly event: "reconnecting";
      readonly attempt: number;
      readonly delayMs: number;
      readonly reason: ErrorDocument;
    }
  | { readonly event: "down"; readonly reason: ErrorDocument }
  | { readonly event: "maxRetriesExceeded"; readonly attempts: number; readonly reason: ErrorDocument }
  /** The last one. Without a reason it was asked to close. */
  | { readonly event: "closed"; readonly reason?: ErrorDocument };

/** With the moment, as ISO 8601. */
export type TunnelEvent = TunnelOccurrence & { readonly at: string };

export type TunnelEventName = TunnelEvent["event"];
export type TunnelEventOf<Name extends TunnelEventName> = Extract<TunnelEvent, { readonly event: Name }>;
