import { input, ofType, type Rule } from "./rule.ts";
import { parse, type Statement } from "./statements.ts";

/** Without the account in the condition, CloudWatch sends the alarms of everybody who knows the topic's name. */
function isOwnAlarm({ effect, actions, principals, conditions }: Statement): boolean {
  const { StringEquals: equals } = conditions as { StringEquals?: Record<string, unknown> };
  return (
    effect === "Allow" &&
    actions.join() === "sns:Publish" &&
    JSON.stringify(principals) === '{"Service":["cloudwatch.amazonaws.com"]}' &&
    /^\d{12}$/.test(String(equals?.["aws:SourceAccount"]))
  );
}

export const alarmRules: readonly Rule[] = [
  {
    id: "alarms-topic",
    title: "Only alarms of the account are sent to the topic",
    securityHub: ["SNS.4"],
    violations: (evaluation) =>
      ofType(evaluation, "aws:sns/topic:Topic").flatMap((topic) => {
        const policies = ofType(evaluation, "aws:sns/topicPolicy:TopicPolicy").filter(({ options }) =>
          options.dependsOn.includes(topic.name),
        );
        const senders = policies.flatMap((policy) => parse(policy, input(policy, "policy")));
        const isClosed = senders.length > 0 && senders.every(isOwnAlarm) && input(topic, "policy") === undefined;
        return isClosed ? [] : [`${topic.name}: takes what others send`];
      }),
  },
];
