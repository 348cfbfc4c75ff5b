import { expect, test } from "vitest";
import { PosternError } from "#lib/base/errors.ts";
import { maskError } from "../../../../scripts/doctor/masked-error.ts";

const refused = new PosternError("aws.permission", "User: arn:aws:iam::123456789012:user/ann may not", {
  hint: "Ask.",
});

test("an error shows no account id, and is otherwise the same", () => {
  expect((maskError(refused, false) as PosternError).toDocument()).toEqual({
    code: "aws.permission",
    message: "User: arn:aws:iam::(account):user/ann may not",
    hint: "Ask.",
  });
});

test("unmasked it shows it, and a defect is left as it is", () => {
  expect((maskError(refused, true) as PosternError).message).toBe(refused.message);
  const defect = new TypeError("a defect");
  expect(maskError(defect, false)).toBe(defect);
});
