import type { Clock } from "#lib/base/clock.ts";
import { AwsError } from "../aws-error.ts";
import type { Change } from "../model.ts";
import type { AwsService } from "../protocol.ts";
import { queryService } from "../query-protocol.ts";
import type { AwsResources } from "../resources.ts";
import { chooseEvents } from "./events.ts";
import { findInstance, turnOperations } from "./instances.ts";
import { toXml } from "./xml.ts";

/** RDS: what there is, found by identifier, and an instance's stop and start; filters and pages are not offered. */
export function rdsService(options: {
  readonly resources: () => AwsResources;
  /** Without it nothing can be stopped or started. */
  readonly change?: ((change: Change) => void) | undefined;
  readonly clock: Clock;
}): AwsService {
  const { resources, change, clock } = options;
  return queryService({
    signingName: "rds",
    version: "2014-10-31",
    namespace: "http://rds.amazonaws.com/doc/2014-10-31/",
    operations: {
      DescribeDBInstances: (form) => {
        const id = form.get("DBInstanceIdentifier");
        refuseFilters(form);
        const found = id === null ? resources().dbInstances : [findInstance(resources(), id)];
        return toXml({ DBInstances: found });
      },
      DescribeDBProxies: (form) => {
        const name = form.get("DBProxyName");
        refuseFilters(form);
        const found = resources().dbProxies.filter((one) => name === null || one.DBProxyName === name);
        if (name !== null && found.length === 0) throw proxyNotFound(name);
        return toXml({ DBProxies: found });
      },
      DescribeDBProxyTargets: (form) => {
        const name = form.get("DBProxyName");
        refuseFilters(form);
        if (name === null) throw new AwsError("ValidationError", "DBProxyName must not be null");
        const { dbProxies, dbProxyTargets } = resources();
        if (!dbProxies.some((one) => one.DBProxyName === name)) throw proxyNotFound(name);
        return toXml({ Targets: dbProxyTargets[name] ?? [] });
      },
      DescribeEvents: (form) => {
        refuseFilters(form);
        return toXml({ Events: chooseEvents(form, resources().dbEvents, clock.wallTime()) });
      },
      DescribeCertificates: (form) => {
        const id = form.get("CertificateIdentifier");
        refuseFilters(form);
        const found = resources().certificates.filter((one) => id === null || one.CertificateIdentifier === id);
        if (id !== null && found.length === 0) {
          throw new AwsError("CertificateNotFound", `Certificate not found: ${id}`, { statusCode: 404 });
        }
        return toXml({ Certificates: found });
      },
      ...(change === undefined ? {} : turnOperations(resources, change, clock)),
    },
  });
}

function proxyNotFound(name: string): AwsError {
  return new AwsError("DBProxyNotFoundFault", `DBProxy ${name} not found.`, { statusCode: 404 });
}

/** An answer that ignored a filter would be wrong without anyone noticing. */
function refuseFilters(form: URLSearchParams): void {
  const filter = [...form.keys()].find((key) => key.startsWith("Filters."));
  if (filter !== undefined) throw new AwsError("InvalidParameterValue", `Filters are not offered here: ${filter}`);
}
