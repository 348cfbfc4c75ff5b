/**
 * The availability zones of a stage, by name. Looked up before anything is declared, so that a region with too few is
 * refused while nothing has happened; SST would go on with zones that do not exist.
 */
export async function chooseZones(wanted: number | readonly string[]): Promise<string[]> {
  if (typeof wanted !== "number") return [...wanted];
  const { names, id: region } = await aws.getAvailabilityZones({
    state: "available",
    // No local zones and none that the account has to opt into: RDS is not in all of them.
    filters: [{ name: "opt-in-status", values: ["opt-in-not-required"] }],
  });
  if (names.length >= wanted) return names.slice(0, wanted);
  throw new Error(
    `network.zones: ${wanted}; ${region} has ${names.length} availability zones. Set fewer, or deploy to another region.`,
  );
}
