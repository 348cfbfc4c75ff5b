/** Names of the zones where EC2 has a type of instance. */
export async function zonesOffering(instanceType: string): Promise<readonly string[]> {
  const filters = [{ name: "instance-type", values: [instanceType] }];
  const { locations } = await aws.ec2.getInstanceTypeOfferings({ locationType: "availability-zone", filters });
  return locations;
}

/**
 * What keeps instances of `network.nat.instanceType` out of some of the zones that they are to be in.
 *
 * @param where what the zones are to the stage
 * @param expected what to set in its place
 * @returns nothing, or one problem
 */
export async function findTypeProblem(
  instanceType: string,
  zones: readonly string[],
  { where, expected }: { readonly where?: string; readonly expected: string },
): Promise<string[]> {
  const offered = await zonesOffering(instanceType);
  const without = zones.filter((zone) => !offered.includes(zone));
  if (without.length === 0) return [];
  const place = [without.join(", "), ...(where === undefined ? [] : [where])].join(", where ");
  return [`network.nat.instanceType: ${instanceType}; EC2 does not offer it in ${place}; expected ${expected}`];
}
