import { findTopicProblem } from "./alarms/topic.ts";
import { type FoundDatabase, lookUpDatabase } from "./database/look-up.ts";
import { findSubnetProblems } from "./network/existing-subnets.ts";
import type { StageSettings } from "./settings/schema.ts";

/**
 * Looks at what is there already and the stage is to use.
 *
 * @throws Error with every problem of all of it, before anything is declared
 */
export async function lookUp(settings: StageSettings, region: string): Promise<FoundDatabase> {
  const { existing } = settings.network;
  const [subnetProblems, database] = await Promise.all([
    existing === undefined ? [] : findSubnetProblems(existing),
    lookUpDatabase(settings),
  ]);
  const topicProblem = findTopicProblem(settings.alarms, region);
  const problems = [...subnetProblems, ...database.problems, ...(topicProblem === undefined ? [] : [topicProblem])];
  if (problems.length > 0) throw new Error(`${problems.join(". ")}.`);
  return database.found;
}
