import type { StageSettings } from "../settings/schema.ts";

/** A topic elsewhere is refused by CloudWatch, when the database is there already. Pure. */
export function findTopicProblem({ topicArn }: StageSettings["alarms"], region: string): string | undefined {
  if (topicArn === undefined || topicArn.split(":")[3] === region) return undefined;
  return `alarms.topicArn: ${topicArn}; expected a topic of ${region}, the stage's region: alarms reach no other`;
}

/**
 * Where alarms go: the topic that is named, or one of our own with the e-mail address on it, which AWS asks to confirm.
 * Undefined where the stage names neither.
 *
 * The topic is not encrypted with a key: CloudWatch could not write to it with AWS's own, and a key costs more than all
 * the alarms. What it carries is names and numbers.
 */
export function chooseTopic({ email, topicArn }: StageSettings["alarms"]): $util.Input<string> | undefined {
  if (topicArn !== undefined) return topicArn;
  if (email === undefined) return undefined;
  const topic = new aws.sns.Topic("AlarmTopic", { name: `${$app.name}-${$app.stage}-alarms` });
  const { accountId } = aws.getCallerIdentityOutput();
  new aws.sns.TopicPolicy("AlarmTopicPolicy", {
    arn: topic.arn,
    policy: $jsonStringify({
      Version: "2012-10-17",
      Statement: [
        {
          Sid: "AlarmsOfThisAccount",
          Effect: "Allow",
          Principal: { Service: "cloudwatch.amazonaws.com" },
          Action: "sns:Publish",
          Resource: topic.arn,
          Condition: { StringEquals: { "aws:SourceAccount": accountId } },
        },
      ],
    }),
  });
  new aws.sns.TopicSubscription("AlarmEmail", { topic: topic.arn, protocol: "email", endpoint: email });
  return topic.arn;
}
