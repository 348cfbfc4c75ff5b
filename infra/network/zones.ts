/**
 * The availability zones of a stage, by name. Looked up before anything is declared, so that a region with too few, or
 * without those that are named, is refused while nothing has happened; SST would go on with zones that do not exist.
 */
export async function chooseZones(wanted: number | readonly string[]): Promise<string[]> {
  if (typeof wanted !== "number") return checkNames(wanted);
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

/** In whatever state they are: a stage is deployed, too, while one of its zones has trouble. */
async function checkNames(wanted: readonly string[]): Promise<string[]> {
  const { names, id: region } = await aws.getAvailabilityZones();
  const unknown = wanted.filter((name) => !names.includes(name));
  if (unknown.length === 0) return [...wanted];
  throw new Error(`network.zones: ${unknown.join(", ")}; expected zones of ${region}: ${names.join(", ")}.`);
}
