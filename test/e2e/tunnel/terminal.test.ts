import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isInstalled } from "../../support/debian.ts";
import { hasTerminals, keys, startAtTerminal, startNpmAtTerminal } from "../../support/terminal.ts";
import { startTunnelBench, type TunnelBench } from "../../support/tunnel-bench.ts";
import { waitFor } from "../../support/wait-for.ts";

describe.skipIf(!hasTerminals || !isInstalled("psql"))("at a terminal", () => {
  let bench: TunnelBench;
  beforeAll(async () => {
    bench = await startTunnelBench();
  });
  afterAll(async () => await bench[Symbol.asyncDispose]());

  test("the tunnel shows its state in one line, which Ctrl-C takes away", async () => {
    using terminal = startAtTerminal("ssm-tunnel --port 0", bench.env);
    await waitFor(
      "the line is there",
      () => /up \d+ s · 127\.0\.0\.1:\d+ → localhost:\d+/u.test(terminal.screen()),
      20_000,
    );
    await terminal.type(keys.ctrlC, "up in");
    expect(await terminal.closed).toEqual([130, null]);
    const [, behind] = terminal.screen().split("\r\u001B[2Kclosed\r\n");
    expect(behind?.split("\r\u001B[2K").at(-1)).toBe("");
  });

  test("Ctrl-C through npm, which passes on what we have had ourselves, ends it in good order", async () => {
    using terminal = startNpmAtTerminal("ssm-tunnel -- --port 0", bench.env);
    await terminal.type(keys.ctrlC, "up ");
    expect(await terminal.closed).toEqual([130, null]);
    expect(terminal.screen()).toContain("closed\r\n");
    expect(terminal.screen()).not.toContain("second signal");
  });

  test("Ctrl-C in psql ends its statement and not psql, which goes on to a prompt", async () => {
    using terminal = startAtTerminal("psql -- -X -P pager=off", bench.env);
    await terminal.type("select pg_sleep(60);\r", "postgres=>");
    await waitFor("the server is at it", async () => {
      const busy = await bench.asSuperuser(
        "select from pg_stat_activity where query like 'select pg_sleep%' and state = 'active'",
      );
      return busy.length > 0;
    });
    await terminal.type(keys.ctrlC, "pg_sleep");
    await terminal.type("select 'still ' || 'here';\r", "canceling statement due to user request");
    await terminal.type("\\q\r", "still here");
    expect(await terminal.closed).toEqual([0, null]);
    expect(await bench.logins()).toEqual([]);
  });
});
