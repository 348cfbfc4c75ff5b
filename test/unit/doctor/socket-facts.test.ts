import { expect, test } from "vitest";
import { parseSocketFacts } from "#lib/doctor/socket-facts.ts";

/** As `ss -tinH` of iproute2 6.1 prints it. */
const stuck =
  "ESTAB 0 517 10.9.0.1:40112 10.9.0.2:5432\n\t cubic wscale:7,7 rto:404 backoff:1 rtt:0.052/0.026 mss:1448 pmtu:1500 rcvmss:536 " +
  "advmss:1448 cwnd:1 ssthresh:7 bytes_sent:1042 bytes_retrans:517 bytes_acked:9 segs_out:6 segs_in:3 data_segs_out:3 " +
  "data_segs_in:1 send 223Mbps lastsnd:300 lastrcv:1200 lastack:1200 pacing_rate 446Mbps delivered:2 busy:1300ms unacked:1 " +
  "retrans:1/2 lost:1 rcv_space:14480 rcv_ssthresh:64088 rcv_ooopack:3 minrtt:0.03\n";

test("reads what was sent again, what is missing in between, and what nobody acknowledged", () => {
  expect(parseSocketFacts(stuck, 8)).toEqual({
    retransmits: 2,
    sentSegments: 3,
    hasOutOfOrder: true,
    ackedInStepBytes: 0,
    unackedBytes: 516,
  });
});

test("what is not said did not happen", () => {
  const calm = "ESTAB 0 0 a:1 b:2\n\t cubic mss:1448 bytes_sent:8 bytes_acked:9 segs_out:3\n";
  expect(parseSocketFacts(calm, 5)).toEqual({
    retransmits: 0,
    sentSegments: 0,
    hasOutOfOrder: false,
    ackedInStepBytes: 3,
    unackedBytes: 0,
  });
});

test("a SYN that was sent again is no byte lost, nor is what the other side had already", () => {
  const syn = "ESTAB 0 0 a:1 b:2\n\t cubic mss:1448 bytes_sent:8 bytes_acked:9 retrans:0/1\n";
  expect(parseSocketFacts(syn, 0)).toMatchObject({ retransmits: 0 });
  const twice =
    "ESTAB 0 0 a:1 b:2\n\t cubic mss:1448 bytes_sent:16 bytes_retrans:8 bytes_acked:9 dsack_dups:1 retrans:0/1\n";
  expect(parseSocketFacts(twice, 0)).toMatchObject({ retransmits: 0 });
});

test("no connection tells nothing", () => {
  expect(parseSocketFacts("", 0)).toBeUndefined();
  expect(parseSocketFacts("ss: command line is not correct", 0)).toBeUndefined();
});
