import { InvalidArgumentError } from "commander";

/** A port to listen on, for commander; 0 means any free one. */
export function parsePort(text: string): number {
  const port = /^\d{1,5}$/u.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw new InvalidArgumentError("Expected a port from 0 to 65535.");
}

/** A port to connect to, for commander. */
export function parseRemotePort(text: string): number {
  const port = parsePort(text);
  if (port > 0) return port;
  throw new InvalidArgumentError("Expected a port from 1 to 65535.");
}

/** A whole number within bounds, for commander. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const number = /^\d{1,9}$/u.test(text) ? Number(text) : Number.NaN;
    if (number >= min && number <= max) return number;
    throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
  };
}
