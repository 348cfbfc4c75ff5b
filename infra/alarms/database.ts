import type { Alarm, AlarmParts } from "./alarm.ts";
import { connectionLimit } from "./connection-limit.ts";
import { leastFreeBytes } from "./free-storage.ts";

/**
 * Of the nominal limit. A small instance lets in about 80 % of it, because the system has its part of the memory, and the
 * proxy takes 90 % of that: a higher share would not be reached.
 */
const connectionShare = 0.6;

export function databaseAlarms({ database }: AlarmParts): Alarm[] {
  const shared = {
    namespace: "AWS/RDS",
    dimensions: { DBInstanceIdentifier: database.instanceId },
    minutes: 5,
  } as const;
  return [
    {
      ...shared,
      name: "DatabaseCpu",
      says: "The database's processors have been busy for 15 minutes: look for slow queries, or take a larger class.",
      metric: "CPUUtilization",
      statistic: "Average",
      atLeast: 90,
      times: 3,
    },
    {
      ...shared,
      name: "DatabaseStorage",
      says: "The database's storage is nearly full and has not grown: see its events in RDS; raise database.maxStorageGb.",
      metric: "FreeStorageSpace",
      statistic: "Minimum",
      below: leastFreeBytes(database),
      times: 3,
    },
    {
      ...shared,
      name: "DatabaseConnections",
      says: "The database's connections are nearly used up: pool them, or use the proxy.",
      metric: "DatabaseConnections",
      statistic: "Maximum",
      atLeast: Math.floor(connectionLimit(database.instanceClass) * connectionShare),
      times: 2,
    },
  ];
}

export function proxyAlarms({ proxyName }: AlarmParts): Alarm[] {
  if (proxyName === undefined) return [];
  return [
    {
      name: "ProxyBorrowLatency",
      says: "Clients of the proxy wait for a connection for more than a second: sessions are pinned or held too long.",
      namespace: "AWS/RDS",
      metric: "DatabaseConnectionsBorrowLatency",
      dimensions: { ProxyName: proxyName },
      statistic: "Average",
      // Microseconds.
      atLeast: 1_000_000,
      minutes: 5,
      times: 2,
    },
  ];
}
