import type { Route } from "@aws-sdk/client-ec2";
import { AwsError } from "../aws-error.ts";
import type { AwsResources, LocalRouteTable } from "../resources.ts";
import { primaryInterface } from "../settle.ts";
import { findInstance, findInterface, routeTableNotFound } from "./describe.ts";
import { readRequired } from "./form.ts";
import { done, type WriteOperation, type Written } from "./written.ts";

/** A route for a destination that has none yet. */
export const createRoute: WriteOperation = (form, before) => {
  const { table, destination, route } = readRoute(form, before);
  if (hasRoute(table, destination)) {
    throw new AwsError("RouteAlreadyExists", `The route identified by ${destination} already exists.`);
  }
  return putRoutes(before, table, [...(table.Routes ?? []), { ...route, Origin: "CreateRoute" }]);
};

/** Another target for a destination that has a route; the same one again is no error. */
export const replaceRoute: WriteOperation = (form, before) => {
  const { table, destination, route } = readRoute(form, before);
  if (!hasRoute(table, destination)) {
    throw new AwsError(
      "InvalidParameterValue",
      `There is no route defined for '${destination}' in the route table. Use CreateRoute instead.`,
    );
  }
  const routes = (table.Routes ?? []).map((one) =>
    one.DestinationCidrBlock === destination ? Object.assign({}, route, { Origin: one.Origin }) : one,
  );
  return putRoutes(before, table, routes);
};

type RequestedRoute = { readonly table: LocalRouteTable; readonly destination: string; readonly route: Route };

/** Only IPv4, and only interfaces and instances as targets: what a stage with NAT instances has. */
function readRoute(form: URLSearchParams, resources: AwsResources): RequestedRoute {
  const id = readRequired(form, "RouteTableId");
  const destination = readRequired(form, "DestinationCidrBlock");
  const table = resources.routeTables.find((one) => one.RouteTableId === id);
  if (table === undefined) throw routeTableNotFound(id);
  const NetworkInterfaceId = readTarget(form, resources);
  // Whether it is active follows from what it leads to.
  return { table, destination, route: { DestinationCidrBlock: destination, NetworkInterfaceId } };
}

function readTarget(form: URLSearchParams, resources: AwsResources): string {
  const interfaceId = form.get("NetworkInterfaceId");
  const instanceId = form.get("InstanceId");
  if (interfaceId !== null && instanceId === null) return findInterface(resources, interfaceId).NetworkInterfaceId;
  if (instanceId === null || interfaceId !== null) {
    throw new AwsError("InvalidParameterCombination", "Expected either NetworkInterfaceId or InstanceId as the target");
  }
  findInstance(resources, instanceId);
  const first = primaryInterface(resources, instanceId);
  if (first !== undefined) return first.NetworkInterfaceId;
  throw new AwsError("InvalidInstanceID", `The instance '${instanceId}' has no network interface`);
}

function hasRoute({ Routes = [] }: LocalRouteTable, destination: string): boolean {
  return Routes.some((one) => one.DestinationCidrBlock === destination);
}

function putRoutes(before: AwsResources, { RouteTableId: id }: LocalRouteTable, Routes: Route[]): Written {
  const routeTables = before.routeTables.map((one) =>
    one.RouteTableId === id ? Object.assign({}, one, { Routes }) : one,
  );
  return { after: { ...before, routeTables }, answer: done };
}
