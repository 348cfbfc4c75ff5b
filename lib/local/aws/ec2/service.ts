import { AwsError } from "../aws-error.ts";
import type { Change } from "../model.ts";
import type { AwsService } from "../protocol.ts";
import type { QueryOperation } from "../query-protocol.ts";
import type { AwsResources } from "../resources.ts";
import type { XmlChildren } from "../xml.ts";
import { associateAddress, disassociateAddress } from "./addresses.ts";
import { modifyInstance, modifyInterface } from "./attributes.ts";
import { describeOperations } from "./describe.ts";
import { refuseDryRun } from "./form.ts";
import { rebootInstances, startInstances, stopInstances } from "./instances.ts";
import { ec2Protocol } from "./protocol.ts";
import { createRoute, replaceRoute } from "./routes.ts";
import type { WriteOperation } from "./written.ts";

const writes: Readonly<Record<string, WriteOperation>> = {
  AssociateAddress: associateAddress,
  DisassociateAddress: disassociateAddress,
  CreateRoute: createRoute,
  ReplaceRoute: replaceRoute,
  StartInstances: startInstances,
  StopInstances: stopInstances,
  RebootInstances: rebootInstances,
  ModifyInstanceAttribute: modifyInstance,
  ModifyNetworkInterfaceAttribute: modifyInterface,
};

/** EC2: what a doctor of networks reads, and what it takes to mend one. */
export function ec2Service(options: {
  readonly resources: () => AwsResources;
  /** Without it everything that would change something is not offered. */
  readonly change?: ((change: Change) => void) | undefined;
  readonly accountId: string;
}): AwsService {
  const { change } = options;
  const offered = change === undefined ? {} : toOperations(change);
  return ec2Protocol({ version: "2016-11-15", operations: { ...describeOperations(options), ...offered } });
}

/** What a write comes to is computed in the change itself, of the resources as they are then. */
function toOperations(change: (change: Change) => void): Readonly<Record<string, QueryOperation>> {
  return Object.fromEntries(
    Object.entries(writes).map(([action, write]) => [
      action,
      (form: URLSearchParams) => {
        let answer: XmlChildren | undefined;
        change((before) => {
          const written = write(form, before);
          refuseDryRun(form);
          ({ answer } = written);
          return written.after;
        });
        if (answer === undefined) throw new AwsError("InternalError", "The change was not made.", { statusCode: 500 });
        return answer;
      },
    ]),
  );
}
