import type { AwsResources } from "../resources.ts";
import type { XmlChildren } from "../xml.ts";

/** What a request that changes something comes to: the resources after it, and its answer. */
export type Written = { readonly after: AwsResources; readonly answer: XmlChildren };

/** @throws AwsError where EC2 refuses; then nothing has changed */
export type WriteOperation = (form: URLSearchParams, before: AwsResources) => Written;

/** Of operations that have nothing else to say. */
export const done: XmlChildren = { return: true };
