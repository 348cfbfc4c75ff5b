import type { HopKind } from "../hops.ts";
import type { PartState } from "../path.ts";

/** Outlines on a field of 24 by 24. */
export const hopIcons: Readonly<Record<HopKind, string>> = {
  here: "M5 5h14v10H5zM2 19h20M9 19l.5-1h5l.5 1",
  function: "M7 4h3l7 16h3M11 10 5 20",
  gateway: "M7 18a4 4 0 0 1-.6-8A6 6 0 0 1 18 9.5 4.3 4.3 0 0 1 17.5 18z",
  bastion: "M4 4h3v3h3V4h4v3h3V4h3v7H4zM6 11v9h12v-9M10 20v-4h4v4",
  proxy: "M4 12h5M15 6h5M15 18h5M9 12l6-6M9 12l6 6",
  database: "M4 6c0-4 16-4 16 0v12c0 4-16 4-16 0zM4 6c0 4 16 4 16 0M4 12c0 4 16 4 16 0",
};

/** The states in shapes, so that nobody has to tell colours apart: on a field of 16 by 16. */
export const stateMarks: Readonly<Record<PartState, string>> = {
  passed: "M4.5 8.5 7 11l4.5-6",
  warned: "M8 3.5V9M8 12v.5",
  broken: "M5 5l6 6M11 5l-6 6",
  unknown: "M5.8 6.2a2.2 2.2 0 1 1 3.2 2c-.8.4-1 .8-1 1.6M8 12v.4",
};

export const stateWords: Readonly<Record<PartState, string>> = {
  passed: "works",
  warned: "works, with a warning",
  broken: "broken",
  unknown: "not seen",
};
