import type { Verdict } from "./traits.ts";

/** What shows after a while, or with many connections at a time. */
export const lastingVerdicts = {
  "idle.silent": {
    summary: "A connection that rests is forgotten on the way.",
    proof: "After the hold no answer, while a fresh connection works.",
    fix: "Turn keepalives on (below 350 s for NAT gateways and balancers).",
    traits: { place: "path", source: "way", suspects: [] },
  },
  "idle.reset": {
    summary: "A connection that rests is reset.",
    proof: "RST after or within the hold.",
    fix: "Turn keepalives on (below 350 s for NAT gateways and balancers).",
    traits: { place: "path", source: "way", suspects: [] },
  },
  "idle.closed": {
    summary: "A connection that rests is closed.",
    proof: "FIN or 57P05 after or within the hold.",
    fix: "Look at idle_session_timeout, or the pooler's idle limit.",
    traits: { place: "path", source: "way", suspects: [] },
  },
  "parallel.limit": {
    summary: "Only so many connections work at a time.",
    proof: "The first ones work, those after them do not, twice.",
    fix: "Raise the limit of the role, the server or what stands in between.",
    traits: { place: "either", source: "limit", suspects: [] },
  },
} as const satisfies Record<string, Verdict>;
