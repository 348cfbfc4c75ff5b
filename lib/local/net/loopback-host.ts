const loopbackHost = /^(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?$/u;

/** Whether a Host header names loopback: a web page that points its own name here (DNS rebinding) sends another. */
export function namesLoopback(host: string | undefined): boolean {
  return loopbackHost.test(host ?? "");
}
