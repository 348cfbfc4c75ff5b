import process from "node:process";
import { expect, it, vi } from "vitest";
import { handler } from "../../../functions/runner.ts";

it("a run that cannot be done leaves the line that the alarm for failed runs looks for", async () => {
  const lines: string[] = [];
  const write = vi.spyOn(process.stdout, "write").mockImplementation((line) => lines.push(String(line)) > 0);
  try {
    await handler({ action: "no such action" }, { getRemainingTimeInMillis: () => 60_000 });
  } finally {
    write.mockRestore();
  }
  const written = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(written).toEqual([
    { level: "warn", message: "run failed", code: "event.invalid", error: expect.any(String) as string },
  ]);
});
