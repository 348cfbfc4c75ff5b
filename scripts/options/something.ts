import { InvalidArgumentError } from "commander";

/** A text that says something, for commander. */
export function something(expected: string): (text: string) => string {
  return (text) => {
    if (text.trim() !== "") return text;
    throw new InvalidArgumentError(`Expected ${expected}.`);
  };
}
