/// <reference path="../../.sst/platform/config.d.ts" />

/** Fails where it is easily missed: inside of an output, in a data source, and with an output where a text is due. */
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
    // oxlint-disable-next-line typescript/no-base-to-string -- it is what must not go unseen
    new aws.s3.Bucket("Named", { bucket: `copy-of-${String(bucket.id)}` });
  },
});
