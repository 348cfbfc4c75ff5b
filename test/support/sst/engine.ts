import { answerCall, evaluatedRegion as region, stateOf } from "./cloud.ts";
import { nameFiles } from "./files.ts";
import { loadPulumi, type Mocks, type Monitor, type PulumiRuntime, type RegisterRequest } from "./pulumi.ts";
import type { RecordedOptions, RecordedResource } from "./recorded.ts";
import { unwrapSecrets } from "./secret-wire.ts";

export type Engine = {
  readonly runtime: PulumiRuntime;
  /** So many resources were registered until now. */
  readonly count: () => number;
  readonly resources: () => RecordedResource[];
};

/**
 * Puts mocks in the place of Pulumi's engine and of AWS, and notes what reaches its monitor, after every transformation.
 *
 * @param report takes what is wrong with the program and would not be an error by itself
 */
export async function mockEngine(
  app: { readonly name: string; readonly stage: string },
  report: (problem: string) => void,
): Promise<Engine> {
  const { runtime, getMonitor } = loadPulumi();
  runtime.setAllConfig({ "aws:region": region });
  const made: Omit<RecordedResource, "options">[] = [];
  const mocks: Mocks = {
    async newResource(resource) {
      await nameFiles(resource.inputs);
      const secretInputs: string[] = [];
      const inputs = unwrapSecrets(resource.inputs, "", secretInputs) as Record<string, unknown>;
      // What Pulumi makes of an output in a string: no error, and nothing that AWS would take.
      if (/Calling \[\w+\] on an \[Output/.test(JSON.stringify(inputs))) report(`${resource.name}: an output as text`);
      const { type, name, id, custom } = resource;
      const importId = id === undefined || id === "" ? {} : { importId: id };
      made.push({ type, name, isCustom: custom === true, inputs, secretInputs, ...importId });
      return { id: importId.importId ?? `${name}-id`, state: stateOf(region, { ...resource, inputs }) };
    },
    call({ token, inputs }) {
      const answer = answerCall(region, token, inputs);
      // Thrown, it would leave the program waiting for ever.
      if (answer === undefined) report(`test/support/sst/cloud.ts has no answer for ${token}`);
      return answer ?? inputs;
    },
  };
  await runtime.setMocks(mocks, app.name, app.stage, false);
  const optionsOf = noteOptions(getMonitor());
  return {
    runtime,
    count: () => made.length,
    resources: () => {
      const resources: RecordedResource[] = [];
      for (const one of made) resources.push({ ...one, options: optionsOf(one.type, one.name) });
      return resources;
    },
  };
}

/** Mocks are not told the options of a resource; they are read from what is sent to the monitor. */
function noteOptions(monitor: Monitor) {
  const noted = new Map<string, RecordedOptions>();
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request, callback) => {
    noted.set(key(request.getType(), request.getName()), readOptions(request));
    return register(request, callback);
  };
  return (type: string, name: string): RecordedOptions => {
    const found = noted.get(key(type, name));
    if (found === undefined) throw new Error(`${name} never reached the monitor`);
    return found;
  };
}

function readOptions(request: RegisterRequest): RecordedOptions {
  return {
    parent: nameInUrn(request.getParent()),
    protect: request.getProtect(),
    retainOnDelete: request.getRetainondelete(),
    deleteBeforeReplace: request.getDeletebeforereplace(),
    ignoreChanges: request.getIgnorechangesList(),
    dependsOn: request.getDependenciesList().map(nameInUrn).toSorted(),
  };
}

function nameInUrn(urn: string): string {
  return urn.split("::").at(-1) ?? "";
}

function key(type: string, name: string): string {
  return `${type}::${name}`;
}
