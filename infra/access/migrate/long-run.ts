import { appName, longRunRolePath } from "#lib/contract.ts";
import type { Account } from "../settings.ts";
import { arn, iamArn } from "../arn.ts";
import { ownStage } from "../own-stage.ts";
import type { Statement } from "../statement.ts";

/**
 * To start the long-run task of one's own stage (docs/stack.md says why each is needed).
 *
 * Danger: whoever starts a task says what runs in it (`containerOverrides`), and no condition of IAM is about that. The task may
 * read the master's login: so, in the end, may he.
 */
export function mayStartLongRun(account: Account): readonly Statement[] {
  const name = `${appName}-${ownStage}`;
  const tasks = [arn(account, "ecs", `task/${name}/*`)];
  return [
    {
      Sid: "TaskOfOwnStage",
      Effect: "Allow",
      Action: ["ecs:RunTask"],
      Resource: [arn(account, "ecs", `task-definition/${name}-long-run:*`)],
      Condition: {
        ArnEquals: { "ecs:cluster": arn(account, "ecs", `cluster/${name}`) },
        // No shell in it. What is not asked for is not there.
        StringEqualsIfExists: { "ecs:enable-execute-command": "false" },
      },
    },
    {
      // A task takes over the tags of its definition; nothing that is there already is tagged.
      Sid: "TagsOfNewTask",
      Effect: "Allow",
      Action: ["ecs:TagResource"],
      Resource: tasks,
      Condition: { StringEquals: { "ecs:CreateAction": "RunTask" } },
    },
    {
      Sid: "RolesOfTask",
      Effect: "Allow",
      Action: ["iam:PassRole"],
      Resource: [iamArn(account, `role${longRunRolePath(ownStage)}*`)],
      Condition: { StringEquals: { "iam:PassedToService": "ecs-tasks.amazonaws.com" } },
    },
    { Sid: "WatchTasks", Effect: "Allow", Action: ["ecs:DescribeTasks"], Resource: tasks },
  ];
}
