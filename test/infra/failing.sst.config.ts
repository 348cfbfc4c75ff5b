/// <reference path="../../.sst/platform/config.d.ts" />

/** Fails where it is easily missed: inside of an output, and in a data source. */
export default $config({
  app() {
    return { name: "failing", home: "aws", providers: { aws: "7.20.0" } };
  },
  async run() {
    const bucket = new aws.s3.Bucket("Bucket", {});
    bucket.id.apply((id) => {
      throw new Error(`thrown inside of an output of ${id}`);
    });
    aws.s3.getCanonicalUserIdOutput();
  },
});
