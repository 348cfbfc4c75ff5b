import { expect, test } from "vitest";
import { md5Answer } from "#lib/postgres/wire/md5.ts";

// Made with `printf | md5sum`, as the server does it: md5(md5("secret" "ann") salt).
test("the answer to an MD5 challenge is the server's", () => {
  expect(md5Answer("ann", "secret", Buffer.from([1, 2, 3, 4]))).toBe("md59009ce60b9ca97f1e752376843d1309e");
});
