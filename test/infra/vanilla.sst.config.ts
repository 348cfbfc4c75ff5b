/// <reference path="../../.sst/platform/config.d.ts" />

/**
 * What SST gives without any of our settings. Every rule must find something here: one that finds nothing proves nothing.
 */
export default $config({
  app() {
    return { name: "vanilla", home: "aws", providers: { aws: "7.20.0" } };
  },
  async run() {
    const vpc = new sst.aws.Vpc("Network", { nat: "ec2", bastion: true });
    const database = new sst.aws.Postgres("Database", { vpc, proxy: true });
    const health = new sst.aws.Function("Health", {
      handler: "functions/health.handler",
      url: true,
      vpc,
      link: [database],
    });
    new sst.aws.Function("Runner", { handler: "functions/runner.handler", url: true, vpc, link: [database] });
    new sst.aws.Function("Inspect", { handler: "functions/inspect.handler", url: true, vpc, link: [database] });
    const cluster = new sst.aws.Cluster("LongRunCluster", { vpc });
    // An image of its own would be built; and SST would write a .dockerignore into the project.
    new sst.aws.Task("LongRun", { cluster, image: "public.ecr.aws/docker/library/node:24", link: [database] });
    new sst.aws.Bucket("LongRunSeeds");
    new sst.aws.SnsTopic("AlarmTopic");
    return { url: health.url, password: database.password };
  },
});
