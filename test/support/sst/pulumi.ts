import { createRequire } from "node:module";
import path from "node:path";
import type { Inputs, NewResource } from "./cloud.ts";
import { platformDir } from "./platform.ts";

/** As much of the Pulumi SDK as the evaluation uses; it lives in the platform, which may not be unpacked when types are checked. */
export type PulumiRuntime = {
  setAllConfig(config: Record<string, string>): void;
  setMocks(mocks: Mocks, project: string, stack: string, preview: boolean): Promise<void>;
  runInPulumiStack(program: () => Promise<unknown>): Promise<unknown>;
  disconnect(): Promise<void>;
};

export type Mocks = {
  newResource(resource: NewResource & { readonly custom?: boolean }): Promise<{ id: string; state: Inputs }>;
  call(call: { readonly token: string; readonly inputs: Inputs }): Inputs;
};

export type RegisterRequest = {
  getType(): string;
  getName(): string;
  getParent(): string;
  getProtect(): boolean;
  getRetainondelete(): boolean;
  getDeletebeforereplace(): boolean;
  getIgnorechangesList(): string[];
  getDependenciesList(): string[];
};

export type Monitor = { registerResource(request: RegisterRequest, callback: unknown): unknown };

const require = createRequire(path.join(platformDir, "package.json"));

export function loadPulumi(): { readonly runtime: PulumiRuntime; readonly getMonitor: () => Monitor } {
  const { runtime } = require("@pulumi/pulumi") as { runtime: PulumiRuntime };
  const { getMonitor } = require("@pulumi/pulumi/runtime/settings") as { getMonitor: () => Monitor };
  return { runtime, getMonitor };
}

/** An output's value and whether it is a secret; plain values pass through. */
export async function readOutput(value: unknown): Promise<{ value: unknown; isSecret: boolean }> {
  const { output } = require("@pulumi/pulumi") as { output: (value: unknown) => PulumiOutput };
  const resolved = output(value);
  return { value: await resolved.promise(), isSecret: await resolved.isSecret };
}

type PulumiOutput = { promise(): Promise<unknown>; readonly isSecret: Promise<boolean> };
