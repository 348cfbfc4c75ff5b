import { expect, test } from "vitest";
import { breakOf } from "#lib/doctor/report/break-of.ts";
import { pathsOf, type Way } from "#lib/doctor/report/path.ts";
import { failsOf, verdictCodes } from "#lib/doctor/verdicts.ts";
import { report, stage, steps, url, whole } from "../../../support/doctor-reports.ts";

const signs = { passed: "", warned: "!", broken: "✗", unknown: "?" } as const;

/** `here -> ✗database`: hops and arrows with the sign of their state. */
function draw({ hops, links }: Way): string {
  return hops
    .map(({ kind, state }, index) => {
      const link = links[index - 1];
      return `${link === undefined ? "" : ` ${signs[link.state]}-> `}${signs[state]}${kind}`;
    })
    .join("");
}

test.each([
  ["all is well", report("ok", steps("here", whole)), "here -> database"],
  ["the name is not known", report("dns.not-found", steps("here", "!dns")), "here ✗-> ?database"],
  ["nothing listens", report("tcp.refused", steps("here", "dns !tcp")), "here ✗-> ?database"],
  ["what answers is silent", report("endpoint.silent", steps("here", "dns tcp !ssl-request")), "here -> ✗database"],
  ["the password is wrong", report("auth.rejected", steps("here", `${whole.slice(0, 42)} !auth`)), "here -> ✗database"],
  [
    "large packets are lost",
    report("path.mtu-down", steps("here", "dns tcp ssl-request tls certificate startup auth ready query !download")),
    "here ✗-> database",
  ],
])("of a URL: %s", (_, found, expected) => {
  expect(pathsOf(found, url).map(draw)).toEqual([expected]);
});

const fromHere = `transport login ${whole.slice(4)}`;

test.each([
  [
    "all is well",
    report("ok", steps("here", fromHere), steps("vpc", whole)),
    ["here -> gateway -> bastion -> database", "function -> database"],
  ],
  [
    "the bastion's agent is away",
    report("ssm.agent-offline", steps("here", "!transport"), steps("vpc", whole)),
    ["here -> gateway -> ✗bastion ?-> ?database", "function -> database"],
  ],
  [
    "Session Manager cannot be reached",
    report("ssm.lost", steps("here", "!transport"), steps("vpc", whole)),
    ["here ✗-> ?gateway ?-> ?bastion ?-> ?database", "function -> database"],
  ],
  [
    "the bastion gets no answer",
    report("ssm.no-answer", steps("here", "transport login tcp !ssl-request"), steps("vpc", whole)),
    ["here -> gateway -> bastion ✗-> ?database", "function -> database"],
  ],
  [
    "it is silent through the bastion, and well from inside",
    report("endpoint.silent", steps("here", "transport login tcp !ssl-request"), steps("vpc", whole)),
    ["here -> gateway -> bastion ✗-> ?database", "function -> database"],
  ],
  [
    "no login can be read",
    report("ambiguous", steps("here", "transport !login"), steps("vpc", whole)),
    ["✗here -> gateway -> bastion ?-> ?database", "function -> database"],
  ],
  [
    "the function cannot be asked",
    report("ok", steps("here", fromHere), steps("vpc", "!inspect")),
    ["here -> gateway -> bastion -> database", "✗function ?-> ?database"],
  ],
  [
    "the proxy has none left",
    report("proxy.pool-exhausted", steps("here", fromHere), steps("vpc", whole), [
      ...steps("vpc", "dns tcp ssl-request tls certificate startup auth !ready", { to: "proxy" }),
    ]),
    ["here -> gateway -> bastion -> database", "function -> database", "function -> ✗proxy ?-> ?database"],
  ],
])("of a stage: %s", (_, found, expected) => {
  expect(pathsOf(found, stage).map(draw)).toEqual(expected);
});

test.each(verdictCodes.filter((code) => failsOf(code) !== undefined))(
  "%s in the middle of a walk is a fault of the way, not in the database",
  (code) => {
    for (const name of ["transport", "ssl-request"]) {
      const place = breakOf({ name, vantage: "here", ok: false, ms: 1, detail: "" }, code, false);
      expect(place).not.toEqual({ is: "hop", hop: "database" });
    }
  },
);

test("a warning is its hop's, and the times are on the arrows", () => {
  const found = report("ok", steps("here", fromHere), steps("vpc", whole, { warning: "soon" }));
  const [here, inside] = pathsOf(found, stage);
  expect(here?.links.map(({ labels }) => labels)).toEqual([["1 ms"], [], ["tcp 3 ms", "query 10 ms"]]);
  expect(here?.hops[2]).toMatchObject({ name: "bastion", detail: "i-0123456789abcdef0" });
  expect(inside === undefined ? "" : draw(inside)).toBe("!function !-> !database");
});

test("where nothing leads from here, no such way is drawn", () => {
  const { transport: _, ...unreachable } = stage;
  const found = report("ok", steps("here", "transport", { warning: "no bastion" }), steps("vpc", whole));
  expect(pathsOf(found, unreachable).map(draw)).toEqual(["function -> database"]);
});

test("what was not asked is not seen", () => {
  const ways = pathsOf(report("ssm.agent-offline", steps("here", "!transport")), stage);
  expect(ways.map(draw)).toEqual(["here -> gateway -> ✗bastion ?-> ?database", "?function ?-> ?database"]);
});
