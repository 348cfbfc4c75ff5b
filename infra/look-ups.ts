import { findTopicProblem } from "./alarms/topic.ts";
import { type FoundDatabase, lookUpDatabase } from "./database/look-up.ts";
import { findBastionProblems, findSubnetProblems } from "./network/existing-subnets.ts";
import { findKeptTypeProblem, findMovedZones } from "./network/kept-zones.ts";
import { chooseNatImage } from "./network/nat.ts";
import { chooseZones } from "./network/zones.ts";
import type { StageSettings } from "./settings/schema.ts";

/**
 * Looks at what is there already and the stage is to use.
 *
 * @throws Error with every problem of all of it, before anything is declared
 */
export async function lookUp(settings: StageSettings, region: string): Promise<FoundDatabase> {
  const { existing } = settings.network;
  const [networkProblems, bastionProblems, database] = await Promise.all([
    existing === undefined ? findVpcProblems(settings.network) : findSubnetProblems(existing, settings.proxy.enabled),
    findBastionProblems(settings.network),
    lookUpDatabase(settings),
  ]);
  const topicProblem = findTopicProblem(settings.alarms, region);
  const others = topicProblem === undefined ? [] : [topicProblem];
  const problems = [...networkProblems, ...bastionProblems, ...database.problems, ...others];
  if (problems.length > 0) throw new Error(`${problems.join(". ")}.`);
  return database.found;
}

/** What a VPC of the stage's own will be made of: looked up here to be told with everything else, and again where it is used. */
async function findVpcProblems(network: StageSettings["network"]): Promise<string[]> {
  const looked = await Promise.allSettled([
    chooseZones(network),
    chooseNatImage(network.nat),
    findMovedZones($app.stage, network),
    findKeptTypeProblem($app.stage, network),
  ]);
  const [, , ...kept] = looked;
  const failed = looked.filter((one) => one.status === "rejected").map(({ reason }) => messageOf(reason));
  return [...failed, ...kept.flatMap((one) => (one.status === "fulfilled" ? one.value : []))];
}

/** Without the full stop that ends the whole. */
function messageOf(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).replace(/\.$/, "");
}
