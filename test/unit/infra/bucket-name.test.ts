import { describe, expect, it } from "vitest";
import { bucketName } from "../../../infra/long-runs/bucket-name.ts";

const place = { app: "postern", stage: "s".repeat(31), purpose: "seeds", accountId: "123456789012" };
const regions = `
  af-south-1 ap-east-1 ap-east-2 ap-northeast-1 ap-northeast-2 ap-northeast-3 ap-south-1 ap-south-2 ap-southeast-1
  ap-southeast-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-6 ap-southeast-7 ca-central-1 ca-west-1
  cn-north-1 cn-northwest-1 eu-central-1 eu-central-2 eu-north-1 eu-south-1 eu-south-2 eu-west-1 eu-west-2 eu-west-3
  eusc-de-east-1 il-central-1 me-central-1 me-south-1 mx-central-1 sa-east-1 us-east-1 us-east-2 us-gov-east-1
  us-gov-west-1 us-west-1 us-west-2
`
  .trim()
  .split(/\s+/);

describe("a bucket's name", () => {
  it("is another one in each region, of a length that S3 takes", () => {
    const names = regions.map((region) => bucketName({ ...place, region }));
    expect(new Set(names).size).toBe(regions.length);
    for (const name of names) expect(name).toMatch(/^[a-z0-9-]{3,63}$/);
  });

  it("does not change: what is in the bucket would be left behind", () => {
    expect(bucketName({ ...place, stage: "dev", region: "eu-central-1" })).toBe("postern-dev-seeds-123456789012-bfec");
  });
});
