import type { Output } from "../output.ts";
import type { Observer } from "./observer.ts";

/** Which step each vantage is at, on one line of a terminal that goes away in the end. */
export function showProgress(output: Pick<Output, "status">): Pick<Observer, "onStep"> & Disposable {
  const steps = new Map<string, string>();
  return {
    onStep: (vantage, step) => {
      steps.set(vantage, step);
      output.status(`examining · ${Array.from(steps, (pair) => pair.join(": ")).join(" · ")}`);
    },
    [Symbol.dispose]: () => {
      output.status("");
    },
  };
}
